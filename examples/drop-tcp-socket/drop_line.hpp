// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * A line of /proc/net/drop_tcp_sock: which connections are meant.
 *
 *	ONE OTHER	its two ends, in either order, each of them
 *			ADDRESS:PORT, *:PORT, ADDRESS:*, *, time-wait:PORT, time-wait
 *	ONE		with a wildcard in it: the same as ONE *
 *	user:N inode:N	beside them or alone: only of this owner, only this socket
 */
#ifndef DROP_LINE_HPP
#define DROP_LINE_HPP

#include <string_view>

#include <ktcp/base/text.hpp>
#include <ktcp/net/endpoint_parse.hpp>
#include <ktcp/port/lookup.h>

namespace drop
{

/** One end of a connection as a line has it. The default is any. */
struct end {
	bool any_address = true;
	bool any_port = true;
	bool time_wait = false; /**< only what nobody owns any more and waits for its time */
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

/** The meaning of a line. */
struct line {
	end one, other;
	std::string_view device; /**< of the zone that an address names: name or number; or empty */
	std::uint32_t ifindex = 0; /**< its index, for whoever knows it to fill in; 0: any device */
	bool any_user = true;
	std::uint32_t user = 0; /**< the owner, if not any */
	bool any_inode = true;
	std::uint32_t inode = 0; /**< the socket's, if not any */

	/** Is it one connection, that can be looked up? */
	constexpr bool exact() const noexcept
	{
		return one.exact() && other.exact() && any_user && any_inode;
	}

	constexpr bool fits(const ktcp_tcp_identity &each) const noexcept
	{
		/*
		 * Of a closed connection whose peer does not close, FIN-WAIT-2 is what is waited
		 * in.
		 */
		if ((one.time_wait || other.time_wait) && each.state != KTCP_TCP_TIME_WAIT &&
		    (each.state != KTCP_TCP_FIN_WAIT2 || each.owned))
			return false;
		if (!any_user && (!each.owned || each.user != user))
			return false;
		if (!any_inode && (!each.owned || each.inode != inode))
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

/** user:N or inode:N; false if it is neither. */
constexpr ktcp::parsed<bool> parse_owner(std::string_view text, line &into) noexcept
{
	for (const std::string_view name : { "user:", "inode:" }) {
		if (ktcp::slice(text, 0, name.size()) != name)
			continue;

		const auto number =
			ktcp::detail::parse_decimal(ktcp::slice(text, name.size()), 0xffffffff,
						    "a number of 0 to 4294967295 belongs here");

		if (!number)
			return { {}, number.error, name.size() + number.at };
		if (name == "user:") {
			into.any_user = false;
			into.user = number.value;
		} else {
			into.any_inode = false;
			into.inode = number.value;
		}
		return { true };
	}
	return { false };
}

} // namespace detail

/** Has the text nothing but blanks? Then it is no line to obey. */
constexpr bool is_blank(std::string_view text) noexcept
{
	return detail::word(text, 0).empty();
}

/** The meaning of a line that is not is_blank(). Any bytes; any context. */
constexpr ktcp::parsed<line> parse_line(std::string_view text) noexcept
{
	line made;
	std::size_t ends = 0, at = 0;
	bool any = false; /* the first end is a lone * */

	for (;;) {
		const std::string_view word = detail::word(text, at);

		if (word.empty())
			break;

		const std::size_t begin = ktcp::offset_of(text, word);
		const auto owner = detail::parse_owner(word, made);

		at = begin + word.size();
		if (!owner)
			return { {}, owner.error, begin + owner.at };
		if (owner.value)
			continue;
		if (ends == 2)
			return { {}, "a line names two ends: a third one is too much", begin };

		const auto end = detail::parse_end(word, made.device);

		if (!end)
			return { {}, end.error, begin + end.at };
		(ends++ ? made.other : made.one) = end.value;
		any = ends == 1 && word == "*";
	}
	/* Cut off, perhaps; the whole line could mean much less than its beginning. */
	if (ends == 1 && (made.one.exact() || any) && made.any_user && made.any_inode)
		return { {}, "the other end is missing: ADDRESS:PORT, or * for any", text.size() };
	return { made };
}

} // namespace drop

#endif
