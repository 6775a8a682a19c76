// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * A line of /proc/net/drop_tcp_sock: which connections are meant.
 *
 *	ONE OTHER	its two ends, in either order, each of them
 *			ADDRESS:PORT, *:PORT, ADDRESS:*, *, time-wait:PORT, time-wait
 *	ONE		with a wildcard in it: the same as ONE *
 */
#ifndef DROP_LINE_HPP
#define DROP_LINE_HPP

#include <string_view>

#include <ktcp/endpoint_parse.hpp>
#include <ktcp/port/lookup.h>
#include <ktcp/text.hpp>

namespace drop
{

/** One end of a connection as a line has it. The default is any. */
struct end {
	bool any_address = true;
	bool any_port = true;
	bool time_wait = false; /**< only what is in TIME-WAIT */
	ktcp::endpoint value; /**< its scope_id is the device's once line::device is known */

	constexpr bool exact() const noexcept
	{
		return !any_address && !any_port;
	}

	constexpr bool fits(const ktcp_endpoint &other) const noexcept
	{
		const ktcp_endpoint &mine = value.raw();

		if (!any_port && mine.port != other.port)
			return false;
		for (int i = 0; i < 16 && !any_address; i++)
			if (mine.address[i] != other.address[i])
				return false;
		return true;
	}
};

/** What a line says. */
struct line {
	end one, other;
	std::string_view device; /**< of the zone that an address names: name or number; or empty */
	std::uint32_t ifindex = 0; /**< its index, for whoever knows it to fill in; 0: any device */

	/** Is it one connection, that can be looked up? */
	constexpr bool exact() const noexcept
	{
		return one.exact() && other.exact();
	}

	constexpr bool fits(const ktcp_tcp_identity &each) const noexcept
	{
		if ((one.time_wait || other.time_wait) && each.state != KTCP_TCP_TIME_WAIT)
			return false;
		if (ifindex && each.local.scope_id != ifindex)
			return false;
		return (one.fits(each.local) && other.fits(each.remote)) ||
		       (other.fits(each.local) && one.fits(each.remote));
	}
};

namespace detail
{

constexpr bool blank(char each) noexcept
{
	return each == ' ' || each == '\t' || each == '\r';
}

/** The first word from @p at on; empty at the end. */
constexpr std::string_view word(std::string_view text, std::size_t at) noexcept
{
	while (at < text.size() && blank(text[at]))
		at++;

	std::size_t end = at;

	while (end < text.size() && !blank(text[end]))
		end++;
	return ktcp::slice(text, at, end - at);
}

constexpr ktcp::parsed<end> parse_end(std::string_view text, std::string_view &device) noexcept
{
	constexpr std::string_view time_wait = "time-wait";
	end made;

	made.time_wait = text == time_wait;
	if (text == "*" || made.time_wait)
		return { made };

	const auto parts = ktcp::split_endpoint(text);

	if (!parts)
		return { {}, parts.error, parts.at };

	const auto [host, zone, port] = parts.value;
	ktcp_endpoint raw = {};

	made.time_wait = host == time_wait;
	made.any_address = host == "*" || made.time_wait;
	if (!made.any_address) {
		const auto address = ktcp::parse_address(host);

		if (!address)
			return { {}, address.error, ktcp::offset_of(text, host) + address.at };
		raw = address.value.raw();
	}
	if (!zone.empty()) {
		if (made.any_address || (!device.empty() && device != zone))
			return { {},
				 "a zone belongs to an address, and both have the same",
				 ktcp::offset_of(text, zone) };
		device = zone;
	}
	made.any_port = port == "*";
	if (!made.any_port) {
		const auto number = ktcp::parse_port(port);

		if (!number)
			return { {},
				 "a port is a number of 1 to 65535, or *",
				 ktcp::offset_of(text, port) + number.at };
		raw.port = number.value;
	}
	made.value = ktcp::endpoint(raw);
	return { made };
}

} // namespace detail

/** Has the text nothing but blanks? Then it is no line to obey. */
constexpr bool is_blank(std::string_view text) noexcept
{
	return detail::word(text, 0).empty();
}

/** What a line that is_blank() not says. Any bytes; any context. */
constexpr ktcp::parsed<line> parse_line(std::string_view text) noexcept
{
	const std::string_view first = detail::word(text, 0);
	const std::size_t first_end = ktcp::offset_of(text, first) + first.size();
	const std::string_view second = detail::word(text, first_end);
	const std::size_t second_end = ktcp::offset_of(text, second) + second.size();
	const std::string_view third = detail::word(text, second_end);
	line made;
	const auto one = detail::parse_end(first, made.device);

	if (!one)
		return { {}, one.error, ktcp::offset_of(text, first) + one.at };
	made.one = one.value;
	if (!second.empty()) {
		const auto other = detail::parse_end(second, made.device);

		if (!other)
			return { {}, other.error, ktcp::offset_of(text, second) + other.at };
		made.other = other.value;
	} else if (made.one.exact() || first == "*") {
		/* Cut off, perhaps; what was meant could be much less than what is left. */
		return { {}, "the other end is missing: ADDRESS:PORT, or * for any", text.size() };
	}
	if (!third.empty())
		return { {},
			 "a line names two ends: a third word is too much",
			 ktcp::offset_of(text, third) };
	return { made };
}

} // namespace drop

#endif
