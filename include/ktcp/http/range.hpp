// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * Which bytes a request asks for (RFC 9110, section 14).
 */
#ifndef KTCP_HTTP_RANGE_HPP
#define KTCP_HTTP_RANGE_HPP

#include <cstddef>
#include <cstdint>
#include <string_view>

#include <ktcp/http/head.hpp>

namespace ktcp::http
{

/** Bytes of a representation, from its first. */
struct byte_range {
	std::uint64_t first; /**< the first byte's number, from 0 */
	std::uint64_t size; /**< bytes */
};

/** The field Range, for a representation of a known size. Any context. */
class range_set {
    public:
	/** More are not served: the field is ignored then, as section 14.2 allows. */
	static constexpr unsigned int most = 16;

	/** What to answer. */
	enum class outcome {
		all, /**< no range, or one to be ignored: 200 */
		some, /**< 206 */
		none, /**< there are no such bytes: 416 */
	};

	/** @param value  of the field; empty: there is none. */
	constexpr range_set(std::string_view value, std::uint64_t size) noexcept
		: outcome_(parse(value, size))
	{
	}

	/** What to answer. */
	constexpr outcome what() const noexcept
	{
		return outcome_;
	}

	constexpr const byte_range *begin() const noexcept
	{
		return ranges_;
	}

	constexpr const byte_range *end() const noexcept
	{
		return ranges_ + count_;
	}

	/** How many ranges there are, none unless what() is some. */
	constexpr unsigned int size() const noexcept
	{
		return count_;
	}

    private:
	/* What is beyond 64 bits is beyond the end of every file, all the same. */
	static constexpr bool take_number(std::string_view &text, std::uint64_t &number) noexcept
	{
		std::size_t digits = 0;

		number = 0;
		for (; digits < text.size() && detail::is_digit(text[digits]); digits++)
			number = number > (UINT64_MAX - 9) / 10 ?
					 UINT64_MAX :
					 number * 10 +
						 static_cast<unsigned int>(text[digits] - '0');
		text.remove_prefix(digits);
		return digits;
	}

	/* False: malformed. */
	constexpr bool take(std::string_view text, std::uint64_t size) noexcept
	{
		std::uint64_t first = 0, last = 0;

		if (text.starts_with('-')) {
			text.remove_prefix(1);
			if (!take_number(text, last) || !text.empty())
				return false;
			/* Of nothing, the last bytes are there, but no range can say so. */
			if (last && !size)
				return false;
			if (last)
				keep(last < size ? size - last : 0, last < size ? last : size);
			return true;
		}
		if (!take_number(text, first) || !text.starts_with('-'))
			return false;
		text.remove_prefix(1);
		last = UINT64_MAX;
		if (!text.empty() && (!take_number(text, last) || !text.empty() || last < first))
			return false;
		if (first < size)
			keep(first, (last < size ? last + 1 : size) - first);
		return true;
	}

	constexpr void keep(std::uint64_t first, std::uint64_t size) noexcept
	{
		if (count_ < most)
			ranges_[count_] = { first, size };
		count_++;
		total_ += size;
	}

	constexpr outcome parse(std::string_view value, std::uint64_t size) noexcept
	{
		constexpr std::string_view unit = "bytes=";

		if (value.size() <= unit.size() ||
		    !detail::same_text(slice(value, 0, unit.size()), unit))
			return outcome::all;
		value.remove_prefix(unit.size());

		bool any = false;

		while (!value.empty()) {
			const std::string_view each = detail::next_element(value);

			if (!each.empty() && !take(each, size))
				return forget();
			any |= !each.empty();
		}
		if (!count_)
			return any ? outcome::none : outcome::all;
		/* So many, or the same bytes over and over, are asked for by nobody in need. */
		if (count_ > most || (count_ > 1 && total_ > size))
			return forget();
		return outcome::some;
	}

	constexpr outcome forget() noexcept
	{
		count_ = 0;
		return outcome::all;
	}

	byte_range ranges_[most] = {};
	unsigned int count_ = 0;
	std::uint64_t total_ = 0;
	outcome outcome_;
};

} // namespace ktcp::http

#endif
