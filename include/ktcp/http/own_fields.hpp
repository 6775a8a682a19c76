// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * Fields that the administrator wants on every good response.
 *
 * @code
 * own_fields fields("Cache-Control: max-age=60 | X-Content-Type-Options: nosniff");
 * if (!fields)
 *	KTCP_LOG_ERR("%s", fields.error());
 * options.fields = fields.lines();
 * @endcode
 */
#ifndef KTCP_HTTP_OWN_FIELDS_HPP
#define KTCP_HTTP_OWN_FIELDS_HPP

#include <cstddef>
#include <string_view>

#include <ktcp/base/text.hpp>
#include <ktcp/http/parse/characters.hpp>
#include <ktcp/http/parse/field.hpp>

namespace ktcp::http
{

/** The text of a parameter as lines of a head, in memory of its own. Any context. */
class own_fields {
    public:
	/** Bytes of all lines. */
	static constexpr std::size_t most = 1024;

	/** @param text  fields, with a `|` between two. */
	constexpr explicit own_fields(std::string_view text) noexcept
	{
		while (!error_ && !text.empty()) {
			const std::size_t end = text.find('|');
			const std::string_view each = detail::trimmed(slice(text, 0, end));

			text = end == text.npos ? std::string_view() : slice(text, end + 1);
			take(each);
		}
	}

	own_fields(const own_fields &) = delete;
	own_fields &operator=(const own_fields &) = delete;

	/** Are they all well-formed? */
	constexpr explicit operator bool() const noexcept
	{
		return !error_;
	}

	/** The fault of the fields, for a person. */
	constexpr const char *error() const noexcept
	{
		return error_;
	}

	/** Each with its line end; valid for as long as this lives. */
	constexpr std::string_view lines() const noexcept
	{
		return { lines_, size_ };
	}

    private:
	constexpr void take(std::string_view each) noexcept
	{
		const std::size_t colon = detail::span_of(detail::in_token, each);
		const std::string_view name = slice(each, 0, colon);
		const std::string_view value = detail::trimmed(slice(each, colon + 1));

		if (name.empty() || colon == each.size() || each[colon] != ':' ||
		    !detail::is_field_text(value))
			error_ = "header: each field must be NAME: VALUE, with a | between two";
		else if (is_the_servers(name))
			error_ =
				"header: Accept-Ranges, Allow, Connection, Content-Encoding, Content-Length, "
				"Content-Range, Content-Type, Date, ETag, Keep-Alive, Last-Modified, "
				"Location, Server, Trailer and Transfer-Encoding are the server's own; "
				"leave them out";
		else if (name.size() + value.size() + 4 > most - size_)
			error_ =
				"header: the fields may have 1024 characters in all; leave some out";
		for (std::string_view part :
		     { name, std::string_view(": "), value, std::string_view("\r\n") })
			for (char c : error_ ? std::string_view() : part)
				lines_[size_++] = c;
	}

	/* These fields are about the message, or one representation. The server adds the true ones,
	 * and a second one would contradict it. */
	static constexpr bool is_the_servers(std::string_view name) noexcept
	{
		for (std::string_view each :
		     { "accept-ranges", "allow", "content-encoding", "content-range",
		       "content-type", "etag", "last-modified", "location" })
			if (detail::same_text(name, each))
				return true;
		return detail::is_of_message(name);
	}

	const char *error_ = nullptr;
	std::size_t size_ = 0;
	char lines_[most] = {};
};

} // namespace ktcp::http

#endif
