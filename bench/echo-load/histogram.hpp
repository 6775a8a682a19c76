// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * A histogram of nanoseconds in log-linear buckets, as HdrHistogram's: exact below 256, and 128
 * buckets for each doubling above. So its value of a sample is less than 0.8 % too large and never
 * too small. Recording is a shift and an increment.
 *
 *	histogram latencies;
 *	latencies.record(31'250);
 *	latencies.percentile(99.9);
 */
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>

namespace load
{

class histogram {
	static constexpr unsigned precision = 7; /* bits kept below the leading one */
	static constexpr uint64_t linear = uint64_t{ 2 } << precision;

    public:
	/* About 18 minutes; anything longer is counted as that. */
	static constexpr uint64_t limit = (uint64_t{ 1 } << 40) - 1;

	/* The bucket of a value, and the largest value of a bucket. */
	static constexpr size_t index(uint64_t value)
	{
		if (value < linear)
			return value;

		const unsigned shift = std::bit_width(value) - precision - 1;

		return (size_t{ shift } << precision) + (value >> shift);
	}

	static constexpr uint64_t highest(size_t index)
	{
		if (index < linear)
			return index;

		const size_t shift = (index >> precision) - 1;
		const uint64_t leading = index - (shift << precision);

		return ((leading + 1) << shift) - 1;
	}

	void record(uint64_t value)
	{
		value = std::min(value, limit);
		counts_[index(value)]++;
		count_++;
		sum_ += value;
		least_ = std::min(least_, value);
		most_ = std::max(most_, value);
	}

	void add(const histogram &other)
	{
		for (size_t i = 0; i < counts_.size(); i++)
			counts_[i] += other.counts_[i];
		count_ += other.count_;
		sum_ += other.sum_;
		least_ = std::min(least_, other.least_);
		most_ = std::max(most_, other.most_);
	}

	uint64_t count() const
	{
		return count_;
	}

	uint64_t least() const
	{
		return count_ ? least_ : 0;
	}

	uint64_t most() const
	{
		return most_;
	}

	double mean() const
	{
		return count_ ? static_cast<double>(sum_) / static_cast<double>(count_) : 0;
	}

	/* At least this share of the values, in per cent, does not exceed the result. */
	uint64_t percentile(double share) const
	{
		const double exact = static_cast<double>(count_) * share / 100;
		const uint64_t rank =
			std::clamp<uint64_t>(static_cast<uint64_t>(std::ceil(exact - 1e-9)), 1,
					     std::max<uint64_t>(count_, 1));
		uint64_t seen = 0;

		for (size_t i = 0; i < counts_.size(); i++) {
			seen += counts_[i];
			if (seen >= rank)
				return std::clamp(highest(i), least_, most_);
		}
		return 0;
	}

    private:
	std::array<uint64_t, (size_t{ 40 - precision - 1 } << precision) + linear> counts_ = {};
	uint64_t count_ = 0;
	uint64_t sum_ = 0;
	uint64_t least_ = limit;
	uint64_t most_ = 0;
};

static_assert(histogram::index(0) == 0);
static_assert(histogram::index(255) == 255);
static_assert(histogram::index(256) == 256);
static_assert(histogram::highest(histogram::index(256)) == 257);

} // namespace load
