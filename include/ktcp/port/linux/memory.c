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

/*
 * The frame of each class that was freed last on this CPU: one that lives from a request to its
 * response then costs no more than the exchange of a pointer, and a hundredth less of the whole
 * way. Where KASAN watches, it is to see the end of each.
 */
struct ktcp_spare_frames {
	void *of[ARRAY_SIZE(ktcp_frame_classes)];
};
static DEFINE_PER_CPU(struct ktcp_spare_frames, ktcp_spare_frames);

static __maybe_unused void ktcp_frames_destroy(void)
{
	unsigned int i;
	int cpu;

	for (i = 0; i < ARRAY_SIZE(ktcp_frame_caches); i++) {
		for_each_possible_cpu(cpu)
		{
			void **spare = &per_cpu_ptr(&ktcp_spare_frames, cpu)->of[i];

			if (*spare)
				kmem_cache_free(ktcp_frame_caches[i], *spare);
			*spare = NULL;
		}
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

/* -1: kmalloc()'s. The caches are there for all of the frames or for none. */
static int ktcp_frame_class(size_t size)
{
	static const signed char class_of[] = { 0, 0, 0, 1, 2, 2, 3, 3, 4, 4, 4, 4, 4, 4, 4, 4 };
	const size_t step = (size + KTCP_FREE_POINTER - 1) / 64;

	return step < ARRAY_SIZE(class_of) && ktcp_frame_caches[0] ? class_of[step] : -1;
}

void *ktcp_frame_alloc(size_t size, enum ktcp_gfp gfp)
{
	const int class = ktcp_frame_class(size);
	void *frame;

	if (class < 0)
		return ktcp_kmalloc(size, gfp);
	frame = this_cpu_xchg(ktcp_spare_frames.of[class], NULL);
	return frame ?: kmem_cache_alloc(ktcp_frame_caches[class], ktcp_gfp_flags(gfp));
}

void ktcp_frame_free(void *frame, size_t size)
{
	const int class = ktcp_frame_class(size);

	if (class < 0) {
		kfree(frame);
		return;
	}
	if (!IS_ENABLED(CONFIG_KASAN))
		frame = this_cpu_xchg(ktcp_spare_frames.of[class], frame);
	if (frame)
		kmem_cache_free(ktcp_frame_caches[class], frame);
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
