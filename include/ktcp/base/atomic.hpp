// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * Atomic variables shared between contexts.
 *
 * std::atomic with two differences: the order is always spelled out, and every
 * operation is a point at which the simulated port may run somebody else. A variable
 * is either one of these or the kernel's atomic_t, never both.
 *
 * Kernel: Documentation/atomic_t.txt. The orders are those of C++. No operation here is an
 * smp_mb(), not even with seq_cst: the kernel's that return a value are stronger on arm64.
 */
#ifndef KTCP_BASE_ATOMIC_HPP
#define KTCP_BASE_ATOMIC_HPP

#include <atomic>
#include <cstdint>

#include <ktcp/port/layout.h>

namespace ktcp
{

using std::atomic_signal_fence;
using std::memory_order_acq_rel;
using std::memory_order_acquire;
using std::memory_order_relaxed;
using std::memory_order_release;
using std::memory_order_seq_cst;

/** A T that several contexts may use at once. Any context; never sleeps. */
template <class T>
class atomic {
	static_assert(std::atomic<T>::is_always_lock_free);

    public:
	constexpr atomic(T value) noexcept : value_(value)
	{
	}

	/** The value. Any context. */
	T load(std::memory_order order) const noexcept
	{
		KTCP_SCHED_POINT();
		return value_.load(order);
	}

	/** Make it @p value. Any context. */
	void store(T value, std::memory_order order) noexcept
	{
		KTCP_WRITE_POINT(&value_, sizeof(value_), !releases(order));
		value_.store(value, order);
	}

	/** Each returns the value before. */
	T exchange(T value, std::memory_order order) noexcept
	{
		KTCP_WRITE_POINT(&value_, 0, !releases(order));
		return value_.exchange(value, order);
	}

	/** Set bits; the value before. Any context. */
	T fetch_or(T bits, std::memory_order order) noexcept
	{
		KTCP_WRITE_POINT(&value_, 0, !releases(order));
		return value_.fetch_or(bits, order);
	}

	/** Keep these bits alone; the value before. Any context. */
	T fetch_and(T bits, std::memory_order order) noexcept
	{
		KTCP_WRITE_POINT(&value_, 0, !releases(order));
		return value_.fetch_and(bits, order);
	}

	/** Add; the value before. Any context. */
	T fetch_add(T amount, std::memory_order order) noexcept
	{
		KTCP_WRITE_POINT(&value_, 0, !releases(order));
		return value_.fetch_add(amount, order);
	}

	/** Subtract; the value before. Any context. */
	T fetch_sub(T amount, std::memory_order order) noexcept
	{
		KTCP_WRITE_POINT(&value_, 0, !releases(order));
		return value_.fetch_sub(amount, order);
	}

	/** If it is @p expected, make it @p desired; else put what it is in @p expected. */
	bool compare_exchange(T &expected, T desired, std::memory_order order) noexcept
	{
		KTCP_WRITE_POINT(&value_, 0, !releases(order));
		return value_.compare_exchange_strong(expected, desired, order,
						      memory_order_relaxed);
	}

    private:
	/* Are stores before an operation of that order seen before it? */
	static constexpr bool releases(std::memory_order order) noexcept
	{
		return order != memory_order_relaxed && order != memory_order_acquire;
	}

	std::atomic<T> value_;
};

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

} // namespace ktcp

#endif
