// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * The values in a request's query, `a=1&b=two+words`, and percent-encoded text.
 *
 * @code
 * char memory[64];
 * const ktcp::http::query_values query(request.query());
 * const auto name = query.text("name", memory);	// "two words"
 * const auto limit = query.number("limit");		// ENOENT where there is none
 * @endcode
 */
#ifndef KTCP_HTTP_PARSE_QUERY_HPP
#define KTCP_HTTP_PARSE_QUERY_HPP

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include <ktcp/base/result.hpp>
#include <ktcp/base/text.hpp>
#include <ktcp/http/parse/characters.hpp>

namespace ktcp::http
{

namespace detail
{

/* The next character of encoded text, taken off it; -1: it is malformed. The text is not empty. */
constexpr int take_decoded(std::string_view &text, bool form) noexcept
{
	const char c = text.front();

	if (c == '%') {
		const int byte = encoded_byte(text);

		text.remove_prefix(byte < 0 ? 1 : 3);
		return byte;
	}
	text.remove_prefix(1);
	return static_cast<unsigned char>(form && c == '+' ? ' ' : c);
}

/* Is that what the encoded text says? */
constexpr bool decodes_to(std::string_view encoded, std::string_view plain, bool form) noexcept
{
	for (const char c : plain)
		if (encoded.empty() || take_decoded(encoded, form) != static_cast<unsigned char>(c))
			return false;
	return encoded.empty();
}

} // namespace detail

/**
 * Percent-encoded text as it is meant, in memory of the caller's; any bytes may be in it. Any
 * context.
 * @param form  a plus sign is a space, as in queries and forms.
 * Errors: EINVAL (a percent sign without two digits), EMSGSIZE (no room).
 */
constexpr result<std::string_view> percent_decoded(std::string_view text, std::span<char> memory,
						   bool form = false) noexcept
{
	std::size_t size = 0;

	while (!text.empty()) {
		const int byte = detail::take_decoded(text, form);

		if (byte < 0)
			return errc::einval;
		if (size == memory.size())
			return errc::emsgsize;
		memory[size++] = static_cast<char>(byte);
	}
	return std::string_view(memory.data(), size);
}

/**
 * A number of digits alone. It may be percent-encoded. Errors: EINVAL (none, or
 * another character), ERANGE. Any context.
 * @param form  as percent_decoded() has it.
 */
constexpr result<std::uint64_t> decimal_number(std::string_view text, bool form = false) noexcept
{
	std::uint64_t value = 0;

	if (text.empty())
		return errc::einval;
	while (!text.empty()) {
		const int c = detail::take_decoded(text, form);

		if (c < '0' || c > '9')
			return errc::einval;
		if (__builtin_mul_overflow(value, std::uint64_t{ 10 }, &value) ||
		    __builtin_add_overflow(value, static_cast<std::uint64_t>(c - '0'), &value))
			return errc::erange;
	}
	return value;
}

/**
 * The values in a query, or in a body of `application/x-www-form-urlencoded`. It keeps nothing but
 * the text. Of several of one name it has the first. Any context.
 */
class query_values {
    public:
	/** @param text  as request::query() has it; must outlive this. */
	constexpr explicit query_values(std::string_view text) noexcept : text_(text)
	{
	}

	/** One of them, still encoded. */
	struct pair {
		std::string_view name; /**< before the equals sign */
		std::string_view value; /**< behind it */
	};

	/** The next one, taken off @p rest, which is text() at first; nothing: the end. */
	static constexpr std::optional<pair> next(std::string_view &rest) noexcept
	{
		while (!rest.empty()) {
			const std::size_t end = rest.find('&');
			const std::string_view each = slice(rest, 0, end);
			const std::size_t equals = each.find('=');

			rest = end == rest.npos ? std::string_view() : slice(rest, end + 1);
			if (!each.empty())
				return pair{ slice(each, 0, equals),
					     equals == each.npos ? std::string_view() :
								   slice(each, equals + 1) };
		}
		return {};
	}

	/** All of it. */
	constexpr std::string_view text() const noexcept
	{
		return text_;
	}

	/** A value as it was sent. @param name  decoded. Errors: ENOENT. */
	constexpr result<std::string_view> raw(std::string_view name) const noexcept
	{
		std::string_view rest = text_;

		while (const auto each = next(rest))
			if (detail::decodes_to(each->name, name, true))
				return each->value;
		return errc::enoent;
	}

	/** A value, decoded into memory of the caller's. Errors: ENOENT, percent_decoded()'s. */
	constexpr result<std::string_view> text(std::string_view name,
						std::span<char> memory) const noexcept
	{
		return percent_decoded(KTCP_TRY(raw(name)), memory, true);
	}

	/** A value that is a number. Errors: ENOENT, decimal_number()'s. */
	constexpr result<std::uint64_t> number(std::string_view name) const noexcept
	{
		return decimal_number(KTCP_TRY(raw(name)), true);
	}

    private:
	std::string_view text_;
};

} // namespace ktcp::http

#endif
