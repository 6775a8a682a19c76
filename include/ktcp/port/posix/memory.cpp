// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* port/memory.h over malloc, whose per-thread lists serve as slab caches. */
#include <stdlib.h>

#include <new>

#include <ktcp/port/memory.h>

struct kmem_cache {
	size_t size;
};

/* A program is in the cgroup that it was started in. */
void ktcp_memory_charge(void)
{
}

void *ktcp_kmalloc(size_t size, enum ktcp_gfp)
{
	return malloc(size);
}

/* As in a kernel of x86, whose least object is 8 bytes. Other kernels' is up to ARCH_DMA_MINALIGN. */
size_t ktcp_kmalloc_size(size_t size)
{
	return ktcp_kmalloc_size_from(8, size);
}

void ktcp_kfree(void *object)
{
	free(object);
}

void *ktcp_frame_alloc(size_t size, enum ktcp_gfp gfp)
{
	return ktcp_kmalloc(size, gfp);
}

void ktcp_frame_free(void *frame, size_t)
{
	ktcp_kfree(frame);
}

struct kmem_cache *ktcp_kmem_cache_create(const char *, size_t size)
{
	return new (std::nothrow) kmem_cache{ size };
}

void ktcp_kmem_cache_destroy(struct kmem_cache *cache)
{
	delete cache;
}

void *ktcp_kmem_cache_alloc(struct kmem_cache *cache, enum ktcp_gfp)
{
	return malloc(cache->size);
}

void ktcp_kmem_cache_free(struct kmem_cache *, void *object)
{
	free(object);
}

void *ktcp_alloc_pages(size_t size, enum ktcp_gfp)
{
	constexpr size_t page = 4096;

	return aligned_alloc(page, (size + page - 1) / page * page);
}

void ktcp_free_pages(void *pages, size_t)
{
	free(pages);
}
