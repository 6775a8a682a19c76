// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* port/sync.h over linux/mutex.h, linux/spinlock.h, linux/completion.h and RCU. */
#include <linux/bottom_half.h>
#include <linux/completion.h>
#include <linux/irqflags.h>
#include <linux/jiffies.h>
#include <linux/lockdep.h>
#include <linux/mutex.h>
#include <linux/preempt.h>
#include <linux/rcupdate.h>
#include <linux/spinlock.h>

#include <ktcp/port/sync.h>

void ktcp_mutex_init(struct mutex *lock)
{
	mutex_init(lock);
}

void ktcp_mutex_lock(struct mutex *lock)
{
	mutex_lock(lock);
}

void ktcp_mutex_unlock(struct mutex *lock)
{
	mutex_unlock(lock);
}

void ktcp_mutex_destroy(struct mutex *lock)
{
	mutex_destroy(lock);
}

void ktcp_mutex_set_class(struct mutex *lock, struct lock_class_key *key, const char *name)
{
	lockdep_set_class_and_name(lock, key, name);
}

void ktcp_spin_lock_set_class(struct spinlock *lock, struct lock_class_key *key, const char *name)
{
	lockdep_set_class_and_name(lock, key, name);
}

void ktcp_spin_lock_init(struct spinlock *lock)
{
	spin_lock_init(lock);
}

void ktcp_spin_lock_bh(struct spinlock *lock) __acquires(lock)
{
	spin_lock_bh(lock);
}

void ktcp_spin_unlock_bh(struct spinlock *lock) __releases(lock)
{
	spin_unlock_bh(lock);
}

/* With interrupts off, bottom halves cannot be switched on again (__local_bh_enable_ip()). */
void ktcp_spin_lock_irqsave(struct spinlock *lock, struct ktcp_irq_state *was) __acquires(lock)
{
	was->bottom_halves = !irqs_disabled() && !(hardirq_count() | softirq_count());
	if (was->bottom_halves)
		local_bh_disable();
	spin_lock_irqsave(lock, was->flags);
}

void ktcp_spin_unlock_irqrestore(struct spinlock *lock, const struct ktcp_irq_state *was)
	__releases(lock)
{
	const bool bottom_halves = was->bottom_halves;

	spin_unlock_irqrestore(lock, was->flags);
	if (bottom_halves)
		local_bh_enable();
}

void ktcp_init_completion(struct completion *done)
{
	init_completion(done);
}

void ktcp_complete(struct completion *done)
{
	complete(done);
}

void ktcp_wait_for_completion(struct completion *done)
{
	wait_for_completion(done);
}

bool ktcp_wait_for_completion_timeout(struct completion *done, unsigned int ms)
{
	return wait_for_completion_timeout(done, msecs_to_jiffies(ms)) != 0;
}

void ktcp_synchronize_rcu(void)
{
	synchronize_rcu();
}
