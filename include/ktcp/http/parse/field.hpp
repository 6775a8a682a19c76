// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * A field of a head: its name, its value, and the elements of a value that is a list (RFC 9110, section 5).
 */
#ifndef KTCP_HTTP_PARSE_FIELD_HPP
#define KTCP_HTTP_PARSE_FIELD_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string_view>
#include <type_traits>

#include <ktcp/base/text.hpp>
#include <ktcp/http/parse/characters.hpp>

namespace ktcp::http
{

/** One field of a head. */
struct field {
	std::string_view name; /**< as it was sent; compare without case */
	std::string_view value; /**< without the white space around it */
};

/**
 * Names of fields, by their lengths alone: those that a head has, or that a reader of it looks for. One with none of
 * the lengths has none of the names, and need not be looked through. Any context.
 */
class field_names {
    public:
	/** None. */
	constexpr field_names() noexcept = default;

	constexpr field_names(std::initializer_list<std::string_view> names) noexcept
	{
		for (std::string_view each : names)
			add(each);
	}

	/** One more. */
	constexpr void add(std::string_view name) noexcept
	{
		/* The longest share a bit. */
		lengths_ |= std::uint32_t{ 1 } << std::min<std::size_t>(name.size(), 31);
	}

	/** Can a name be in both? */
	constexpr bool may_share(const field_names &other) const noexcept
	{
		return lengths_ & other.lengths_;
	}

    private:
	std::uint32_t lengths_ = 0; /* a bit each */
};

namespace detail
{

/* Are these characters of a value? */
constexpr bool is_field_text(std::string_view text) noexcept
{
	if (!std::is_constant_evaluated() && text.size() >= 8) {
		const auto suspect = [&](std::size_t from) {
			const std::uint64_t eight = load_eight(text.data() + from);

			return any_below(eight, 0x20) | any_below(eight ^ each_byte * 0x7f, 1);
		};
		/* The last eight may be looked at a second time. */
		std::uint64_t found = suspect(text.size() - 8);

		for (std::size_t from = 0; from + 8 < text.size(); from += 8)
			found |= suspect(from);
		if (!found)
			return true;
		/* A control character; it may be an HTAB. */
	}
	return span_of(in_field, text) == text.size();
}

/*
 * A field of a response that says how the message is framed, or what becomes of its connection. It is the server's
 * alone: a second one would contradict it, and clients would disagree where the next response begins.
 */
constexpr bool is_of_message(std::string_view name) noexcept
{
	for (std::string_view each : { "connection", "content-length", "date", "keep-alive",
				       "server", "trailer", "transfer-encoding" })
		if (same_text(name, each))
			return true;
	return false;
}

/* The name of a field that a handler may send. */
constexpr bool is_handlers_field(std::string_view name) noexcept
{
	return is_token(name) && !is_of_message(name);
}

/* Without the white space around it. */
constexpr std::string_view trimmed(std::string_view text) noexcept
{
	while (!text.empty() && (text.front() == ' ' || text.front() == '\t'))
		text.remove_prefix(1);
	while (!text.empty() && (text.back() == ' ' || text.back() == '\t'))
		text.remove_suffix(1);
	return text;
}

/* Where a separator first stands outside of quotes, or the end. A backslash is no escape, since it is none in an
 * entity tag. */
constexpr std::size_t find_unquoted(std::string_view text, char separator) noexcept
{
	std::size_t at = 0;

	for (bool quoted = false; at < text.size() && (quoted || text[at] != separator); at++)
		quoted ^= text[at] == '"';
	return at;
}

/*
 * The next element of a list (RFC 9110, section 5.6.1), taken off @p rest; empty after the last,
 * for empty ones are passed over.
 */
constexpr std::string_view next_element(std::string_view &rest) noexcept
{
	while (!rest.empty()) {
		const std::size_t end = find_unquoted(rest, ',');
		const std::string_view element = trimmed(slice(rest, 0, end));

		rest = slice(rest, end + 1);
		if (!element.empty())
			return element;
	}
	return {};
}

} // namespace detail

} // namespace ktcp::http

#endif
