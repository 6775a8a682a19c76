// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * A timer wheel: things that are to be looked at, each by a time of its own.
 *
 * @code
 * wheel.place(session, now_ms + 600'000);
 * ...
 * wheel.advance(now_ms);
 * while (auto *due = wheel.pop_due())
 *	wheel.place(*due, look(*due));		// later, or never
 * @endcode
 *
 * The kernel's timers would do, but for one thing. All that are due in one bucket are called in one
 * softirq, and a bucket of timers of ten minutes is 16 s wide. The owner takes this wheel's due
 * entries in pieces, in process context. An entry is 24 bytes instead of 40.
 *
 * Three levels of 32 slots: ticks of 32 ms, then 1 s, then 33 s. A slot of a coarse level is due
 * when it begins, before the times of its entries. The owner looks then, and places each entry again
 * for the rest of its time. The last level also holds entries that lie beyond it. The owner looks at
 * an entry some three times, however far off its time is. Empty slots cost nothing.
 *
 * The wheel has no lock; its owner has one. Any context.
 */
#ifndef KTCP_ENGINE_TIMER_WHEEL_HPP
#define KTCP_ENGINE_TIMER_WHEEL_HPP

#include <algorithm>
#include <bit>
#include <cstdint>

#include <ktcp/base/atomic.hpp>
#include <ktcp/base/list.hpp>

namespace ktcp
{

/** Times are ktcp_now_ms()'s. */
class timer_wheel {
    public:
	/** No time. */
	static constexpr std::uint64_t never = UINT64_MAX;

	/** The base of an object that is to be looked at, or its member. Not copied or moved. */
	class entry {
	    public:
		/**
		 * Would place() for @p due_ms change nothing, or put it later than it is? Also without
		 * the wheel's lock; it may be stale then.
		 */
		bool placed_by(std::uint64_t due_ms) const noexcept
		{
			const std::uint64_t tick = tick_.load(memory_order_relaxed);

			return due_ms == never || (tick && tick <= tick_of(due_ms));
		}

	    private:
		friend class timer_wheel;

		list_node node_;
		atomic<std::uint64_t> tick_ = 0; /* 0: it is in no slot */
	};

	/** @param now_ms  from where it turns. */
	explicit timer_wheel(std::uint64_t now_ms = 0) noexcept : now_(now_ms >> tick_bits)
	{
	}

	/** Have it looked at when @p due_ms has come, in place of any other time. */
	void place(entry &one, std::uint64_t due_ms) noexcept
	{
		remove(one);
		if (due_ms == never)
			return;

		/* Not before its time, and not where the wheel has been already. */
		std::uint64_t tick = std::max(tick_of(due_ms), now_ + 1);
		unsigned int level = 0;

		while (level < levels - 1 &&
		       (tick >> shift(level)) - (now_ >> shift(level)) > furthest)
			level++;

		const std::uint64_t unit = std::min(tick >> shift(level),
						    (now_ >> shift(level)) + furthest);

		one.tick_.store(tick, memory_order_relaxed);
		slots_[level][unit % slots].push_back(one);
		occupied_[level] |= 1u << unit % slots;
	}

	/** Have it looked at no more. */
	void remove(entry &one) noexcept
	{
		/* A slot that is empty then counts as occupied until its time. */
		if (one.node_.linked())
			entries::erase(one);
		one.tick_.store(0, memory_order_relaxed);
	}

	/** It is @p now_ms: pop_due() gives what has become due. */
	void advance(std::uint64_t now_ms) noexcept
	{
		const std::uint64_t now = now_ms >> tick_bits;

		if (now <= now_)
			return;
		for (unsigned int level = 0; level < levels; level++) {
			const std::uint64_t last = now >> shift(level);
			std::uint64_t unit = now_ >> shift(level);

			/* Once around is all there is. */
			if (last - unit > slots)
				unit = last - slots;
			while (occupied_[level] && unit++ < last) {
				due_.splice_back(slots_[level][unit % slots]);
				occupied_[level] &= ~(1u << unit % slots);
			}
		}
		now_ = now;
	}

	/** The next of them, which is in no slot then; nullptr: that was all. */
	entry *pop_due() noexcept
	{
		entry *const due = due_.pop_front();

		if (due)
			due->tick_.store(0, memory_order_relaxed);
		return due;
	}

	/** That one, which pop_due() gave, can wait until nothing else is due. pop_put_off() gives it again. */
	void put_off(entry &one) noexcept
	{
		put_off_.push_back(one);
	}

	/** The first that was put off; nullptr: there is none. */
	entry *pop_put_off() noexcept
	{
		return put_off_.pop_front();
	}

	/** When to advance() next; never: there is nothing to be looked at. */
	std::uint64_t next_ms() const noexcept
	{
		std::uint64_t next = never;

		if (!due_.empty() || !put_off_.empty())
			return now_ << tick_bits;
		for (unsigned int level = 0; level < levels; level++) {
			if (!occupied_[level])
				continue;

			const std::uint64_t after = (now_ >> shift(level)) + 1;
			const auto ahead = std::countr_zero(
				std::rotr(occupied_[level], static_cast<int>(after % slots)));

			next = std::min(next, (after + static_cast<unsigned int>(ahead))
						      << shift(level) << tick_bits);
		}
		return next;
	}

    private:
	using entries = list<entry, &entry::node_>;

	static constexpr unsigned int levels = 3;
	static constexpr unsigned int slot_bits = 5;
	static constexpr unsigned int slots = 1u << slot_bits;
	static constexpr std::uint64_t furthest = slots - 1;
	static constexpr unsigned int tick_bits = 5;

	/* The first that does not begin before it. */
	static constexpr std::uint64_t tick_of(std::uint64_t due_ms) noexcept
	{
		return (due_ms >> tick_bits) + 1;
	}

	/* Ticks to a level's units. */
	static constexpr unsigned int shift(unsigned int level) noexcept
	{
		return level * slot_bits;
	}

	std::uint64_t now_; /* ticks; slots up to here were looked at */
	entries slots_[levels][slots];
	std::uint32_t occupied_[levels] = {};
	entries due_, put_off_;
};

} // namespace ktcp

#endif
