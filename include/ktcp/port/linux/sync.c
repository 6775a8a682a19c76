// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* port/sync.h over linux/mutex.h, linux/completion.h and RCU. */
#include <linux/completion.h>
#include <linux/jiffies.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>

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
