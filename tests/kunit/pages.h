/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The suites' view of the pages of buffers beyond the boundary, in C (pages.c). */
#ifndef KTCP_TESTS_KUNIT_PAGES_H
#define KTCP_TESTS_KUNIT_PAGES_H

#include <ktcp/port/types.h>

KTCP_PORT_BEGIN

/*
 * Put so many buffers that TCP holds, and then free ones, until a pool's stack is full of either. Then
 * get one. Return: the buffers that this allocated; negative: there was no memory. In process context.
 */
int ktcp_kunit_pool_allocates(unsigned int held, unsigned int free);

/*
 * Put buffers that a pool keeps, then give it a limit with which it keeps none. Return: those that it keeps
 * still; negative: it kept none before. In process context.
 */
int ktcp_kunit_pool_keeps_beyond_its_limit(void);

/* The bytes that the allocator took for @size of them (ksize()); 0: there was no memory. In process context. */
size_t ktcp_kunit_kmalloc_took(size_t size);

KTCP_PORT_END

#endif
