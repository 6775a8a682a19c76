/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * port/layout.h for the simulated port: the sizes of the structures that sim/ defines. Every operation
 * on a ktcp::atomic or a ktcp::setting is a scheduling point. Others may see a relaxed store late.
 */
#ifndef KTCP_LAYOUT_H
#define KTCP_LAYOUT_H

#define KTCP_SIZEOF_WORK 48
#define KTCP_SIZEOF_DELAYED_WORK 80
#define KTCP_SIZEOF_MUTEX 32
#define KTCP_SIZEOF_COMPLETION 32
#define KTCP_SIZEOF_SPINLOCK 32
#define KTCP_SIZEOF_LOCK_CLASS_KEY 0

#ifdef __cplusplus
#include <cstddef>

extern "C" void ktcp_sim_sched_point(void);
extern "C" void ktcp_sim_write_point(void *address, std::size_t size, bool relaxed);
#else
void ktcp_sim_sched_point(void);
#endif

#define KTCP_SCHED_POINT() ktcp_sim_sched_point()
#define KTCP_WRITE_POINT(address, size, relaxed) ktcp_sim_write_point(address, size, relaxed)

#endif
