// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * port/turns.h over threads, as if there were one CPU, whose bottom halves are the_bottom_halves.
 */
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <new>
#include <thread>

#include <pthread.h>

#include <ktcp/port/posix/thread.hpp>
#include <ktcp/port/turns.h>

#include "bottom_halves.hpp"

struct ktcp_turns {
	const ktcp_turns_ops *ops;
	std::unique_ptr<std::max_align_t[]> cpu;
	std::condition_variable_any more;
	std::thread thread;
	bool work = false;
	bool later = false;
	bool closing = false;

	static constexpr std::chrono::milliseconds jiffy{ 1 };

	void run()
	{
		pthread_setname_np(pthread_self(), "turns");

		std::unique_lock hold(the_bottom_halves.lock);

		ops->arrive(cpu.get());
		for (;;) {
			more.wait(hold, [this] { return work || later || closing; });
			if (!work && !closing) /* several at a time */
				more.wait_for(hold, jiffy, [this] { return work || closing; });
			if (closing)
				return;
			if (work) {
				the_bottom_halves.disable();
				if (!ops->thread(cpu.get()))
					work = false;
				the_bottom_halves.enable();
			}
			if (later) {
				later = false;
				hold.unlock();
				ops->later(cpu.get());
				hold.lock();
			}
			hold.unlock(); /* others are "here" between two turns */
			hold.lock();
		}
	}
};

namespace
{

std::mutex lifetime;
ktcp_turns *turns_of_all;
unsigned int users;

} // namespace

int ktcp_turns_get(size_t size, const struct ktcp_turns_ops *ops, struct ktcp_turns **out)
{
	const std::lock_guard hold(lifetime);

	if (!turns_of_all) {
		std::unique_ptr<ktcp_turns> made(new (std::nothrow) ktcp_turns{});

		if (!made)
			return -ENOMEM;
		made->ops = ops;
		made->cpu.reset(new (std::nothrow)
					std::max_align_t[size / sizeof(std::max_align_t) + 1]{});
		if (!made->cpu)
			return -ENOMEM;
		turns_of_all = made.get();
		/* Without its lock: enable() reads it behind raise() alone, and no drain is raised yet. */
		the_bottom_halves.drain = [] { turns_of_all->ops->drain(turns_of_all->cpu.get()); };
		if (!ktcp_posix_start(made->thread, [] { turns_of_all->run(); })) {
			the_bottom_halves.drain = nullptr;
			turns_of_all = nullptr;
			return -EAGAIN;
		}
		static_cast<void>(made.release());
	}
	users++;
	*out = turns_of_all;
	return 0;
}

void ktcp_turns_put(struct ktcp_turns *turns)
{
	if (!turns)
		return;

	const std::lock_guard hold(lifetime);

	if (--users)
		return;
	{
		/* The thread before us has left once this is ours. */
		const std::lock_guard here(the_bottom_halves.lock);

		turns->closing = true;
		turns->more.notify_one();
	}
	turns->thread.join();
	turns_of_all = nullptr;
	delete turns;
}

void *ktcp_turns_enter(struct ktcp_turns *turns)
{
	the_bottom_halves.disable();
	return turns->cpu.get();
}

void ktcp_turns_leave(struct ktcp_turns *)
{
	the_bottom_halves.enable();
}

void *ktcp_turns_beside(struct ktcp_turns *turns)
{
	return turns->cpu.get();
}

void ktcp_turns_raise(void *)
{
	the_bottom_halves.raise();
}

void ktcp_turns_wake(void *)
{
	turns_of_all->work = true;
	turns_of_all->more.notify_one();
}

void ktcp_turns_later(void *, bool)
{
	turns_of_all->later = true;
	turns_of_all->more.notify_one();
}

uint64_t ktcp_turns_clock(void)
{
	return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(
					     std::chrono::steady_clock::now().time_since_epoch())
					     .count());
}
