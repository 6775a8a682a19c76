// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * A strand: what is run by one context at a time, turn by turn, however many events come.
 *
 * One word holds the events and the claim. Whoever sets the claim bit owns the next turn, and
 * takes it or passes it on; whoever finds it set only leaves an event there. The turn looks at the
 * word again before it gives the claim up, in one compare-exchange, so an event is either seen by
 * this turn or starts the next: none is lost, and no two turns ever run at once, wherever the events
 * come from (another CPU, inside our own send, release_sock, shutdown). Precedent: tx_running in
 * net/xfrm/espintcp.c.
 *
 * Passing a claim on gives the strand away: its next turn may be its last, on another CPU, before
 * the call returns. Nothing of it is touched after that.
 */
#ifndef KTCP_ENGINE_STRAND_HPP
#define KTCP_ENGINE_STRAND_HPP

#include <cstdint>

#include <ktcp/atomic.hpp>

namespace ktcp
{

/** What runs one turn at a time. */
class strand {
    public:
	/** What a turn came to where it must not sleep. */
	enum class turn_end {
		given_away, /**< it waits, or is another context's: nothing of it may be touched */
		share_used, /**< it is claimed still, and there is more to do at once */
	};

	/** What a kind of strand does with its turns. Each is called with the claim. */
	struct operations {
		/** Take a turn, with bottom halves off (ktcp_turns_enter()). */
		turn_end (*take_turn)(strand &self);
		/** Pass the claim on to a context that may sleep. The strand is given away. */
		void (*to_process)(strand &self);
	};

	strand(const strand &) = delete;
	strand &operator=(const strand &) = delete;

    protected:
	/** It is born claimed: events before its first turn only leave their bits. */
	explicit strand(const operations &how) noexcept : how_(how)
	{
	}

	~strand() = default;

	/** Leave events; true: and the next turn is the caller's. Any context. */
	bool claim(std::uint32_t events) noexcept
	{
		/* Acquire: a new claimant sees what the last turn did. Release: it sees what we
		 * did before posting. */
		return !(state_.fetch_or(events | claimed, memory_order_acq_rel) & claimed);
	}

	/** With the claim: what comes from here on is looked at once more before leaving. */
	void take_events() noexcept
	{
		state_.fetch_and(claimed, memory_order_acq_rel);
	}

	/** With the claim. False: something of @p interest happened, go on. */
	bool give_up_claim(std::uint32_t interest) noexcept
	{
		std::uint32_t seen = state_.load(memory_order_relaxed);

		do {
			if (seen & interest)
				return false;
			/* Bits of no interest are dropped: an operation that begins later tries
			 * before it waits. */
		} while (!state_.compare_exchange(seen, 0, memory_order_acq_rel));
		return true;
	}

    private:
	friend class cpu_turns;
	friend class strand_queue;

	static constexpr std::uint32_t claimed = 1u << 31;

	const operations &how_;
	strand *next_ = nullptr; /* in a strand_queue, whose claim it is then */
	atomic<std::uint32_t> state_ = claimed;
};

/** Claimed strands, first in, first out. Not for several contexts at once. Zero bytes are an empty one. */
class strand_queue {
    public:
	/** Is there none? */
	bool empty() const noexcept
	{
		return !first_;
	}

	/** At the end; it must be in no queue. */
	void push(strand &last) noexcept
	{
		last.next_ = nullptr;
		(first_ ? last_->next_ : first_) = &last;
		last_ = &last;
	}

	/** The first, out of the queue, which must not be empty. */
	strand &pop() noexcept
	{
		strand &first = *first_;

		first_ = first.next_;
		return first;
	}

    private:
	strand *first_, *last_;
};

} // namespace ktcp

#endif
