// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* port/time.h over the coarse clocks. */
#include <time.h>

#include <ktcp/port/time.h>

uint64_t ktcp_now_ms(void)
{
	timespec now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return static_cast<uint64_t>(now.tv_sec) * 1000 + now.tv_nsec / 1000000 + 1;
}

uint64_t ktcp_real_seconds(void)
{
	timespec now;

	clock_gettime(CLOCK_REALTIME_COARSE, &now);
	return static_cast<uint64_t>(now.tv_sec);
}

void ktcp_msleep(unsigned int ms)
{
	timespec left = { .tv_sec = ms / 1000, .tv_nsec = static_cast<long>(ms % 1000) * 1000000 };

	while (nanosleep(&left, &left))
		;
}
