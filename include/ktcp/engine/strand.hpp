// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * A strand: one context at a time runs it, turn by turn, however many events come. It has the
 * coroutines of a connection, their share of a turn, and the end that they are told.
 *
 * One word holds the events and the claim. The context that sets the claim bit owns the next turn,
 * and takes it or passes it on. A context that finds the bit set only leaves its event there. Before
 * the turn gives the claim up it looks at the word again, in the same compare-exchange. So this turn
 * sees an event, or the event starts the next turn: none is lost. No two turns ever run at once,
 * wherever the events come from: another CPU, our own send, release_sock, shutdown. Precedent:
 * tx_running in net/xfrm/espintcp.c.
 *
 * Passing a claim on gives the strand away: its next turn may be its last, on another CPU, before
 * the call returns. The caller touches nothing of it after that.
 */
#ifndef KTCP_ENGINE_STRAND_HPP
#define KTCP_ENGINE_STRAND_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include <ktcp/base/atomic.hpp>
#include <ktcp/kernel/socket.hpp>
#include <ktcp/port/memory.h>
#include <ktcp/port/time.h>
#include <ktcp/task.hpp>

namespace ktcp
{

namespace detail
{

class outgoing_stream;
class sleeper_queues;
class stream_base;
struct outgoing_room;

} // namespace detail

/** The outcome of an operation, and why a turn ends. */
enum class outcome : std::uint8_t {
	done, /**< it is over, well or not */
	wait, /**< it waits for an event */
	yield, /**< the turn's share is used up; there may be more to do at once */
	process, /**< the same, and the next turn must be in process context */
	sleep, /**< the same, and where it may sleep */
	over, /**< the coroutine is not to be resumed any more */
};

/** Runs one turn at a time. */
class strand : public executor {
    public:
	/** How a turn ended that must not sleep. */
	enum class turn_end {
		given_away, /**< it waits, or is another context's: nothing of it may be touched */
		share_used, /**< it is still claimed, and there is more to do at once */
		over, /**< it is still claimed, and has only to be let go, when there is time */
	};

	/** The functions of one kind of strand. Each is called with the claim. */
	struct operations {
		/** Take a turn, with bottom halves off (ktcp_turns_enter()). */
		turn_end (*take_turn)(strand &self);
		/** Pass the claim on to a context that may sleep. The strand is given away. */
		void (*to_process)(strand &self);
		/** After turn_end::over, in process context: it is gone when this returns. */
		void (*let_go)(strand &self);
		/**
		 * Something that it waits for has come from elsewhere (event_source): see to it that
		 * a turn follows. Process context or softirq; it is there until this returns.
		 */
		void (*post)(strand &self, std::uint32_t events) = nullptr;
		/** The same under a spin_lock_irq, which a hard interrupt may have taken. */
		void (*post_beside)(strand &self, std::uint32_t events) = nullptr;
		/** Its server's room for outgoing connections; nullptr: it can have none. */
		detail::outgoing_room *(*outgoing)(strand &self) = nullptr;
		/** Its server's queues of work that sleeps; nullptr: there are none. */
		detail::sleeper_queues *(*sleepers)(strand &self) = nullptr;
		/** Count one for a counter of the handler's. */
		void (*count)(strand &self, unsigned int which) = nullptr;
		/**
		 * It waits, and holds so many of its server's buffers meanwhile; it was counted with
		 * @p before. Both are powers of two, or 0: a connection that holds 9 is counted with 16.
		 * Return: false if its source may hold no more, and nothing was counted.
		 * Any context. nullptr: it may hold any number.
		 */
		bool (*hold)(strand &self, unsigned int before, unsigned int now) = nullptr;
	};

	strand(const strand &) = delete;
	strand &operator=(const strand &) = delete;

    protected:
	/** Events beside ktcp_sock_event's, in the same word. */
	static constexpr std::uint32_t event_over = 8; /**< end() was called, or expire() said so */

	/** The longest of its times: 24 days. */
	static constexpr unsigned int longest_deadline_ms = INT32_MAX;

	/** One of its sources has something; see detail::sources. */
	static constexpr std::uint32_t event_source = 16;

