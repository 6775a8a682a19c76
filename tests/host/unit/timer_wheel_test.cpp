// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* ktcp/engine/timer_wheel.hpp: things that are to be looked at, each by a time of its own. */
#include <ktcp/engine/timer_wheel.hpp>

#include <memory>
#include <random>
#include <vector>

#include <gtest/gtest.h>

using ktcp::timer_wheel;

namespace
{

constexpr std::uint64_t start_ms = 123'456'789;
constexpr std::uint64_t tick_ms = 32;

struct thing : timer_wheel::entry {
	std::uint64_t due_ms = timer_wheel::never;
	int looks = 0;
};

/* One who looks only when the wheel says so. */
struct looker {
	timer_wheel wheel{ start_ms };
	std::uint64_t now_ms = start_ms;
	int wakes = 0;

	void place(thing &one, std::uint64_t in_ms)
	{
		one.due_ms = now_ms + in_ms;
		wheel.advance(now_ms);
		wheel.place(one, one.due_ms);
	}

	/*
	 * Until @until_ms: entries that are over are called so, and the others are placed for the
	 * rest.
	 */
	template <class Over>
	void run(std::uint64_t until_ms, Over over)
	{
		for (;;) {
			const std::uint64_t next = wheel.next_ms();

			if (next > until_ms)
				break;
			now_ms = std::max(now_ms, next);
			wakes++;
			wheel.advance(now_ms);
			while (auto *due = wheel.pop_due()) {
				auto &one = static_cast<thing &>(*due);

				one.looks++;
				if (one.due_ms <= now_ms)
					over(one);
				else
					wheel.place(one, one.due_ms);
			}
		}
		now_ms = until_ms;
	}
};

} // namespace

TEST(timer_wheel, an_empty_one_wants_nothing)
{
	timer_wheel wheel(start_ms);

	EXPECT_EQ(wheel.next_ms(), timer_wheel::never);
	wheel.advance(start_ms + 1'000'000'000);
	EXPECT_EQ(wheel.pop_due(), nullptr);
	EXPECT_EQ(wheel.next_ms(), timer_wheel::never);
}

TEST(timer_wheel, never_is_in_no_slot)
{
	timer_wheel wheel(start_ms);
	timer_wheel::entry one;

	EXPECT_TRUE(one.placed_by(timer_wheel::never));
	EXPECT_FALSE(one.placed_by(start_ms + 100));
	wheel.place(one, start_ms + 100);
	EXPECT_TRUE(one.placed_by(start_ms + 100));
	EXPECT_TRUE(one.placed_by(start_ms + 200));
	EXPECT_FALSE(one.placed_by(start_ms + 50));
	wheel.place(one, timer_wheel::never);
	EXPECT_FALSE(one.placed_by(start_ms + 100));
	wheel.advance(start_ms + 1000);
	EXPECT_EQ(wheel.pop_due(), nullptr);
}

/* At any distance: not early, a tick late at most, and looked at few times. */
TEST(timer_wheel, each_is_over_in_time)
{
	for (std::uint64_t in_ms :
	     { 0ull,	  1ull,	      31ull,	    32ull,	  33ull,
	       991ull,	  992ull,     1023ull,	    1024ull,	  1025ull,
	       5000ull,	  31'743ull,  31'744ull,    32'767ull,	  32'768ull,
	       60'000ull, 600'000ull, 1'015'808ull, 1'048'576ull, 86'400'000ull }) {
		for (std::uint64_t offset = 0; offset < 3 * 1024; offset += 61) {
			looker it;
			thing one;
			std::uint64_t over_at = 0;

			it.wheel.advance(start_ms + offset);
			it.now_ms = start_ms + offset;
			it.place(one, in_ms);
			it.run(it.now_ms + in_ms + 10 * tick_ms,
			       [&](thing &) { over_at = it.now_ms; });
			ASSERT_GE(over_at, one.due_ms) << in_ms << " at " << offset;
			ASSERT_LE(over_at, one.due_ms + tick_ms) << in_ms << " at " << offset;
			ASSERT_LE(one.looks, in_ms < 2'000'000 ? 4 : 100) << in_ms;
		}
	}
}

TEST(timer_wheel, many_at_random_that_come_go_and_move)
{
	std::mt19937_64 random(7);
	looker it;
	std::vector<std::unique_ptr<thing>> things;
	std::size_t over = 0, removed = 0;

	for (int i = 0; i < 3000; i++) {
		things.push_back(std::make_unique<thing>());
		it.place(*things.back(), random() % (std::uint64_t{ 1 } << random() % 21));
		it.run(it.now_ms + random() % 500, [&](thing &one) {
			EXPECT_LE(it.now_ms, one.due_ms + tick_ms);
			one.due_ms = timer_wheel::never;
			over++;
		});

		thing &other = *things[random() % things.size()];

		if (other.due_ms == timer_wheel::never)
			continue;
		if (random() % 2) {
			it.place(other, random() % 100'000);
		} else {
			it.wheel.remove(other);
			other.due_ms = timer_wheel::never;
			removed++;
		}
	}
	it.run(it.now_ms + 3'000'000, [&](thing &one) {
		EXPECT_LE(it.now_ms, one.due_ms + tick_ms);
		over++;
	});
	EXPECT_EQ(over + removed, things.size());
	EXPECT_EQ(it.wheel.next_ms(), timer_wheel::never);
}

TEST(timer_wheel, one_that_is_due_may_still_be_removed)
{
	timer_wheel wheel(start_ms);
	timer_wheel::entry one, two;

	wheel.place(one, start_ms + 10);
	wheel.place(two, start_ms + 10);
	wheel.advance(start_ms + 100);
	EXPECT_EQ(wheel.pop_due(), &one);
	EXPECT_LE(wheel.next_ms(), start_ms + 100) << "there is more to do at once";
	wheel.remove(two);
	EXPECT_EQ(wheel.pop_due(), nullptr);
}

/* A hundred thousand idle connections cause no wake-up until their time is near. */
TEST(timer_wheel, many_of_one_time_wake_seldom)
{
	looker it;
	std::vector<thing> things(100'000);

	for (auto &one : things)
		it.place(one, 600'000);
	it.run(it.now_ms + 700'000, [](thing &one) { one.due_ms = timer_wheel::never; });
	EXPECT_LE(it.wakes, 10);
	for (auto &one : things)
		ASSERT_LE(one.looks, 3);
}
