// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* port/memory.h over the slab and page allocators. */
#include <linux/gfp.h>
#include <linux/slab.h>

#include <ktcp/port/memory.h>

/* Failing is an answer here, not a surprise: no allocation warns. */
static gfp_t ktcp_gfp_flags(enum ktcp_gfp gfp)
{
	return (gfp == KTCP_GFP_KERNEL ? GFP_KERNEL : GFP_ATOMIC) | __GFP_NOWARN;
}

void *ktcp_kmalloc(size_t size, enum ktcp_gfp gfp)
{
	return kmalloc(size, ktcp_gfp_flags(gfp));
}

void ktcp_kfree(void *object)
{
	kfree(object);
}

/*
 * A cache with a constructor is never merged, on every kernel (SLAB_NO_MERGE came
 * later), and init_on_alloc leaves its objects alone (slab_want_init_on_alloc()).
 */
static void ktcp_leave_as_is(void *object)
{
}

struct kmem_cache *ktcp_kmem_cache_create(const char *name, size_t size)
{
	return kmem_cache_create(name, size, 0, SLAB_HWCACHE_ALIGN, ktcp_leave_as_is);
}

void ktcp_kmem_cache_destroy(struct kmem_cache *cache)
{
	kmem_cache_destroy(cache);
}

void *ktcp_kmem_cache_alloc(struct kmem_cache *cache, enum ktcp_gfp gfp)
{
	return kmem_cache_alloc(cache, ktcp_gfp_flags(gfp));
}

void ktcp_kmem_cache_free(struct kmem_cache *cache, void *object)
{
	kmem_cache_free(cache, object);
}

void *ktcp_alloc_pages(size_t size, enum ktcp_gfp gfp)
{
	return alloc_pages_exact(size, ktcp_gfp_flags(gfp));
}

void ktcp_free_pages(void *pages, size_t size)
{
	if (pages)
		free_pages_exact(pages, size);
}
