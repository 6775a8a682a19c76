// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * The path of a request: its segments, and the name of a file that it is; and names of files as parts of a page.
 */
#ifndef KTCP_HTTP_PARSE_PATH_HPP
#define KTCP_HTTP_PARSE_PATH_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include <ktcp/base/result.hpp>
#include <ktcp/base/text.hpp>
#include <ktcp/http/parse/characters.hpp>
#include <ktcp/http/parse/query.hpp>

namespace ktcp::http
{

namespace detail
{

/* The next segment, taken off a path that begins with a slash, without that. */
constexpr std::string_view take_segment(std::string_view &path) noexcept
{
	path.remove_prefix(1);

	const std::string_view segment = slice(path, 0, path.find('/'));

	path.remove_prefix(segment.size());
	return segment;
}

/* 1 or 2 of a dot segment, however its dots are written; 0 of any other. */
constexpr unsigned int dots_in(std::string_view segment) noexcept
{
	return decodes_to(segment, ".", false) ? 1 : decodes_to(segment, "..", false) ? 2 : 0;
}

} // namespace detail

/** Has a path dot segments, however their dots are written? Any context. */
constexpr bool has_dot_segments(std::string_view path) noexcept
{
	/* Each begins with a dot, or with an encoded one. Few others do. */
	for (std::size_t i = 1; i < path.size(); i++)
		if (path[i - 1] == '/' && (path[i] == '.' || path[i] == '%')) {
			std::string_view rest = slice(path, i - 1);

			if (detail::dots_in(detail::take_segment(rest)))
				return true;
		}
	return false;
}

/**
 * A path without its dot segments, by RFC 3986, section 5.2.4, in memory of the caller's. All else stays as it is,
 * encoded and empty segments too. Any context.
 * @param path  begins with a slash.
 * @param out  as large as the path is.
 * Errors: EINVAL (it leads above the root).
 */
constexpr result<std::string_view> resolve_dots(std::string_view path, std::span<char> out) noexcept
{
	std::size_t size = 0;

	while (!path.empty()) {
		const std::string_view segment = detail::take_segment(path);
		const unsigned int dots = detail::dots_in(segment);

		if (dots == 2 && !size)
			return errc::einval;
		if (dots == 2)
			size = std::string_view(out.data(), size).rfind('/');
		if (!dots || path.empty())
			out[size++] = '/';
		if (!dots) {
			std::copy_n(segment.data(), segment.size(), out.data() + size);
			size += segment.size();
		}
	}
	return std::string_view(out.data(), size);
}

/** The result of decode_path(). */
struct decoded_path {
	std::size_t size; /**< characters, without the NUL */
	bool folder; /**< it ends so that only a folder can be meant */
};

/**
 * Decode a path into the name of a file below a root: relative, NUL-terminated, without slashes
 * at either end. Any context.
 *
 * It refuses a path that could mean more than one file. That is a path with broken percent-encoding, an encoded NUL,
 * or an encoded slash (but for @p slashes). Dot segments are resolved by then: those that are left stand beside an
 * encoded slash, and are refused, too.
 * @param path  begins with a slash, as request::path() does.
 * @param slashes  an encoded slash is as good as another (`/@scope%2fname`).
 * @return EINVAL: refused (400). EMSGSIZE: longer than @p out (404).
 */
constexpr result<decoded_path> decode_path(std::string_view path, std::span<char> out,
					   bool slashes = false) noexcept
{
	std::size_t size = 0, segment = 0;

	if (out.empty())
		return errc::emsgsize;
	for (std::size_t i = 0; i <= path.size(); i++) {
		char c = i < path.size() ? path[i] : '/';
		bool slash = c == '/';

		if (c == '%') {
			const int byte = detail::encoded_byte(slice(path, i));

			if (byte < 0)
				return errc::einval;
			c = static_cast<char>(byte);
			i += 2;
			if (c == '/' && !slashes)
				return errc::einval;
			slash = c == '/';
		}
		if (c == '\0')
			return errc::einval;
		if (slash) {
			const std::string_view name(out.data() + segment, size - segment);

			if (name == "." || name == "..")
				return errc::einval;
			if (name.empty())
				continue;
		}
		if (i == path.size()) /* the slash behind its end is ours */
			break;
		if (size + 1 >= out.size())
			return errc::emsgsize;
		out[size++] = c;
		if (slash)
			segment = size;
	}

	const bool folder = size == segment;

	if (size && folder)
		size--;
	out[size] = '\0';
	return decoded_path{ size, folder };
}

namespace detail
{

/* Bytes of the first character (RFC 3629, section 4); 0: they are none. */
constexpr std::size_t utf8_size(std::string_view text) noexcept
{
	const auto at = [&](std::size_t i) -> unsigned int {
		return i < text.size() ? static_cast<unsigned char>(text[i]) : 0;
	};
	const unsigned int first = at(0);
	const std::size_t size = first < 0x80  ? 1 :
				 first < 0xc2  ? 0 :
				 first < 0xe0  ? 2 :
				 first < 0xf0  ? 3 :
				 first <= 0xf4 ? 4 :
						 0;

	/* No longer form than is needed, no half of a pair, nothing beyond U+10FFFF. */
	if ((first == 0xe0 && at(1) < 0xa0) || (first == 0xed && at(1) > 0x9f) ||
	    (first == 0xf0 && at(1) < 0x90) || (first == 0xf4 && at(1) > 0x8f))
		return 0;
	for (std::size_t i = 1; i < size; i++)
		if (at(i) < 0x80 || at(i) > 0xbf)
			return 0;
	return size;
}

} // namespace detail

/** Text that is put together in the caller's memory; text that does not fit is left out. */
class text_builder {
    public:
	constexpr explicit text_builder(std::span<char> memory) noexcept
		: begin_(memory.data()), rest_(memory)
	{
	}

