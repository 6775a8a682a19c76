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

/*
 * Coroutine frames have caches of their own, for the sake of what a cache with a constructor
 * spares: where the kernel zeroes all that it allocates, and Debian's does, a frame of half a
 * kilobyte costs 500 instructions more. A module has them from its start to its end; where
 * there is no module (KUnit), and for larger frames, kmalloc() serves.
 * Their sizes are those of the slabs' objects: a constructor keeps SLUB's free pointer out of the
 * frame, so that it comes behind it.
 */
#define KTCP_FREE_POINTER sizeof(void *)

static const struct {
	unsigned int size;
	const char *name;
} ktcp_frame_classes[] = {
	{ 192, KBUILD_MODNAME "_frame_192" },
	{ 256, KBUILD_MODNAME "_frame_256" },
	{ 384, KBUILD_MODNAME "_frame_384" },
	{ 512, KBUILD_MODNAME "_frame_512" },
	/* Such as those of handlers that serve files. */
	{ 1024, KBUILD_MODNAME "_frame_1024" },
};
static struct kmem_cache *ktcp_frame_caches[ARRAY_SIZE(ktcp_frame_classes)];

static __maybe_unused void ktcp_frames_destroy(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(ktcp_frame_caches); i++) {
		kmem_cache_destroy(ktcp_frame_caches[i]);
		ktcp_frame_caches[i] = NULL;
	}
}

static __maybe_unused int ktcp_frames_create(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(ktcp_frame_caches); i++) {
		ktcp_frame_caches[i] = ktcp_kmem_cache_create(
			ktcp_frame_classes[i].name, ktcp_frame_classes[i].size - KTCP_FREE_POINTER);
		if (!ktcp_frame_caches[i]) {
			ktcp_frames_destroy();
			return -ENOMEM;
		}
	}
	return 0;
}

/* NULL: kmalloc()'s. The caches are there for all of the frames or for none. */
static struct kmem_cache *ktcp_frame_cache(size_t size)
{
	static const unsigned char class_of[] = { 0, 0, 0, 1, 2, 2, 3, 3, 4, 4, 4, 4, 4, 4, 4, 4 };
	const size_t step = (size + KTCP_FREE_POINTER - 1) / 64;

	return step < ARRAY_SIZE(class_of) ? ktcp_frame_caches[class_of[step]] : NULL;
}

void *ktcp_frame_alloc(size_t size, enum ktcp_gfp gfp)
{
	struct kmem_cache *cache = ktcp_frame_cache(size);

	return cache ? kmem_cache_alloc(cache, ktcp_gfp_flags(gfp)) : ktcp_kmalloc(size, gfp);
}

void ktcp_frame_free(void *frame, size_t size)
{
	struct kmem_cache *cache = ktcp_frame_cache(size);

	if (cache)
		kmem_cache_free(cache, frame);
	else
		kfree(frame);
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
