// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * port/turns.h: a NAPI poll and an smpboot thread for each CPU. net_rx_action() calls the poll
 * behind the packets that were just handled. The thread follows its CPU offline and back.
 *
 * A tasklet would be the plainer drain. But a tasklet that is raised in NET_RX may be left to
 * ksoftirqd: __do_softirq() starts anew only if no task needs the CPU. There it waits beside other
 * tasks.
 */
#include <linux/bottom_half.h>
#include <linux/cpu.h>
#include <linux/kthread.h>
#include <linux/mutex.h>
#include <linux/netdevice.h>
#include <linux/percpu.h>
#include <linux/sched.h>
#include <linux/sched/clock.h>
#include <linux/slab.h>
#include <linux/smpboot.h>
#include <linux/workqueue.h>

#include <ktcp/port/turns.h>
#include <ktcp/port/work.h>

#ifndef KTCP_MODULE_NAME /* KUnit's suites are no module of ours */
#define KTCP_MODULE_NAME "ktcp"
#endif

/*
 * Written on its CPU, with bottom halves off. The poll of a dead CPU is another one's (dev_cpu_dead()); nothing runs
 * on the dead one meanwhile.
 */
struct ktcp_turns_cpu {
	struct napi_struct napi;
	struct delayed_work later;
	bool work; /* for the thread */
	unsigned long memory[]; /* the caller's */
};

struct ktcp_turns {
	struct ktcp_turns_cpu __percpu *cpus;
	const struct ktcp_turns_ops *ops;
	struct net_device *dev; /* what a NAPI poll belongs to; it is nowhere registered */
	struct workqueue_struct *later;
	unsigned int users;
};

static DEFINE_MUTEX(ktcp_turns_lock); /* getting and putting */
static struct ktcp_turns *ktcp_turns; /* while there are users, and the threads */
static DEFINE_PER_CPU(struct task_struct *, ktcp_turns_thread);

static struct ktcp_turns_cpu *ktcp_turns_cpu_of(void *memory)
{
	return container_of(memory, struct ktcp_turns_cpu, memory);
}

/* ---- the drain -------------------------------------------------------------------------- */

static int ktcp_turns_poll(struct napi_struct *napi, int budget)
{
	struct ktcp_turns_cpu *c = container_of(napi, struct ktcp_turns_cpu, napi);

	ktcp_turns->ops->drain(c->memory);
	napi_complete_done(napi, 0);
	return 0;
}

void ktcp_turns_raise(void *cpu)
{
	/*
	 * Also from a task with interrupts off: ____napi_schedule() raises by raise_softirq_irqoff(), which
	 * wakes ksoftirqd then. Kernels without that leave it to the next interrupt.
	 */
	napi_schedule(&ktcp_turns_cpu_of(cpu)->napi);
}

/* ---- the thread: these are called on its CPU ----------------------------------------------- */

static int ktcp_turns_should_run(unsigned int cpu)
{
	/* Pairs with ktcp_turns_wake(): smpboot_thread_fn() sets its state before this look. */
	return READ_ONCE(per_cpu_ptr(ktcp_turns->cpus, cpu)->work);
}

static void ktcp_turns_run(unsigned int cpu)
{
	struct ktcp_turns_cpu *c = per_cpu_ptr(ktcp_turns->cpus, cpu);

	local_bh_disable();
	if (!ktcp_turns->ops->thread(c->memory))
		WRITE_ONCE(c->work, false);
	local_bh_enable();
	cond_resched();
}

static void ktcp_turns_arrive(unsigned int cpu)
{
	local_bh_disable();
	ktcp_turns->ops->arrive(per_cpu_ptr(ktcp_turns->cpus, cpu)->memory);
	local_bh_enable();
}

static void ktcp_turns_setup(unsigned int cpu)
{
	/* The turns that softirqs had to leave behind wait for no other task. */
	set_user_nice(current, MIN_NICE);
	ktcp_turns_arrive(cpu);
}

