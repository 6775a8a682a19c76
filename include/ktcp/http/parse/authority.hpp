// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * An authority: the host and the port of a Host field, or of an absolute target (RFC 3986, section 3.2).
 */
#ifndef KTCP_HTTP_PARSE_AUTHORITY_HPP
#define KTCP_HTTP_PARSE_AUTHORITY_HPP

#include <cstddef>
#include <cstdint>
#include <string_view>

#include <ktcp/base/text.hpp>
#include <ktcp/http/parse/characters.hpp>
#include <ktcp/net/endpoint_parse.hpp>

namespace ktcp::http::detail
{

/* The text between the brackets (RFC 3986, section 3.2.2), which has no zone. */
constexpr bool is_ip_literal(std::string_view text) noexcept
{
	if (text.starts_with('v') || text.starts_with('V')) {
		const std::size_t dot = text.find('.');

		if (dot == text.npos || dot < 2 || dot + 1 == text.size())
			return false;
		for (char c : slice(text, 1, dot - 1))
			if (hex_digit(c) < 0)
				return false;
		for (char c : slice(text, dot + 1))
			if (!is(in_host, c) && c != ':')
				return false;
		return true;
	}

	std::uint8_t address[16] = {};

	return static_cast<bool>(ktcp::detail::parse_ipv6(text, address));
}

/*
 * uri-host [ ":" port ], RFC 3986, section 3.2.2: nothing of a path, no user. A port needs a host (RFC 9110, section
 * 4.2.1).
 */
constexpr bool is_authority(std::string_view text) noexcept
{
	std::size_t at = 0;

	if (text.starts_with('[')) {
		at = text.find(']');
		if (at == text.npos || !is_ip_literal(slice(text, 1, at - 1)))
			return false;
		at++;
	} else {
		while (at < text.size()) {
			if (is(in_host, text[at]))
				at++;
			else if (encoded_byte(slice(text, at)) >= 0)
				at += 3;
			else
				break;
		}
	}
	if (at == text.size())
		return true;
	if (at == 0 || text[at] != ':')
		return false;
	for (char c : slice(text, at + 1))
		if (!is_digit(c))
			return false;
	return true;
}

} // namespace ktcp::http::detail

#endif
