/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The boundary's vocabulary: integer types, and how its declarations read in
 * both languages.
 *
 * Every header in port/ is plain C that compiles as C inside the kernel and as
 * C++ everywhere else. Structures of the kernel's appear by their own names and
 * are never defined here: C++ holds them as opaque bytes (port/layout.h) and
 * hands back pointers.
 *
 * In the type of a callback 64 bits are `unsigned long long`. uint64_t is that in the kernel's C,
 * but unsigned long in C++. A kernel that checks the types of its calls (kCFI) would trap.
 *
 * Context words used below, after the kernel's own "Context:" lines:
 *   process   may sleep; no spinlock held, bottom halves on
 *   any       process, softirq, or under a spinlock; not NMI or hard interrupt
 *   interrupt any, a hard interrupt, or with interrupts off; not NMI
 */
#ifndef KTCP_PORT_TYPES_H
#define KTCP_PORT_TYPES_H

#if defined(__KERNEL__) && !defined(__cplusplus)
#include <linux/types.h>
#else
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#endif

#ifdef __cplusplus
#define KTCP_PORT_BEGIN extern "C" {
#define KTCP_PORT_END }
#else
#define KTCP_PORT_BEGIN
#define KTCP_PORT_END
#endif

#endif
