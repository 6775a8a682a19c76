// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* port/sync.h over linux/mutex.h, linux/spinlock.h, linux/completion.h and RCU. */
#include <linux/completion.h>
#include <linux/jiffies.h>
#include <linux/lockdep.h>
#include <linux/mutex.h>
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
