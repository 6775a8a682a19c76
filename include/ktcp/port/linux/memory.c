// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* port/memory.h over the slab and page allocators. */
#include <linux/gfp.h>
#include <linux/memcontrol.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include <ktcp/port/memory.h>

/*
 * The cgroup that is charged, once ktcp_memory_charge() was called: the loader's. Turns run in
 * softirq and in kernel threads, which are in no cgroup of a user's.
 */
static struct mem_cgroup *ktcp_charged __read_mostly;

/*
 * A failed allocation is an answer here, not a surprise, so none warns. Nor may an allocation kill a
 * user's process. Below costly orders GFP_KERNEL would do that before it fails; with
 * __GFP_RETRY_MAYFAIL it fails first, in the machine and in a cgroup. A caller that cannot sleep
 * leaves the reserves to the packets that arrive (no GFP_ATOMIC), and goes on where it can sleep.
 */
static gfp_t ktcp_gfp_flags(enum ktcp_gfp gfp)
{
	gfp_t flags = gfp == KTCP_GFP_KERNEL ? GFP_KERNEL | __GFP_RETRY_MAYFAIL : GFP_NOWAIT;

	return flags | __GFP_NOWARN | (ktcp_charged ? __GFP_ACCOUNT : 0);
}

#ifdef KTCP_HAVE_INT_ACTIVE_MEMCG
#define ktcp_set_active_memcg(memcg) set_active_memcg(memcg)
#else
/* Before 5.14 a module cannot say so in an interrupt. An allocation there is charged to nobody. */
static struct mem_cgroup *ktcp_set_active_memcg(struct mem_cgroup *memcg)
{
#ifdef CONFIG_MEMCG
	if (!in_interrupt())
		swap(current->active_memcg, memcg);
#endif
	return memcg;
}
#endif

/* The value of @allocation, charged. */
#define KTCP_CHARGED(allocation)                                           \
	({                                                                 \
		struct mem_cgroup *ktcp_before;                            \
		typeof(allocation) ktcp_made;                              \
                                                                           \
		if (likely(!ktcp_charged)) {                               \
			ktcp_made = (allocation);                          \
		} else {                                                   \
			ktcp_before = ktcp_set_active_memcg(ktcp_charged); \
			ktcp_made = (allocation);                          \
			ktcp_set_active_memcg(ktcp_before);                \
		}                                                          \
		ktcp_made;                                                 \
	})

void ktcp_memory_charge(void)
{
#ifdef CONFIG_MEMCG
	struct mem_cgroup *memcg = get_mem_cgroup_from_mm(current->mm);

	/* The root's charges would bound nothing. */
	if (memcg && memcg->css.parent && !ktcp_charged)
		ktcp_charged = memcg;
	else
		mem_cgroup_put(memcg);
#endif
}

static __maybe_unused void ktcp_memory_uncharge(void)
{
	mem_cgroup_put(ktcp_charged);
	ktcp_charged = NULL;
}

void *ktcp_kmalloc(size_t size, enum ktcp_gfp gfp)
{
	return KTCP_CHARGED(kmalloc(size, ktcp_gfp_flags(gfp)));
}

size_t ktcp_kmalloc_size(size_t size)
{
#ifdef KTCP_HAVE_KMALLOC_SIZE_ROUNDUP
	return kmalloc_size_roundup(size);
#else
	return ktcp_kmalloc_size_from(KMALLOC_MIN_SIZE, size);
#endif
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
	return KTCP_CHARGED(kmem_cache_alloc(cache, ktcp_gfp_flags(gfp)));
}

void ktcp_kmem_cache_free(struct kmem_cache *cache, void *object)
{
	kmem_cache_free(cache, object);
}

/*
 * Coroutine frames have caches of their own, because a cache with a constructor saves the zeroing.
 * Where the kernel zeroes all that it allocates, and Debian's does, a frame of half a kilobyte
 * costs 500 instructions more. A module has them from its start to its end; where there is no
 * module (KUnit), and for larger frames, kmalloc() serves. Their sizes are those of the slabs'
 * objects: a constructor keeps SLUB's free pointer out of the frame, so that it comes behind it.
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
 * The frame of each class that was freed last on this CPU. A frame that lives from a request to its
 * response then costs no more than the exchange of a pointer. That saves a hundredth of the whole
 * way. Where KASAN watches, it is to see the end of each. this_cpu_xchg() is no barrier on arm64. A spare frame
 * stays on its CPU, so the order of the program is enough.
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
	return frame ?: ktcp_kmem_cache_alloc(ktcp_frame_caches[class], gfp);
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
	return KTCP_CHARGED(alloc_pages_exact(size, ktcp_gfp_flags(gfp)));
}

void ktcp_free_pages(void *pages, size_t size)
{
	if (pages)
		free_pages_exact(pages, size);
}
