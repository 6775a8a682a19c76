// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * Lines out of pieces: wherever the writer's calls cut them, lines come out whole.
 *
 * @code
 * ktcp::line_assembler<255> lines;
 * const auto fed = lines.feed(piece, [&](std::string_view line) { return obey(line); });
 * if (!fed.accepted)
 *	...					// the line at piece[fed.at] is refused
 * lines.finish(obey);				// what came without a line end: cut off, perhaps
 * @endcode
 *
 * A line that lies within one piece is not copied.
 */
#ifndef KTCP_BASE_LINE_ASSEMBLER_HPP
#define KTCP_BASE_LINE_ASSEMBLER_HPP

#include <cstddef>
#include <string_view>

#include <ktcp/base/text.hpp>

namespace ktcp
{

/**
 * @tparam Longest  bytes of the longest line, without its end. A longer one is refused, as soon
 *                  as that is known.
 */
template <std::size_t Longest>
class line_assembler {
    public:
	/** The result of a piece. */
	struct fed {
		bool accepted; /**< every line of it */
		/** If not: where the refused line begins, from the piece's begin; it may be negative. */
		std::ptrdiff_t at;
	};

	/**
	 * Take one more piece of the text.
	 * @param sink  called as `bool sink(std::string_view line)` for each line that is whole now,
	 *              in order; false refuses it. A line that is too long comes as its first
	 *              Longest + 1 bytes and is refused in any case.
	 *
	 * After a refusal, the rest of the piece has not been looked at. The held part of the
	 * refused line is forgotten, and the next piece begins a line.
	 */
	template <class Sink>
	fed feed(std::string_view piece, Sink &&sink) noexcept
	{
		for (std::size_t at = 0; at < piece.size();) {
			const std::size_t found = piece.find('\n', at);
			const std::size_t end = found < piece.size() ? found : piece.size();
			const std::string_view part = slice(piece, at, end - at);
			const auto begin = static_cast<std::ptrdiff_t>(at) -
					   static_cast<std::ptrdiff_t>(held_);
			const bool whole = end < piece.size();

			if (part.size() > Longest - held_) {
				hold(slice(part, 0, Longest + 1 - held_));
				sink(take());
				return { false, begin };
			}
			/* Copied only if it came, or goes on, in another piece. */
			if (held_ || !whole)
				hold(part);
			if (whole && !sink(held_ ? take() : part))
				return { false, begin };
			at = end + 1;
		}
		return { true, 0 };
	}

	/**
	 * The text is over: a last line without an end, if there is one. Its writer may have died in
	 * the midst of it: the sink decides whether a part may stand for the whole. False if @p sink
	 * refused.
	 */
	template <class Sink>
	bool finish(Sink &&sink) noexcept
	{
		return !held_ || sink(take());
	}

	/** Is the beginning of a line held, without its end? */
	bool pending() const noexcept
	{
		return held_;
	}

    private:
	void hold(std::string_view part) noexcept
	{
		for (const char each : part)
			text_[held_++] = each;
	}

	std::string_view take() noexcept
	{
		const std::size_t size = held_;

		held_ = 0;
		return { text_, size };
	}

	char text_[Longest + 1];
	std::size_t held_ = 0;
};

} // namespace ktcp

#endif
