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

namespace ktcp::http
{

namespace detail
{

/* A weight in thousandths (section 12.4.2): 0 to 1000; a malformed one is 0. */
constexpr unsigned int weight_of(std::string_view text) noexcept
{
	if (text.empty() || text.size() > 5 || (text[0] != '0' && text[0] != '1') ||
	    (text.size() > 1 && text[1] != '.'))
		return 0;

	unsigned int weight = text[0] == '1' ? 1000 : 0, unit = 100;

	for (const char c : slice(text, 2)) {
		if (!is_digit(c))
			return 0;
		weight += static_cast<unsigned int>(c - '0') * unit;
		unit /= 10;
	}
	return weight > 1000 ? 0 : weight;
}

/* An element of Accept: its range, and its weight. Other parameters make no difference here. */
struct accepted {
	std::string_view range;
	unsigned int weight = 1000;

	constexpr explicit accepted(std::string_view element) noexcept
	{
		std::size_t end = element.find(';');

		range = trimmed(slice(element, 0, end));
		while (end != element.npos) {
			element = slice(element, end + 1);
			end = element.find(';');

			const std::string_view parameter = trimmed(slice(element, 0, end));

			if (same_text(slice(parameter, 0, 2), "q="))
				weight = weight_of(slice(parameter, 2));
		}
	}

	/* How exactly it names a type: 0, not at all; by a star, by half of it, by all of it. */
	constexpr unsigned int names(std::string_view type) const noexcept
	{
		if (same_text(range, type))
			return 3;
		if (range == "*/*")
			return 1;

		const std::size_t slash = range.find('/');

		return slash != range.npos && slice(range, slash) == "/*" &&
				       same_text(slice(range, 0, slash),
						 slice(type, 0, type.find('/'))) ?
			       2 :
			       0;
	}
};

} // namespace detail

/**
 * How much a client likes a media type, in thousandths; 0: not at all. Any context.
 * @param head  has `field next_field(std::size_t &cursor)`.
 * @param type  in lower case, without parameters.
 */
template <class Head>
constexpr unsigned int weight_of_type(const Head &head, std::string_view type) noexcept
{
	unsigned int weight = 1000, exactness = 0;
	bool any = false;
	std::size_t cursor = 0;

	for (field each = head.next_field(cursor); !each.name.empty();
	     each = head.next_field(cursor)) {
		if (!detail::same_text(each.name, "accept"))
			continue;
		any = true;
		for (std::string_view element;
		     !(element = detail::next_element(each.value)).empty();) {
			const detail::accepted one(element);

			/* The most exact one counts; of two such, the first. */
			if (one.names(type) > exactness) {
				exactness = one.names(type);
				weight = one.weight;
			}
		}
	}
	return any && !exactness ? 0 : weight;
}

} // namespace ktcp::http

#endif
