/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* port/time.h */
#ifndef KTCP_TESTS_CONFORMANCE_CASES_TIME_HPP
#define KTCP_TESTS_CONFORMANCE_CASES_TIME_HPP

#include "support.hpp"

#define KTCP_TIME_CASES(X)           \
	X(time_is_never_zero)        \
	X(time_goes_forward)         \
	X(time_passes_in_msleep)     \
	X(time_of_day_is_after_2020) \
	X(exact_timer_fires_once)    \
	X(exact_timer_stopped_does_not_fire)

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

inline void exact_timer_fires_once(context &context)
{
	box<counter> fired;

	KTCP_REQUIRE(fired);

	const std::uint64_t before = ktcp_now_ms();
	struct ktcp_exact_timer *const timer = ktcp_exact_timer_start(
		20'000, [](void *count) { static_cast<counter *>(count)->add(); }, &*fired,
		KTCP_GFP_KERNEL);

	KTCP_REQUIRE(timer);
	KTCP_CHECK(fired->reaches(1));
	KTCP_CHECK(ktcp_now_ms() - before + tick_ms >= 20);
	ktcp_msleep(moment_ms);
	KTCP_CHECK(fired->get() == 1);
	ktcp_exact_timer_stop(timer);
}

/* At any time: long before, and when it may just fire. */
inline void exact_timer_stopped_does_not_fire(context &context)
{
	box<counter> fired;

	KTCP_REQUIRE(fired);
	for (const unsigned int us : { 60'000'000u, 30'000u, 1000u, 100u, 0u }) {
		struct ktcp_exact_timer *const timer = ktcp_exact_timer_start(
			us, [](void *count) { static_cast<counter *>(count)->add(); }, &*fired,
			KTCP_GFP_KERNEL);

		KTCP_REQUIRE(timer);
		if (us < 2000)
			ktcp_msleep(1);
		ktcp_exact_timer_stop(timer);

		const int then = fired->get();

		KTCP_CHECK(us < 2000 || then == 0);
		ktcp_msleep(moment_ms);
		KTCP_CHECK(fired->get() == then);
	}
}

} // namespace ktcp_test

#endif