	/** Did all of it fit? */
	constexpr bool whole() const noexcept
	{
		return whole_;
	}

	/** The text so far. */
	constexpr std::string_view text() const noexcept
	{
		return { begin_, static_cast<std::size_t>(rest_.data() - begin_) };
	}

	/** Back to so many characters, if there are more. */
	constexpr void cut(std::size_t size) noexcept
	{
		if (const std::size_t more = text().size(); size < more)
			rest_ = { begin_ + size, rest_.size() + more - size };
		whole_ = true;
	}

	/** One more character. */
	constexpr text_builder &add(char c) noexcept
	{
		if (!rest_.empty()) {
			rest_.front() = c;
			rest_ = rest_.subspan(1);
		} else {
			whole_ = false;
		}
		return *this;
	}

	/** More text. */
	constexpr text_builder &add(std::string_view text) noexcept
	{
		const std::size_t size = std::min(text.size(), rest_.size());

		std::copy_n(text.data(), size, rest_.data());
		rest_ = rest_.subspan(size);
		whole_ = whole_ && size == text.size();
		return *this;
	}

	/** In decimal, or to another base, with leading zeros to a width. */
	constexpr text_builder &number(std::uint64_t value, number_base base = 10,
				       unsigned int width = 1) noexcept
	{
		const number_text number(value, base);

		for (; width > number.text().size(); width--)
			add('0');
		return add(number.text());
	}

	/** As part of a URL's path (RFC 3986, section 2). */
	constexpr text_builder &percent_encoded(std::string_view text,
						std::string_view but = "-._~") noexcept
	{
		for (char c : text) {
			if (detail::is_alnum(c) || but.find(c) != but.npos)
				add(c);
			else
				add('%').number(static_cast<unsigned char>(c), 16, 2);
		}
		return *this;
	}

	/** Adds text that is already a query, as far as it is one; the rest is encoded. */
	constexpr text_builder &query_encoded(std::string_view text) noexcept
	{
		for (std::size_t i = 0; i < text.size(); i++) {
			if (detail::is(detail::in_uri, text[i]) ||
			    detail::encoded_byte(slice(text, i)) >= 0)
				add(text[i]);
			else
				add('%').number(static_cast<unsigned char>(text[i]), 16, 2);
		}
		return *this;
	}

	/** As a string of JSON's, between its quotes (RFC 8259, section 7); a byte that is no UTF-8 is U+FFFD. */
	constexpr text_builder &json_escaped(std::string_view text) noexcept
	{
		while (!text.empty()) {
			const std::size_t size = detail::utf8_size(text);
			const char c = text.front();

			if (!size)
				add("\\ufffd");
			else if (static_cast<unsigned char>(c) < 0x20)
				add("\\u").number(static_cast<unsigned char>(c), 16, 4);
			else if (c == '"' || c == '\\')
				add('\\').add(c);
			else
				add(slice(text, 0, size));
			text.remove_prefix(size ? size : 1);
		}
		return *this;
	}

	/** As text of a page, or a quoted attribute in one. */
	constexpr text_builder &html_escaped(std::string_view text) noexcept
	{
		for (char c : text) {
			switch (c) {
			case '&':
				add("&amp;");
				break;
			case '<':
				add("&lt;");
				break;
			case '>':
				add("&gt;");
				break;
			case '"':
				add("&quot;");
				break;
			case '\'':
				add("&#39;");
				break;
			default:
				add(c);
			}
		}
		return *this;
	}

    private:
	char *begin_;
	std::span<char> rest_;
	bool whole_ = true;
};

} // namespace ktcp::http

#endif
