// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* port/pages.h over compound pages, a stack of them on each CPU. */
#include <linux/bottom_half.h>
#include <linux/cpu.h>
#include <linux/gfp.h>
#include <linux/local_lock.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/percpu.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include <ktcp/port/pages.h>

enum { KTCP_PAGES_KEPT = 32 };

/* From 6.11 on a PREEMPT_RT kernel is told what bottom halves alone no longer keep apart. */
#ifndef KTCP_HAVE_LOCAL_LOCK_NESTED_BH
#define local_lock_nested_bh(lock) ((void)(lock))
#define local_unlock_nested_bh(lock) ((void)(lock))
#endif

struct ktcp_kept_pages {
	local_lock_t lock; /* with bottom halves off */
	unsigned int count;
	unsigned int next; /* to be looked at by ktcp_page_pool_keep() */
	struct page *
		buffers[KTCP_PAGES_KEPT]; /* their heads: a look at one that TCP holds is short then */
};

struct ktcp_page_pool {
	unsigned int order;
	unsigned int keep; /* on a CPU, KTCP_PAGES_KEPT at most */
	long most; /* buffers that there may be */
	atomic_long_t held; /* kept buffers, and those that were got; not those that TCP alone holds */
	atomic_long_t refused;
	struct ktcp_kept_pages __percpu *kept;
};

/*
 * A CPU's stack, for one context at a time: bottom halves are off meanwhile. In a turn they are so before.
 * Return: were they?
 */
static bool ktcp_kept_pages_enter(struct ktcp_page_pool *pool)
{
	const bool already = in_softirq();

	if (!already)
		local_bh_disable();
	local_lock_nested_bh(&pool->kept->lock);
	return already;
}

static void ktcp_kept_pages_leave(struct ktcp_page_pool *pool, bool already)
{
	local_unlock_nested_bh(&pool->kept->lock);
	if (!already)
		local_bh_enable();
}

static void ktcp_page_pool_free(struct ktcp_page_pool *pool, struct page *buffer)
{
	atomic_long_dec(&pool->held);
	put_page(buffer);
}

/* By a work item of the CPU: gives back what it keeps beyond its bound. */
static long ktcp_page_pool_trim(void *of)
{
	struct ktcp_page_pool *pool = of;
	struct page *one;

	do {
		const bool already = ktcp_kept_pages_enter(pool);
		struct ktcp_kept_pages *kept = this_cpu_ptr(pool->kept);

		one = kept->count > READ_ONCE(pool->keep) ? kept->buffers[--kept->count] : NULL;
		ktcp_kept_pages_leave(pool, already);
		if (one)
			ktcp_page_pool_free(pool, one);
	} while (one);
	return 0;
}

void ktcp_page_pool_limit(struct ktcp_page_pool *pool, unsigned long long most)
{
	const unsigned int kept = pool->keep;
	long buffers;
	int cpu;

	if (!most)
		most = (unsigned long long)totalram_pages() << PAGE_SHIFT >> 3;
	buffers = max_t(long, most >> (PAGE_SHIFT + pool->order), 2);
	WRITE_ONCE(pool->most, buffers);
	/* An eighth of them may lie idle, on however many CPUs: no CPU keeps one of a small pool. */
	WRITE_ONCE(pool->keep, min_t(long, buffers / 8 / num_possible_cpus(), KTCP_PAGES_KEPT));
	if (pool->keep >= kept)
		return;
	/* They count, and no other CPU can take them. One that is off keeps its own. */
	cpus_read_lock();
	for_each_online_cpu(cpu) work_on_cpu(cpu, ktcp_page_pool_trim, pool);
	cpus_read_unlock();
}

struct ktcp_page_pool *ktcp_page_pool_create(size_t size, unsigned long long most)
{
	struct ktcp_page_pool *pool = kzalloc(sizeof(*pool), GFP_KERNEL);
	int cpu;

	if (!pool)
		return NULL;
	pool->order = get_order(size);
	ktcp_page_pool_limit(pool, most);
	pool->kept = alloc_percpu(struct ktcp_kept_pages);
	if (!pool->kept) {
		kfree(pool);
		return NULL;
	}
	for_each_possible_cpu(cpu) local_lock_init(&per_cpu_ptr(pool->kept, cpu)->lock);
	return pool;
}

