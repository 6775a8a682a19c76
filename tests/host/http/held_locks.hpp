// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * Spin locks that are held while others are taken. The linker puts it before the port's (--wrap, in CMakeLists.txt).
 */
#ifndef KTCP_TESTS_HOST_HTTP_HELD_LOCKS_HPP
#define KTCP_TESTS_HOST_HTTP_HELD_LOCKS_HPP

/** Of spin_lock_bh, and of the locks of events, which are spin_lock_irq. */
struct held_locks {
	unsigned int held = 0; /**< just now */
	unsigned int woken_under = 0; /**< times that an event was set, or made, with one held */
};

extern struct held_locks held_locks;

#endif
