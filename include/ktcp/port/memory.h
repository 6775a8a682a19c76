/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Memory: kmalloc, slab caches, pages.
 *
 * Contents are undefined after every allocation below: a sender of bytes must have written them
 * first.
 */
#ifndef KTCP_PORT_MEMORY_H
#define KTCP_PORT_MEMORY_H

#include <ktcp/port/types.h>

KTCP_PORT_BEGIN

struct kmem_cache;

/* The means that an allocation may use to find memory. */
enum ktcp_gfp {
	KTCP_GFP_KERNEL, /* may sleep and reclaim, and kills no process: process context only */
	KTCP_GFP_ATOMIC, /* never sleeps, and leaves the reserves alone: any context */
};

/**
 * ktcp_memory_charge() - from here to the end of the module, the allocations below are charged to
 * the memory cgroup of the calling process. Its memory.max bounds them. In the root cgroup, and
 * without cgroups, nothing changes.
 * Context: process, inside ktcp_module_start().
 */
void ktcp_memory_charge(void);

/**
 * ktcp_kmalloc() - allocate memory, as kmalloc().
 * @size: bytes, not 0.
 * Return: memory aligned for any object (at least 8 bytes), the caller's until
 *         ktcp_kfree(); NULL if there is none.
 * Context: as @gfp says.
 */
void *ktcp_kmalloc(size_t size, enum ktcp_gfp gfp);

/**
 * ktcp_kmalloc_size() - the bytes that ktcp_kmalloc() takes for @size of them, as kmalloc_size_roundup(). They
 * depend on the architecture: where devices want it, the smallest object of arm64 has 64 or 128.
 * Context: any.
 */
size_t ktcp_kmalloc_size(size_t size);

/* The same where the smallest object has @least bytes, by kmalloc_info and KMALLOC_MIN_SIZE. */
static inline size_t ktcp_kmalloc_size_from(size_t least, size_t size)
{
	size_t taken = least;

	if (least <= 32 && size > 64 && size <= 96)
		return 96;
	if (least <= 64 && size > 128 && size <= 192)
		return 192;
	while (taken < size)
		taken *= 2;
	return taken;
}

/**
 * ktcp_kfree() - give back what ktcp_kmalloc() returned; NULL is ignored.
 * Context: any.
 */
void ktcp_kfree(void *object);

/**
 * ktcp_kmem_cache_create() - a slab cache of its own, never merged with another.
 * @name: copied; shown in /proc/slabinfo; unique among live caches.
 * @size: bytes of one object, not 0.
 * Return: the cache, the caller's until ktcp_kmem_cache_destroy(); NULL if there
 *         is no memory.
 *
 * Objects come back as they were left, since the cache is exempt from init_on_alloc. To zero a 16
 * KiB buffer for each borrow costs more than all the rest of an echo's work. The contents are this
 * module's own earlier data.
 * Context: process.
 */
struct kmem_cache *ktcp_kmem_cache_create(const char *name, size_t size);

/**
 * ktcp_kmem_cache_destroy() - every object must have been freed; NULL is ignored.
 * Context: process.
 */
void ktcp_kmem_cache_destroy(struct kmem_cache *cache);

/**
 * ktcp_frame_alloc() - memory for a coroutine's frame. As a stack frame its contents are
 * undefined: the compiler writes what it reads.
 * @size: bytes.
 * Return: the caller's until ktcp_frame_free(); NULL if there is no memory.
 * Context: as @gfp says.
 */
void *ktcp_frame_alloc(size_t size, enum ktcp_gfp gfp);

/** ktcp_frame_free() - @size as given to ktcp_frame_alloc(). Context: any. */
void ktcp_frame_free(void *frame, size_t size);

/**
 * ktcp_kmem_cache_alloc() - one object, or NULL if there is no memory.
 * Context: as @gfp says.
 */
void *ktcp_kmem_cache_alloc(struct kmem_cache *cache, enum ktcp_gfp gfp);

/**
 * ktcp_kmem_cache_free() - give an object back to the cache it came from.
 * Context: any.
 */
void ktcp_kmem_cache_free(struct kmem_cache *cache, void *object);

/**
 * ktcp_alloc_pages() - physically contiguous pages, as alloc_pages_exact().
 * @size: bytes, rounded up to whole pages.
 * Return: page-aligned memory, the caller's until ktcp_free_pages() with the
 *         same @size; NULL if there is none.
 * Context: as @gfp says.
 */
void *ktcp_alloc_pages(size_t size, enum ktcp_gfp gfp);

/**
 * ktcp_free_pages() - @size as given to ktcp_alloc_pages(); NULL is ignored.
 * Context: any.
 */
void ktcp_free_pages(void *pages, size_t size);

KTCP_PORT_END

#endif
