// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * A text of a bounded length, put together from others and from numbers.
 *
 * @code
 * ktcp::bounded_text<64> reply;
 *
 * reply.append("value ", value, " of ", ktcp::number_text(count), "\n");
 * if (!co_await peer.write(reply))
 *	co_return;
 * @endcode
 *
 * It is a value: its characters are inside. In a coroutine they are part of the frame.
 */
#ifndef KTCP_BASE_BOUNDED_TEXT_HPP
#define KTCP_BASE_BOUNDED_TEXT_HPP

#include <cstddef>
#include <string_view>

#include <ktcp/base/text.hpp>

namespace ktcp
{

/**
 * @tparam Longest  how many characters it holds.
 * Only what was appended is ever read. Any context.
 */
template <std::size_t Longest>
class bounded_text {
    public:
	/** The most characters that it holds. */
	static constexpr std::size_t longest = Longest;

	/** An empty one. */
	constexpr bounded_text() noexcept
	{
	}

	/** A copy of @p text, or of its beginning. */
	constexpr explicit bounded_text(std::string_view text) noexcept
	{
		append(text);
	}

	/**
	 * Texts and numbers, one behind the other. False: there was not enough room, and the text ends
	 * where it is full.
	 */
	template <class... Text>
	constexpr bool append(const Text &...text) noexcept
	{
		return (... && add(text));
	}

	/** The text; valid until it changes. */
	constexpr std::string_view text() const noexcept
	{
		return { characters_, size_ };
	}

	/** The same. */
	constexpr operator std::string_view() const noexcept
	{
		return text();
	}

	/** Is it the same text? */
	friend constexpr bool operator==(const bounded_text &one, std::string_view other) noexcept
	{
		return one.text() == other;
	}

	/** None of it. */
	constexpr void clear() noexcept
	{
		size_ = 0;
	}

    private:
	constexpr bool add(const number_text &number) noexcept
	{
		return add(number.text());
	}

	constexpr bool add(std::string_view text) noexcept
	{
		const std::string_view fits = slice(text, 0, Longest - size_);

		for (const char each : fits)
			characters_[size_++] = each;
		return fits.size() == text.size();
	}

	char characters_[Longest]; /* written up to size_ */
	std::size_t size_ = 0;
};

} // namespace ktcp

#endif
