// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * Parts of a text.
 */
#ifndef KTCP_BASE_TEXT_HPP
#define KTCP_BASE_TEXT_HPP

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace ktcp
{

/**
 * At most @p count characters of @p text from @p from on; nothing where it has none.
 * std::string_view::substr() would throw there, and a kernel has nothing that could: a module
 * that uses it does not link. Any context.
 */
constexpr std::string_view slice(std::string_view text, std::size_t from,
				 std::size_t count = std::string_view::npos) noexcept
{
	if (from > text.size())
		return {};
	return { text.data() + from, count < text.size() - from ? count : text.size() - from };
}

/**
 * The text before the first @p separator, or all of it; it is taken off @p text, with the separator.
 * Any context.
 */
constexpr std::string_view take_word(std::string_view &text, char separator = ' ') noexcept
{
	const std::string_view word = slice(text, 0, text.find(separator));

	text = slice(text, word.size() + 1);
	return word;
}

/** Where @p part, which is a part of @p text, begins in it. Any context. */
constexpr std::size_t offset_of(std::string_view text, std::string_view part) noexcept
{
	return static_cast<std::size_t>(part.data() - text.data());
}

/** The base of a number's digits: a constant from 2 to 16, anything else does not compile. */
class number_base {
    public:
	consteval number_base(unsigned int base) noexcept : base_(base)
	{
		if (base < 2 || base > 16)
			not_allowed_here();
	}

	/** As a number. */
	constexpr unsigned int value() const noexcept
	{
		return base_;
	}

    private:
	/* Being no constant expression, it ends the compilation where it is called. */
	static void not_allowed_here() noexcept
	{
	}

	unsigned int base_;
};

/** A number as text, in decimal or to another base; for as long as this lives. Any context. */
class number_text {
    public:
	constexpr explicit number_text(std::uint64_t number, number_base base = 10) noexcept
	{
		do
			digits_[--first_] = "0123456789abcdef"[number % base.value()];
		while (number /= base.value());
	}

	/** The digits, without leading zeros. */
	constexpr std::string_view text() const noexcept
	{
		return { digits_ + first_, sizeof(digits_) - first_ };
	}

    private:
	unsigned int first_ = 64;
	char digits_[64]; /* to base 2 */
};

} // namespace ktcp

#endif
