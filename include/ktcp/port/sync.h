/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Waiting for others: mutexes, completions, RCU grace periods. */
#ifndef KTCP_PORT_SYNC_H
#define KTCP_PORT_SYNC_H

#include <ktcp/port/types.h>

KTCP_PORT_BEGIN

struct mutex;
struct completion;

/* Mutexes sleep. Context: process. */
void ktcp_mutex_init(struct mutex *lock);
void ktcp_mutex_lock(struct mutex *lock);
void ktcp_mutex_unlock(struct mutex *lock);
void ktcp_mutex_destroy(struct mutex *lock);

/** ktcp_init_completion() - as init_completion(). Context: any. */
void ktcp_init_completion(struct completion *done);

/** ktcp_complete() - let one waiter go, now or later. Context: any. */
void ktcp_complete(struct completion *done);

/** ktcp_wait_for_completion() - uninterruptible. Context: process. */
void ktcp_wait_for_completion(struct completion *done);

/**
 * ktcp_wait_for_completion_timeout() - the same, for at most @ms milliseconds.
 * Return: false if the time was up first.
 * Context: process.
 */
bool ktcp_wait_for_completion_timeout(struct completion *done, unsigned int ms);

/**
 * ktcp_synchronize_rcu() - wait until every callback that was running in softirq
 * when this was called has returned.
 * Context: process.
 */
void ktcp_synchronize_rcu(void);

KTCP_PORT_END

#endif
