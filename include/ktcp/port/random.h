/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Numbers that a peer cannot guess. */
#ifndef KTCP_PORT_RANDOM_H
#define KTCP_PORT_RANDOM_H

#include <ktcp/port/types.h>

KTCP_PORT_BEGIN

/** ktcp_random_u32() - as get_random_u32(). Context: any. */
uint32_t ktcp_random_u32(void);

KTCP_PORT_END

#endif