static void ktcp_turns_park(unsigned int cpu)
{
	struct ktcp_turns_cpu *c = per_cpu_ptr(ktcp_turns->cpus, cpu);

	local_bh_disable();
	ktcp_turns->ops->depart(c->memory);
	WRITE_ONCE(c->work, false);
	local_bh_enable();
}

static struct smp_hotplug_thread ktcp_turns_threads = {
	.store = &ktcp_turns_thread,
	.thread_should_run = ktcp_turns_should_run,
	.thread_fn = ktcp_turns_run,
	.setup = ktcp_turns_setup,
	.unpark = ktcp_turns_arrive,
	.park = ktcp_turns_park,
	.thread_comm = KTCP_MODULE_NAME "/%u",
};

void ktcp_turns_wake(void *cpu)
{
	/* Pairs with ktcp_turns_should_run(): wake_up_process() looks at the state behind a full barrier. */
	WRITE_ONCE(ktcp_turns_cpu_of(cpu)->work, true);
	wake_up_process(this_cpu_read(ktcp_turns_thread));
}

/* ---- what has time ----------------------------------------------------------------------- */

static void ktcp_turns_run_later(struct work_struct *work)
{
	struct ktcp_turns_cpu *c = container_of(to_delayed_work(work), struct ktcp_turns_cpu,
						later);

	ktcp_turns->ops->later(c->memory);
}

void ktcp_turns_later(void *cpu, bool now)
{
	struct delayed_work *later = &ktcp_turns_cpu_of(cpu)->later;

	/* A work that is pending sees what was added before: test_and_set_bit() is a full barrier. */
	if (now)
		mod_delayed_work_on(smp_processor_id(), ktcp_turns->later, later, 0);
	else
		queue_delayed_work_on(smp_processor_id(), ktcp_turns->later, later, 1);
}

/* ---- life -------------------------------------------------------------------------------- */

#ifdef KTCP_HAVE_ALLOC_NETDEV_DUMMY
static struct net_device *ktcp_turns_alloc_dev(void)
{
	return alloc_netdev_dummy(0);
}

static void ktcp_turns_free_dev(struct net_device *dev)
{
	free_netdev(dev);
}
#else
static struct net_device *ktcp_turns_alloc_dev(void)
{
	struct net_device *dev = kzalloc(sizeof(*dev), GFP_KERNEL);

	if (dev)
		init_dummy_netdev(dev);
	return dev;
}

static void ktcp_turns_free_dev(struct net_device *dev)
{
	kfree(dev);
}
#endif

#ifndef KTCP_HAVE_NAPI_ADD_WITHOUT_WEIGHT
#define netif_napi_add(dev, napi, poll) netif_napi_add(dev, napi, poll, NAPI_POLL_WEIGHT)
#endif

static void ktcp_turns_free(struct ktcp_turns *turns)
{
	ktcp_destroy_workqueue(turns->later);
	if (turns->dev)
		ktcp_turns_free_dev(turns->dev);
	free_percpu(turns->cpus);
	kfree(turns);
}

static void ktcp_turns_remove_polls(struct ktcp_turns *turns)
{
	int cpu;

	for_each_possible_cpu(cpu)
	{
		struct napi_struct *napi = &per_cpu_ptr(turns->cpus, cpu)->napi;

		napi_disable(napi);
		__netif_napi_del(napi);
	}
	synchronize_net(); /* as netif_napi_del(), for all of them */
}

