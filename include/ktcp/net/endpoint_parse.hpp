// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * Text as an endpoint: 192.0.2.1:80, [2001:db8::1]:80, and the older 2001:db8::1:80, whose last
 * colon is the port's.
 *
 * @code
 * const auto peer = ktcp::parse_endpoint("[fe80::1%2]:80");
 * if (!peer)
 *	KTCP_LOG_ERR("column %zu: %s", peer.at + 1, peer.error);
 * @endcode
 *
 * An IPv6 address may name its zone (RFC 4007 section 11), before or after the bracket, as
 * getnameinfo() and ss do. The parser never looks beyond the text, for any bytes. Any context.
 * Kernel: in4_pton(), in6_pton(), inet_pton_with_scope().
 */
#ifndef KTCP_NET_ENDPOINT_PARSE_HPP
#define KTCP_NET_ENDPOINT_PARSE_HPP

#include <cstddef>
#include <cstdint>
#include <string_view>

#include <ktcp/base/text.hpp>
#include <ktcp/net/endpoint.hpp>

namespace ktcp
{

/** The meaning of a text, or the reason why it has none. */
template <class T>
struct parsed {
	T value{}; /**< if nothing is wrong */
	const char *error = nullptr; /**< what is wrong and what is allowed; nullptr: nothing is */
	std::size_t at = 0; /**< where in the text it is wrong: a byte of it, or its end */