	/** @name No events: its next turn has such a place in its server's sleeper_queues */
	/** @{ */

	static constexpr std::uint32_t event_anyones_place = 32; /**< one that any source may have */
	static constexpr std::uint32_t event_own_place = 64; /**< one of its source's share */

	/** @} */

	/** @name Marks of a session, which have no room there */
	/** @{ */

	/** Its peer is a proxy that has named no client (yet). */
	static constexpr std::uint8_t of_a_proxy = 1;
	/** See detail::session_list::add_some(). */
	static constexpr std::uint8_t summed = 2;

	/** Any context. */
	bool has_mark(std::uint8_t which) const noexcept
	{
		return marks_.load(memory_order_relaxed) & which;
	}

	/** With the lock of the list that has it, if one has. */
	void mark(std::uint8_t which, bool on) noexcept
	{
		const unsigned int was = marks_.load(memory_order_relaxed) & ~which;

		marks_.store(static_cast<std::uint8_t>(on ? was | which : was),
			     memory_order_relaxed);
	}

	/** @} */

	/** For a strand whose owner takes the turns itself. */
	static const operations by_hand;

	/** A strand begins claimed: events before its first turn only leave their bits. */
	explicit strand(const operations &how) noexcept : how_(how)
	{
	}

	~strand()
	{
		if (more_)
			ktcp_kfree(more_);
	}

	/** @name A turn. Of who takes it */
	/** @{ */

	/** It begins, with so many operations for its share. @param pages  in softirq: to send from. */
	void begin_turn(std::uint8_t budget, const softirq_pages *pages) noexcept
	{
		softirq_ = pages;
		set_frame_flags(pages ? gfp::atomic : gfp::kernel);
		budget_ = budget;
		/* A coroutine that is not to be resumed never is, so the next turn has to end it, too. */
		came_to_ &= bit(outcome::over);
	}

	/** Back in process context. */
	void end_turn() noexcept
	{
		softirq_ = nullptr;
		set_frame_flags(gfp::kernel);
	}

	/** An attempt is part of the turn's share; false: none is left. */
	bool spend() noexcept
	{
		if (budget_ == 0)
			return false;
		budget_--;
		return true;
	}

	/** With nothing left of the share, one attempt more. */
	void begin_one_more() noexcept
	{
		budget_ = std::max<std::uint8_t>(budget_, 1);
	}

	/** And so are the bytes that it moved. */
	void charge(std::size_t bytes) noexcept
	{
		charge_operations(bytes / bytes_per_budget);
	}

	/** And so are operations that cannot wait. */
	void charge_operations(std::size_t cost) noexcept
	{
		budget_ = budget_ > cost ? static_cast<std::uint8_t>(budget_ - cost) : 0;
	}

	/** May this turn sleep? If not, so may the next. */
	bool turn_may_sleep() noexcept
	{
		asked_to_sleep_ = true;
		if (!may_sleep_)
			note(outcome::sleep);
		return may_sleep_;
	}

	/** An operation of the turn's came to this. Returns it. */
	outcome note(outcome what) noexcept
	{
		if (what > outcome::wait) /* the others end no turn */
			came_to_ |= bit(what);
		return what;
	}

	/** Did one of them? outcome::over: in this turn or before. */
	bool came_to(outcome what) const noexcept
	{
		return came_to_ & bit(what);
	}

	/** Did none of them end the turn? Then it waits. */
	bool came_to_nothing() const noexcept
	{
		return !came_to_;
	}

	/** In softirq: the memory for sends. In process context: nullptr. */
	const softirq_pages *in_softirq() const noexcept
	{
		return softirq_;
	}

	/** @} */
	/** @name Its end, and the handler's deadline */
	/** @{ */

	/**
	 * Have every operation from now on fail with @p why. The model must then advance a waiting
	 * connection. Return: false if it was ended before. Any context.
	 */
	bool end(errc why) noexcept
	{
		std::uint8_t none = 0;

		/* The reason is all that is told. The wake-up behind it is what a waiting turn sees. */
		return ended_.compare_exchange(none, static_cast<std::uint8_t>(why),
					       memory_order_release);
	}