void ktcp_page_pool_destroy(struct ktcp_page_pool *pool)
{
	int cpu;

	if (!pool)
		return;
	for_each_possible_cpu(cpu)
	{
		struct ktcp_kept_pages *kept = per_cpu_ptr(pool->kept, cpu);

		while (kept->count)
			put_page(kept->buffers[--kept->count]);
	}
	free_percpu(pool->kept);
	kfree(pool);
}

/*
 * Has it no other holder? It is the head of its pages, so page_count() need not look for that. The
 * page_ref_count() of 5.10 takes no const page.
 */
static bool ktcp_buffer_is_free(struct page *buffer)
{
	return page_ref_count(buffer) == 1;
}

/* A buffer that has no other holder, the most recently used first. */
static struct page *ktcp_page_pool_take(struct ktcp_kept_pages *kept)
{
	unsigned int i;

	for (i = kept->count; i-- > 0;) {
		struct page *buffer = kept->buffers[i];

		/* The last put_page() of TCP's was a full barrier. The branch orders our stores behind
		 * the look: a control dependency, as in skb_page_frag_refill(). */
		if (ktcp_buffer_is_free(buffer)) {
			kept->buffers[i] = kept->buffers[--kept->count];
			return buffer;
		}
	}
	return NULL;
}

/* Out of the way of those that take a kept one. */
static noinline void *ktcp_page_pool_alloc(struct ktcp_page_pool *pool, enum ktcp_gfp gfp)
{
	struct page *page;

	if (atomic_long_inc_return(&pool->held) > READ_ONCE(pool->most)) {
		atomic_long_inc(&pool->refused);
		page = NULL;
	} else {
		page = KTCP_CHARGED(alloc_pages(ktcp_gfp_flags(gfp) | __GFP_COMP, pool->order));
	}
	if (!page)
		atomic_long_dec(&pool->held);
	return page ? page_address(page) : NULL;
}

void *ktcp_page_pool_get(struct ktcp_page_pool *pool, enum ktcp_gfp gfp)
{
	const bool already = ktcp_kept_pages_enter(pool);
	struct page *buffer = ktcp_page_pool_take(this_cpu_ptr(pool->kept));

	ktcp_kept_pages_leave(pool, already);
	return buffer ? page_address(buffer) : ktcp_page_pool_alloc(pool, gfp);
}

/*
 * Keeps a buffer. Return: the one to give back instead; NULL: none. On a full stack a buffer that TCP still
 * holds makes room for one that can be had at once. Else a few slow readers would fill it, and others would
 * have no use of it. A look at one of them is enough, since each put takes the next.
 */
static struct page *ktcp_page_pool_keep(struct ktcp_kept_pages *kept, unsigned int most,
					struct page *buffer)
{
	struct page **other;

	if (kept->count < most) {
		kept->buffers[kept->count++] = buffer;
		return NULL;
	}
	/* The counts are hints: ktcp_page_pool_take() looks again. */
	if (!kept->count || !ktcp_buffer_is_free(buffer))
		return buffer;
	kept->next = kept->next + 1 < kept->count ? kept->next + 1 : 0;
	other = &kept->buffers[kept->next];
	if (!ktcp_buffer_is_free(*other))
		swap(*other, buffer);
	return buffer;
}

void ktcp_page_pool_put(struct ktcp_page_pool *pool, void *buffer)
{
	const bool already = ktcp_kept_pages_enter(pool);
	struct page *left = ktcp_page_pool_keep(this_cpu_ptr(pool->kept), READ_ONCE(pool->keep),
						virt_to_page(buffer));

	ktcp_kept_pages_leave(pool, already);
	if (left)
		ktcp_page_pool_free(pool, left);
}

void ktcp_page_pool_count(const struct ktcp_page_pool *pool, struct ktcp_page_pool_stats *to)
{
	to->buffers = atomic_long_read(&pool->held);
	to->bytes = to->buffers << (PAGE_SHIFT + pool->order);
	to->refused = atomic_long_read(&pool->refused);
	to->most = READ_ONCE(pool->most);
}

void ktcp_put_page(struct page *page)
{
	put_page(page);
}
