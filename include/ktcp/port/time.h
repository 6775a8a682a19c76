/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Time that only goes forward, and the time of day. */
#ifndef KTCP_PORT_TIME_H
#define KTCP_PORT_TIME_H

#include <ktcp/port/memory.h>
#include <ktcp/port/types.h>

KTCP_PORT_BEGIN

struct ktcp_exact_timer;

/**
 * ktcp_now_ms() - milliseconds since boot, as coarse as the kernel's tick (1 to
 * 10 ms) and as cheap as reading a variable. Those of a suspend are not among them. Never 0.
 * Context: any.
 */
uint64_t ktcp_now_ms(void);

/**
 * ktcp_boottime_ms() - the same with the time in which the machine was suspended (ktime_get_coarse_boottime()). For
 * what goes on elsewhere meanwhile: a peer on another machine counts by its own clock, and files on a server change.
 * Never 0.
 * Context: any.
 */
uint64_t ktcp_boottime_ms(void);

/** ktcp_real_seconds() - seconds since 1970, UTC, as ktime_get_real_seconds(). Context: any. */
uint64_t ktcp_real_seconds(void);

/** ktcp_msleep() - sleep for at least @ms milliseconds. Context: process. */
void ktcp_msleep(unsigned int ms);

/**
 * ktcp_usleep() - sleep for @us microseconds, or for at most twice that (usleep_range()).
 *
 * Other tasks run meanwhile. cond_resched() does not promise that: the scheduler asks a task to leave when its slice is
 * over. It looks at that at a tick, 1 to 10 ms away.
 * Context: process.
 */
void ktcp_usleep(unsigned int us);

/**
 * ktcp_exact_timer_start() - have @function called once, in softirq, when @us microseconds are over
 * (hrtimer_start(), HRTIMER_MODE_REL_SOFT).
 * Return: the timer, the caller's until ktcp_exact_timer_stop(); NULL if there is no memory.
 * Context: as @gfp says.
 */
struct ktcp_exact_timer *ktcp_exact_timer_start(unsigned int us, void (*function)(void *context),
						void *context, enum ktcp_gfp gfp);

/**
 * ktcp_exact_timer_stop() - on return the function neither runs nor will, and the timer is gone. It may
 * spin while the function runs on another CPU: the function takes no lock that the caller holds.
 * Context: process or softirq; not from the function.
 */
void ktcp_exact_timer_stop(struct ktcp_exact_timer *timer);

KTCP_PORT_END

#endif
