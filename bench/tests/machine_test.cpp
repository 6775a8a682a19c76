// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* The uses of the machine's own figures. */
#include "machine.hpp"

#include <gtest/gtest.h>

namespace
{

using load::cpu_time;

constexpr int64_t second = 1'000'000'000;

TEST(Machine, SharesIdleTimeOverItsProcessors)
{
	const cpu_time before = { 10 * second, 1 * second, 20 * second };
	const cpu_time after = { 12 * second, 4 * second, 24 * second };

	EXPECT_DOUBLE_EQ(load::idle_percent(before, after), 75);
	EXPECT_LT(load::idle_percent(before, before), 0);
}

/* A pause of ten seconds that lasts for twelve: the work is that of twelve. */
TEST(Machine, CountsWorkByTheTimeThatPassed)
{
	const cpu_time before = { 100 * second, 100 * second, 200 * second };
	const cpu_time after = { 112 * second, 100 * second + 24 * second - 6'000'000,
				 224 * second };

	EXPECT_DOUBLE_EQ(load::busy_per_second(before, after), 500'000);
}

TEST(Machine, HasAClock)
{
	const cpu_time before = load::read_cpu_time();
	const cpu_time after = load::read_cpu_time();

	EXPECT_GT(before.clock, 0);
	EXPECT_GE(after.clock, before.clock);
	EXPECT_GE(after.total, before.total);
}

} // namespace
