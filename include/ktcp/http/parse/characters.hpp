// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * The characters of HTTP's texts: their classes, comparisons without case, and looks at eight of them at once.
 */
#ifndef KTCP_HTTP_PARSE_CHARACTERS_HPP
#define KTCP_HTTP_PARSE_CHARACTERS_HPP

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>

namespace ktcp::http::detail
{

constexpr char lower(char c) noexcept
{
	return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

/** Equal but for the case of ASCII letters. @p b is in lower case. */
constexpr bool same_text(std::string_view a, std::string_view b) noexcept
{
	if (a.size() != b.size())
		return false;
	for (std::size_t i = 0; i < a.size(); i++)
		if (lower(a[i]) != b[i])
			return false;
	return true;
}

/* Of characters and a literal, one after the other: without a loop, or a call of memcmp(). */
template <std::size_t Size, class Fold>
constexpr bool same_as(std::string_view a, const char (&b)[Size], Fold fold) noexcept
{
	if (a.size() != Size - 1)
		return false;

	unsigned int differences = 0;

#pragma GCC unroll 32
	for (std::size_t i = 0; i < Size - 1; i++)
		differences |= static_cast<unsigned int>((a[i] | fold(b[i])) ^ b[i]);
	return !differences;
}

/** The same for a literal. */
template <std::size_t Size>
constexpr bool same_text(std::string_view a, const char (&b)[Size]) noexcept
{
	return same_as(a, b, [](char c) { return c >= 'a' && c <= 'z' ? 0x20 : 0; });
}

/** Equal to a literal. */
template <std::size_t Size>
constexpr bool is_text(std::string_view a, const char (&b)[Size]) noexcept
{
	return same_as(a, b, [](char) { return 0; });
}

constexpr bool is_digit(char c) noexcept
{
	return c >= '0' && c <= '9';
}

/* Its value, -1 if it is none. */
constexpr int hex_digit(char c) noexcept
{
	const char l = lower(c);

	return is_digit(c) ? c - '0' : l >= 'a' && l <= 'f' ? l - 'a' + 10 : -1;
}

constexpr bool is_alnum(char c) noexcept
{
	return is_digit(c) || (lower(c) >= 'a' && lower(c) <= 'z');
}

/* The classes of a character, looked up: heads are read one by one. */
enum char_class : std::uint8_t {
	in_token = 1, /* RFC 9110, section 5.6.2 */
	in_field = 2, /* a field's value: no control but HTAB */
	in_host = 4, /* RFC 3986, section 3.2.2: reg-name */
	in_target = 8, /* visible, but for a fragment; what is not ASCII as clients send it */
	in_uri = 16, /* RFC 3986: what stands for itself in a path or a query */
};

struct char_table {
	constexpr char_table() noexcept
	{
		for (unsigned int i = 0; i < 256; i++) {
			const char c = static_cast<char>(i);

			if (is_alnum(c))
				of[i] |= in_token | in_host;
			if ((i >= 0x20 || c == '\t') && i != 0x7f)
				of[i] |= in_field;
			if (i > 0x20 && i != 0x7f && c != '#')
				of[i] |= in_target;
			if (is_alnum(c))
				of[i] |= in_uri;
		}
		for (char c : std::string_view("!#$%&'*+-.^_`|~"))
			of[static_cast<unsigned char>(c)] |= in_token;
		for (char c : std::string_view("-._~!$&'()*+,;="))
			of[static_cast<unsigned char>(c)] |= in_host | in_uri;
		for (char c : std::string_view("/:@?"))
			of[static_cast<unsigned char>(c)] |= in_uri;
	}

	std::uint8_t of[256] = {};
};

inline constexpr char_table characters;

constexpr bool is(char_class what, char c) noexcept
{
	return characters.of[static_cast<unsigned char>(c)] & what;
}

/* How many of the first characters are of a class. */
constexpr std::size_t span_of(char_class what, std::string_view text) noexcept
{
	std::size_t length = 0;

	while (length < text.size() && is(what, text[length]))
		length++;
	return length;
}

constexpr bool is_token(char c) noexcept
{
	return is(in_token, c);
}

constexpr bool is_token(std::string_view text) noexcept
{
	return !text.empty() && span_of(in_token, text) == text.size();
}

/* Eight characters as one number, for tests of all of them at once. */
inline std::uint64_t load_eight(const char *text) noexcept
{
	std::uint64_t eight;

	__builtin_memcpy(&eight, text, sizeof(eight));
	return eight;
}

constexpr std::uint64_t each_byte = 0x0101010101010101;

/* Not 0 if one of eight characters is below @p limit (up to 128); others may be, above it. */
constexpr std::uint64_t any_below(std::uint64_t eight, unsigned char limit) noexcept
{
	return (eight - each_byte * limit) & ~eight & (each_byte << 7);
}

/* Where the next LF is; npos if there is none. */
constexpr std::size_t find_line_end(std::string_view text, std::size_t from) noexcept
{
	if (!std::is_constant_evaluated())
		for (; text.size() - from >= 8; from += 8) {
			const std::uint64_t found =
				any_below(load_eight(text.data() + from) ^ each_byte * '\n', 1);

			/* The first is the lowest, and that bit is right. */
			if (found)
				return from +
				       static_cast<unsigned int>(std::countr_zero(found)) / 8;
		}
	for (; from < text.size(); from++)
		if (text[from] == '\n')
			return from;
	return text.npos;
}

/* A percent sign and two hexadecimal digits at the beginning (RFC 3986, section 2.1): which byte;
 * -1: there are none. */
constexpr int encoded_byte(std::string_view text) noexcept
{
	if (text.size() < 3 || text[0] != '%')
		return -1;

	const int high = hex_digit(text[1]), low = hex_digit(text[2]);

	return high < 0 || low < 0 ? -1 : high << 4 | low;
}

} // namespace ktcp::http::detail

#endif