	constexpr explicit operator bool() const noexcept
	{
		return !error;
	}
};

/** The parts of an endpoint's text, each a part of that text; the zone may be missing. */
struct endpoint_parts {
	std::string_view host; /**< without brackets */
	std::string_view zone; /**< a device's name or number, behind % */
	std::string_view port; /**< a number, or * */
};

namespace detail
{

/* A decimal number without sign and superfluous zeros, of at most @p most. */
constexpr parsed<std::uint32_t> parse_decimal(std::string_view text, std::uint32_t most,
					      const char *error) noexcept
{
	std::uint64_t value = 0;
	std::size_t at = 0;

	for (; at < text.size(); at++) {
		if (text[at] < '0' || text[at] > '9' || (at == 1 && text[0] == '0'))
			return { 0, error, at };
		value = value * 10 + static_cast<unsigned int>(text[at] - '0');
		if (value > most)
			return { 0, error, at };
	}
	if (!at)
		return { 0, error, 0 };
	return { static_cast<std::uint32_t>(value) };
}

/* Four bytes to @p to. */
constexpr parsed<bool> parse_ipv4(std::string_view text, std::uint8_t *to) noexcept
{
	constexpr const char *error = "an IPv4 address is four numbers of 0 to 255, as 192.0.2.1";
	std::size_t at = 0;

	for (int i = 0; i < 4; i++) {
		const std::size_t dot = text.find('.', at);
		const std::size_t end = dot < text.size() && i < 3 ? dot : text.size();
		const auto number = parse_decimal(slice(text, at, end - at), 255, error);

		if (!number)
			return { false, error, at + number.at };
		to[i] = static_cast<std::uint8_t>(number.value);
		at = end + 1;
		if (i < 3 && end == text.size())
			return { false, error, end };
	}
	return { true };
}

constexpr int hex_digit(char each) noexcept
{
	if (each >= '0' && each <= '9')
		return each - '0';
	if (each >= 'a' && each <= 'f')
		return each - 'a' + 10;
	if (each >= 'A' && each <= 'F')
		return each - 'A' + 10;
	return -1;
}

/* Sixteen bytes to @p to (RFC 4291 section 2.2). */
constexpr parsed<bool> parse_ipv6(std::string_view text, std::uint8_t *to) noexcept
{
	constexpr const char *error =
		"an IPv6 address is eight groups of up to four hexadecimal digits, as 2001:db8::1";
	std::uint8_t bytes[16] = {};
	std::size_t used = 0, at = 0;
	int gap = -1; /* where "::" is, in bytes */

	if (text.starts_with("::")) {
		gap = 0;
		at = 2;
	}
	while (at < text.size()) {
		unsigned int group = 0;
		std::size_t end = at;

		for (; end < text.size() && end < at + 4 && hex_digit(text[end]) >= 0; end++)
			group = group << 4 | static_cast<unsigned int>(hex_digit(text[end]));
		if (end < text.size() && text[end] == '.') {
			if (used > 12)
				return { false, error, at };
			const auto tail = parse_ipv4(slice(text, at), bytes + used);

			if (!tail)
				return { false, tail.error, at + tail.at };
			used += 4;
			at = text.size();
			break;
		}
		if (end == at || used == 16)
			return { false, error, at };
		bytes[used++] = static_cast<std::uint8_t>(group >> 8);
		bytes[used++] = static_cast<std::uint8_t>(group);
		at = end;
		if (at == text.size())
			break;
		if (text[at] != ':')
			return { false, error, at };
		if (++at == text.size())
			return { false, error, at };
		if (text[at] == ':') {
			if (gap >= 0)
				return { false, "an IPv6 address has one :: at most", at };
			gap = static_cast<int>(used);
			at++;
		}
	}
	if (gap < 0 ? used != 16 : used > 14)
		return { false, error, at };

	/* The part behind the gap belongs at the end. */
	const std::size_t before = gap < 0 ? used : static_cast<std::size_t>(gap);

	for (std::size_t i = 0; i < 16; i++)
		to[i] = 0;
	for (std::size_t i = 0; i < before; i++)
		to[i] = bytes[i];
	for (std::size_t i = before; i < used; i++)
		to[16 - used + i] = bytes[i];
	return { true };
}

} // namespace detail

/** A port, 1 to 65535, in decimal. */
constexpr parsed<std::uint16_t> parse_port(std::string_view text) noexcept
{
	constexpr const char *error = "a port is a number of 1 to 65535";
	const auto number = detail::parse_decimal(text, 65535, error);

	if (!number || !number.value)
		return { 0, error, number.at };
	return { static_cast<std::uint16_t>(number.value) };
}

/** An IPv4 or IPv6 address without brackets; port 0. */
constexpr parsed<endpoint> parse_address(std::string_view text) noexcept
{
	ktcp_endpoint raw = {};
	const bool ipv6 = text.find(':') != text.npos;

	raw.address[10] = raw.address[11] = ipv6 ? 0 : 0xff;

	const auto status = ipv6 ? detail::parse_ipv6(text, raw.address) :
				   detail::parse_ipv4(text, raw.address + 12);

	return { endpoint(raw), status.error, status.at };
}

/** Tell host, zone and port apart, without asking what they are. */
constexpr parsed<endpoint_parts> split_endpoint(std::string_view text) noexcept
{
	constexpr auto none = std::string_view::npos;
	const bool bracket = text.starts_with('[');
	const std::size_t closing = bracket ? text.find(']') : 0;

	if (closing == none)
		return { {}, "the [ has no ]", text.size() };

	const std::size_t colon = bracket ? text.find(':', closing) : text.rfind(':');

	if (colon == none)
		return { {}, "no port: write ADDRESS:PORT, or [ADDRESS]:PORT", text.size() };

	endpoint_parts parts = { slice(text, 0, colon), {}, slice(text, colon + 1) };

	if (bracket) {
		parts.host = slice(text, 1, closing - 1);
		if (colon > closing + 1) {
			if (text[closing + 1] != '%')
				return { {}, "after ] comes : and the port", closing + 1 };
			parts.zone = slice(text, closing + 2, colon - closing - 2);
			if (parts.zone.empty())
				return { {}, "after % comes the name of a device", colon };
		}
	}

	const std::size_t percent = parts.host.find('%');

	if (percent != none) {
		const std::size_t at = offset_of(text, parts.host) + percent;

		if (!parts.zone.empty() || percent + 1 == parts.host.size())
			return { {}, "after % comes the name of a device, once", at };
		parts.zone = slice(parts.host, percent + 1);
		parts.host = slice(parts.host, 0, percent);
	}
	return { parts };
}

/** An address, with the number of its device if it has a zone, and a port. */
constexpr parsed<endpoint> parse_endpoint(std::string_view text) noexcept
{
	const auto parts = split_endpoint(text);

	if (!parts)
		return { {}, parts.error, parts.at };

	const auto [host, zone, port] = parts.value;
	const auto address = parse_address(host);

	if (!address)
		return { {}, address.error, offset_of(text, host) + address.at };

	ktcp_endpoint raw = address.value.raw();

	if (!zone.empty()) {
		const auto number = detail::parse_decimal(zone, 0x7fffffff,
							  "a zone is the number of a device");

		if (!number)
			return { {}, number.error, offset_of(text, zone) + number.at };
		raw.scope_id = number.value;
	}

	const auto number = parse_port(port);

	if (!number)
		return { {}, number.error, offset_of(text, port) + number.at };
	raw.port = number.value;
	return { endpoint(raw) };
}

} // namespace ktcp

#endif
