// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * How many connections each peer has, and how many it may have.
 *
 * @code
 * ktcp::source_table sources(100);			// at most, each
 * KTCP_TRY(sources.enter(peer));	// or EDQUOT
 * ...
 * sources.leave(peer);
 * @endcode
 *
 * Peers are told apart as net/source_key.hpp says. They are spread over stripes, each with a lock and a hash
 * table that grows with its peers: two CPUs rarely meet there. The limit is exact. Process context.
 */
#ifndef KTCP_ENGINE_SOURCE_TABLE_HPP
#define KTCP_ENGINE_SOURCE_TABLE_HPP

#include <climits>
#include <cstddef>
#include <cstdint>
#include <new>

#include <ktcp/base/list.hpp>
#include <ktcp/base/result.hpp>
#include <ktcp/base/setting.hpp>
#include <ktcp/kernel/memory.hpp>
#include <ktcp/kernel/sync.hpp>
#include <ktcp/net/endpoint.hpp>
#include <ktcp/net/source_key.hpp>
#include <ktcp/port/random.h>

namespace ktcp
{

/** One peer's connections. */
class source {
    private:
	friend class source_table;

	list_node node_;
	source_key key_;
	std::uint32_t hash_;
	unsigned int connections_;
};

/** The peers that have a connection just now; nothing is kept of others. */
class source_table {
    public:
	/** @param limit  connections a peer may have; 0: any number for ever, and nothing is counted. */
	explicit source_table(unsigned int limit) noexcept : counts_(limit != 0), limit_(limit)
	{
	}

	/**
	 * Another limit from now on, 0 or UINT_MAX: any number; a peer that has more keeps them. Any context.
	 * Where the first limit was 0 this has no effect.
	 */
	void change(unsigned int limit) noexcept
	{
		limit_ = limit ? limit : UINT_MAX;
	}

	/** May a peer have no more than a number? Any context. */
	bool limits() const noexcept
	{
		return counts_ && limit_ != UINT_MAX;
	}

	~source_table() = default; /* everybody has left */

	/**
	 * One connection more from @p peer.
	 * @param most  that it may have now, beside the limit.
	 * Errors: EDQUOT (it has as many as it may), ENOMEM.
	 */
	result<void> enter(const endpoint &peer, unsigned int most = UINT_MAX) noexcept
	{
		if (!counts_)
			return {};

		const source_key key = source_key::of(peer);
		const std::uint32_t hash = key.hash(secret_);
		auto stripe = stripe_of(hash).lock();

		KTCP_TRY(stripe->make_room());
		if (source *const there = stripe->find(key, hash)) {
			if (there->connections_ >= limit_ || there->connections_ >= most)
				return errc::edquot;
			there->connections_++;
			return {};
		}

		void *memory = ktcp_kmalloc(sizeof(source), KTCP_GFP_KERNEL);

		if (!memory) {
			stripe->leave_none();
			return errc::enomem;
		}

		source *made = new (memory) source;

		made->key_ = key;
		made->hash_ = hash;
		made->connections_ = 1;
		stripe->bucket_of(hash).push_back(*made);
		stripe->sources++;
		return {};
	}

	/** One connection less from @p peer, which entered. */
	void leave(const endpoint &peer) noexcept
	{
		if (!counts_)
			return;

		const source_key key = source_key::of(peer);
		const std::uint32_t hash = key.hash(secret_);
		auto stripe = stripe_of(hash).lock();
		source *const from = stripe->find(key, hash);

		if (--from->connections_)
			return;
		stripe->bucket_of(hash).erase(*from);
		ktcp_kfree(from);
		stripe->sources--;
		stripe->leave_none();
	}

    private:
	using bucket = list<source, &source::node_>;

	static constexpr unsigned int stripe_bits = 6;

	struct stripe {
		static constexpr unsigned int first_bits = 3;
		static constexpr unsigned int most_bits = 16;

		/* For one more. Without memory to grow, what there is gets slower. */
		result<void> make_room() noexcept
		{
			if (buckets && (sources < std::size_t{ 1 } << bits || bits == most_bits))
				return {};

			const unsigned int wanted = buckets ? bits + 1 : first_bits;
			auto *const made = kmalloc_array<bucket>(std::size_t{ 1 } << wanted);

			if (!made)
				return buckets ? result<void>() : errc::enomem;

			bucket *const old = buckets;
			const std::size_t olds = old ? std::size_t{ 1 } << bits : 0;

			buckets = made;
			bits = wanted;
			for (std::size_t i = 0; i < olds; i++)
				while (source *const each = old[i].pop_front())
					bucket_of(each->hash_).push_back(*each);
			ktcp_kfree(old);
			return {};
		}

		/* Nothing is kept once everybody has left. */
		void leave_none() noexcept
		{
			if (sources)
				return;
			ktcp_kfree(buckets);
			buckets = nullptr;
		}

		source *find(const source_key &key, std::uint32_t hash) noexcept
		{
			for (source &each : bucket_of(hash))
				if (each.key_ == key)
					return &each;
			return nullptr;
		}

		/* Its stripe's bits aside. */
		bucket &bucket_of(std::uint32_t hash) noexcept
		{
			return buckets[hash << stripe_bits >> (32 - bits)];
		}

		bucket *buckets = nullptr;
		unsigned int bits = 0;
		std::size_t sources = 0;
	};

	guarded<stripe, detail::process_mutex> &stripe_of(std::uint32_t hash) noexcept
	{
		return stripes_[hash >> (32 - stripe_bits)];
	}

	const bool counts_;
	setting<unsigned int> limit_;
	std::uint32_t secret_ = ktcp_random_u32();
	guarded<stripe, detail::process_mutex> stripes_[1u << stripe_bits];
};

} // namespace ktcp

#endif
