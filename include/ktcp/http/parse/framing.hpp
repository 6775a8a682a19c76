// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * How a request's body is delimited (RFC 9112, section 6.3).
 *
 * Two parsers that do not agree on that take a part of the body for the next request. So a request is refused where
 * another parser could read its framing in another way.
 */
#ifndef KTCP_HTTP_PARSE_FRAMING_HPP
#define KTCP_HTTP_PARSE_FRAMING_HPP

#include <cstddef>
#include <cstdint>
#include <string_view>

#include <ktcp/base/text.hpp>
#include <ktcp/http/parse/characters.hpp>
#include <ktcp/http/parse/field.hpp>
#include <ktcp/http/parse/method.hpp>

namespace ktcp::http
{

/** How a body is delimited (RFC 9112, section 6.3). */
enum class framing : std::uint8_t { none, length, chunked };

namespace detail
{

/*
 * The framing that a request's fields declare. take_length(), take_coding() and check() return the status by which
 * the request is refused, or 0. Any context.
 */
class body_framing {
    public:
	/* The value of a Content-Length, and its line. */
	constexpr unsigned int take_length(std::string_view line, std::string_view value) noexcept
	{
		if (has_tab(line) || has_length_ || value.empty())
			return 400;
		has_length_ = true;
		for (char c : value)
			if (!is_digit(c))
				return 400;
		for (char c : value) {
			if (length_ > (UINT64_MAX - 9) / 10)
				return 413;
			length_ = length_ * 10 + static_cast<unsigned int>(c - '0');
		}
		return 0;
	}

	/*
	 * The same of a Transfer-Encoding. Chunked is the last, once, and alone what can be decoded here
	 * (RFC 9112, section 6.1).
	 */
	constexpr unsigned int take_coding(std::string_view line, std::string_view value) noexcept
	{
		/* Others take an empty element for a coding, and the last one frames the body. */
		if (has_tab(line) || value.empty() || value.starts_with(',') ||
		    value.ends_with(','))
			return 400;
		for (std::string_view coding; !(coding = next_element(value)).empty();) {
			if (chunked_)
				return 400;
			if (same_text(coding, "chunked"))
				chunked_ = true;
			else if (is_token(slice(coding, 0, coding.find_first_of("; \t"))))
				has_coding_ = true;
			else
				return 400;
		}
		return 0;
	}

	/* Behind the last field. @most  of a declared length. */
	constexpr unsigned int check(method of, unsigned int minor_version,
				     std::uint64_t most) const noexcept
	{
		if (chunked_ || has_coding_) {
			/* With another last coding the request has no length (section 6.3). With
			 * Content-Length it has two. One of HTTP/1.0 may have passed a proxy that knows no
			 * codings. */
			if (!chunked_ || has_length_ || !minor_version)
				return 400;
			if (has_coding_)
				return 501;
		}
		if (length_ > most)
			return 413;
		if (!chunked_ && !has_length_ &&
		    (of == method::post || of == method::put || of == method::patch))
			return 411;
		return 0;
	}

	constexpr framing how() const noexcept
	{
		return chunked_ ? framing::chunked : has_length_ ? framing::length : framing::none;
	}

	constexpr std::uint64_t length() const noexcept
	{
		return length_;
	}

    private:
	/* Around a value it is legal, but not everyone sees white space in it: then the body is not
	 * framed as we think. */
	static constexpr bool has_tab(std::string_view line) noexcept
	{
		return line.find('\t') != line.npos;
	}

	std::uint64_t length_ = 0;
	bool has_length_ = false, has_coding_ = false, chunked_ = false;
};

} // namespace detail

} // namespace ktcp::http

#endif
