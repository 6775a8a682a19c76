// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * What a server counts.
 *
 * A connection counts for itself, in its own cache lines; what it counted is added to the
 * server's when it ends, and to what a reader sees while it lives. So counting costs the way
 * of the data no shared memory at all.
 */
#ifndef KTCP_STATISTICS_HPP
#define KTCP_STATISTICS_HPP

#include <cstdint>

#include <ktcp/atomic.hpp>

namespace ktcp
{

/** A number that one context counts and others may read meanwhile. */
class tally {
    public:
	/** Only its owner. */
	void add(std::uint64_t amount) noexcept
	{
		value_.store(value() + amount, memory_order_relaxed);
	}

	/** Any context. */
	std::uint64_t value() const noexcept
	{
		return value_.load(memory_order_relaxed);
	}

    private:
	atomic<std::uint64_t> value_ = 0;
};

/** What moved through connections, and in how many turns. */
struct traffic {
	std::uint64_t bytes_in = 0; /**< received */
	std::uint64_t bytes_out = 0; /**< taken by TCP */
	std::uint64_t turns = 0; /**< times that a handler was gone on with */
	std::uint64_t exhausted = 0; /**< of them, those that used up their share */

	traffic &operator+=(const traffic &more) noexcept
	{
		bytes_in += more.bytes_in;
		bytes_out += more.bytes_out;
		turns += more.turns;
		exhausted += more.exhausted;
		return *this;
	}
};

/** A server's numbers since it started. */
struct statistics {
	std::uint64_t accepted = 0; /**< connections that were served, or are */
	std::uint64_t active = 0; /**< just now */
	std::uint64_t refused_full = 0; /**< max_connections were there */
	std::uint64_t refused_source = 0; /**< max_per_source of that peer were */
	std::uint64_t refused_memory = 0; /**< there was none for them */
	std::uint64_t refused_taken = 0; /**< a BPF program had them, in a sockmap */
	std::uint64_t closed = 0; /**< the handler returned */
	std::uint64_t timed_out = 0; /**< the peer was quiet for too long */
	std::uint64_t stopped = 0; /**< ended by stop() */
	std::uint64_t relistened = 0; /**< times that the listener was lost, and replaced */
	traffic moved; /**< by all of them */
};

} // namespace ktcp

#endif
