/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* port/memory.h */
#ifndef KTCP_TESTS_CONFORMANCE_CASES_MEMORY_HPP
#define KTCP_TESTS_CONFORMANCE_CASES_MEMORY_HPP

#include <ktcp/port/pages.h>

#include "support.hpp"

#define KTCP_MEMORY_CASES(X)            \
	X(memory_kmalloc_is_ours)       \
	X(memory_kmalloc_is_aligned)    \
	X(memory_pages_are_ours)        \
	X(memory_cache_gives_objects)   \
	X(memory_caches_come_and_go)    \
	X(memory_page_pool_has_a_bound) \
	X(memory_page_pool_recycles)    \
	X(memory_null_may_be_freed)

namespace ktcp_test
{

/* Every byte can be written and keeps its value beside its neighbours'. */
inline bool usable(void *memory, std::size_t size, unsigned salt)
{
	auto *bytes = static_cast<unsigned char *>(memory);

	for (std::size_t i = 0; i < size; i++)
		bytes[i] = static_cast<unsigned char>(i * 7 + salt);
	for (std::size_t i = 0; i < size; i++)
		if (bytes[i] != static_cast<unsigned char>(i * 7 + salt))
			return false;
	return true;
}

inline bool holds(const void *memory, std::size_t size, unsigned salt)
{
	auto *bytes = static_cast<const unsigned char *>(memory);

	for (std::size_t i = 0; i < size; i++)
		if (bytes[i] != static_cast<unsigned char>(i * 7 + salt))
			return false;
	return true;
}

inline void memory_kmalloc_is_ours(context &context)
{
	for (enum ktcp_gfp gfp : { KTCP_GFP_KERNEL, KTCP_GFP_ATOMIC }) {
		void *one = ktcp_kmalloc(100, gfp);
		void *two = ktcp_kmalloc(100, gfp);

		KTCP_CHECK(one && two && one != two);
		if (one && two) {
			KTCP_CHECK(usable(one, 100, 1));
			KTCP_CHECK(usable(two, 100, 2));
			KTCP_CHECK(holds(one, 100, 1));
		}
		ktcp_kfree(one);
		ktcp_kfree(two);
	}
}

inline void memory_kmalloc_is_aligned(context &context)
{
	for (std::size_t size = 1; size <= 8192; size = size * 3 + 1) {
		void *memory = ktcp_kmalloc(size, KTCP_GFP_KERNEL);

		KTCP_CHECK(memory && reinterpret_cast<std::uintptr_t>(memory) % 8 == 0);
		ktcp_kfree(memory);
	}
}

inline void memory_pages_are_ours(context &context)
{
	for (std::size_t size : { 1, 4096, 4097, 65536 }) {
		void *pages = ktcp_alloc_pages(size, KTCP_GFP_KERNEL);

		KTCP_CHECK(pages && reinterpret_cast<std::uintptr_t>(pages) % 4096 == 0);
		if (pages)
			KTCP_CHECK(usable(pages, size, 3));
		ktcp_free_pages(pages, size);
	}
}

inline void memory_cache_gives_objects(context &context)
{
	constexpr std::size_t size = 300;
	struct kmem_cache *cache = ktcp_kmem_cache_create("ktcp_conformance", size);
	void *objects[4];

	KTCP_REQUIRE(cache);
	for (unsigned i = 0; i < 4; i++) {
		objects[i] = ktcp_kmem_cache_alloc(cache,
						   i % 2 ? KTCP_GFP_ATOMIC : KTCP_GFP_KERNEL);
		KTCP_CHECK(objects[i] && usable(objects[i], size, i));
	}
	for (unsigned i = 0; i < 4; i++)
		if (objects[i]) {
			KTCP_CHECK(holds(objects[i], size, i));
			ktcp_kmem_cache_free(cache, objects[i]);
		}
	ktcp_kmem_cache_destroy(cache);
}

/* The same name, one after the other; the name is copied. */
inline void memory_caches_come_and_go(context &context)
{
	char name[] = "ktcp_conformance";

	for (int i = 0; i < 3; i++) {
		name[0] = 'k';

		struct kmem_cache *cache = ktcp_kmem_cache_create(name, 64);

		name[0] = '?';
		KTCP_REQUIRE(cache);

		void *object = ktcp_kmem_cache_alloc(cache, KTCP_GFP_KERNEL);

		KTCP_CHECK(object);
		if (object)
			ktcp_kmem_cache_free(cache, object);
		ktcp_kmem_cache_destroy(cache);
	}
}

/* Nothing happens, and memory is still to be had. */
inline void memory_null_may_be_freed(context &context)
{
	ktcp_kfree(nullptr);
	ktcp_free_pages(nullptr, 1);
	ktcp_kmem_cache_destroy(nullptr);

	void *memory = ktcp_kmalloc(8, KTCP_GFP_KERNEL);

	KTCP_CHECK(memory);
	ktcp_kfree(memory);
}

inline void memory_page_pool_has_a_bound(context &context)
{
	constexpr std::size_t size = 16384;
	struct ktcp_page_pool *pool = ktcp_page_pool_create(size, 3 * size);
	struct ktcp_page_pool_stats count;
	void *held[3];

	KTCP_REQUIRE(pool);
	for (void *&each : held)
		each = ktcp_page_pool_get(pool, KTCP_GFP_KERNEL);
	KTCP_CHECK(held[0] && held[1] && held[2]);
	KTCP_CHECK(!ktcp_page_pool_get(pool, KTCP_GFP_KERNEL));
	KTCP_CHECK(!ktcp_page_pool_get(pool, KTCP_GFP_ATOMIC));
	ktcp_page_pool_count(pool, &count);
	KTCP_CHECK(count.bytes == 3 * size);
	KTCP_CHECK(count.refused == 2);
	if (held[0])
		ktcp_page_pool_put(pool, held[0]);
	held[0] = ktcp_page_pool_get(pool, KTCP_GFP_ATOMIC);
	KTCP_CHECK(held[0]);
	for (void *each : held)
		if (each)
			ktcp_page_pool_put(pool, each);
	ktcp_page_pool_destroy(pool);
}

inline void memory_page_pool_recycles(context &context)
{
	constexpr std::size_t size = 16384;
	struct ktcp_page_pool *pool = ktcp_page_pool_create(size, 0);

	KTCP_REQUIRE(pool);
	for (enum ktcp_gfp gfp : { KTCP_GFP_KERNEL, KTCP_GFP_ATOMIC, KTCP_GFP_KERNEL }) {
		void *one = ktcp_page_pool_get(pool, gfp);
		void *two = ktcp_page_pool_get(pool, gfp);

		KTCP_CHECK(one && two && one != two);
		if (one && two) {
			KTCP_CHECK(reinterpret_cast<std::uintptr_t>(one) % 4096 == 0);
			KTCP_CHECK(usable(one, size, 1));
			KTCP_CHECK(usable(two, size, 2));
			KTCP_CHECK(holds(one, size, 1));
		}
		if (one)
			ktcp_page_pool_put(pool, one);
		if (two)
			ktcp_page_pool_put(pool, two);
	}
	ktcp_page_pool_destroy(pool);
	ktcp_page_pool_destroy(nullptr);
}

} // namespace ktcp_test

#endif
