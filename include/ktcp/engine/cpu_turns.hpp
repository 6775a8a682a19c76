// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * Which place takes the turns of a CPU's strands that never sleep.
 *
 *   inline   in sk_data_ready, while nothing else is ready and the drain has some of its share
 *            left: the bytes are in the cache, and nobody is switched to
 *   drain    behind the softirq, for the rest, within a share: 64 strands, and half of each
 *            millisecond
 *   thread   once the share is used up, or turns were heavy: all of the CPU's turns for a while,
 *            never the leftovers alone (as a third task beside its softirqs and its other tasks it
 *            would have the longest latencies of all)
 *
 * Without the share, softirqs that saturate a CPU keep its tasks waiting; without the thread's
 * priority, what is left for the thread waits for them. Measured: docs/benchmarks.md.
 *
 * A turn that needs process context, and every turn of a CPU without a thread, is a work item's.
 */
#ifndef KTCP_ENGINE_CPU_TURNS_HPP
#define KTCP_ENGINE_CPU_TURNS_HPP

#include <cstdint>
#include <type_traits>

#include <ktcp/engine/strand.hpp>
#include <ktcp/port/turns.h>

namespace ktcp
{

/**
 * What is ready on one CPU. Lives in the memory that ktcp_turns_get() gives each, and is used only
 * "here", as port/turns.h has it. All zero is its beginning.
 */
class cpu_turns {
    public:
	/** May a turn begin where the event is? Then begin_inline(). */
	bool has_room() noexcept
	{
		return ready_.empty() && !draining_ && !handed_over() && !share_is_used_up();
	}

	/** A turn that was begun inside its event ended so; @p self is not looked at if given away. */
	void end_inline(strand &self, strand::turn_end end) noexcept
	{
		if (end == strand::turn_end::given_away)
			return;
		was_heavy();
		add(self);
	}

	/** Have a claimed strand take its turn as soon as it can. It is given away. */
	void add(strand &ready) noexcept
	{
		if (!has_thread_) {
			ready.how_.to_process(ready);
			return;
		}
		ready_.push(ready);
		if (handed_over())
			ktcp_turns_wake(this);
		else if (!draining_) /* else it looks once more */
			ktcp_turns_raise(this);
	}

	/** What the port calls. */
	static const ktcp_turns_ops operations;

    private:
	/* The drain's share: so many strands in a run, so much of each period. */
	static constexpr unsigned int share_strands = 64; /* as NAPI's weight */
	static constexpr std::uint64_t share_ns = 500'000;
	static constexpr std::uint64_t share_period_ns = 1'000'000;
	/* So many turns within so long that used up their own shares are heavy … */
	static constexpr unsigned int heavy_turns = 4;
	/* … and so long all turns are the thread's then: two jiffies at 250 Hz. */
	static constexpr std::uint64_t hand_over_ns = 8'000'000;

	static cpu_turns &of(void *cpu) noexcept
	{
		return *static_cast<cpu_turns *>(cpu);
	}

	/* Are turns the thread's just now? Until it is done with what it has, and the time is over. */
	bool handed_over() noexcept
	{
		if (handed_over_ && ready_.empty() &&
		    ktcp_turns_clock() - handed_over_at_ >= hand_over_ns)
			handed_over_ = false;
		return handed_over_;
	}

	void hand_over(std::uint64_t now) noexcept
	{
		handed_over_ = true;
		handed_over_at_ = now;
	}

	void was_heavy() noexcept
	{
		const std::uint64_t now = ktcp_turns_clock();

		if (now - heavy_since_ >= hand_over_ns) {
			heavy_since_ = now;
			heavy_ = 0;
		}
		if (++heavy_ >= heavy_turns)
			hand_over(now);
	}

	void take_turn() noexcept
	{
		strand &next = ready_.pop();

		if (next.how_.take_turn(next) == strand::turn_end::share_used) {
			was_heavy();
			ready_.push(next);
		}
	}

	/* Softirqs have had their part of this period: the next turn is charged, or handed over. */
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

		if (handed_over_)
			return; /* after it was raised */
		draining_ = true;
		while (!ready_.empty() && !handed_over_) {
			take_turn();
			if ((!charge(since) || ++taken == share_strands) && !ready_.empty())
				hand_over(since);
		}
		draining_ = false;
		if (ready_.empty())
			return;
		if (has_thread_)
			ktcp_turns_wake(this);
		else
			to_process();
	}

	bool thread_turn() noexcept
	{
		if (!ready_.empty())
			take_turn();
		return !ready_.empty();
	}

	void to_process() noexcept
	{
		while (!ready_.empty()) {
			strand &next = ready_.pop();

			next.how_.to_process(next);
		}
	}

	void depart() noexcept
	{
		has_thread_ = false;
		to_process();
	}

	strand_queue ready_;
	std::uint64_t period_, spent_ns_; /* the drain's */
	std::uint64_t heavy_since_;
	std::uint64_t handed_over_at_;
	unsigned int heavy_;
	bool has_thread_;
	bool draining_;
	bool handed_over_;
};

/** @cond for doxygen, which takes the initializers for members */
inline constexpr ktcp_turns_ops cpu_turns::operations = {
	.drain = [](void *cpu) { of(cpu).drain(); },
	.thread = [](void *cpu) { return of(cpu).thread_turn(); },
	.arrive = [](void *cpu) { of(cpu).has_thread_ = true; },
	.depart = [](void *cpu) { of(cpu).depart(); },
};
/** @endcond */

static_assert(std::is_trivially_default_constructible_v<cpu_turns>);

} // namespace ktcp

#endif
