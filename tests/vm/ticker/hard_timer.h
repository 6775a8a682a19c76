/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* A timer whose function a hard interrupt calls: beyond the boundary, in C (hard_timer.c). */
#ifndef KTCP_TESTS_VM_TICKER_HARD_TIMER_H
#define KTCP_TESTS_VM_TICKER_HARD_TIMER_H

#include <ktcp/port/types.h>

KTCP_PORT_BEGIN

struct hard_timer;

/* Bytes of one: the caller's memory, aligned as a pointer is. */
#define HARD_TIMER_SIZE 256

/*
 * Call @function each @us microseconds until it returns false, in a hard interrupt of this CPU; on
 * PREEMPT_RT in a softirq. Any context.
 */
void hard_timer_start(struct hard_timer *timer, unsigned int us, bool (*function)(void *context),
		      void *context);

/* On return the function neither runs nor will. Process context or softirq. */
void hard_timer_stop(struct hard_timer *timer);

KTCP_PORT_END

#endif
