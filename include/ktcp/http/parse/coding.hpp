// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * Which content codings a client takes (RFC 9110, section 12.5.3).
 */
#ifndef KTCP_HTTP_PARSE_CODING_HPP
#define KTCP_HTTP_PARSE_CODING_HPP

#include <cstddef>
#include <string_view>

#include <ktcp/http/parse/characters.hpp>
#include <ktcp/http/parse/field.hpp>
#include <ktcp/http/parse/weight.hpp>

namespace ktcp::http
{

/**
 * May a response be coded with gzip? Any context.
 * @param head  has `field next_field(std::size_t &cursor)` and `bool may_have(const field_names &)`, as head_parser.
 */
template <class Head>
constexpr bool accepts_gzip(const Head &head) noexcept
{
	bool others = false;
	std::size_t cursor = 0;

	if (!head.may_have({ "accept-encoding" }))
		return others;
	for (field each = head.next_field(cursor); !each.name.empty();
	     each = head.next_field(cursor)) {
		if (!detail::same_text(each.name, "accept-encoding"))
			continue;
		for (std::string_view element;
		     !(element = detail::next_element(each.value)).empty();) {
			const detail::weighted one(element);

			if (detail::same_text(one.name, "gzip") ||
			    detail::same_text(one.name, "x-gzip"))
				return one.weight;
			if (one.name == "*")
				others = one.weight;
		}
	}
	return others;
}

} // namespace ktcp::http

#endif
