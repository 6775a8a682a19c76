// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* port/pages.h over malloc: sending always copies. */
#include <stdlib.h>

#include <new>

#include <ktcp/port/pages.h>

struct ktcp_page_pool {
	size_t size;
};

struct ktcp_page_pool *ktcp_page_pool_create(size_t size)
{
	return new (std::nothrow) ktcp_page_pool{ size };
}

void ktcp_page_pool_destroy(struct ktcp_page_pool *pool)
{
	delete pool;
}

void *ktcp_page_pool_get(struct ktcp_page_pool *pool, enum ktcp_gfp)
{
	return aligned_alloc(4096, pool->size);
}

void ktcp_page_pool_put(struct ktcp_page_pool *, void *buffer)
{
	free(buffer);
}
