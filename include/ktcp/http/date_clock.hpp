// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * The time now as an HTTP date, formatted once a second and not once a response.
 */
#ifndef KTCP_HTTP_DATE_CLOCK_HPP
#define KTCP_HTTP_DATE_CLOCK_HPP

#include <cstring>
#include <span>

#include <ktcp/atomic.hpp>
#include <ktcp/http/date.hpp>
#include <ktcp/port/time.h>

namespace ktcp::http
{

/** Shared by all connections of a server. Never waits: any context. */
class date_clock {
    public:
	date_clock() noexcept = default;

	/** A copy has a memory of its own. */
	date_clock(const date_clock &) noexcept
	{
	}

	date_clock &operator=(const date_clock &) noexcept
	{
		return *this;
	}

	/** The date of this second, as format_date() has it. */
	void now(std::span<char, date_length> out) noexcept
	{
		const std::uint64_t second = ktcp_real_seconds();
		const std::uint32_t version = version_.load(memory_order_acquire);
		std::uint64_t words[word_count];

		if (!(version & 1) && second_.load(memory_order_acquire) == second) {
			/* Each acquire orders the version's second look behind it: if a word was
			 * written meanwhile, so was the version, before it. */
			for (std::size_t i = 0; i < word_count; i++)
				words[i] = words_[i].load(memory_order_acquire);
			if (version_.load(memory_order_relaxed) == version) {
				std::memcpy(out.data(), words, date_length);
				return;
			}
		}
		format_date(out, second);
		remember(version, second, out);
	}

    private:
	static constexpr std::size_t word_count = 4;

	void remember(std::uint32_t version, std::uint64_t second,
		      std::span<const char, date_length> text) noexcept
	{
		/* One at a time; the others have formatted it for themselves, and that is all. */
		if (version & 1 ||
		    !version_.compare_exchange(version, version + 1, memory_order_acq_rel))
			return;

		std::uint64_t words[word_count] = {};

		std::memcpy(words, text.data(), text.size());
		second_.store(second, memory_order_release);
		for (std::size_t i = 0; i < word_count; i++)
			words_[i].store(words[i], memory_order_release);
		version_.store(version + 2, memory_order_release);
	}

	atomic<std::uint32_t> version_ = 0; /* odd while the rest is written */
	atomic<std::uint64_t> second_ = 0;
	atomic<std::uint64_t> words_[word_count] = { 0, 0, 0, 0 };
};

} // namespace ktcp::http

#endif
