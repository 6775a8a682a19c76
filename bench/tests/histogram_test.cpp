// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include "histogram.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <random>
#include <vector>

namespace
{

using load::histogram;

TEST(Histogram, IsEmptyAtFirst)
{
	const auto empty = std::make_unique<histogram>();

	EXPECT_EQ(empty->count(), 0u);
	EXPECT_EQ(empty->least(), 0u);
	EXPECT_EQ(empty->most(), 0u);
	EXPECT_EQ(empty->mean(), 0);
	EXPECT_EQ(empty->percentile(50), 0u);
}

TEST(Histogram, IsExactForSmallValues)
{
	const auto values = std::make_unique<histogram>();

	for (uint64_t i = 1; i <= 100; i++)
		values->record(i);
	EXPECT_EQ(values->percentile(50), 50u);
	EXPECT_EQ(values->percentile(99), 99u);
	EXPECT_EQ(values->percentile(99.9), 100u);
	EXPECT_EQ(values->percentile(100), 100u);
	EXPECT_EQ(values->percentile(0), 1u);
	EXPECT_EQ(values->least(), 1u);
	EXPECT_EQ(values->most(), 100u);
	EXPECT_DOUBLE_EQ(values->mean(), 50.5);
}

TEST(Histogram, BucketsAdjoinAndHoldWhatTheySay)
{
	for (size_t i = 0; i + 1 < histogram::index(histogram::limit); i++) {
		ASSERT_EQ(histogram::index(histogram::highest(i)), i);
		ASSERT_EQ(histogram::index(histogram::highest(i) + 1), i + 1);
	}
	EXPECT_EQ(histogram::highest(histogram::index(histogram::limit)), histogram::limit);
}

TEST(Histogram, ErrsUpwardsByLessThanAHundredth)
{
	std::mt19937_64 random(1);

	for (int i = 0; i < 100'000; i++) {
		const uint64_t value = random() >> (24 + random() % 40);
		const uint64_t shown = histogram::highest(histogram::index(value));

		ASSERT_GE(shown, value);
		ASSERT_LE(static_cast<double>(shown), static_cast<double>(value) * 1.0079 + 1);
	}
}

TEST(Histogram, AgreesWithSortedValues)
{
	std::mt19937_64 random(2);
	std::lognormal_distribution<double> distribution(10, 2);
	const auto values = std::make_unique<histogram>();
	std::vector<uint64_t> sorted;

	for (int i = 0; i < 20'000; i++) {
		sorted.push_back(static_cast<uint64_t>(distribution(random)));
		values->record(sorted.back());
	}
	std::sort(sorted.begin(), sorted.end());
	for (const double share : { 1.0, 50.0, 90.0, 99.0, 99.9, 99.99 }) {
		const auto rank = static_cast<size_t>(std::llround(share * 200)) - 1;
		const auto exact = static_cast<double>(sorted[rank]);

		EXPECT_GE(static_cast<double>(values->percentile(share)), exact);
		EXPECT_LE(static_cast<double>(values->percentile(share)), exact * 1.0079 + 1);
	}
}

TEST(Histogram, AddsUp)
{
	const auto one = std::make_unique<histogram>(), other = std::make_unique<histogram>();

	one->record(10);
	other->record(1'000'000);
	other->record(5);
	one->add(*other);
	EXPECT_EQ(one->count(), 3u);
	EXPECT_EQ(one->least(), 5u);
	EXPECT_EQ(one->most(), 1'000'000u);
	EXPECT_EQ(one->percentile(50), 10u);
}

TEST(Histogram, CountsTheUnboundedAsItsLimit)
{
	const auto values = std::make_unique<histogram>();

	values->record(~uint64_t{ 0 });
	EXPECT_EQ(values->most(), histogram::limit);
	EXPECT_EQ(values->percentile(50), histogram::limit);
}

} // namespace
