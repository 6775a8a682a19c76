// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * The methods of requests (RFC 9110, section 9).
 */
#ifndef KTCP_HTTP_PARSE_METHOD_HPP
#define KTCP_HTTP_PARSE_METHOD_HPP

#include <cstdint>
#include <string_view>

#include <ktcp/http/parse/characters.hpp>

namespace ktcp::http
{

/** The methods that are known; any other is answered by 501. */
enum class method : std::uint8_t { get, head, post, put, del, options, patch };

/** A method as a request has it. */
constexpr std::string_view name_of(method one) noexcept
{
	using enum method;

	switch (one) {
	case get:
		return "GET";
	case head:
		return "HEAD";
	case post:
		return "POST";
	case put:
		return "PUT";
	case del:
		return "DELETE";
	case options:
		return "OPTIONS";
	case patch:
		return "PATCH";
	}
	return "-";
}

/** The method of that name. Return: false, and @p into as it was, if it is none that is known. */
constexpr bool method_of(std::string_view name, method &into) noexcept
{
	if (detail::is_text(name, "GET"))
		into = method::get;
	else if (detail::is_text(name, "HEAD"))
		into = method::head;
	else if (detail::is_text(name, "POST"))
		into = method::post;
	else if (detail::is_text(name, "PUT"))
		into = method::put;
	else if (detail::is_text(name, "DELETE"))
		into = method::del;
	else if (detail::is_text(name, "OPTIONS"))
		into = method::options;
	else if (detail::is_text(name, "PATCH"))
		into = method::patch;
	else
		return false;
	return true;
}

} // namespace ktcp::http

#endif
