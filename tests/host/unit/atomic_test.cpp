// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* ktcp/base/atomic.hpp: std::atomic with the order spelled out and a scheduling point each time. */
#include <ktcp/base/atomic.hpp>

#include <cstdint>
#include <thread>
#include <type_traits>

#include <gtest/gtest.h>

#include "mock_port.hpp"

using ktcp::atomic;
using ktcp::memory_order_acq_rel;
using ktcp::memory_order_acquire;
using ktcp::memory_order_relaxed;
using ktcp::memory_order_release;

static_assert(sizeof(atomic<std::uint32_t>) == sizeof(std::uint32_t));
static_assert(!std::is_copy_constructible_v<atomic<int>>);
static_assert(!std::is_convertible_v<atomic<int>, int>, "no access without an order");

/* In static storage without a constructor that runs. */
static constinit atomic<int> constant = 3;

TEST(atomic, operations_return_the_value_before)
{
	atomic<std::uint32_t> word = 6;

	EXPECT_EQ(word.load(memory_order_acquire), 6u);
	word.store(12, memory_order_release);
	EXPECT_EQ(word.exchange(5, memory_order_acq_rel), 12u);
	EXPECT_EQ(word.fetch_or(8, memory_order_acq_rel), 5u);
	EXPECT_EQ(word.fetch_and(9, memory_order_acq_rel), 13u);
	EXPECT_EQ(word.fetch_add(2, memory_order_relaxed), 9u);
	EXPECT_EQ(word.fetch_sub(1, memory_order_acq_rel), 11u);
	EXPECT_EQ(word.load(memory_order_relaxed), 10u);
	EXPECT_EQ(constant.load(memory_order_relaxed), 3);
}

TEST(atomic, compare_exchange_returns_the_found_value)
{
	atomic<int> word = 1;
	int expected = 2;

	EXPECT_FALSE(word.compare_exchange(expected, 9, memory_order_acq_rel));
	EXPECT_EQ(expected, 1);
	EXPECT_EQ(word.load(memory_order_relaxed), 1);
	EXPECT_TRUE(word.compare_exchange(expected, 9, memory_order_release));
	EXPECT_EQ(word.load(memory_order_relaxed), 9);
}

TEST(atomic, flags_and_pointers)
{
	atomic<bool> flag = false;
	int target = 0;
	atomic<int *> pointer = nullptr;

	flag.store(true, memory_order_relaxed);
	EXPECT_TRUE(flag.load(memory_order_relaxed));
	EXPECT_EQ(pointer.exchange(&target, memory_order_acq_rel), nullptr);
	EXPECT_EQ(pointer.load(memory_order_relaxed), &target);
}

TEST(atomic, every_operation_is_a_scheduling_point)
{
	testing::StrictMock<mock::mock_port> port;
	atomic<int> word = 0;
	int expected = 0;

	word.store(0, memory_order_relaxed);
	EXPECT_EQ(port.sched_points, 1u);
	EXPECT_EQ(word.load(memory_order_relaxed), 0);
	EXPECT_EQ(port.sched_points, 2u);
	word.exchange(0, memory_order_relaxed);
	EXPECT_EQ(port.sched_points, 3u);
	word.fetch_or(0, memory_order_relaxed);
	EXPECT_EQ(port.sched_points, 4u);
	word.fetch_and(0, memory_order_relaxed);
	EXPECT_EQ(port.sched_points, 5u);
	word.fetch_add(0, memory_order_relaxed);
	EXPECT_EQ(port.sched_points, 6u);
	word.fetch_sub(0, memory_order_relaxed);
	EXPECT_EQ(port.sched_points, 7u);
	EXPECT_TRUE(word.compare_exchange(expected, 1, memory_order_relaxed));
	EXPECT_EQ(port.sched_points, 8u);
}

TEST(atomic, the_point_comes_before_the_operation)
{
	testing::StrictMock<mock::mock_port> port;
	atomic<int> word = 0;

	port.at_sched_point = [&] {
		port.at_sched_point = nullptr;
		word.store(5, memory_order_relaxed);
	};
	EXPECT_EQ(word.load(memory_order_relaxed), 5);
}

TEST(atomic, threads_lose_no_update)
{
	constexpr int each = 50'000;
	atomic<int> sum = 0;
	const auto add = [&] {
		for (int i = 0; i < each; i++)
			sum.fetch_add(1, memory_order_relaxed);
	};
	std::thread one(add), other(add);

	one.join();
	other.join();
	EXPECT_EQ(sum.load(memory_order_acquire), 2 * each);
}

TEST(tally, adds_up)
{
	ktcp::tally bytes;

	EXPECT_EQ(bytes.value(), 0u);
	bytes.add(1);
	bytes.add(0xffffffffull);
	EXPECT_EQ(bytes.value(), 0x100000000ull);
}
