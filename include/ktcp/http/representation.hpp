// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * The fields that say what a file is (RFC 9110, section 8), as lines that are ready to be sent.
 */
#ifndef KTCP_HTTP_REPRESENTATION_HPP
#define KTCP_HTTP_REPRESENTATION_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include <ktcp/http/etag.hpp>
#include <ktcp/http/parse/conditional.hpp>
#include <ktcp/http/parse/date.hpp>
#include <ktcp/http/parse/path.hpp>
#include <ktcp/http/response.hpp>

namespace ktcp::http
{

/** One form of a file: its validators, and its lines in memory of the caller's. Any context. */
class representation {
    public:
	/** The most bytes of its lines. */
	static constexpr std::size_t most = 320;
	/** Characters of a type that go into them. */
	static constexpr std::size_t type_most = 96;

	/**
	 * @param type  a media type, type_most characters at most.
	 * @param varies  there is a coded form beside it. @param gzip  this is that.
	 * @param memory  representation::most bytes, for as long as this lives.
	 */
	representation(const file_status &of, std::string_view type, bool varies, bool gzip,
		       std::span<char> memory) noexcept
		: size_(of.size), gzip_(gzip)
	{
		const entity_tag etag(of, gzip);
		char date[date_length];

		/* Never later than the response (RFC 9110, section 8.8.2.1), nor before our time. */
		modified_ = std::clamp<std::int64_t>(
			of.mtime, 0, static_cast<std::int64_t>(ktcp_real_seconds()));
		format_date(date, static_cast<std::uint64_t>(modified_));

		text_builder made(memory.first(most));

		type_end_ = end_of(made.add("Content-Type: ").add(type).add("\r\n"));
		etag_ = static_cast<std::uint16_t>(end_of(made.add("ETag: ")));
		etag_size_ = static_cast<std::uint16_t>(etag.text().size());
		made.add(etag.text()).add("\r\nLast-Modified: ");
		made.add(std::string_view(date, date_length)).add("\r\n");
		if (varies)
			made.add("Vary: Accept-Encoding\r\n");
		validators_end_ = end_of(made);
		made.add("Accept-Ranges: bytes\r\n");
		if (gzip)
			made.add("Content-Encoding: gzip\r\n");
		lines_ = made.text();
	}

	/** The same with its lines in another place, where they were copied to. */
	representation(const representation &other, std::string_view lines) noexcept
		: representation(other)
	{
		lines_ = lines;
	}

	/** Bytes of it. */
	std::uint64_t size() const noexcept
	{
		return size_;
	}

	/** Is it a gzip form? */
	bool gzip() const noexcept
	{
		return gzip_;
	}

	/** For conditions. */
	validators known() const noexcept
	{
		return { slice(lines_, etag_, etag_size_), modified_, ktcp_real_seconds() };
	}

	/** All of its lines: those of a 200, and of a 206 with one part. */
	std::string_view lines() const noexcept
	{
		return lines_;
	}

	/** The line of its type, which each part of a multipart has. */
	std::string_view type_line() const noexcept
	{
		return slice(lines_, 0, type_end_);
	}

	/** All but that. */
	std::string_view lines_but_type() const noexcept
	{
		return slice(lines_, type_end_);
	}

	/** Those that a 304 has as well. */
	std::string_view validating() const noexcept
	{
		return slice(lines_, type_end_, validators_end_ - type_end_);
	}

    private:
	static std::uint16_t end_of(const text_builder &made) noexcept
	{
		return static_cast<std::uint16_t>(made.text().size());
	}

	std::string_view lines_;
	std::uint64_t size_;
	std::int64_t modified_;
	std::uint16_t type_end_, etag_, etag_size_, validators_end_; /* of lines_ */
	bool gzip_;
};

} // namespace ktcp::http

#endif
