/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Included before every C++ file of a kernel module: the kernel port's additions to port/layout.h.
 */

/*
 * Leave the size of a coroutine frame, and where it is allocated, in a section that is not loaded, for the build to
 * print. It is a constant where the frame is allocated, once operator new is inlined.
 */
#define KTCP_NOTE_FRAME_SIZE(bytes)                                                     \
	do {                                                                            \
		if (__builtin_constant_p(bytes))                                        \
			__asm__ volatile("1:\n\t"                                       \
					 ".pushsection .ktcp.frames,\"\",@progbits\n\t" \
					 ".quad 1b, %c0\n\t"                            \
					 ".popsection"                                  \
					 :                                              \
					 : "i"(bytes));                                 \
	} while (0)
