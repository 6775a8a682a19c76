/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* port/sync.h, simulated. */
#include "locks.hpp"

#include <cstdint>

#include "kernel.hpp"

#include <ktcp/port/layout.h>
#include <ktcp/port/sync.h>

namespace
{

constexpr uint64_t mutex_magic = 0x6d757465786d7574;
constexpr uint64_t completion_magic = 0x636f6d706c657465;

} // namespace

struct mutex {
	uint64_t magic;
	sim::task *owner;
	mutex *next_held; /* list of all held mutexes */
};

struct completion {
	uint64_t magic;
	unsigned int done;
};

static_assert(sizeof(mutex) <= KTCP_SIZEOF_MUTEX);
static_assert(sizeof(completion) <= KTCP_SIZEOF_COMPLETION);

using sim::kernel;

static void check(kernel &k, const mutex *lock, const char *function)
{
	if (lock->magic != mutex_magic)
		k.fail("%s: not an initialised mutex", function);
}

static void check(kernel &k, const completion *done, const char *function)
{
	if (done->magic != completion_magic)
		k.fail("%s: not an initialised completion", function);
}

void sim::check_locks_freed(kernel &k, const void *memory, size_t size)
{
	const char *from = static_cast<const char *>(memory);

	for (const mutex *lock = static_cast<mutex *>(k.held_mutexes); lock;
	     lock = lock->next_held) {
		const char *at = reinterpret_cast<const char *>(lock);

		if (at >= from && at < from + size)
			k.fail("memory freed with a held mutex in it");
	}
	if (k.anyone_waits_within(from, from + size))
		k.fail("memory freed while somebody waits for something in it");
}

void ktcp_mutex_init(struct mutex *lock)
{
	kernel::enter_any("ktcp_mutex_init");
	*lock = mutex{ mutex_magic, nullptr, nullptr };
}

void ktcp_mutex_lock(struct mutex *lock)
{
	kernel &k = kernel::enter_process("ktcp_mutex_lock");

	check(k, lock, "ktcp_mutex_lock");
	if (lock->owner == &k.current())
		k.fail("ktcp_mutex_lock: held by the caller already");
	while (lock->owner)
		k.block(lock, "mutex_lock");
	lock->owner = &k.current();
	lock->next_held = static_cast<mutex *>(k.held_mutexes);
	k.held_mutexes = lock;
}

void ktcp_mutex_unlock(struct mutex *lock)
{
	kernel &k = kernel::enter_process("ktcp_mutex_unlock");
	mutex *before = nullptr;

	check(k, lock, "ktcp_mutex_unlock");
	if (lock->owner != &k.current())
		k.fail("ktcp_mutex_unlock: not held by the caller");
	lock->owner = nullptr;
	for (mutex *m = static_cast<mutex *>(k.held_mutexes); m != lock; m = m->next_held)
		before = m;
	if (before)
		before->next_held = lock->next_held;
	else
		k.held_mutexes = lock->next_held;
	k.wake(lock);
}

void ktcp_mutex_destroy(struct mutex *lock)
{
	kernel &k = kernel::enter_any("ktcp_mutex_destroy");

	check(k, lock, "ktcp_mutex_destroy");
	if (lock->owner)
		k.fail("ktcp_mutex_destroy: held");
	lock->magic = 0;
}

void ktcp_init_completion(struct completion *done)
{
	kernel::enter_any("ktcp_init_completion");
	*done = completion{ completion_magic, 0 };
}

void ktcp_complete(struct completion *done)
{
	kernel &k = kernel::enter_any("ktcp_complete");

	check(k, done, "ktcp_complete");
	done->done++;
	k.wake(done);
	k.trace("complete");
	/* The waiter may be gone, and the completion with it, before this returns. */
	k.point();
}

void ktcp_wait_for_completion(struct completion *done)
{
	kernel &k = kernel::enter_process("ktcp_wait_for_completion");

	check(k, done, "ktcp_wait_for_completion");
	while (!done->done)
		k.block(done, "wait_for_completion");
	done->done--;
	k.trace("wait_for_completion: done");
}

bool ktcp_wait_for_completion_timeout(struct completion *done, unsigned int ms)
{
	kernel &k = kernel::enter_process("ktcp_wait_for_completion_timeout");
	const uint64_t deadline = k.now_ms() + ms;

	check(k, done, "ktcp_wait_for_completion_timeout");
	while (!done->done)
		if (!k.block_until(done, deadline, "wait_for_completion_timeout"))
			break;
	if (!done->done)
		return false;
	done->done--;
	return true;
}

void ktcp_synchronize_rcu(void)
{
	kernel &k = kernel::enter_process("ktcp_synchronize_rcu");

	k.trace("synchronize_rcu");
	k.synchronize_rcu();
}
