// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* pages.h over a pool of the boundary's. */
#include <linux/cpumask.h>
#include <linux/kernel.h>
#include <linux/kfence.h>
#include <linux/mm.h>
#include <linux/preempt.h>
#include <linux/slab.h>

#include <ktcp/port/pages.h>

#include "pages.h"

/* Each in turn: get a buffer of a page. */
static bool ktcp_kunit_get_all(struct ktcp_page_pool *pool, void **buffers, unsigned int count)
{
	unsigned int i;

	for (i = 0; i < count; i++) {
		buffers[i] = ktcp_page_pool_get(pool, KTCP_GFP_ATOMIC);
		if (!buffers[i])
			return false;
	}
	return true;
}

/* A pool of pages with stacks of so many. */
static struct ktcp_page_pool *ktcp_kunit_pool_that_keeps(unsigned int count)
{
	return ktcp_page_pool_create(PAGE_SIZE, (unsigned long long)PAGE_SIZE * 8 * count *
							num_possible_cpus());
}

int ktcp_kunit_pool_allocates(unsigned int held, unsigned int free)
{
	void *buffers[8], *one;
	struct ktcp_page_pool_stats before, after;
	struct ktcp_page_pool *pool = ktcp_kunit_pool_that_keeps(2);
	int allocated = -1;
	unsigned int i;

	if (!pool)
		return -1;
	migrate_disable(); /* one CPU's stack */
	if (held + free <= ARRAY_SIZE(buffers) && ktcp_kunit_get_all(pool, buffers, held + free)) {
		for (i = 0; i < held; i++)
			get_page(virt_to_page(buffers[i])); /* as TCP does */
		for (i = 0; i < held + free; i++)
			ktcp_page_pool_put(pool, buffers[i]);
		ktcp_page_pool_count(pool, &before);
		one = ktcp_page_pool_get(pool, KTCP_GFP_ATOMIC);
		ktcp_page_pool_count(pool, &after);
		if (one)
			ktcp_page_pool_put(pool, one);
		allocated = one ? (int)((after.bytes - before.bytes) / PAGE_SIZE) : -1;
		for (i = 0; i < held; i++)
			put_page(virt_to_page(buffers[i]));
	}
	migrate_enable();
	ktcp_page_pool_destroy(pool);
	return allocated;
}

int ktcp_kunit_pool_keeps_beyond_its_limit(void)
{
	void *buffers[4];
	struct ktcp_page_pool_stats before, after;
	struct ktcp_page_pool *pool = ktcp_kunit_pool_that_keeps(ARRAY_SIZE(buffers));
	int kept = -1;
	unsigned int i;

	if (!pool)
		return -1;
	if (ktcp_kunit_get_all(pool, buffers, ARRAY_SIZE(buffers))) {
		for (i = 0; i < ARRAY_SIZE(buffers); i++)
			ktcp_page_pool_put(pool, buffers[i]);
		ktcp_page_pool_count(pool, &before);
		ktcp_page_pool_limit(pool, PAGE_SIZE * 4);
		ktcp_page_pool_count(pool, &after);
		kept = before.buffers ? (int)after.buffers : -1;
	}
	ktcp_page_pool_destroy(pool);
	return kept;
}

size_t ktcp_kunit_kmalloc_took(size_t size)
{
	void *memory = ktcp_kmalloc(size, KTCP_GFP_KERNEL);
	/* KFENCE's samples lie in pages of its own, and it says the bytes that were asked for. */
	const size_t took = memory && is_kfence_address(memory) ? ktcp_kmalloc_size(size) :
								  ksize(memory);

	ktcp_kfree(memory);
	return took;
}
