// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * A value of which each CPU has its own. Connections of two CPUs share no cache line when they write it, and
 * wait for no lock.
 *
 * @code
 * struct cache {
 *	ktcp::per_cpu<ktcp::tally> hits;
 *
 *	ktcp::result<void> start() noexcept
 *	{
 *		hits = KTCP_TRY(ktcp::per_cpu<ktcp::tally>::create());
 *		return server.start();
 *	}
 *	…
 * };
 *
 * hits.here()->add(1);		// in a handler, in every model
 * const auto so_far = hits.sum();
 * @endcode
 *
 * A task goes on on another CPU at any instruction where preemption is on, and a softirq interrupts it. So
 * there are three ways to a value:
 *
 *   here()      this CPU's, and no other code of this CPU is in here() meanwhile: a plain value
 *   raw()       this CPU's or, a moment later, another one's: for a value that any context may change,
 *               such as a ktcp::atomic, a spin_guarded
 *   for_each()  all of them, while their CPUs may change them: for a value that others may read
 *
 * Two here() after each other may be of two CPUs. So a handler takes it anew behind each co_await.
 *
 * Kernel: include/linux/percpu.h, Documentation/core-api/this_cpu_ops.rst.
 */
#ifndef KTCP_KERNEL_PER_CPU_HPP
#define KTCP_KERNEL_PER_CPU_HPP

#include <cstddef>
#include <new>
#include <type_traits>
#include <utility>

#include <ktcp/base/atomic.hpp>
#include <ktcp/base/result.hpp>
#include <ktcp/port/per_cpu.h>

namespace ktcp
{

/**
 * Their owner: moved, not copied. Memory: sizeof(T) for each CPU that can ever be there. A CPU's value stays
 * while the CPU is offline.
 */
template <class T>
class per_cpu {
	static_assert(sizeof(T) <= KTCP_PER_CPU_MOST,
		      "a CPU's own value has 32 KiB at most: let it point to memory of its own");
	static_assert(alignof(T) <= KTCP_PER_CPU_ALIGN_MOST,
		      "a CPU's own value is aligned to a page at most");
	static_assert(std::is_nothrow_default_constructible_v<T>,
		      "each CPU's value begins as T(), which must be noexcept");

    public:
	/** None: to assign to. for_each() calls nothing then, and here() and raw() are not allowed. */
	per_cpu() noexcept = default;

	/**
	 * A T() for each CPU.
	 * Errors: ENOMEM. Process context: it sleeps.
	 */
	static result<per_cpu> create() noexcept
	{
		per_cpu made;

		made.all_ = ktcp_alloc_percpu(sizeof(T), alignof(T));
		if (!made.all_)
			return errc::enomem;
		for (int cpu = -1; (cpu = ktcp_next_possible_cpu(cpu)) >= 0;)
			::new (ktcp_per_cpu_ptr(made.all_, cpu)) T();
		return made;
	}

	per_cpu(per_cpu &&other) noexcept : all_(std::exchange(other.all_, nullptr))
	{
	}

	/** Swaps the two. */
	per_cpu &operator=(per_cpu &&other) noexcept
	{
		std::swap(all_, other.all_);
		return *this;
	}

	/** Destroys each CPU's value. In T's context; no here() may be left. */
	~per_cpu()
	{
		for_each([](T &each) { each.~T(); });
		ktcp_free_percpu(all_);
	}

	/** Are there any? */
	explicit operator bool() const noexcept
	{
		return all_;
	}

	/** This CPU's value for as long as this lives. Never over a co_await. */
	class [[nodiscard]] access {
	    public:
		explicit access(struct ktcp_per_cpu *all) noexcept
			: all_(all), value_(*static_cast<T *>(ktcp_get_cpu_ptr(all)))
		{
		}

		~access()
		{
			ktcp_put_cpu_ptr(all_);
		}

		access(const access &) = delete;
		access &operator=(const access &) = delete;

		/** The value. */
		T &operator*() const noexcept
		{
			return value_;
		}

		/** Its members. */
		T *operator->() const noexcept
		{
			return &value_;
		}

	    private:
		struct ktcp_per_cpu *const all_;
		T &value_;
	};

	/**
	 * This CPU's value, with bottom halves off. The caller stays on this CPU, and does not sleep. No other
	 * here() of this value is open on this CPU meanwhile. Not inside another here().
	 * Context: process or softirq, with interrupts on: under spin_guarded, but not under a lock that turns
	 * them off, for bottom halves run when it goes.
	 */
	[[nodiscard]] access here() noexcept
	{
		return access(all_);
	}

	/**
	 * The value of the CPU that the caller is on just now. It may go on on another one, and others may use
	 * this one meanwhile; T stands that.
	 * Context: any, also a hard interrupt.
	 */
	T &raw() noexcept
	{
		return *static_cast<T *>(ktcp_raw_cpu_ptr(all_));
	}

	/**
	 * Call @p function for each CPU's value, also for those of CPUs that are offline. Their CPUs may change
	 * them meanwhile; T stands that.
	 * Context: any, as far as @p function has it so. Cost: a cache line of each CPU.
	 */
	template <class Function>
	void for_each(Function function)
	{
		for (int cpu = -1; all_ && (cpu = ktcp_next_possible_cpu(cpu)) >= 0;)
			function(*static_cast<T *>(ktcp_per_cpu_ptr(all_, cpu)));
	}

	/** The same, to read. */
	template <class Function>
	void for_each(Function function) const
	{
		for (int cpu = -1; all_ && (cpu = ktcp_next_possible_cpu(cpu)) >= 0;)
			function(*static_cast<const T *>(ktcp_per_cpu_ptr(all_, cpu)));
	}

	/**
	 * The sum of @p of each CPU's value. It has what was there before the call, and may have a part of what
	 * comes meanwhile.
	 */
	template <class Of>
	auto sum(Of of) const -> std::decay_t<decltype(of(std::declval<const T &>()))>
	{
		std::decay_t<decltype(of(std::declval<const T &>()))> all{};

		for_each([&](const T &each) { all += of(each); });
		return all;
	}

	/** The same of their value(), as a ktcp::tally has it. */
	auto sum() const noexcept requires requires(const T &each)
	{
		each.value();
	}
	{
		return sum([](const T &each) { return each.value(); });
	}

    private:
	struct ktcp_per_cpu *all_ = nullptr;
};

} // namespace ktcp

#endif
