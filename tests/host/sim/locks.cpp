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
constexpr uint64_t spinlock_magic = 0x7370696e6c6f636b;

} // namespace

struct held_lock {
	uint64_t magic;
	sim::task *owner;
	held_lock *next_held; /* list of all held locks */
};

struct mutex : held_lock {};
struct spinlock : held_lock {};

struct completion {
	uint64_t magic;
	unsigned int done;
};

static_assert(sizeof(mutex) <= KTCP_SIZEOF_MUTEX);
static_assert(sizeof(completion) <= KTCP_SIZEOF_COMPLETION);
static_assert(sizeof(spinlock) <= KTCP_SIZEOF_SPINLOCK);

using sim::kernel;

static void check(kernel &k, const mutex *lock, const char *function)
{
	if (lock->magic != mutex_magic)
		k.fail("%s: not an initialised mutex", function);
}

static void check(kernel &k, const spinlock *lock, const char *function)
{
	if (lock->magic != spinlock_magic)
		k.fail("%s: not an initialised spin lock", function);
}

static void check(kernel &k, const completion *done, const char *function)
{
	if (done->magic != completion_magic)
		k.fail("%s: not an initialised completion", function);
}

void sim::check_locks_freed(kernel &k, const void *memory, size_t size)
{
	const char *from = static_cast<const char *>(memory);

	for (const held_lock *lock = static_cast<held_lock *>(k.held_locks); lock;
	     lock = lock->next_held) {
		const char *at = reinterpret_cast<const char *>(lock);

		if (at >= from && at < from + size)
			k.fail("memory freed with a held lock in it");
	}
	if (k.anyone_waits_within(from, from + size))
		k.fail("memory freed while somebody waits for something in it");
}

static void hold(kernel &k, held_lock *lock, const char *why)
{
	while (lock->owner)
		k.block(lock, why);
	lock->owner = &k.current();
	lock->next_held = static_cast<held_lock *>(k.held_locks);
	k.held_locks = lock;
}

static void let_go(kernel &k, held_lock *lock, const char *function)
{
	held_lock *before = nullptr;

	if (lock->owner != &k.current())
		k.fail("%s: not held by the caller", function);
	lock->owner = nullptr;
	for (held_lock *held = static_cast<held_lock *>(k.held_locks); held != lock;
	     held = held->next_held)
		before = held;
	if (before)
		before->next_held = lock->next_held;
	else
		k.held_locks = lock->next_held;
	k.wake(lock);
}

void ktcp_mutex_init(struct mutex *lock)
{
	kernel::enter_any("ktcp_mutex_init");
	*lock = mutex{ { mutex_magic, nullptr, nullptr } };
}

void ktcp_mutex_lock(struct mutex *lock)
{
	kernel &k = kernel::enter_process("ktcp_mutex_lock");

	check(k, lock, "ktcp_mutex_lock");
	if (lock->owner == &k.current())
		k.fail("ktcp_mutex_lock: held by the caller already");
	hold(k, lock, "mutex_lock");
}

void ktcp_mutex_unlock(struct mutex *lock)
{
	kernel &k = kernel::enter_process("ktcp_mutex_unlock");

	check(k, lock, "ktcp_mutex_unlock");
	let_go(k, lock, "ktcp_mutex_unlock");
}

void ktcp_mutex_destroy(struct mutex *lock)
{
	kernel &k = kernel::enter_any("ktcp_mutex_destroy");

	check(k, lock, "ktcp_mutex_destroy");
	if (lock->owner)
		k.fail("ktcp_mutex_destroy: held");
	lock->magic = 0;
}

void ktcp_mutex_set_class(struct mutex *lock, struct lock_class_key *, const char *)
{
	check(kernel::enter_any("ktcp_mutex_set_class"), lock, "ktcp_mutex_set_class");
}

void ktcp_spin_lock_set_class(struct spinlock *lock, struct lock_class_key *, const char *)
{
	check(kernel::enter_any("ktcp_spin_lock_set_class"), lock, "ktcp_spin_lock_set_class");
}

void ktcp_spin_lock_init(struct spinlock *lock)
{
	kernel::enter_any("ktcp_spin_lock_init");
	*lock = spinlock{ { spinlock_magic, nullptr, nullptr } };
}

void ktcp_spin_lock_bh(struct spinlock *lock)
{
	kernel &k = kernel::enter_any("ktcp_spin_lock_bh");

	check(k, lock, "ktcp_spin_lock_bh");
	if (k.current().irqs_off)
		k.fail("ktcp_spin_lock_bh: interrupts are off");
	if (lock->owner == &k.current())
		k.fail("ktcp_spin_lock_bh: held by the caller already");
	hold(k, lock, "spin_lock_bh");
	k.current().in_callback++; /* must not sleep */
	k.point();
}

void ktcp_spin_unlock_bh(struct spinlock *lock)
{
	kernel &k = kernel::enter_any("ktcp_spin_unlock_bh");

	check(k, lock, "ktcp_spin_unlock_bh");
	k.current().in_callback--;
	let_go(k, lock, "ktcp_spin_unlock_bh");
	/* The lock may be gone before this returns. */
	k.point();
}

/* From here on the fibre may be an interrupt, and its CPU a busy one. */
void ktcp_spin_lock_irqsave(struct spinlock *lock, struct ktcp_irq_state *was)
{
	kernel &k = kernel::enter_any("ktcp_spin_lock_irqsave");

	check(k, lock, "ktcp_spin_lock_irqsave");
	if (lock->owner == &k.current())
		k.fail("ktcp_spin_lock_irqsave: held by the caller already");
	hold(k, lock, "spin_lock_irqsave");
	k.current().in_callback++;
	k.current().irqs_off++;
	was->flags = spinlock_magic;
	k.point();
}

void ktcp_spin_unlock_irqrestore(struct spinlock *lock, const struct ktcp_irq_state *was)
{
	kernel &k = kernel::enter_any("ktcp_spin_unlock_irqrestore");

	check(k, lock, "ktcp_spin_unlock_irqrestore");
	if (was->flags != spinlock_magic)
		k.fail("ktcp_spin_unlock_irqrestore: another state than the lock's");
	k.current().irqs_off--;
	k.current().in_callback--;
	let_go(k, lock, "ktcp_spin_unlock_irqrestore");
	/* The lock may be gone before this returns. */
	k.point();
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
