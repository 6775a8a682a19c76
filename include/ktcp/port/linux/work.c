// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* port/work.h over linux/workqueue.h. */
#include <linux/cpumask.h>
#include <linux/jiffies.h>
#include <linux/lockdep.h>
#include <linux/rcupdate.h>
#include <linux/sched/isolation.h>
#include <linux/workqueue.h>

#include <ktcp/port/work.h>

#ifndef KTCP_HAVE_WQ_PERCPU /* 6.18 asks for one of the two by name */
#define WQ_PERCPU 0
#endif

#ifndef KTCP_HAVE_HK_TYPE_DOMAIN
#define HK_TYPE_DOMAIN HK_FLAG_DOMAIN
#endif

struct workqueue_struct *ktcp_alloc_workqueue(const char *name, unsigned int flags, int max_active)
{
	unsigned int wq_flags = flags & KTCP_WQ_UNBOUND ? WQ_UNBOUND : WQ_PERCPU;

	if (flags & KTCP_WQ_HIGHPRI)
		wq_flags |= WQ_HIGHPRI;
	if (flags & KTCP_WQ_MEM_RECLAIM)
		wq_flags |= WQ_MEM_RECLAIM;
	return alloc_workqueue("%s", wq_flags, max_active, name);
}

void ktcp_destroy_workqueue(struct workqueue_struct *wq)
{
	if (wq)
		destroy_workqueue(wq);
}

int ktcp_wq_max_active(void)
{
	return WQ_MAX_ACTIVE;
}

int ktcp_next_online_cpu(int cpu, bool isolated)
{
	const struct cpumask *ours;
	unsigned int next;

	/* Newer kernels change it as they run, and free the old one after a grace period. */
	rcu_read_lock();
	ours = isolated ? cpu_possible_mask : housekeeping_cpumask(HK_TYPE_DOMAIN);
	next = cpumask_next_and(cpu, cpu_online_mask, ours);
	if (next >= nr_cpu_ids)
		next = cpumask_first_and(cpu_online_mask, ours);
	rcu_read_unlock();
	return next < nr_cpu_ids ? next : cpumask_first(cpu_online_mask);
}

unsigned int ktcp_nr_cpus(void)
{
	return nr_cpu_ids;
}

void ktcp_init_work(struct work_struct *work, void (*function)(struct work_struct *work))
{
	INIT_WORK(work, function);
}

void ktcp_work_set_class(struct work_struct *work, struct lock_class_key *key, const char *name)
{
#ifdef CONFIG_LOCKDEP
	lockdep_init_map(&work->lockdep_map, name, key, 0); /* as INIT_WORK() does */
#endif
}

bool ktcp_queue_work(int cpu, struct workqueue_struct *wq, struct work_struct *work)
{
	/*
	 * cpu_online() reads past its mask where no CPU can be. The CPU may go offline between
	 * the test and the use: the item then runs on whichever CPU took over its worker pool.
	 */
	if (cpu < 0 || (unsigned int)cpu >= nr_cpu_ids || !cpu_online(cpu))
		cpu = WORK_CPU_UNBOUND;
	return queue_work_on(cpu, wq, work);
}

bool ktcp_cancel_work_sync(struct work_struct *work)
{
	return cancel_work_sync(work);
}

void ktcp_init_delayed_work(struct delayed_work *work, void (*function)(struct work_struct *work))
{
	INIT_DELAYED_WORK(work, function);
}

bool ktcp_mod_delayed_work(struct workqueue_struct *wq, struct delayed_work *work,
			   unsigned int delay_ms)
{
	return mod_delayed_work(wq, work, msecs_to_jiffies(delay_ms));
}

bool ktcp_cancel_delayed_work_sync(struct delayed_work *work)
{
	return cancel_delayed_work_sync(work);
}
