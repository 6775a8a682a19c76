/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Marks around what a profile counts: instructions that do nothing on a processor, and that the
 * emulator's plugin knows by their bytes (plugin.c). The number is a long NOP's displacement.
 * Clients execute them; neither the kernel nor a system call takes part.
 */
#ifndef PROFILE_MARK_H
#define PROFILE_MARK_H

#define PROFILE_BEGIN 0x6b747301
#define PROFILE_END 0x6b747302

/* nopl WHAT(%rax,%rax,1) */
#define PROFILE_MARK(what) \
	__asm__ volatile(".byte 0x0f, 0x1f, 0x84, 0x00; .long %c0" : : "i"(what) : "memory")

#endif
