/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* port/time.h */
#ifndef KTCP_TESTS_CONFORMANCE_CASES_TIME_HPP
#define KTCP_TESTS_CONFORMANCE_CASES_TIME_HPP

#include "support.hpp"

#define KTCP_TIME_CASES(X)       \
	X(time_is_never_zero)    \
	X(time_goes_forward)     \
	X(time_passes_in_msleep) \
	X(time_of_day_is_after_2020)

namespace ktcp_test
{

inline constexpr unsigned tick_ms = 10; /* the coarsest */

inline void time_is_never_zero(context &context)
{
	KTCP_CHECK(ktcp_now_ms() != 0);
}

inline void time_goes_forward(context &context)
{
	std::uint64_t last = ktcp_now_ms();

	for (int i = 0; i < 200; i++) {
		const std::uint64_t now = ktcp_now_ms();

		KTCP_CHECK(now >= last);
		last = now;
		if (i % 50 == 0)
			ktcp_msleep(1);
	}
}

inline void time_passes_in_msleep(context &context)
{
	const std::uint64_t before = ktcp_now_ms();

	ktcp_msleep(50);

	const std::uint64_t slept = ktcp_now_ms() - before;

	KTCP_CHECK(slept + tick_ms >= 50);
	KTCP_CHECK(slept < 50 + patience_ms);
}

inline void time_of_day_is_after_2020(context &context)
{
	const std::uint64_t before = ktcp_real_seconds();

	KTCP_CHECK(before > 1577836800);
	ktcp_msleep(1100);
	KTCP_CHECK(ktcp_real_seconds() > before);
}

} // namespace ktcp_test

#endif
