// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* port/time.h over jiffies. */
#include <linux/delay.h>
#include <linux/jiffies.h>

#include <ktcp/port/time.h>

uint64_t ktcp_now_ms(void)
{
	return jiffies64_to_msecs(get_jiffies_64() - INITIAL_JIFFIES) + 1;
}

void ktcp_msleep(unsigned int ms)
{
	msleep(ms);
}
