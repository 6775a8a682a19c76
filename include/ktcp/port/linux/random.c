// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* port/random.h over the kernel's generator. */
#include <linux/random.h>

#include <ktcp/port/random.h>

uint32_t ktcp_random_u32(void)
{
	return get_random_u32();
}
