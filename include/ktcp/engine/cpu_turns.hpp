// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * Which place takes the turns of a CPU's strands that never sleep.
 *
 *   inline   in sk_data_ready, while nothing else is ready and the drain has some of its share
 *            left: the bytes are in the cache, and no task is switched to
 *   drain    behind the softirq, for the rest, within a share: 64 strands, and half of each
 *            millisecond
 *   thread   a strand whose turn used its own share up, until it waits; beside several such turns
 *            also the strands of local peers, for a while; and, once the drain's share is used up,
 *            all of the CPU's turns for a while, never the leftovers alone (as a third task beside
 *            the CPU's softirqs and its other tasks the thread would have the longest latencies of
 *            all)
 *   later    in process context within a jiffy, several at a time: what is over, and only has to be
 *            let go
 *
 * Without the share, softirqs that saturate a CPU keep its tasks waiting. Without the thread's
 * priority, the thread's strands wait for those tasks. A strand with much to do goes to the thread
 * alone. If it took the others along, one bulk sender would slow all small ones down. Local peers are
 * the exception, for they are tasks of this CPU, too. One that is answered inline never sleeps, and
 * then waits for whole time slices of the bulk sender. Measured: docs/benchmarks.md.
 *
 * A turn that needs process context, and every turn of a CPU without a thread, is a work item's.
 */
#ifndef KTCP_ENGINE_CPU_TURNS_HPP
#define KTCP_ENGINE_CPU_TURNS_HPP

#include <cstdint>
#include <utility>

#include <ktcp/base/atomic.hpp>
#include <ktcp/base/llist.hpp>
#include <ktcp/engine/strand.hpp>
#include <ktcp/port/turns.h>

namespace ktcp
{

/**
 * The strands that are ready on one CPU. It lives in the memory that ktcp_turns_get() gives each CPU,
 * and is used only "here", as port/turns.h has it. It begins as zeros.
 */
class cpu_turns {
    public:
	/** May a turn of @p next begin where its event is? After it, end_inline(). */
	bool has_room(const strand &next) noexcept
	{
		return ready_.empty() && !draining_ && !is_the_threads(next) && !share_is_used_up();
	}

	/** Settle a turn that was begun inside its event; @p self is not touched if given away. */
	void end_inline(strand &self, strand::turn_end end) noexcept
	{
		end_turn(self, end);
	}

	/** Have a claimed strand take its turn as soon as it can. It is given away. */
	void add(strand &ready) noexcept
	{
		if (!has_thread_ || is_the_threads(ready)) {
			to_thread(ready);
			return;
		}
		ready_.push(ready);
		if (!draining_) /* else it looks once more */
			ktcp_turns_raise(this);
	}

	/**
	 * The same where other code may be "here", which a hard interrupt may have interrupted. Context:
	 * "beside", as port/turns.h has it.
	 */
	void add_beside(strand &ready) noexcept
	{
		llist_add(arrived_, ready, &strand::next_);
		/* An interrupt and the code that it interrupts: their order is the compiler's alone. */
		atomic_signal_fence(memory_order_seq_cst);
		if (!looking_.load(memory_order_relaxed)) /* else it looks once more */
			ktcp_turns_raise(this);
	}

	/** The functions that the port calls. */
	static const ktcp_turns_ops operations;

    private:
	/* The drain's share: so many strands in a run, so much of each period. */
	static constexpr unsigned int share_strands = 64; /* as NAPI's weight */
	static constexpr std::uint64_t share_ns = 500'000;
	static constexpr std::uint64_t share_period_ns = 1'000'000;
	/* The thread takes all turns for so long then: two jiffies at 250 Hz. */
	static constexpr std::uint64_t hand_over_ns = 8'000'000;
	/* So many turns that used their own shares up, each so soon after the last, are heavy. */
	static constexpr unsigned int heavy_turns = 4;
	/* So many that are over are let go at once. */
	static constexpr unsigned int most_over = 64;

	static cpu_turns &of(void *cpu) noexcept
	{
		return *static_cast<cpu_turns *>(cpu);
	}

	/* Are turns the thread's just now? */
	bool handed_over() noexcept
	{
		if (handed_over_ && ktcp_turns_clock() - handed_over_at_ >= hand_over_ns)
			handed_over_ = false;
		return handed_over_;
	}

	bool is_the_threads(const strand &next) noexcept
	{
		return handed_over() || (next.local_ && is_heavy());
	}

	/* Did several turns use their own shares up, one soon after the other, until just now? */
	bool is_heavy() const noexcept
	{
		return heavy_ == heavy_turns && ktcp_turns_clock() - heavy_at_ < hand_over_ns;
	}

