// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * Which of several media types a client likes best (RFC 9110, section 12.5.1).
 */
#ifndef KTCP_HTTP_PARSE_ACCEPT_HPP
#define KTCP_HTTP_PARSE_ACCEPT_HPP

#include <cstddef>
#include <string_view>

#include <ktcp/base/text.hpp>
#include <ktcp/http/parse/characters.hpp>
#include <ktcp/http/parse/field.hpp>
#include <ktcp/http/parse/weight.hpp>

namespace ktcp::http
{

namespace detail
{

/* How exactly a range names a type: 0, not at all; by a star, by half of it, by all of it. */
constexpr unsigned int exactness_of(std::string_view range, std::string_view type) noexcept
{
	if (same_text(range, type))
		return 3;
	if (range == "*/*")
		return 1;

	const std::size_t slash = range.find('/');

	return slash != range.npos && slice(range, slash) == "/*" &&
			       same_text(slice(range, 0, slash), slice(type, 0, type.find('/'))) ?
		       2 :
		       0;
}

} // namespace detail

/**
 * How much a client likes a media type, in thousandths; 0: not at all. Any context.
 * @param head  has `field next_field(std::size_t &cursor)` and `bool may_have(const field_names &)`, as head_parser.
 * @param type  in lower case, without parameters.
 */
template <class Head>
constexpr unsigned int weight_of_type(const Head &head, std::string_view type) noexcept
{
	unsigned int weight = 1000, exactness = 0;
	bool any = false;
	std::size_t cursor = 0;

	if (!head.may_have({ "accept" }))
		return weight;
	for (field each = head.next_field(cursor); !each.name.empty();
	     each = head.next_field(cursor)) {
		if (!detail::same_text(each.name, "accept"))
			continue;
		any = true;
		for (std::string_view element;
		     !(element = detail::next_element(each.value)).empty();) {
			const detail::weighted one(element);
			const unsigned int here = detail::exactness_of(one.name, type);

			/* The most exact one counts; of two such, the first. */
			if (here > exactness) {
				exactness = here;
				weight = one.weight;
			}
		}
	}
	return any && !exactness ? 0 : weight;
}

} // namespace ktcp::http

#endif
