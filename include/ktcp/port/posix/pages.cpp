// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* port/pages.h over malloc: sending always copies. */
#include <stdlib.h>
#include <unistd.h>

#include <atomic>
#include <new>

#include <ktcp/port/pages.h>

struct ktcp_page_pool {
	size_t size;
	std::atomic<unsigned long long> most{ 0 }, held{ 0 }, refused{ 0 };
};

void ktcp_page_pool_limit(struct ktcp_page_pool *pool, unsigned long long most)
{
	if (!most)
		most = static_cast<unsigned long long>(sysconf(_SC_PHYS_PAGES)) *
		       static_cast<unsigned long long>(sysconf(_SC_PAGESIZE)) / 8;
	pool->most = most;
}

struct ktcp_page_pool *ktcp_page_pool_create(size_t size, unsigned long long most)
{
	auto *const pool = new (std::nothrow) ktcp_page_pool{ size };

	if (pool)
		ktcp_page_pool_limit(pool, most);
	return pool;
}

void ktcp_page_pool_destroy(struct ktcp_page_pool *pool)
{
	delete pool;
}

void *ktcp_page_pool_get(struct ktcp_page_pool *pool, enum ktcp_gfp)
{
	if (pool->held.fetch_add(pool->size) + pool->size > pool->most) {
		pool->held -= pool->size;
		pool->refused++;
		return nullptr;
	}

	void *const buffer = aligned_alloc(4096, pool->size);

	if (!buffer)
		pool->held -= pool->size;
	return buffer;
}

void ktcp_page_pool_put(struct ktcp_page_pool *pool, void *buffer)
{
	pool->held -= pool->size;
	free(buffer);
}

void ktcp_page_pool_count(const struct ktcp_page_pool *pool, struct ktcp_page_pool_stats *to)
{
	*to = { pool->held, pool->refused, pool->held / pool->size, pool->most / pool->size };
}