	void was_heavy() noexcept
	{
		const std::uint64_t now = ktcp_turns_clock();

		if (now - heavy_at_ >= hand_over_ns)
			heavy_ = 0;
		heavy_at_ = now;
		if (heavy_ < heavy_turns)
			heavy_++;
	}

	void hand_over(std::uint64_t now) noexcept
	{
		handed_over_ = true;
		handed_over_at_ = now;
		while (!ready_.empty())
			to_thread(ready_.pop());
	}

	void to_thread(strand &ready) noexcept
	{
		if (!has_thread_) {
			ready.how_.to_process(ready);
			return;
		}
		left_.push(ready);
		ktcp_turns_wake(this);
	}

	void end_turn(strand &self, strand::turn_end end) noexcept
	{
		switch (end) {
		case strand::turn_end::given_away:
			break;
		case strand::turn_end::share_used:
			was_heavy();
			to_thread(self);
			break;
		case strand::turn_end::over:
			let_go_later(self);
			break;
		}
	}

	void let_go_later(strand &over) noexcept
	{
		/* Before the work is queued: this run of let_go() or the next takes it. */
		many_over_ = llist_add(over_, over, &strand::next_) ? many_over_ + 1 : 1;
		ktcp_turns_later(this, many_over_ == most_over);
	}

	/* Have softirqs had their part of this period? The next turn is charged, or handed over. */
	bool share_is_used_up() const noexcept
	{
		return spent_ns_ >= share_ns && ktcp_turns_clock() - period_ < share_period_ns;
	}

	/* The time since it is charged to the period's share; false if that is used up. */
	bool charge(std::uint64_t &since) noexcept
	{
		const std::uint64_t now = ktcp_turns_clock();

		if (now - period_ >= share_period_ns) {
			period_ = now;
			spent_ns_ = 0;
		}
		spent_ns_ += now - since;
		since = now;
		return spent_ns_ < share_ns;
	}

	void drain() noexcept
	{
		std::uint64_t since = ktcp_turns_clock();
		unsigned int taken = 0;

		draining_ = true;
		look_ahead();
		while (has_ready()) {
			strand &next = ready_.pop();

			end_turn(next, next.how_.take_turn(next));
			if ((!charge(since) || ++taken == share_strands) && has_ready())
				hand_over(since);
		}
		draining_ = false;
		look_once_more();
	}

	/* Is anything the drain's, with those that have arrived meanwhile? */
	bool has_ready() noexcept
	{
		add_arrived();
		return !ready_.empty();
	}

	void add_arrived() noexcept
	{
		strand *next = llist_reverse_order(llist_del_all(arrived_), &strand::next_);

		while (next)
			add(*std::exchange(next, next->next_));
	}

	/* Until look_once_more() those that arrive need not raise the drain. */
	void look_ahead() noexcept
	{
		looking_.store(true, memory_order_relaxed);
	}

	void look_once_more() noexcept
	{
		looking_.store(false, memory_order_relaxed);
		/* See add_beside(). */
		atomic_signal_fence(memory_order_seq_cst);
		add_arrived();
	}

	bool thread_turn() noexcept
	{
		look_ahead();
		if (!left_.empty()) {
			strand &next = left_.pop();

			end_turn(next, next.how_.take_turn(next));
		}
		look_once_more();
		return !left_.empty();
	}

	/* On any CPU, in process context. */
	void let_go() noexcept
	{
		strand *next = llist_del_all(over_);

		while (next) {
			strand &over = *std::exchange(next, next->next_);

			over.how_.let_go(over);
		}
	}

	void depart() noexcept
	{
		has_thread_ = false;
		for (strand_queue *each : { &ready_, &left_ })
			while (!each->empty())
				to_thread(each->pop());
	}

	strand_queue ready_; /* the drain's */
	strand_queue left_; /* the thread's */
	atomic<strand *> arrived_; /* to be added, the last one first */
	atomic<strand *> over_; /* to be let go, the last one first */
	unsigned int many_over_; /* of them, at most: they may have been taken meanwhile */
	std::uint64_t period_, spent_ns_; /* the drain's */
	std::uint64_t handed_over_at_;
	std::uint64_t heavy_at_;
	unsigned int heavy_; /* turns that used their own shares up */
	bool has_thread_;
	bool draining_;
	atomic<bool> looking_; /* at those that arrive; written "here" */
	bool handed_over_;
};

/** @cond for doxygen, which takes the initializers for members */
inline constexpr ktcp_turns_ops cpu_turns::operations = {
	.drain = [](void *cpu) { of(cpu).drain(); },
	.thread = [](void *cpu) { return of(cpu).thread_turn(); },
	.arrive = [](void *cpu) { of(cpu).has_thread_ = true; },
	.depart = [](void *cpu) { of(cpu).depart(); },
	.later = [](void *cpu) { of(cpu).let_go(); },
};
/** @endcond */

} // namespace ktcp

#endif
