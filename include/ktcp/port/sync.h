/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Waiting for others: mutexes, spin locks, completions, RCU grace periods. */
#ifndef KTCP_PORT_SYNC_H
#define KTCP_PORT_SYNC_H

#include <ktcp/port/types.h>

KTCP_PORT_BEGIN

struct mutex;
struct completion;
struct spinlock;
struct lock_class_key;

/* Mutexes sleep. Context: process. */
void ktcp_mutex_init(struct mutex *lock);
void ktcp_mutex_lock(struct mutex *lock);
void ktcp_mutex_unlock(struct mutex *lock);
void ktcp_mutex_destroy(struct mutex *lock);

/**
 * ktcp_mutex_set_class() - what lockdep takes it for, as lockdep_set_class_and_name(). Those without
 * are all of one class.
 * @key: static memory of zeros, KTCP_SIZEOF_LOCK_CLASS_KEY bytes, one for each class.
 * @name: static; in lockdep's words.
 * Context: any, before the first lock.
 */
void ktcp_mutex_set_class(struct mutex *lock, struct lock_class_key *key, const char *name);

/** ktcp_spin_lock_init() - as spin_lock_init(). Context: any. */
void ktcp_spin_lock_init(struct spinlock *lock);

/**
 * ktcp_spin_lock_bh() - as spin_lock_bh(). Until ktcp_spin_unlock_bh() bottom halves are off, the
 * task stays on its CPU, and must not sleep (but for the lock itself on PREEMPT_RT).
 * Context: process or softirq, interrupts on.
 */
void ktcp_spin_lock_bh(struct spinlock *lock);

/** ktcp_spin_lock_set_class() - as ktcp_mutex_set_class(). */
void ktcp_spin_lock_set_class(struct spinlock *lock, struct lock_class_key *key, const char *name);

/** ktcp_spin_unlock_bh() - as spin_unlock_bh(). Context: the one that locked it. */
void ktcp_spin_unlock_bh(struct spinlock *lock);

/* ktcp_spin_lock_irqsave() has switched off: */
struct ktcp_irq_state {
	unsigned long flags; /* interrupts, as local_irq_save() */
	bool bottom_halves;
};

/**
 * ktcp_spin_lock_irqsave() - as spin_lock_irqsave(). If interrupts and bottom halves are both on, it
 * switches both off. A softirq that is raised meanwhile then runs in the unlock, and in no thread. So does
 * netif_rx().
 * Context: interrupt; on PREEMPT_RT not in an interrupt that has no thread, as wake_up() there.
 */
void ktcp_spin_lock_irqsave(struct spinlock *lock, struct ktcp_irq_state *was);

/** ktcp_spin_unlock_irqrestore() - as spin_unlock_irqrestore(). Context: the one that locked it. */
void ktcp_spin_unlock_irqrestore(struct spinlock *lock, const struct ktcp_irq_state *was);

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
