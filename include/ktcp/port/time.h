/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Time that only goes forward, and the time of day. */
#ifndef KTCP_PORT_TIME_H
#define KTCP_PORT_TIME_H

#include <ktcp/port/types.h>

KTCP_PORT_BEGIN

/**
 * ktcp_now_ms() - milliseconds since boot, as coarse as the kernel's tick (1 to
 * 10 ms) and as cheap as reading a variable. Never 0.
 * Context: any.
 */
uint64_t ktcp_now_ms(void);

/** ktcp_real_seconds() - seconds since 1970, UTC, as ktime_get_real_seconds(). Context: any. */
uint64_t ktcp_real_seconds(void);

/** ktcp_msleep() - sleep for at least @ms milliseconds. Context: process. */
void ktcp_msleep(unsigned int ms);

KTCP_PORT_END

#endif
