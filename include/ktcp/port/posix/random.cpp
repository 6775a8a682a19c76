// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* port/random.h over getrandom(). */
#include <sys/random.h>

#include <ktcp/port/random.h>

uint32_t ktcp_random_u32(void)
{
	uint32_t value = 0;

	while (getrandom(&value, sizeof(value), 0) != sizeof(value))
		;
	return value;
}