	/** Why it was ended, if it was. */
	result<void> why_ended() const noexcept
	{
		return result<void>::from(-ended_.load(memory_order_acquire));
	}

	/** The error that an operation is told in place of being tried: 0, or a negative errno. */
	int to_tell() const noexcept
	{
		if (const int why = ended_.load(memory_order_acquire))
			return -why;
		return expired() ? error_code(errc::etimedout).code() : 0;
	}

	/** It is told. A handler that does not listen is not told for ever: false. */
	bool tell() noexcept
	{
		return told_ != patience && ++told_;
	}

	/** As connection::expires_after(). */
	void set_deadline(unsigned int ms) noexcept
	{
		ms = std::min(ms, longest_deadline_ms);
		deadline_.store(ms ? deadline_at(ktcp_now_ms() + ms) : 0, memory_order_relaxed);
		set_retimed();
		if (!ended_.load(memory_order_relaxed))
			told_ = 0;
	}

	/**
	 * Is the handler's own deadline over (expires_after())? Operations fail then, until it sets
	 * the next, and the model must advance a waiting connection. Any context.
	 */
	bool expire(std::uint64_t now_ms) noexcept
	{
		std::uint32_t deadline = deadline_.load(memory_order_relaxed);

		/* Only the deadline that was looked at: the handler may just have set another. */
		return deadline > deadline_over && left_ms(deadline, now_ms) == 0 &&
		       deadline_.compare_exchange(deadline, deadline_over, memory_order_relaxed);
	}

	/** Milliseconds until the handler's deadline; -1 if it has none. */
	int until_deadline_ms(std::uint64_t now_ms) const noexcept
	{
		const std::uint32_t deadline = deadline_.load(memory_order_relaxed);

		return deadline == 0		 ? -1 :
		       deadline == deadline_over ? 0 :
						   left_ms(deadline, now_ms);
	}

	/** Did expire() say that the handler's deadline is over, and the handler has set no other? */
	bool expired() const noexcept
	{
		return deadline_.load(memory_order_relaxed) == deadline_over;
	}

	/** One of its times may be over earlier than before. */
	void set_retimed() noexcept
	{
		retimed_ = true;
	}

	/**
	 * Since the last call: did the connection get a time that may be over earlier than the wheel
	 * knows? Only for the context that advances it.
	 */
	bool take_retimed() noexcept
	{
		if (!retimed_)
			return false;
		retimed_ = false;
		return true;
	}

	/** @} */
	/** @name The claim */
	/** @{ */

	/** Say whether its peer is on this machine (cpu_turns). With the claim it begins with. */
	void set_local(bool local) noexcept
	{
		local_ = local;
	}

	/** As operations::post. */
	void post(std::uint32_t events) noexcept
	{
		how_.post(*this, events);
	}

	/** As operations::outgoing. */
	detail::outgoing_room *outgoing() noexcept
	{
		return how_.outgoing ? how_.outgoing(*this) : nullptr;
	}

	/** As operations::sleepers. */
	detail::sleeper_queues *sleepers() noexcept
	{
		return how_.sleepers ? how_.sleepers(*this) : nullptr;
	}

	/** As operations::count. */
	void count(unsigned int which) noexcept
	{
		if (how_.count)
			how_.count(*this, which);
	}

	/** As operations::hold. */
	bool hold(unsigned int before, unsigned int now) noexcept
	{
		return how_.hold(*this, before, now);
	}

	/** Does its kind count the buffers that it holds? */
	bool counts_buffers() const noexcept
	{
		return how_.hold;
	}

	/** Leave events. Return: true if the next turn is the caller's. Any context. */
	bool claim(std::uint32_t events) noexcept
	{
		/* Acquire: a new claimant sees the last turn's work. Release: it sees our work before
		 * the event. */
		return !(state_.fetch_or(events | claimed, memory_order_acq_rel) & claimed);
	}

	/** Are there such events? With the claim. */
	bool has_events(std::uint32_t events) const noexcept
	{
		return state_.load(memory_order_relaxed) & events;
	}

