// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * How many of a pool's buffers each source's connections hold while they wait, and how many they may.
 *
 * @code
 * ktcp::buffer_shares shares;			// KTCP_TRY(shares.make())
 * if (!shares.take(peer, 1, pool))		// it waits with a buffer …
 *	...
 * shares.give_back(peer, 1);			// … and goes on
 * @endcode
 *
 * A source may hold as many buffers as no connection waits with. A quarter of all is left out. An eighth may lie
 * idle on the CPUs' stacks, where other CPUs cannot take them. An eighth is for turns that give theirs back.
 * So one source has 3/8 of them at most, and of n sources that take what they can each has 3/4 / (n + 1). As much
 * as one of them has is left for others. Precedent: dynamic thresholds of switches (Choudhury and Hahne, 1998).
 *
 * A turn in softirq counts, so there is no lock, and no memory for each source. A source has a place in each of
 * four rows, and its number is the least of the four (a count-min sketch). Another source may have one of the
 * places, too. Beside a thousand sources with their whole share, one in fifty has no place of its own.
 */
#ifndef KTCP_ENGINE_BUFFER_SHARES_HPP
#define KTCP_ENGINE_BUFFER_SHARES_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include <ktcp/base/atomic.hpp>
#include <ktcp/base/result.hpp>
#include <ktcp/kernel/memory.hpp>
#include <ktcp/net/endpoint.hpp>
#include <ktcp/net/source_key.hpp>
#include <ktcp/port/random.h>

namespace ktcp
{

/** Of one server. Any context, but for what says otherwise. Sources are told apart as net/source_key.hpp says. */
class buffer_shares {
    public:
	buffer_shares() noexcept = default;
	buffer_shares(const buffer_shares &) = delete;
	buffer_shares &operator=(const buffer_shares &) = delete;

	~buffer_shares()
	{
		ktcp_kfree(counts_);
	}

	/** Before the first take(). Process context. Errors: ENOMEM. */
	result<void> make() noexcept
	{
		counts_ = kmalloc_array<counter>(rows * places);
		if (!counts_)
			return errc::enomem;
		return {};
	}

	/**
	 * The source of @p peer holds so many buffers more, which it got before. Return: false if it may not,
	 * and then they are not counted.
	 */
	bool take(const endpoint &peer, unsigned int buffers, const page_pool &from) noexcept
	{
		/* Each adds before it looks, so two that take the last one at once may both fail, and never both
		 * have it. */
		const numbers now = add(peer, buffers);
		const std::uint64_t most = from.count().most;

		if (now.of_all + most / 4 + now.of_source <= most)
			return true;
		give_back(peer, buffers);
		return false;
	}

	/** The same where a source may hold any number. It is counted for when it may not. */
	void take(const endpoint &peer, unsigned int buffers) noexcept
	{
		static_cast<void>(add(peer, buffers));
	}

	/** It holds so many of them no more. */
	void give_back(const endpoint &peer, unsigned int buffers) noexcept
	{
		for_each_place(peer, [&](counter &each) {
			each.number.fetch_sub(buffers, memory_order_relaxed);
		});
		all_.fetch_sub(buffers, memory_order_relaxed);
	}

    private:
	/* 32 KiB. */
	static constexpr unsigned int place_bits = 11;
	static constexpr std::size_t rows = 4, places = std::size_t{ 1 } << place_bits;

	struct counter {
		atomic<std::uint32_t> number = 0;
	};

	struct numbers {
		std::uint64_t of_source, of_all;
	};

	/* Relaxed, as all of them: they count and nothing else. */
	numbers add(const endpoint &peer, unsigned int buffers) noexcept
	{
		std::uint32_t least = UINT32_MAX;

		for_each_place(peer, [&](counter &each) {
			least = std::min(least,
					 each.number.fetch_add(buffers, memory_order_relaxed) +
						 buffers);
		});
		return { least, all_.fetch_add(buffers, memory_order_relaxed) + buffers };
	}

	template <class Each>
	void for_each_place(const endpoint &peer, Each each) noexcept
	{
		const source_key key = source_key::of(peer);

		for (std::size_t row = 0; row < rows; row++)
			each(counts_[row * places + key.hash(secrets_[row], place_bits)]);
	}

	counter *counts_ = nullptr;
	atomic<std::uint32_t> all_ = 0;
	const std::uint32_t secrets_[rows] = { ktcp_random_u32(), ktcp_random_u32(),
					       ktcp_random_u32(), ktcp_random_u32() };
};

} // namespace ktcp

#endif
