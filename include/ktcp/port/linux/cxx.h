/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Included before every C++ file of a kernel module: what the kernel's port adds to
 * port/layout.h.
 */

/*
 * Leave the size of a coroutine frame in a section that is not loaded, for the build to
 * print. It is a constant where the frame is allocated, once operator new is inlined.
 */
#define KTCP_NOTE_FRAME_SIZE(bytes)                                                     \
	do {                                                                            \
		if (__builtin_constant_p(bytes))                                        \
			__asm__ volatile(".pushsection .ktcp.frames,\"\",@progbits\n\t" \
					 ".quad %c0\n\t"                                \
					 ".popsection"                                  \
					 :                                              \
					 : "i"(bytes));                                 \
	} while (0)
