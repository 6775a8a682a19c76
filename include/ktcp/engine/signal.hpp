// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * A thing that other code may set, and that a strand waits for. Event and channel are built on it.
 *
 * A signal is memory of its own, with a count of references: the strand's side, and each outside
 * setter. So a setter may outlive the strand, and the server. The signal's lock protects the pointer to
 * the strand. The strand clears the pointer before it ends. So a strand that a setter finds there lives
 * until the setter lets the lock go. From the claim to the wake-up interrupts are off, which is one RCU
 * read section.
 *
 * A setter may be a hard interrupt, on a CPU that was about to take a turn. So the lock is spin_lock_irqsave(),
 * and the strand goes to its CPU's drain by a list without a lock (cpu_turns::add_beside()). Behind that
 * are napi_schedule(), queue_work_on() and wake_up(), which all take interrupts.
 */
#ifndef KTCP_ENGINE_SIGNAL_HPP
#define KTCP_ENGINE_SIGNAL_HPP

#include <cstdint>
#include <utility>

#include <ktcp/base/atomic.hpp>
#include <ktcp/base/error.hpp>
#include <ktcp/base/llist.hpp>
#include <ktcp/engine/strand.hpp>
#include <ktcp/kernel/log.hpp>
#include <ktcp/kernel/sync.hpp>
#include <ktcp/port/memory.h>
#include <ktcp/task.hpp>

namespace ktcp
{

class connection;

namespace detail
{

/* See above. Each kind says how it is set and reset. */
class signal {
    public:
	/* One reference more. */
	void hold() noexcept
	{
		/* Relaxed: the caller has a reference, so the count cannot be 0. */
		known_.fetch_add(1, memory_order_relaxed);
	}

	/* One reference less; the last frees it. Its destructor has nothing to do. Any context. */
	void let_go() noexcept
	{
		/* Pairs with itself: the last one sees the others' work. */
		if (known_.fetch_sub(1, memory_order_acq_rel) == 1)
			ktcp_kfree(this);
	}

	/* From here on the strand is not told. In a turn of the strand. */
	void detach(sources &of) noexcept;

	/* Make the coroutines ready that wait for signals set since the last call. In a turn. */
	static void take(atomic<signal *> &fired, strand &self) noexcept;

	/* The coroutine that waits for it, until that goes on. Of the strand's turns alone. */
	waiter *waiting = nullptr;

	/* Is anything there? */
	bool holds() const noexcept
	{
		/* A hint without the lock. The coroutine that takes the value acquires it: reset(), take(). */
		return held.load(memory_order_relaxed);
	}

    protected:
	signal(strand &to, sources &of) noexcept : to_(&to), of_(&of)
	{
		lock_.set_class(lock_class<signal>());
	}

	~signal() = default;

	atomic<unsigned int> held = 0; /* so much is there */

	/* Locks the strand's pointer and the value, for as long as this lives. */
	class locked {
	    public:
		explicit locked(signal &one) noexcept : one_(one), alone_(one.lock_)
		{
		}

		/* Does the strand live? */
		explicit operator bool() const noexcept
		{
			return one_.to_;
		}

		/* There is something for it: a turn of its looks. It must live. */
		void fire() const noexcept
		{
			one_.fire();
		}

	    private:
		signal &one_;
		const spin_lock_irq::guard alone_;
	};

    private:
	void fire() noexcept
	{
		/* It is still in the list: the turn that takes it looks at the value after that. */
		if (queued_.exchange(true, memory_order_acq_rel))
			return;

		llist_add(of_->fired, *this, &signal::next_);
		if (to_->how_.post_beside)
			to_->how_.post_beside(*to_, strand::event_source);
	}

	spin_lock_irq lock_;
	strand *to_; /* under lock_; nullptr once the strand has let it go */
	sources *of_; /* the same */
	signal *next_ = nullptr; /* in sources::fired */
	atomic<bool> queued_ = false; /* it is there */
	atomic<std::uint32_t> known_ = 1;
};

inline void signal::take(atomic<signal *> &fired, strand &self) noexcept
{
	signal *next = llist_reverse_order(llist_del_all(fired), &signal::next_);

	while (next) {
		signal &one = *std::exchange(next, next->next_);

		/*
		 * From here on a setter adds it again. A setter that did not had set the value before. Pairs
		 * with the exchange in fire(): `next_` was read before, and such a setter writes there.
		 */
		one.queued_.exchange(false, memory_order_acq_rel);
		/* The value may have been taken meanwhile. From here on it is the waiting one's. */
		if (one.waiting && !one.waiting->is_ready && one.holds())
			self.make_ready_in_place(*one.waiting);
	}
}

inline void signal::detach(sources &of) noexcept
{
	strand *was;

	{
		const spin_lock_irq::guard alone(lock_);

		was = std::exchange(to_, nullptr);
		of_ = nullptr;
	}
	/* It may still be in the list, where no setter adds it any more. Relaxed: they do so under the lock. */
	if (was && queued_.load(memory_order_relaxed))
		take(of.fired, *was);
	/* Another coroutine's wait outlives it: that is over. */
	if (was && waiting) {
		waiting->status = error_code(errc::epipe).code();
		was->make_ready(*waiting);
	}
}

/* The outcome where there is none: its handle was moved from, or never made. A bug of the handler's. */
template <class State>
error_code no_signal() noexcept
{
	KTCP_WARN_ONCE("there is no %s: it was moved from, or not created", State::kind);
	return errc::ebadf;
}

/* One that knows a signal, or none: copied and moved, and counted. */
template <class State>
class signal_handle {
    public:
	signal_handle() noexcept = default;

	signal_handle(const signal_handle &other) noexcept : state_(other.state_)
	{
		if (state_)
			state_->hold();
	}

	signal_handle(signal_handle &&other) noexcept : state_(std::exchange(other.state_, nullptr))
	{
	}

	signal_handle &operator=(signal_handle other) noexcept
	{
		std::swap(state_, other.state_);
		return *this;
	}

	~signal_handle()
	{
		if (state_)
			state_->let_go();
	}

    protected:
	explicit signal_handle(State &of) noexcept : state_(&of)
	{
		of.hold();
	}

	State *state_ = nullptr;
};

} // namespace detail
} // namespace ktcp

#endif
