// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * port/turns.h over threads, as if there were one CPU: a lock stands for its bottom halves, and
 * whoever leaves does what was raised.
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

#include <ktcp/port/turns.h>

struct ktcp_turns {
	const ktcp_turns_ops *ops;
	std::unique_ptr<std::max_align_t[]> cpu;
	std::recursive_mutex here;
	std::condition_variable_any more;
	std::thread thread;
	unsigned int depth = 0; /* of enter(), by who holds the lock */
	bool raised = false;
	bool work = false;
	bool closing = false;

	void run()
	{
		pthread_setname_np(pthread_self(), "turns");

		std::unique_lock hold(here);

		ops->arrive(cpu.get());
		for (;;) {
			more.wait(hold, [this] { return work || closing; });
			if (closing)
				return;
			if (!ops->thread(cpu.get()))
				work = false;
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
		turns_of_all = made.release();
		turns_of_all->thread = std::thread([] { turns_of_all->run(); });
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
		/* Whoever was here has left once this is ours. */
		const std::lock_guard here(turns->here);

		turns->closing = true;
		turns->more.notify_one();
	}
	turns->thread.join();
	turns_of_all = nullptr;
	delete turns;
}

void *ktcp_turns_enter(struct ktcp_turns *turns)
{
	turns->here.lock();
	turns->depth++;
	return turns->cpu.get();
}

void ktcp_turns_leave(struct ktcp_turns *turns)
{
	while (turns->depth == 1 && turns->raised) {
		turns->raised = false;
		turns->ops->drain(turns->cpu.get());
	}
	turns->depth--;
	turns->here.unlock();
}

void ktcp_turns_raise(void *)
{
	turns_of_all->raised = true;
}

void ktcp_turns_wake(void *)
{
	turns_of_all->work = true;
	turns_of_all->more.notify_one();
}

uint64_t ktcp_turns_clock(void)
{
	return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(
					     std::chrono::steady_clock::now().time_since_epoch())
					     .count());
}
