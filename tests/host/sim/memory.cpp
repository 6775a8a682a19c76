/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* port/memory.h, simulated. */
#include "memory.hpp"

#include <cstdlib>
#include <cstring>
#include <new>
#include <string>

#include "kernel.hpp"
#include "locks.hpp"
#include "network.hpp"
#include "workqueues.hpp"

#include <ktcp/port/memory.h>
#include <ktcp/port/pages.h>

namespace sim
{
namespace
{

const char *const source_names[] = { "kmalloc", "kmem_cache", "alloc_pages" };

__attribute__((no_sanitize_address)) void fill(void *object, size_t size, uint64_t pattern)
{
	char *at = static_cast<char *>(object);

	for (; size >= 8; at += 8, size -= 8)
		__builtin_memcpy(at, &pattern, 8);
	__builtin_memcpy(at, &pattern, size);
}

} // namespace

memory::~memory()
{
	for (auto &[address, b] : blocks_)
		free(reinterpret_cast<void *>(address));
}

void *memory::allocate(size_t size, source from, kmem_cache *cache)
{
	void *object = from == source::pages ? aligned_alloc(4096, (size + 4095) & ~size_t(4095)) :
					       malloc(size);
	block b{ size, from, cache, serial_++, kernel_.chance.next() };

	if (!object)
		abort();
	fill(object, size, b.pattern);
	blocks_.emplace(reinterpret_cast<uintptr_t>(object), b);
	if (cache)
		cache->objects++;
	kernel_.trace("%s #%d: %zu bytes", source_names[int(from)], b.id, size);
	return object;
}

void memory::release(void *object, size_t size, source from, kmem_cache *cache)
{
	auto found = blocks_.find(reinterpret_cast<uintptr_t>(object));

	if (found == blocks_.end())
		kernel_.fail("freed what is not allocated: %s", source_names[int(from)]);

	const block &b = found->second;

	kernel_.trace("free #%d", b.id);
	if (b.from != from)
		kernel_.fail("memory from %s freed as from %s", source_names[int(b.from)],
			     source_names[int(from)]);
	if (b.cache != cache)
		kernel_.fail("an object of cache %s freed to cache %s", b.cache->name.c_str(),
			     cache->name.c_str());
	if (from == source::pages && b.size != size)
		kernel_.fail("%zu bytes of pages freed as %zu", b.size, size);
	if (cache)
		cache->objects--;
	/* Nothing inside may still be known to the kernel. */
	kernel_.queues->check_freed(object, b.size);
	kernel_.net->check_freed(object, b.size);
	check_locks_freed(kernel_, object, b.size);
	blocks_.erase(found);
	free(object);
}

kmem_cache *memory::create_cache(const char *name, size_t size)
{
	for (auto &c : caches_)
		if (!c->destroyed && c->name == name)
			kernel_.fail("two live caches named %s", name);
	caches_.push_back(std::make_unique<kmem_cache>());
	kmem_cache *cache = caches_.back().get();

	cache->name = name;
	cache->size = size;
	cache->id = serial_++;
	return cache;
}

void memory::destroy_cache(kmem_cache *cache)
{
	if (cache->destroyed)
		kernel_.fail("cache %s destroyed twice", cache->name.c_str());
	if (cache->objects)
		kernel_.fail("cache %s destroyed with %d objects in use", cache->name.c_str(),
			     cache->objects);
	cache->destroyed = true;
}

void memory::check_written(const void *data, size_t size, const char *user)
{
	uintptr_t from = reinterpret_cast<uintptr_t>(data);
	auto found = blocks_.upper_bound(from);

	if (found == blocks_.begin())
		return;
	--found;

	const auto &[start, b] = *found;

	if (from >= start + b.size)
		return;
	if (from + size > start + b.size)
		kernel_.fail("%s: reaches beyond its memory", user);
	/* Word by word from the first whole one: single bytes may be equal by chance. */
	for (uintptr_t at = start + (from - start + 7) / 8 * 8; at + 8 <= from + size; at += 8)
		if (!memcmp(reinterpret_cast<void *>(at), &b.pattern, 8))
			kernel_.fail("%s: byte %zu was never written", user, size_t(at - from));
}

void memory::check_unloaded()
{
	for (auto &[address, b] : blocks_)
		kernel_.fail("memory leaked: %s #%d, %zu bytes%s%s (%zu objects in all)",
			     source_names[int(b.from)], b.id, b.size, b.cache ? " of cache " : "",
			     b.cache ? b.cache->name.c_str() : "", blocks_.size());
	for (auto &c : caches_)
		if (!c->destroyed)
			kernel_.fail("cache %s leaked", c->name.c_str());
}

} // namespace sim

using sim::kernel;
using sim::memory;

static kernel &enter(const char *function, enum ktcp_gfp gfp)
{
	return gfp == KTCP_GFP_KERNEL ? kernel::enter_process(function) :
					kernel::enter_any(function);
}

void *ktcp_kmalloc(size_t size, enum ktcp_gfp gfp)
{
	kernel &k = enter("ktcp_kmalloc(GFP_KERNEL)", gfp);

	if (!size)
		k.fail("ktcp_kmalloc: of 0 bytes");
	if (k.fails("ktcp_kmalloc"))
		return nullptr;
	return k.heap->allocate(size, memory::source::kmalloc, nullptr);
}