	/** Clear the events. Later ones are seen by give_up_claim(). With the claim. */
	void take_events() noexcept
	{
		/* Acquire: the turn sees the work before each event that it clears, and looks behind this. */
		state_.fetch_and(claimed, memory_order_acq_rel);
	}

	/** With the claim. Return: false if an event of @p interest came, so that the turn goes on. */
	bool give_up_claim(std::uint32_t interest) noexcept
	{
		std::uint32_t seen = state_.load(memory_order_relaxed);

		do {
			if (seen & interest)
				return false;
			/*
			 * Bits of no interest are dropped: a later operation tries before it waits. The exchange
			 * reads the last event, so the next claimant sees the work before these, too.
			 */
		} while (!state_.compare_exchange(seen, 0, memory_order_acq_rel));
		return true;
	}

	/** @} */

    private:
	friend class cpu_turns;
	friend class strand_queue;
	friend class detail::outgoing_stream;
	friend class detail::signal;
	friend class detail::stream_base;

	static constexpr std::uint32_t claimed = 1u << 31;

	static constexpr std::uint8_t bit(outcome what) noexcept
	{
		return static_cast<std::uint8_t>(1u << static_cast<unsigned>(what));
	}

	/* An operation costs 1, and 1 more for each so many bytes that it moved. So a turn lasts about as
	 * long with large messages as with small ones. */
	static constexpr std::size_t bytes_per_budget = 8192;
	/* So many operations fail after the connection has ended, before the handler is destroyed. */
	static constexpr unsigned int patience = 16;

	/* Deadlines are the low half of ktcp_now_ms(), but for two values that mean none and over. */
	static constexpr std::uint32_t deadline_over = 1;

	static std::uint32_t deadline_at(std::uint64_t ms) noexcept
	{
		const auto low = static_cast<std::uint32_t>(ms);

		return low > deadline_over ? low : deadline_over + 1;
	}

	static int left_ms(std::uint32_t deadline, std::uint64_t now_ms) noexcept
	{
		const auto left =
			static_cast<std::int32_t>(deadline - static_cast<std::uint32_t>(now_ms));

		return left > 0 ? left : 0;
	}

	/* Of who advances alone, in what is left of a word: */
	std::uint8_t came_to_ = 0; /* in this turn, over for ever: bits of outcomes */
	unsigned char told_ : 5 = 0;
	bool retimed_ : 1 = false; /* a time may be over earlier than was known */
	bool local_ : 1 = false;

    protected:
	bool started_ : 1 = false; /**< there was a turn */
	bool may_sleep_ : 1 = false; /**< in this turn */
	bool asked_to_sleep_ : 1 = false; /**< in this turn, and so it will in the next */
	bool second_starved_ : 1 = false; /**< a second stream is starved() */
	std::uint8_t counted_ : 5 = 0; /**< buffers that it waits with: see connection::settle() */

    private:
	atomic<std::uint32_t> state_ = claimed;
	const operations &how_;
	strand *next_ = nullptr; /* in a strand_queue, which owns the claim then */
	const softirq_pages *softirq_ = nullptr; /* set while in softirq */
	atomic<std::uint32_t> deadline_ = 0; /* written in turns, and by expire() */
	atomic<std::uint8_t> ended_ = 0; /* an errc, once */

    protected:
	atomic<std::uint8_t> marks_ = 0; /**< of a session, in what is free: see mark() */
	std::uint8_t accepted_high_ = 0; /**< of a connection, in what is free */

    private:
	std::uint8_t budget_ = 0; /* of who advances: what is left of the turn's share */
};

/** @cond for doxygen, which takes the initializers for members */
inline constexpr strand::operations strand::by_hand = {};
/** @endcond */

/**
 * Claimed strands, first in, first out. For one context at a time. A queue of zero bytes is empty.
 */
class strand_queue {
    public:
	/** Is it empty? */
	bool empty() const noexcept
	{
		return !first_;
	}

	/** Add a strand at the end; it must be in no queue. */
	void push(strand &last) noexcept
	{
		last.next_ = nullptr;
		(first_ ? last_->next_ : first_) = &last;
		last_ = &last;
	}

	/** Take the first out of the queue, which must not be empty. */
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
