// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * How many connections a second each peer may begin.
 *
 * @code
 * ktcp::accept_rate rate;
 * KTCP_TRY(rate.change(100));			// a second, each
 * if (rate.admit(peer, ktcp_now_ms()))
 * @endcode
 *
 * Peers are told apart as net/source_key.hpp says. A peer may begin a second's connections at once, and from then on
 * one each time that its share has come back. This is the leaky bucket of ATM's cell rate: a peer is one
 * time, at which its share is whole again. A peer whose time is past needs no place. So the table is
 * small and does not grow. Where more peers come in a second than it has places, it forgets those first
 * that have most of their share.
 */
#ifndef KTCP_ENGINE_ACCEPT_RATE_HPP
#define KTCP_ENGINE_ACCEPT_RATE_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>

#include <ktcp/base/result.hpp>
#include <ktcp/base/setting.hpp>
#include <ktcp/kernel/memory.hpp>
#include <ktcp/kernel/sync.hpp>
#include <ktcp/net/endpoint.hpp>
#include <ktcp/net/source_key.hpp>
#include <ktcp/port/random.h>

namespace ktcp
{

/** Of one server. Process context. */
class accept_rate {
    public:
	accept_rate() noexcept = default;
	accept_rate(const accept_rate &) = delete;
	accept_rate &operator=(const accept_rate &) = delete;

	~accept_rate()
	{
		if (place *const all = places_.lock()->places)
			ktcp_kfree(all);
	}

	/** @param per_second  10,000 at most; 0: any number. Errors: ENOMEM, and nothing is changed. */
	result<void> change(unsigned int per_second) noexcept
	{
		auto held = places_.lock();

		if (per_second && !held->places) {
			held->places = kmalloc_array<place>(sets * ways);
			if (!held->places)
				return errc::enomem;
		} else if (!per_second && held->places) {
			ktcp_kfree(std::exchange(held->places, nullptr));
		}
		per_second_ = per_second;
		return {};
	}

	/** Is there a limit? A hint: admit() looks again under the lock. Any context. */
	bool limits() const noexcept
	{
		return per_second_;
	}

	/** One connection more of @p peer; false: not now. */
	bool admit(const endpoint &peer, std::uint64_t now_ms) noexcept
	{
		const source_key key = source_key::of(peer);
		const std::uint64_t now = now_ms * 1000;
		auto held = places_.lock();

		if (!held->places)
			return true;

		place &of = held->find(key, key.hash(secret_, set_bits));
		const std::uint64_t cost = second / per_second_;

		/* More than a share does not come back, however long the peer was silent. */
		if (of.key != key || of.whole_at < now)
			of = { key, now };
		if (of.whole_at + cost > now + second)
			return false;
		of.whole_at += cost;
		return true;
	}

    private:
	static constexpr unsigned int set_bits = 8;
	static constexpr std::size_t sets = std::size_t{ 1 } << set_bits, ways = 4;
	static constexpr std::uint64_t second = 1'000'000; /* microseconds */

	struct place {
		source_key key = {};
		std::uint64_t whole_at = 0; /* microseconds of ktcp_now_ms() */
	};

	struct table {
		/* The peer's, or the one that is whole first. */
		place &find(const source_key &key, std::size_t set) noexcept
		{
			place *const first = places + set * ways;
			place *const there =
				std::find_if(first, first + ways,
					     [&](const place &each) { return each.key == key; });

			return there != first + ways ?
				       *there :
				       *std::min_element(first, first + ways,
							 [](const place &a, const place &b) {
								 return a.whole_at < b.whole_at;
							 });
		}

		place *places = nullptr; /* sets of so many ways; nullptr: there is no limit */
	};

	guarded<table, detail::process_mutex> places_;
	setting<unsigned int> per_second_ = 0;
	const std::uint32_t secret_ = ktcp_random_u32();
};

} // namespace ktcp

#endif
