// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* port/time.h over jiffies and the timekeeper. */
#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/timekeeping.h>

#include <ktcp/port/time.h>

uint64_t ktcp_now_ms(void)
{
	return jiffies64_to_msecs(get_jiffies_64() - INITIAL_JIFFIES) + 1;
}

uint64_t ktcp_real_seconds(void)
{
	return ktime_get_real_seconds();
}

void ktcp_msleep(unsigned int ms)
{
	msleep(ms);
}
