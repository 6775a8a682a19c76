// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * Which content codings a client takes (RFC 9110, section 12.5.3).
 */
#ifndef KTCP_HTTP_PARSE_CODING_HPP
#define KTCP_HTTP_PARSE_CODING_HPP

#include <cstddef>
#include <string_view>

#include <ktcp/base/text.hpp>
#include <ktcp/http/parse/characters.hpp>
#include <ktcp/http/parse/field.hpp>

namespace ktcp::http
{

namespace detail
{

/* Of an element, what follows its first semicolon; none is 1, and what is malformed 0. */
constexpr bool has_weight(std::string_view parameters) noexcept
{
	if (!parameters.data())
		return true;
	parameters = trimmed(parameters);
	return same_text(slice(parameters, 0, 2), "q=") &&
	       parameters.find_first_of("123456789") != parameters.npos;
}

} // namespace detail

/**
 * May a response be coded with gzip? Any context.
 * @param head  has `field next_field(std::size_t &cursor)`.
 */
template <class Head>
constexpr bool accepts_gzip(const Head &head) noexcept
{
	bool others = false;
	std::size_t cursor = 0;

	for (field each = head.next_field(cursor); !each.name.empty();
	     each = head.next_field(cursor)) {
		if (!detail::same_text(each.name, "accept-encoding"))
			continue;
		for (std::string_view element;
		     !(element = detail::next_element(each.value)).empty();) {
			const std::size_t semicolon = element.find(';');
			const std::string_view name = detail::trimmed(slice(element, 0, semicolon));
			const bool wanted = detail::has_weight(
				semicolon == element.npos ? std::string_view() :
							    slice(element, semicolon + 1));

			if (detail::same_text(name, "gzip") || detail::same_text(name, "x-gzip"))
				return wanted;
			if (name == "*")
				others = wanted;
		}
	}
	return others;
}

} // namespace ktcp::http

#endif
