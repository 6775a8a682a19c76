// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * A server's counters.
 *
 * A connection counts for itself, in its own cache lines. Its counts are added to the server's when
 * it ends, and to a reader's sums while it lives. So counting costs the way of the data no shared
 * memory at all.
 */
#ifndef KTCP_ENGINE_STATISTICS_HPP
#define KTCP_ENGINE_STATISTICS_HPP

#include <cstddef>
#include <cstdint>

#include <ktcp/base/atomic.hpp>

namespace ktcp
{

/** The bytes that moved through connections, and the number of turns. */
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
	std::uint64_t refused_denied = 0; /**< the rules of the server do not admit that peer */
	std::uint64_t refused_rate = 0; /**< accept_rate of that peer came in a second */
	std::uint64_t refused_proxy = 0; /**< no trusted proxy, or no header; these were accepted */
	std::uint64_t refused_share = 0; /**< ended: its source had its share of the buffers */
	std::uint64_t closed = 0; /**< the handler returned */
	std::uint64_t timed_out = 0; /**< the peer was quiet for too long, the sum of … */
	std::uint64_t timed_out_idle = 0; /**< … session_timeouts::idle_ms … */
	std::uint64_t timed_out_write = 0; /**< … and session_timeouts::write_ms */
	std::uint64_t stopped = 0; /**< ended by stop() */
	std::uint64_t relistened = 0; /**< times that the listener was lost, and replaced */
	/** The most counters that a handler may have. */
	static constexpr std::size_t handlers_most = 8;
	std::uint64_t handlers[handlers_most] = {}; /**< the handler's own */
	traffic moved; /**< by all of them */

	statistics &operator+=(const statistics &more) noexcept
	{
		accepted += more.accepted;
		active += more.active;
		refused_full += more.refused_full;
		refused_source += more.refused_source;
		refused_memory += more.refused_memory;
		refused_taken += more.refused_taken;
		refused_denied += more.refused_denied;
		refused_rate += more.refused_rate;
		refused_proxy += more.refused_proxy;
		refused_share += more.refused_share;
		closed += more.closed;
		timed_out += more.timed_out;
		timed_out_idle += more.timed_out_idle;
		timed_out_write += more.timed_out_write;
		for (std::size_t i = 0; i < handlers_most; i++)
			handlers[i] += more.handlers[i];
		stopped += more.stopped;
		relistened += more.relistened;
		moved += more.moved;
		return *this;
	}
};

} // namespace ktcp

#endif
