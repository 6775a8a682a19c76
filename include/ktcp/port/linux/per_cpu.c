// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* port/per_cpu.h over linux/percpu.h. */
#include <linux/bottom_half.h>
#include <linux/cpumask.h>
#include <linux/percpu.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include <ktcp/port/per_cpu.h>

/*
 * On PREEMPT_RT, bottom halves that are off may exclude no other context (ktcp_turns_exclude()). A lock of
 * the CPU's does, as local_lock_nested_bh() takes one there.
 */
#if defined(CONFIG_PREEMPT_RT)
#define KTCP_PER_CPU_LOCKS
#endif

struct ktcp_per_cpu {
	void __percpu *memory;
#ifdef KTCP_PER_CPU_LOCKS
	spinlock_t __percpu *locks;
#endif
};

static_assert(KTCP_PER_CPU_MOST <= PCPU_MIN_UNIT_SIZE);
static_assert(KTCP_PER_CPU_ALIGN_MOST <= PAGE_SIZE);

#ifdef KTCP_PER_CPU_LOCKS
static bool ktcp_per_cpu_make_locks(struct ktcp_per_cpu *all)
{
	int cpu;

	all->locks = alloc_percpu(spinlock_t);
	if (!all->locks)
		return false;
	for_each_possible_cpu(cpu) spin_lock_init(per_cpu_ptr(all->locks, cpu));
	return true;
}

static void ktcp_per_cpu_free_locks(struct ktcp_per_cpu *all)
{
	free_percpu(all->locks);
}

static void ktcp_per_cpu_lock(struct ktcp_per_cpu *all)
{
	spin_lock(this_cpu_ptr(all->locks));
}

static void ktcp_per_cpu_unlock(struct ktcp_per_cpu *all)
{
	spin_unlock(this_cpu_ptr(all->locks));
}
#else
static bool ktcp_per_cpu_make_locks(struct ktcp_per_cpu *all)
{
	return true;
}

static void ktcp_per_cpu_free_locks(struct ktcp_per_cpu *all)
{
}

static void ktcp_per_cpu_lock(struct ktcp_per_cpu *all)
{
}

static void ktcp_per_cpu_unlock(struct ktcp_per_cpu *all)
{
}
#endif

void ktcp_free_percpu(struct ktcp_per_cpu *all)
{
	if (!all)
		return;
	ktcp_per_cpu_free_locks(all);
	free_percpu(all->memory);
	kfree(all);
}

struct ktcp_per_cpu *ktcp_alloc_percpu(size_t size, size_t align)
{
	struct ktcp_per_cpu *all =
		KTCP_CHARGED(kzalloc(sizeof(*all), ktcp_gfp_flags(KTCP_GFP_KERNEL)));

	if (!all)
		return NULL;
	/* pcpu_alloc() forgets __GFP_RETRY_MAYFAIL, and heeds this: it kills no process for memory. */
	all->memory = KTCP_CHARGED(
		__alloc_percpu_gfp(size, align, ktcp_gfp_flags(KTCP_GFP_KERNEL) | __GFP_NORETRY));
	if (!all->memory || !ktcp_per_cpu_make_locks(all)) {
		ktcp_free_percpu(all);
		return NULL;
	}
	return all;
}

int ktcp_next_possible_cpu(int cpu)
{
	const unsigned int next = cpumask_next(cpu, cpu_possible_mask);

	return next < nr_cpu_ids ? (int)next : -1;
}

void *ktcp_per_cpu_ptr(struct ktcp_per_cpu *all, int cpu)
{
	return per_cpu_ptr(all->memory, cpu);
}

void *ktcp_raw_cpu_ptr(struct ktcp_per_cpu *all)
{
	return raw_cpu_ptr(all->memory);
}

void *ktcp_get_cpu_ptr(struct ktcp_per_cpu *all)
{
	local_bh_disable(); /* on PREEMPT_RT as well the task stays on its CPU */
	ktcp_per_cpu_lock(all);
	return this_cpu_ptr(all->memory);
}

void ktcp_put_cpu_ptr(struct ktcp_per_cpu *all)
{
	ktcp_per_cpu_unlock(all);
	local_bh_enable();
}
