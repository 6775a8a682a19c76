/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Concurrency-managed workqueues (Documentation/core-api/workqueue.rst).
 *
 * A work item runs in process context on one CPU at a time, and never beside itself. Queueing it
 * while it runs makes it run once more. It may free the memory that it is embedded in, or queue
 * itself again. On *another* workqueue it may begin while it is still returning from the first
 * (__queue_work()). So an item that changes queues touches nothing of its own after that.
 */
#ifndef KTCP_PORT_WORK_H
#define KTCP_PORT_WORK_H

#include <ktcp/port/types.h>

KTCP_PORT_BEGIN

struct workqueue_struct;
struct work_struct;
struct delayed_work;
struct lock_class_key;

enum ktcp_wq_flags {
	KTCP_WQ_UNBOUND = 1, /* workers go where the scheduler likes (WQ_UNBOUND) */
	KTCP_WQ_HIGHPRI = 2, /* workers at nice -20 (WQ_HIGHPRI) */
	KTCP_WQ_MEM_RECLAIM = 4, /* one worker kept in reserve (WQ_MEM_RECLAIM) */
};

/**
 * ktcp_alloc_workqueue() - as alloc_workqueue().
 * @name: copied.
 * @max_active: items that may run or sleep at once, per CPU unless unbound; 0 for
 *              the kernel's default; at most ktcp_wq_max_active().
 * Return: the queue, the caller's until ktcp_destroy_workqueue(); NULL if there is
 *         no memory.
 * Context: process.
 */
struct workqueue_struct *ktcp_alloc_workqueue(const char *name, unsigned int flags, int max_active);

/**
 * ktcp_destroy_workqueue() - wait for everything queued, as destroy_workqueue(); on
 * return no work function runs module code. NULL is ignored.
 * Context: process.
 */
void ktcp_destroy_workqueue(struct workqueue_struct *wq);

/** ktcp_wq_max_active() - the most that max_active may be (WQ_MAX_ACTIVE). Context: any. */
int ktcp_wq_max_active(void);

/**
 * ktcp_next_online_cpu() - the first online CPU after @cpu, and after the last the first
 * again; -1 begins. A hint: it may go offline at any time.
 * @isolated: also those that the administrator has isolated (isolcpus=). Without it they are left
 *	out, unless they are all.
 * Context: any.
 */
int ktcp_next_online_cpu(int cpu, bool isolated);

/** ktcp_nr_cpus() - every CPU's number is below this, whichever come later (nr_cpu_ids). Context: any. */
unsigned int ktcp_nr_cpus(void);

/** ktcp_init_work() - as INIT_WORK(); once, before the first use. Context: any. */
void ktcp_init_work(struct work_struct *work, void (*function)(struct work_struct *work));

/**
 * ktcp_work_set_class() - what lockdep takes the item for (its lockdep_map), as ktcp_mutex_set_class(). Those
 * without a class of their own are all of one: an item that waits for another one looks as if it waits for itself.
 * @work: of a delayed item, its beginning.
 * Context: any, before the first use.
 */
void ktcp_work_set_class(struct work_struct *work, struct lock_class_key *key, const char *name);

/**
 * ktcp_queue_work() - as queue_work_on(), on this CPU when @cpu is negative or
 * offline.
 * Return: false if it was queued already.
 * Context: any.
 */
bool ktcp_queue_work(int cpu, struct workqueue_struct *wq, struct work_struct *work);

/**
 * ktcp_cancel_work_sync() - on return the item is neither queued nor running, even
 * if it queues itself. Never from the item's own function.
 * Return: true if it was queued.
 * Context: process.
 */
bool ktcp_cancel_work_sync(struct work_struct *work);

/**
 * ktcp_init_delayed_work() - as INIT_DELAYED_WORK(). @function is given the address of the
 * whole item, of which the work_struct is the beginning.
 * Context: any.
 */
void ktcp_init_delayed_work(struct delayed_work *work, void (*function)(struct work_struct *work));

/**
 * ktcp_mod_delayed_work() - run the item @delay_ms from now, in place of any earlier
 * date; 0 queues it at once.
 * Return: true if it was queued or its timer was set.
 * Context: any.
 */
bool ktcp_mod_delayed_work(struct workqueue_struct *wq, struct delayed_work *work,
			   unsigned int delay_ms);

/** ktcp_cancel_delayed_work_sync() - as ktcp_cancel_work_sync(). Context: process. */
bool ktcp_cancel_delayed_work_sync(struct delayed_work *work);

KTCP_PORT_END

#endif