static int ktcp_turns_create(size_t size, const struct ktcp_turns_ops *ops)
{
	struct ktcp_turns *turns = kzalloc(sizeof(*turns), GFP_KERNEL);
	int cpu, error;

	if (!turns)
		return -ENOMEM;
	turns->ops = ops;
	turns->dev = ktcp_turns_alloc_dev();
	turns->later = ktcp_alloc_workqueue(KTCP_MODULE_NAME "_later", 0, 0);
	turns->cpus = __alloc_percpu(sizeof(struct ktcp_turns_cpu) + size, SMP_CACHE_BYTES);
	if (!turns->dev || !turns->cpus || !turns->later) {
		ktcp_turns_free(turns);
		return -ENOMEM;
	}
	for_each_possible_cpu(cpu)
	{
		struct napi_struct *napi = &per_cpu_ptr(turns->cpus, cpu)->napi;

		/* It is no queue of a device's, so it is never polled busily. */
		set_bit(NAPI_STATE_NO_BUSY_POLL, &napi->state);
		netif_napi_add(turns->dev, napi, ktcp_turns_poll);
		napi_enable(napi);
		INIT_DELAYED_WORK(&per_cpu_ptr(turns->cpus, cpu)->later, ktcp_turns_run_later);
	}
	ktcp_turns = turns; /* the threads look there */
	error = smpboot_register_percpu_thread(&ktcp_turns_threads);
	if (error) {
		ktcp_turns_remove_polls(turns);
		ktcp_turns = NULL;
		ktcp_turns_free(turns);
	}
	return error;
}

/*
 * kthread_stop() unparks a thread, and warned of one of a CPU that was not parked. That was mended
 * in 6.12, and in 6.1's stable releases. No header says so; the older kernels give a poll a weight.
 * If a CPU goes offline behind this, its thread is parked twice, which is told once, and harmless.
 */
static void ktcp_turns_park_threads(void)
{
#ifndef KTCP_HAVE_NAPI_ADD_WITHOUT_WEIGHT
	int cpu;

	cpus_read_lock();
	for_each_online_cpu(cpu) kthread_park(per_cpu(ktcp_turns_thread, cpu));
	cpus_read_unlock();
#endif
}

static void ktcp_turns_destroy(struct ktcp_turns *turns)
{
	int cpu;

	/*
	 * Somebody may still be on the way to raise the drain, or to wake the thread, though what
	 * was made ready is done. The poll that napi_disable() leaves is never scheduled: it stays
	 * NAPI_STATE_SCHED. The grace period behind that lets a waker leave while its thread and
	 * this memory are there.
	 */
	ktcp_turns_remove_polls(turns);
	for_each_possible_cpu(cpu) cancel_delayed_work_sync(&per_cpu_ptr(turns->cpus, cpu)->later);
	ktcp_turns_park_threads();
	smpboot_unregister_percpu_thread(&ktcp_turns_threads);
	ktcp_turns = NULL;
	ktcp_turns_free(turns);
}

/* PREEMPT_RT: does local_bh_disable() still take a lock of the CPU's? */
static bool ktcp_turns_exclude(void)
{
#if defined(CONFIG_PREEMPT_RT) && !defined(CONFIG_PREEMPT_RT_NEEDS_BH_LOCK) && \
	defined(KTCP_HAVE_BH_WITHOUT_LOCK)
	return false;
#else
	return true;
#endif
}

int ktcp_turns_get(size_t size, const struct ktcp_turns_ops *ops, struct ktcp_turns **out)
{
	int error = 0;

	if (!ktcp_turns_exclude())
		return -EOPNOTSUPP;
	mutex_lock(&ktcp_turns_lock);
	if (!ktcp_turns)
		error = ktcp_turns_create(size, ops);
	if (!error) {
		ktcp_turns->users++;
		*out = ktcp_turns;
	}
	mutex_unlock(&ktcp_turns_lock);
	return error;
}

void ktcp_turns_put(struct ktcp_turns *turns)
{
	if (!turns)
		return;
	mutex_lock(&ktcp_turns_lock);
	if (--turns->users == 0)
		ktcp_turns_destroy(turns);
	mutex_unlock(&ktcp_turns_lock);
}

void *ktcp_turns_enter(struct ktcp_turns *turns)
{
	local_bh_disable();
	return this_cpu_ptr(turns->cpus)->memory;
}

void ktcp_turns_leave(struct ktcp_turns *turns)
{
	local_bh_enable();
}

void *ktcp_turns_beside(struct ktcp_turns *turns)
{
	return this_cpu_ptr(turns->cpus)->memory;
}

uint64_t ktcp_turns_clock(void)
{
	return local_clock();
}
