// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * The entity tag of a file (RFC 9110, section 8.8.3).
 */
#ifndef KTCP_HTTP_ETAG_HPP
#define KTCP_HTTP_ETAG_HPP

#include <cstdint>
#include <string_view>

#include <ktcp/http/parse/path.hpp>
#include <ktcp/kernel/file.hpp>

namespace ktcp::http
{

/**
 * A strong tag: of the size, and of a sum of inode, modification and change time. A file that was
 * replaced has another inode; one that was written has another change time. Size and modification
 * time may be set, but these two change all the same. The sum has no key: a client that knows the
 * times can find the inode. The same file on another machine has another tag. Any context.
 */
class entity_tag {
    public:
	/** The end of the tag of a file's gzip form. */
	static constexpr std::string_view gzip_end = "-gz\"";

	entity_tag(const file_status &of, bool gzip) noexcept
	{
		std::uint64_t sum = 0;

		for (std::uint64_t each :
		     { of.inode, static_cast<std::uint64_t>(of.mtime), std::uint64_t{ of.mtime_ns },
		       static_cast<std::uint64_t>(of.ctime), std::uint64_t{ of.ctime_ns } })
			sum = mixed(sum ^ each);

		text_builder made(memory_);

		made.add('"').number(of.size, 16).add('-').number(sum, 16, 16);
		made.add(gzip ? gzip_end : std::string_view("\""));
		size_ = static_cast<std::uint8_t>(made.text().size());
	}

	/** With its quotes; valid for as long as this lives. */
	std::string_view text() const noexcept
	{
		return { memory_, size_ };
	}

    private:
	/* Each bit of the result depends on all of them (Steele, Lea and Flood, "Fast splittable
	 * pseudorandom number generators"). */
	static constexpr std::uint64_t mixed(std::uint64_t bits) noexcept
	{
		bits += 0x9e3779b97f4a7c15;
		bits = (bits ^ bits >> 30) * 0xbf58476d1ce4e5b9;
		bits = (bits ^ bits >> 27) * 0x94d049bb133111eb;
		return bits ^ bits >> 31;
	}

	char memory_[40];
	std::uint8_t size_;
};

} // namespace ktcp::http

#endif
