// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * Which bytes a request asks for (RFC 9110, section 14).
 */
#ifndef KTCP_HTTP_PARSE_RANGE_HPP
#define KTCP_HTTP_PARSE_RANGE_HPP

#include <cstddef>
#include <cstdint>
#include <string_view>

#include <ktcp/base/text.hpp>
#include <ktcp/http/parse/characters.hpp>
#include <ktcp/http/parse/field.hpp>

namespace ktcp::http
{

/** Bytes of a representation, from its first. */
struct byte_range {
	std::uint64_t first; /**< the first byte's number, from 0 */
	std::uint64_t size; /**< bytes */
};

/**
 * The field Range, for a representation of a known size. The ranges are read from the field's text
 * again when they are asked for, which must live until then. Any context.
 */
class range_set {
    public:
	/** More are not served: the field is ignored then, as section 14.2 allows. */
	static constexpr unsigned int most = 256;

	/** The kind of answer. */
	enum class outcome {
		all, /**< no range, or one to be ignored: 200 */
		some, /**< 206 */
		none, /**< there are no such bytes: 416 */
	};

	/** The ranges one after the other, as they were asked for. */
	class iterator {
	    public:
		constexpr const byte_range &operator*() const noexcept
		{
			return now_;
		}

		constexpr const byte_range *operator->() const noexcept
		{
			return &now_;
		}

		constexpr iterator &operator++() noexcept
		{
			do
				now_ = {};
			while (take_next(rest_, size_, now_) == taken::nothing);
			return *this;
		}

		/** Is this the end? */
		constexpr bool operator==(std::nullptr_t) const noexcept
		{
			return !now_.size;
		}

	    private:
		friend class range_set;

		constexpr iterator(std::string_view list, std::uint64_t size) noexcept
			: rest_(list), size_(size)
		{
			++*this;
		}

		std::string_view rest_;
		std::uint64_t size_;
		byte_range now_ = {};
	};

	/** @param value  of the field; empty: there is none. */
	constexpr range_set(std::string_view value, std::uint64_t size) noexcept
		: size_(size), outcome_(parse(value))
	{
	}

	/** The kind of answer. */
	constexpr outcome what() const noexcept
	{
		return outcome_;
	}

	constexpr iterator begin() const noexcept
	{
		return iterator(count_ ? list_ : std::string_view(), size_);
	}

	constexpr std::nullptr_t end() const noexcept
	{
		return nullptr;
	}

	/** How many ranges there are, none unless what() is some. */
	constexpr unsigned int size() const noexcept
	{
		return count_;
	}

    private:
	/* The result of taking the next element. */
	enum class taken {
		range,
		nothing, /* it has no byte of this representation */
		malformed,
		end,
	};

	/* A number beyond 64 bits is beyond the end of every file all the same. */
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

	static constexpr taken take_next(std::string_view &list, std::uint64_t size,
					 byte_range &into) noexcept
	{
		std::string_view text = detail::next_element(list);
		std::uint64_t first = 0, last = UINT64_MAX;

		if (text.empty())
			return taken::end;
		if (text.starts_with('-')) {
			text.remove_prefix(1);
			if (!take_number(text, last) || !text.empty())
				return taken::malformed;
			into = { last < size ? size - last : 0, last < size ? last : size };
			return into.size ? taken::range : taken::nothing;
		}
		if (!take_number(text, first) || !text.starts_with('-'))
			return taken::malformed;
		text.remove_prefix(1);
		if (!text.empty() && (!take_number(text, last) || !text.empty() || last < first))
			return taken::malformed;
		if (first >= size)
			return taken::nothing;
		into = { first, (last < size ? last + 1 : size) - first };
		return taken::range;
	}

	constexpr outcome parse(std::string_view value) noexcept
	{
		constexpr std::string_view unit = "bytes=";

		/* Of nothing there is no part, and no range could say so: all of it. */
		if (!size_ || value.size() <= unit.size() ||
		    !detail::same_text(slice(value, 0, unit.size()), unit))
			return outcome::all;
		value.remove_prefix(unit.size());
		list_ = value;

		unsigned int elements = 0;
		std::uint64_t left = size_;

		for (;;) {
			byte_range each = {};
			const taken what = take_next(value, size_, each);

			if (what == taken::end)
				break;
			elements++;
			count_ += what == taken::range;
			/* No honest client needs so many ranges, or the same bytes over and
			 * over. */
			if (what == taken::malformed || count_ > most ||
			    (each.size > left && elements > 1))
				return forget();
			left -= each.size < left ? each.size : left;
		}
		if (!count_)
			return elements ? outcome::none : outcome::all;
		return outcome::some;
	}

	constexpr outcome forget() noexcept
	{
		count_ = 0;
		return outcome::all;
	}

	std::string_view list_;
	std::uint64_t size_;
	unsigned int count_ = 0;
	outcome outcome_;
};

} // namespace ktcp::http

#endif
