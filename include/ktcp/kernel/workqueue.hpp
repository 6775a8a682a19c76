// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * Concurrency-managed workqueues, and work items that are a member function.
 *
 * @code
 * struct sampler {
 *	void sample();					// runs in process context
 *	ktcp::work<sampler> work{ *this, [](sampler &self) { self.sample(); } };
 * };
 * auto queue = KTCP_TRY(ktcp::workqueue::create("sampler"));
 * one.work.queue_on(queue);
 * @endcode
 *
 * A work item never runs beside itself. It may queue itself again, and may destroy the
 * object that it is a member of, as its last act.
 * Kernel: Documentation/core-api/workqueue.rst.
 */
#ifndef KTCP_KERNEL_WORKQUEUE_HPP
#define KTCP_KERNEL_WORKQUEUE_HPP

#include <concepts>
#include <cstddef>
#include <utility>

#include <ktcp/base/result.hpp>
#include <ktcp/kernel/sync.hpp>
#include <ktcp/port/layout.h>
#include <ktcp/port/work.h>

namespace ktcp
{

/** A struct workqueue_struct. */
class workqueue {
    public:
	/** How a queue is to run its items. */
	struct options {
		bool unbound = false; /**< workers go where the scheduler likes */
		bool high_priority = false; /**< workers at nice -20 */
		int max_active = 0; /**< items at once, per CPU unless unbound; 0: the default */
	};

	/** No queue: only assignment and destruction are allowed. */
	workqueue() noexcept = default;

	/** @param name  copied. Errors: ENOMEM. Process context. */
	static result<workqueue> create(const char *name, const options &how) noexcept
	{
		workqueue made;

		made.queue_ = ktcp_alloc_workqueue(name,
						   (how.unbound ? KTCP_WQ_UNBOUND : 0) |
							   (how.high_priority ? KTCP_WQ_HIGHPRI : 0),
						   how.max_active);
		if (!made.queue_)
			return errc::enomem;
		return made;
	}

	/** The same with the options' defaults. */
	static result<workqueue> create(const char *name) noexcept
	{
		return create(name, options());
	}

	workqueue(workqueue &&other) noexcept : queue_(std::exchange(other.queue_, nullptr))
	{
	}

	workqueue &operator=(workqueue &&other) noexcept
	{
		std::swap(queue_, other.queue_);
		return *this;
	}

	/** Waits for everything queued; then no item runs module code. Process context. */
	~workqueue()
	{
		ktcp_destroy_workqueue(queue_);
	}

	/** The most that options::max_active may be. */
	static int most_active() noexcept
	{
		return ktcp_wq_max_active();
	}

	/** As the boundary has it. */
	struct workqueue_struct *raw() noexcept
	{
		return queue_;
	}

    private:
	struct workqueue_struct *queue_ = nullptr;
};

/**
 * A work item that calls a function with its owner, which outlives every run. Not on a stack:
 * debug kernels keep track of it as of an object that stays. To lockdep those with one lambda are of one kind.
 */
template <class Owner>
class work {
    public:
	/** Each run calls it. */
	using function = void (*)(Owner &);

	template <std::convertible_to<function> Run>
	work(Owner &owner, Run run) noexcept : owner_(&owner), run_(run)
	{
		ktcp_init_work(raw(), [](struct work_struct *item) {
			work &self = *reinterpret_cast<work *>(item);

			self.run_(*self.owner_);
		});
		ktcp_work_set_class(raw(), lock_class<Run>::key(), lock_class<Run>::name());
	}

	work(const work &) = delete;
	work &operator=(const work &) = delete;

	/**
	 * Have it run once, from now on, on @p cpu if that is online (-1: this one).
	 * Returns false if it was queued already. Any context.
	 */
	bool queue_on(workqueue &queue, int cpu = -1) noexcept
	{
		return ktcp_queue_work(cpu, queue.raw(), raw());
	}

	/** On return it is neither queued nor running. Process context, not from itself. */
	bool cancel_sync() noexcept
	{
		return ktcp_cancel_work_sync(raw());
	}

    private:
	struct work_struct *raw() noexcept
	{
		return reinterpret_cast<struct work_struct *>(storage_);
	}

	alignas(void *) std::byte storage_[KTCP_SIZEOF_WORK]; /* first: see the constructor */
	Owner *owner_;
	function run_;
};

/**
 * A work item as a base of its owner, which it calls: `void on_work()`. It takes no more than the
 * kernel's bytes, for owners that are many.
 */
template <class Owner>
class work_base {
    public:
	work_base(const work_base &) = delete;
	work_base &operator=(const work_base &) = delete;

	/** As work::queue_on(). */
	bool queue_on(workqueue &queue, int cpu = -1) noexcept
	{
		return ktcp_queue_work(cpu, queue.raw(), raw());
	}

    protected:
	work_base() noexcept
	{
		ktcp_init_work(raw(), [](struct work_struct *item) {
			static_cast<Owner &>(*reinterpret_cast<work_base *>(item)).on_work();
		});
		ktcp_work_set_class(raw(), lock_class<work_base>::key(),
				    lock_class<work_base>::name());
	}

	~work_base() = default;

    private:
	struct work_struct *raw() noexcept
	{
		return reinterpret_cast<struct work_struct *>(storage_);
	}

	alignas(void *) std::byte storage_[KTCP_SIZEOF_WORK]; /* first: see the constructor */
};

/** A work item with a timer before it (struct delayed_work). */
template <class Owner>
class delayed_work {
    public:
	/** Each run calls it. */
	using function = void (*)(Owner &);

	template <std::convertible_to<function> Run>
	delayed_work(Owner &owner, Run run) noexcept : owner_(&owner), run_(run)
	{
		ktcp_init_delayed_work(raw(), [](struct work_struct *item) {
			/* struct delayed_work begins with its struct work_struct */
			delayed_work &self = *reinterpret_cast<delayed_work *>(item);

			self.run_(*self.owner_);
		});
		ktcp_work_set_class(reinterpret_cast<struct work_struct *>(storage_),
				    lock_class<Run>::key(), lock_class<Run>::name());
	}

	delayed_work(const delayed_work &) = delete;
	delayed_work &operator=(const delayed_work &) = delete;

	/** Have it run @p delay_ms from now, in place of any earlier date. Any context. */
	bool queue_in(workqueue &queue, unsigned int delay_ms) noexcept
	{
		return ktcp_mod_delayed_work(queue.raw(), raw(), delay_ms);
	}

	/** As work::cancel_sync(). */
	bool cancel_sync() noexcept
	{
		return ktcp_cancel_delayed_work_sync(raw());
	}

    private:
	struct ::delayed_work *raw() noexcept
	{
		return reinterpret_cast<struct ::delayed_work *>(storage_);
	}

	alignas(void *) std::byte storage_[KTCP_SIZEOF_DELAYED_WORK]; /* first */
	Owner *owner_;
	function run_;
};

} // namespace ktcp

#endif
