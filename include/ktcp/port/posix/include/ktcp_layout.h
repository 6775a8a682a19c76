/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* port/layout.h for user space; port.cpp checks each against the real structure. */
#ifndef KTCP_POSIX_LAYOUT_H
#define KTCP_POSIX_LAYOUT_H

#define KTCP_SIZEOF_WORK 64
#define KTCP_SIZEOF_DELAYED_WORK 96
#define KTCP_SIZEOF_MUTEX 40
#define KTCP_SIZEOF_COMPLETION 104
#define KTCP_SIZEOF_SPINLOCK 8
#define KTCP_SIZEOF_LOCK_CLASS_KEY 0

#endif
