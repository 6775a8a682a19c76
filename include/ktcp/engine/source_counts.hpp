// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * How many things each source has, about, and all of them together: for shares that are looked at in softirq.
 *
 * There is no lock, and no memory for each source. A source has a place in each of four rows, and its number is the
 * least of the four (a count-min sketch). Another source may have one of the places, too. So a number may be too
 * large, and never too small.
 */
#ifndef KTCP_ENGINE_SOURCE_COUNTS_HPP
#define KTCP_ENGINE_SOURCE_COUNTS_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include <ktcp/base/atomic.hpp>
#include <ktcp/net/source_key.hpp>
#include <ktcp/port/random.h>

namespace ktcp
{

/** Of one server. Any context. Sources are told apart as net/source_key.hpp says. */
class source_counts {
    public:
	/** The number of rows. */
	static constexpr std::size_t rows = 4;

	/** One place. */
	struct counter {
		atomic<std::uint32_t> number = 0; /**< of the sources that have it */
	};

	/** @param place_bits  each row has 2 to the power of that many places. */
	explicit source_counts(unsigned int place_bits) noexcept : place_bits_(place_bits)
	{
	}

	/** Before the first add(). @param places  all of them, row after row; the owner's. */
	void use(counter *places) noexcept
	{
		places_ = places;
	}

	/** As they are after a change. */
	struct numbers {
		std::uint64_t of_source; /**< at least as many as it has */
		std::uint64_t of_all; /**< exactly */
	};

	/** The source has so many more. Of two that add at once the later one sees both. */
	numbers add(const source_key &to, unsigned int count) noexcept
	{
		std::uint32_t least = UINT32_MAX;

		/* Relaxed, as all of them: they count and nothing else. */
		for_each_place(to, [&](counter &each) {
			least = std::min(least, each.number.fetch_add(count, memory_order_relaxed) +
							count);
		});
		return { least, all_.fetch_add(count, memory_order_relaxed) + count };
	}

	/** The source has so many less, which were added. */
	void subtract(const source_key &from, unsigned int count) noexcept
	{
		for_each_place(from, [&](counter &each) {
			each.number.fetch_sub(count, memory_order_relaxed);
		});
		all_.fetch_sub(count, memory_order_relaxed);
	}

    private:
	template <class Each>
	void for_each_place(const source_key &key, Each each) noexcept
	{
		/* Two hashes make a place in each row (double hashing: Kirsch and Mitzenmacher, 2006). */
		std::uint32_t place = key.hash(secrets_[0]);
		const std::uint32_t step = key.hash(secrets_[1]);

		for (std::size_t row = 0; row < rows; row++, place += step)
			each(places_[(row << place_bits_) + (place >> (32 - place_bits_))]);
	}

	counter *places_ = nullptr;
	const unsigned int place_bits_;
	atomic<std::uint32_t> all_ = 0;
	const std::uint32_t secrets_[2] = { ktcp_random_u32(), ktcp_random_u32() };
};

} // namespace ktcp

#endif
