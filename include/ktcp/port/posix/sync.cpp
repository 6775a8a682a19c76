// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* port/sync.h over the C++ library; RCU's grace period is in socket.cpp. */
#include <condition_variable>
#include <mutex>
#include <new>

#include <ktcp/port/layout.h>
#include <ktcp/port/sync.h>

#include "bottom_halves.hpp"

struct mutex : std::mutex {};

struct completion {
	std::mutex lock;
	std::condition_variable changed;
	unsigned int done = 0;
};

static_assert(sizeof(mutex) <= KTCP_SIZEOF_MUTEX);
static_assert(sizeof(completion) <= KTCP_SIZEOF_COMPLETION);

void ktcp_mutex_init(struct mutex *lock)
{
	new (lock) mutex;
}

void ktcp_mutex_lock(struct mutex *lock)
{
	lock->lock();
}

void ktcp_mutex_unlock(struct mutex *lock)
{
	lock->unlock();
}

void ktcp_mutex_destroy(struct mutex *lock)
{
	lock->~mutex();
}

/* The thread that has bottom halves off is alone with them: no more exclusion is needed. */
struct spinlock {};

static_assert(sizeof(spinlock) <= KTCP_SIZEOF_SPINLOCK);

void ktcp_mutex_set_class(struct mutex *, struct lock_class_key *, const char *)
{
}

void ktcp_spin_lock_set_class(struct spinlock *, struct lock_class_key *, const char *)
{
}

void ktcp_spin_lock_init(struct spinlock *)
{
}

void ktcp_spin_lock_bh(struct spinlock *)
{
	the_bottom_halves.disable();
}

void ktcp_spin_unlock_bh(struct spinlock *)
{
	the_bottom_halves.enable();
}

/* A program has no interrupts. */
void ktcp_spin_lock_irqsave(struct spinlock *lock, struct ktcp_irq_state *)
{
	ktcp_spin_lock_bh(lock);
}

void ktcp_spin_unlock_irqrestore(struct spinlock *lock, const struct ktcp_irq_state *)
{
	ktcp_spin_unlock_bh(lock);
}

void ktcp_init_completion(struct completion *done)
{
	new (done) completion; /* never destroyed: neither of its members owns anything */
}

void ktcp_complete(struct completion *done)
{
	/* Notified under the lock: the waiter may free it as soon as it has that. */
	const std::lock_guard hold(done->lock);

	done->done++;
	done->changed.notify_one();
}

void ktcp_wait_for_completion(struct completion *done)
{
	std::unique_lock hold(done->lock);

	done->changed.wait(hold, [&] { return done->done != 0; });
	done->done--;
}

bool ktcp_wait_for_completion_timeout(struct completion *done, unsigned int ms)
{
	std::unique_lock hold(done->lock);

	if (!done->changed.wait_for(hold, std::chrono::milliseconds(ms),
				    [&] { return done->done != 0; }))
		return false;
	done->done--;
	return true;
}
