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
 * A turn in softirq counts, so the numbers are those of engine/source_counts.hpp. Beside a thousand sources with their
 * whole share, one in fifty has no place of its own.
 */
#ifndef KTCP_ENGINE_BUFFER_SHARES_HPP
#define KTCP_ENGINE_BUFFER_SHARES_HPP

#include <cstdint>

#include <ktcp/base/result.hpp>
#include <ktcp/engine/source_counts.hpp>
#include <ktcp/kernel/memory.hpp>
#include <ktcp/net/endpoint.hpp>
#include <ktcp/net/source_key.hpp>
#include <ktcp/port/memory.h>

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
		ktcp_kfree(places_);
	}

	/** Before the first take(). Process context. Errors: ENOMEM. */
	result<void> make() noexcept
	{
		places_ = kmalloc_array<source_counts::counter>(source_counts::rows << place_bits);
		if (!places_)
			return errc::enomem;
		counts_.use(places_);
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
		const auto now = counts_.add(source_key::of(peer), buffers);
		const std::uint64_t most = from.count().most;

		if (now.of_all + most / 4 + now.of_source <= most)
			return true;
		give_back(peer, buffers);
		return false;
	}

	/** The same where a source may hold any number. It is counted for when it may not. */
	void take(const endpoint &peer, unsigned int buffers) noexcept
	{
		static_cast<void>(counts_.add(source_key::of(peer), buffers));
	}

	/** It holds so many of them no more. */
	void give_back(const endpoint &peer, unsigned int buffers) noexcept
	{
		counts_.subtract(source_key::of(peer), buffers);
	}

    private:
	static constexpr unsigned int place_bits = 11; /* 32 KiB */

	source_counts::counter *places_ = nullptr;
	source_counts counts_{ place_bits };
};

} // namespace ktcp

#endif
