// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * A number that may be changed while others read it.
 */
#ifndef KTCP_BASE_SETTING_HPP
#define KTCP_BASE_SETTING_HPP

#include <atomic>
#include <type_traits>

#include <ktcp/port/layout.h>

namespace ktcp
{

/**
 * A number that one context changes now and then, and all may read. A copy has the value. Nothing is
 * ordered by it. Any context.
 */
template <class T>
class setting {
	static_assert(std::atomic<T>::is_always_lock_free);

    public:
	constexpr setting(T value = {}) noexcept : value_(value)
	{
	}

	constexpr setting(const setting &other) noexcept : value_(other)
	{
	}

	setting &operator=(const setting &other) noexcept
	{
		return *this = static_cast<T>(other);
	}

	/** From now on. */
	setting &operator=(T value) noexcept
	{
		KTCP_WRITE_POINT(&value_, sizeof(value_), true);
		__atomic_store_n(&value_, value, __ATOMIC_RELAXED);
		return *this;
	}

	/** Now. */
	constexpr operator T() const noexcept
	{
		if (std::is_constant_evaluated())
			return value_;
		KTCP_SCHED_POINT();
		return __atomic_load_n(&value_, __ATOMIC_RELAXED);
	}

    private:
	T value_;
};

} // namespace ktcp

#endif
