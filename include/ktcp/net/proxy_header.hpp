// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * The header with which a proxy names its client, at the beginning of a connection: the PROXY protocol,
 * versions 1 and 2.
 *
 * @code
 * const ktcp::proxy_header header = ktcp::parse_proxy_header(bytes);
 * switch (header.outcome) {
 * case ktcp::proxy_header::more:		// it is longer
 * case ktcp::proxy_header::bad:		// it is none
 * case ktcp::proxy_header::done:		// it has header.size bytes
 * @endcode
 *
 * The function looks at the bytes it is given and at nothing else. Bytes that are done or bad stay so with
 * more behind them. So the outcome does not depend on how they were cut into segments. Any context.
 *
 * Source: HAProxy's doc/proxy-protocol.txt, sections 2.1 and 2.2.
 */
#ifndef KTCP_NET_PROXY_HEADER_HPP
#define KTCP_NET_PROXY_HEADER_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include <ktcp/base/big_endian.hpp>
#include <ktcp/base/text.hpp>
#include <ktcp/net/endpoint.hpp>
#include <ktcp/net/endpoint_parse.hpp>

namespace ktcp
{

/** The meaning of some first bytes of a connection. */
struct proxy_header {
	/** As far as the bytes go. */
	enum outcomes {
		more, /**< they begin a header, which is longer */
		bad, /**< they begin none */
		done, /**< there is one */
	};

	outcomes outcome = more; /**< which of them */
	bool names_client = false; /**< false: the proxy speaks for itself, or of no TCP */
	endpoint client = {}; /**< where the client is, if it is named */
	std::size_t size = 0; /**< bytes of the header; the connection's own come behind */

	/** No header has more bytes, so that who collects one has a bound. */
	static constexpr std::size_t most = 4096;
};

namespace detail
{

/* Version 1: a line of text, with spaces, of 107 bytes at most. */
constexpr std::string_view proxy_v1 = "PROXY ";
constexpr std::size_t proxy_v1_most = 107;

/* Version 2: these, and the high half of the next byte. */
constexpr std::string_view proxy_v2("\r\n\r\n\0\r\nQUIT\n", 12);
constexpr std::size_t proxy_v2_fixed = 16;

/* Zero is allowed here. */
constexpr parsed<std::uint16_t> parse_proxy_port(std::string_view text) noexcept
{
	const auto number = parse_decimal(text, 65535, "");

	return { static_cast<std::uint16_t>(number.value), number.error, number.at };
}

constexpr bool of_family(std::string_view address, bool ipv6) noexcept
{
	return (address.find(':') != address.npos) == ipv6;
}

/* The words between "PROXY " and the line's end. */
constexpr proxy_header parse_proxy_words(std::string_view line) noexcept
{
	proxy_header said{ .outcome = proxy_header::bad };
	const std::string_view family = slice(line, 0, line.find(' '));
	const bool ipv6 = family == "TCP6";

	if (family == "UNKNOWN") {
		said.outcome = proxy_header::done;
		return said;
	}
	if (family != "TCP4" && !ipv6)
		return said;

	/* Two addresses and two ports, a space before each, and no other. */
	std::string_view words[4];
	std::size_t at = family.size();

	for (std::string_view &word : words) {
		if (at == line.size())
			return said;
		word = slice(line, at + 1, std::min(line.find(' ', at + 1), line.size()) - at - 1);
		at += 1 + word.size();
	}
	if (at != line.size())
		return said;

	const auto source = parse_address(words[0]);
	const auto target = parse_address(words[1]);
	const auto port = parse_proxy_port(words[2]);

	if (!source || !target || !port || !parse_proxy_port(words[3]) ||
	    !of_family(words[0], ipv6) || !of_family(words[1], ipv6))
		return said;

	ktcp_endpoint client = source.value.raw();

	client.port = port.value;
	said.outcome = proxy_header::done;
	said.names_client = true;
	said.client = endpoint(client);
	return said;
}

constexpr proxy_header parse_proxy_v1(std::string_view bytes) noexcept
{
	const std::size_t end = bytes.find('\r');

	/* A line feed is only what comes behind the one carriage return. */
	if (bytes.find('\n') < end || std::min(end, bytes.size()) > proxy_v1_most - 2)
		return { .outcome = proxy_header::bad };
	if (end == bytes.npos || end + 1 == bytes.size())
		return {};
	if (bytes[end + 1] != '\n')
		return { .outcome = proxy_header::bad };

	proxy_header said = parse_proxy_words(slice(bytes, proxy_v1.size(), end - proxy_v1.size()));

	said.size = end + 2;
	return said;
}

/* The client of a version 2, whose addresses have so many bytes each. */
constexpr endpoint proxy_v2_client(std::string_view bytes, std::size_t size) noexcept
{
	ktcp_endpoint client = {};

	if (size == 4)
		client.address[10] = client.address[11] = 0xff;
	for (std::size_t i = 0; i < size; i++)
		client.address[16 - size + i] = static_cast<std::uint8_t>(bytes[proxy_v2_fixed + i]);
	client.port = get_be16(bytes, proxy_v2_fixed + 2 * size);
	return endpoint(client);
}

constexpr proxy_header parse_proxy_v2(std::string_view bytes) noexcept
{
	constexpr proxy_header wrong{ .outcome = proxy_header::bad };
	const auto at = [&](std::size_t index) {
		return static_cast<unsigned int>(static_cast<std::uint8_t>(bytes[index]));
	};

	if (bytes.size() <= 12)
		return {};

	/* Version and command; the commands are LOCAL and PROXY. */
	const unsigned int command = at(12) & 15;

	if (at(12) >> 4 != 2 || command > 1)
		return wrong;
	if (bytes.size() <= 13)
		return {};

	/* Families: unspecified, IPv4, IPv6, Unix. Protocols: unspecified, stream, datagram. LOCAL ignores
	 * both. */
	const unsigned int family = at(13) >> 4, protocol = at(13) & 15;

	if (command == 1 && (family > 3 || protocol > 2))
		return wrong;
	if (bytes.size() < proxy_v2_fixed)
		return {};

	constexpr std::size_t address_bytes[] = { 0, 4, 16, 108 };
	const bool has_addresses = command == 1 && family && protocol;
	const std::size_t address = has_addresses ? address_bytes[family] : 0;
	const std::size_t behind = get_be16(bytes, 14);
	proxy_header said{ .size = proxy_v2_fixed + behind };

	if (said.size > proxy_header::most ||
	    behind < 2 * address + (has_addresses && family < 3 ? 4 : 0))
		return wrong;
	if (bytes.size() < said.size)
		return {};
	said.outcome = proxy_header::done;
	/* Behind the addresses come additions (TLV), which are passed over. */
	said.names_client = has_addresses && family < 3 && protocol == 1;
	if (said.names_client)
		said.client = proxy_v2_client(bytes, address);
	return said;
}

} // namespace detail

/**
 * The header that @p bytes begin with. UNKNOWN, LOCAL and what is not TCP name no client: the connection
 * is the proxy's then, and is served.
 */
constexpr proxy_header parse_proxy_header(std::string_view bytes) noexcept
{
	const auto begins = [&](std::string_view with) {
		const std::size_t size = std::min(bytes.size(), with.size());

		return slice(bytes, 0, size) == slice(with, 0, size);
	};

	if (begins(detail::proxy_v2))
		return detail::parse_proxy_v2(bytes);
	if (!begins(detail::proxy_v1))
		return { .outcome = proxy_header::bad };
	if (bytes.size() < detail::proxy_v1.size())
		return {};
	return detail::parse_proxy_v1(bytes);
}

} // namespace ktcp

#endif
