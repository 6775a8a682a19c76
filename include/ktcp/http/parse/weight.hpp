// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * An element of the lists by which a client says what it likes (RFC 9110, section 12.4.2).
 */
#ifndef KTCP_HTTP_PARSE_WEIGHT_HPP
#define KTCP_HTTP_PARSE_WEIGHT_HPP

#include <cstddef>
#include <string_view>

#include <ktcp/base/text.hpp>
#include <ktcp/http/parse/characters.hpp>
#include <ktcp/http/parse/field.hpp>

namespace ktcp::http::detail
{

/* A weight in thousandths: 0 to 1000; a malformed one is 0. */
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

/* An element of Accept or Accept-Encoding, and its weight. Other parameters make no difference here. */
struct weighted {
	std::string_view name;
	unsigned int weight = 1000;

	constexpr explicit weighted(std::string_view element) noexcept
	{
		std::size_t end = find_unquoted(element, ';');

		name = trimmed(slice(element, 0, end));
		while (end < element.size()) {
			element = slice(element, end + 1);
			end = find_unquoted(element, ';');

			const std::string_view parameter = trimmed(slice(element, 0, end));

			if (same_text(slice(parameter, 0, 2), "q="))
				weight = weight_of(slice(parameter, 2));
		}
	}
};

} // namespace ktcp::http::detail

#endif
