// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * Kernel threads, joined before they are forgotten.
 *
 * @code
 * ktcp::thread ticker;
 * KTCP_TRY(ticker.start("ticker", run, &context));
 * ...
 * ticker.join();		// also in the destructor
 * @endcode
 *
 * Kernel: include/linux/kthread.h.
 */
#ifndef KTCP_KERNEL_THREAD_HPP
#define KTCP_KERNEL_THREAD_HPP

#include <utility>

#include <ktcp/base/result.hpp>
#include <ktcp/port/thread.h>

namespace ktcp
{

/** A kernel thread, or none. */
class thread {
    public:
	thread() noexcept = default;
	thread(const thread &) = delete;
	thread &operator=(const thread &) = delete;

	/** Joins. */
	~thread()
	{
		join();
	}

	/**
	 * Run @p function in a thread of its own, named @p name (15 characters count).
	 * Errors: ENOMEM, EAGAIN, EINTR (the caller is being killed); EBUSY if it was started.
	 * Process context.
	 */
	result<void> start(const char *name, int (*function)(void *), void *argument) noexcept
	{
		if (task_)
			return errc::ebusy;
		return result<void>::from(ktcp_kthread_run(function, argument, name, &task_));
	}

	/**
	 * Ask it to stop, and wait until it has left its function and this module. The
	 * function may have returned long before. Process context, not from the thread.
	 */
	void join() noexcept
	{
		if (task_)
			ktcp_kthread_stop(std::exchange(task_, nullptr));
	}

	/** Was it started, and not joined yet? */
	bool started() const noexcept
	{
		return task_ != nullptr;
	}

	/** In a thread: was it asked to stop? */
	static bool should_stop() noexcept
	{
		return ktcp_kthread_should_stop();
	}

    private:
	struct task_struct *task_ = nullptr;
};

} // namespace ktcp

#endif
