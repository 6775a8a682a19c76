/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Buffers that TCP can send from without copying, recycled.
 *
 * A buffer is whole pages, so that TCP may keep them until they are acknowledged while its owner
 * has long given them back. The pool hands a buffer out again only when it has no other holder. It
 * keeps a few on each CPU, as they were left: Debian's kernels zero every allocation, which for 16
 * KiB costs more than echoing them.
 */
#ifndef KTCP_PORT_PAGES_H
#define KTCP_PORT_PAGES_H

#include <ktcp/port/memory.h>

KTCP_PORT_BEGIN

struct ktcp_page_pool;

/**
 * ktcp_page_pool_create() - a pool of buffers of one size.
 * @size: bytes, a power of two of pages.
 * @most: bytes of all its buffers together, those that wait to be got again among them; 0: an
 *        eighth of the machine's memory.
 * Return: the pool, the caller's until ktcp_page_pool_destroy(); NULL if there is no memory.
 * Context: process.
 */
struct ktcp_page_pool *ktcp_page_pool_create(size_t size, unsigned long long most);

/**
 * ktcp_page_pool_limit() - another most. A pool that has more gives those that wait to be got back at once, and
 * others as they come. Not beside itself.
 * @most: as ktcp_page_pool_create().
 * Context: process; it waits for a work item of each CPU.
 */
void ktcp_page_pool_limit(struct ktcp_page_pool *pool, unsigned long long most);

/**
 * ktcp_page_pool_destroy() - every buffer must have been put; TCP may still be sending some
 * and frees them then. NULL is ignored.
 * Context: process.
 */
void ktcp_page_pool_destroy(struct ktcp_page_pool *pool);

/**
 * ktcp_page_pool_get() - a buffer, the caller's until ktcp_page_pool_put(); NULL if there is
 * no memory, or the pool has its most. Its contents are this pool's earlier ones.
 * Context: as @gfp says.
 */
void *ktcp_page_pool_get(struct ktcp_page_pool *pool, enum ktcp_gfp gfp);

/** ktcp_page_pool_put() - nothing may write to the buffer any more. Context: any. */
void ktcp_page_pool_put(struct ktcp_page_pool *pool, void *buffer);

struct ktcp_page_pool_stats {
	unsigned long long bytes; /* of all its buffers just now */
	unsigned long long refused; /* how often ktcp_page_pool_get() found the pool at its most */
	unsigned long long buffers; /* how many they are, … */
	unsigned long long most; /* … and how many they may be */
};

/** ktcp_page_pool_count() - of a pool. Context: any. */
void ktcp_page_pool_count(const struct ktcp_page_pool *pool, struct ktcp_page_pool_stats *to);

struct page;

/** ktcp_put_page() - give a reference to a page of anyone's back, as put_page(). Any context. */
void ktcp_put_page(struct page *page);

KTCP_PORT_END

#endif