void ktcp_kfree(void *object)
{
	kernel &k = kernel::enter_any("ktcp_kfree");

	if (object)
		k.heap->release(object, 0, memory::source::kmalloc, nullptr);
}

void *ktcp_frame_alloc(size_t size, enum ktcp_gfp gfp)
{
	return ktcp_kmalloc(size, gfp);
}

void ktcp_frame_free(void *frame, size_t)
{
	ktcp_kfree(frame);
}

struct kmem_cache *ktcp_kmem_cache_create(const char *name, size_t size)
{
	kernel &k = kernel::enter_process("ktcp_kmem_cache_create");

	if (!size)
		k.fail("ktcp_kmem_cache_create: of 0 bytes");
	if (k.fails("ktcp_kmem_cache_create"))
		return nullptr;
	return k.heap->create_cache(name, size);
}

void ktcp_kmem_cache_destroy(struct kmem_cache *cache)
{
	kernel &k = kernel::enter_process("ktcp_kmem_cache_destroy");

	if (cache)
		k.heap->destroy_cache(cache);
}

void *ktcp_kmem_cache_alloc(struct kmem_cache *cache, enum ktcp_gfp gfp)
{
	kernel &k = enter("ktcp_kmem_cache_alloc(GFP_KERNEL)", gfp);

	if (cache->destroyed)
		k.fail("ktcp_kmem_cache_alloc: cache %s is destroyed", cache->name.c_str());
	if (k.fails("ktcp_kmem_cache_alloc"))
		return nullptr;
	return k.heap->allocate(cache->size, memory::source::cache, cache);
}

void ktcp_kmem_cache_free(struct kmem_cache *cache, void *object)
{
	kernel &k = kernel::enter_any("ktcp_kmem_cache_free");

	if (cache->destroyed)
		k.fail("ktcp_kmem_cache_free: cache %s is destroyed", cache->name.c_str());
	k.heap->release(object, 0, memory::source::cache, cache);
}

void *ktcp_alloc_pages(size_t size, enum ktcp_gfp gfp)
{
	kernel &k = enter("ktcp_alloc_pages(GFP_KERNEL)", gfp);

	if (!size)
		k.fail("ktcp_alloc_pages: of 0 bytes");
	if (k.fails("ktcp_alloc_pages"))
		return nullptr;
	return k.heap->allocate(size, memory::source::pages, nullptr);
}

size_t ktcp_kmalloc_size(size_t size)
{
	return ktcp_kmalloc_size_from(8, size);
}

void ktcp_free_pages(void *pages, size_t size)
{
	kernel &k = kernel::enter_any("ktcp_free_pages");

	if (pages)
		k.heap->release(pages, size, memory::source::pages, nullptr);
}

/*
 * port/pages.h: every buffer from the allocator, filled afresh. That TCP keeps pages is not
 * modelled: the simulated socket copies what it is sent.
 */
struct ktcp_page_pool {
	size_t size;
	unsigned long long most; /* 0: any number */
	int buffers = 0, refused = 0;
};

struct ktcp_page_pool *ktcp_page_pool_create(size_t size, unsigned long long most)
{
	kernel &k = kernel::enter_process("ktcp_page_pool_create");

	if (!size || size % 4096 || (size & (size - 1)))
		k.fail("ktcp_page_pool_create: %zu bytes", size);

	void *memory = ktcp_kmalloc(sizeof(ktcp_page_pool), KTCP_GFP_KERNEL);

	return memory ? new (memory) ktcp_page_pool{ size, most } : nullptr;
}

void ktcp_page_pool_limit(struct ktcp_page_pool *pool, unsigned long long most)
{
	kernel::enter_process("ktcp_page_pool_limit");
	pool->most = most;
}

void ktcp_page_pool_destroy(struct ktcp_page_pool *pool)
{
	kernel &k = kernel::enter_process("ktcp_page_pool_destroy");

	if (pool && pool->buffers)
		k.fail("ktcp_page_pool_destroy: %d buffers were not put", pool->buffers);
	ktcp_kfree(pool);
}

void *ktcp_page_pool_get(struct ktcp_page_pool *pool, enum ktcp_gfp gfp)
{
	if (pool->most && pool->size * static_cast<unsigned int>(pool->buffers + 1) > pool->most) {
		pool->refused++;
		return nullptr;
	}

	void *buffer = ktcp_alloc_pages(pool->size, gfp);

	pool->buffers += buffer != nullptr;
	return buffer;
}

void ktcp_page_pool_count(const struct ktcp_page_pool *pool, struct ktcp_page_pool_stats *to)
{
	const auto buffers = static_cast<unsigned int>(pool->buffers);

	*to = { pool->size * buffers, static_cast<unsigned int>(pool->refused), buffers,
		pool->most ? pool->most / pool->size : SIZE_MAX };
}

void ktcp_page_pool_put(struct ktcp_page_pool *pool, void *buffer)
{
	pool->buffers--;
	ktcp_free_pages(buffer, pool->size);
}
