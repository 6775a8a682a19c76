/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * How many bytes the kernel's structures take that C++ objects embed.
 *
 * Each port supplies a <ktcp_layout.h> on the include path. The user-space ports ship theirs. For
 * the kernel, the module's build generates it from the kernel's own headers and configuration (the
 * asm-offsets mechanism). A struct mutex is 32 bytes on a plain kernel and 128 with lockdep. It
 * defines, in bytes:
 *
 *   KTCP_SIZEOF_WORK          struct work_struct
 *   KTCP_SIZEOF_DELAYED_WORK  struct delayed_work
 *   KTCP_SIZEOF_MUTEX         struct mutex
 *   KTCP_SIZEOF_COMPLETION    struct completion
 *   KTCP_SIZEOF_SPINLOCK      struct spinlock
 *   KTCP_SIZEOF_LOCK_CLASS_KEY  struct lock_class_key, 0 without lockdep
 *
 * All of them are aligned as a pointer is. A port may also define
 *
 *   KTCP_SCHED_POINT()        runs at every operation on a ktcp::atomic or a
 *                             ktcp::setting; the simulated port interleaves other
 *                             contexts there
 *   KTCP_WRITE_POINT(address, size, relaxed)  the same, before each write to one;
 *                             the simulated port lets others see a relaxed store late.
 *                             They see a read-modify-write at once, which has size 0.
 *                             A relaxed one shows no store before it. No load is early
 *   KTCP_NOTE_FRAME_SIZE(n)   runs where a coroutine frame of n bytes is allocated;
 *                             the kernel's build collects the sizes and prints them
 */
#ifndef KTCP_PORT_LAYOUT_H
#define KTCP_PORT_LAYOUT_H

#include <ktcp_layout.h>

#ifndef KTCP_SCHED_POINT
#define KTCP_SCHED_POINT() ((void)0)
#endif

#ifndef KTCP_WRITE_POINT
#define KTCP_WRITE_POINT(address, size, relaxed) KTCP_SCHED_POINT()
#endif

#ifndef KTCP_NOTE_FRAME_SIZE
#define KTCP_NOTE_FRAME_SIZE(bytes) ((void)0)
#endif

#endif
