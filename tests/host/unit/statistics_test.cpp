// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* ktcp/engine/statistics.hpp: a server's counters. */
#include <ktcp/engine/statistics.hpp>

#include <gtest/gtest.h>

TEST(traffic, of_several_is_their_sum)
{
	ktcp::traffic sum = { .bytes_in = 1, .bytes_out = 2, .turns = 3, .exhausted = 4 };
	const ktcp::traffic more = { .bytes_in = 10, .bytes_out = 20, .turns = 30, .exhausted = 40 };

	sum += more;
	EXPECT_EQ(sum.bytes_in, 11u);
	EXPECT_EQ(sum.bytes_out, 22u);
	EXPECT_EQ(sum.turns, 33u);
	EXPECT_EQ(sum.exhausted, 44u);
}

TEST(statistics, begin_at_zero)
{
	const ktcp::statistics numbers;

	EXPECT_EQ(numbers.accepted + numbers.active + numbers.refused_full +
			  numbers.refused_source + numbers.refused_memory + numbers.refused_taken +
			  numbers.refused_denied + numbers.refused_rate + numbers.refused_proxy +
			  numbers.refused_share + numbers.closed + numbers.timed_out +
			  numbers.stopped + numbers.relistened + numbers.moved.bytes_in +
			  numbers.moved.bytes_out + numbers.moved.turns + numbers.moved.exhausted,
		  0u);
}
