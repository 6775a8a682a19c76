// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * How many connections each peer has, and how many it may have.
 *
 * @code
 * ktcp::source_table sources(100);			// at most, each
 * ktcp::source *source = KTCP_TRY(sources.enter(peer));	// or EDQUOT
 * ...
 * sources.leave(source);
 * @endcode
 *
 * A peer is an IPv4 address, or an IPv6 /64: who has one address of such a network has all
 * of them (RFC 6177). Not locked: its owner does that. Process context.
 */
#ifndef KTCP_SOURCE_TABLE_HPP
#define KTCP_SOURCE_TABLE_HPP

#include <cstdint>

#include <ktcp/endpoint.hpp>
#include <ktcp/list.hpp>
#include <ktcp/memory.hpp>
#include <ktcp/port/random.h>
#include <ktcp/result.hpp>

namespace ktcp
{

/** One peer's connections. */
class source {
    private:
	friend class source_table;

	struct key {
		std::uint32_t words[3];

		friend bool operator==(const key &, const key &) noexcept = default;
	};

	list_node node_;
	key key_;
	unsigned int connections_;
};

/** The peers that have a connection just now; nothing is kept of others. */
class source_table {
    public:
	/** @param limit  connections a peer may have; 0: any number, and nothing is counted. */
	explicit source_table(unsigned int limit) noexcept : limit_(limit)
	{
	}

	~source_table() = default; /* everybody has left */

	/**
	 * One connection more from @p peer.
	 * Returns what leave() wants, nullptr if there is no limit.
	 * Errors: EDQUOT (it has as many as it may), ENOMEM.
	 */
	result<source *> enter(const endpoint &peer) noexcept
	{
		if (!limit_)
			return static_cast<source *>(nullptr);

		const source::key key = key_of(peer);
		auto &bucket = buckets_[bucket_of(key)];

		for (source &each : bucket) {
			if (!(each.key_ == key))
				continue;
			if (each.connections_ == limit_)
				return errc::edquot;
			each.connections_++;
			return &each;
		}

		void *memory = ktcp_kmalloc(sizeof(source), KTCP_GFP_KERNEL);

		if (!memory)
			return errc::enomem;

		source *made = new (memory) source;

		made->key_ = key;
		made->connections_ = 1;
		bucket.push_back(*made);
		return made;
	}

	/** One connection less. */
	void leave(source *from) noexcept
	{
		if (!from || --from->connections_)
			return;
		buckets_[bucket_of(from->key_)].erase(*from);
		ktcp_kfree(from);
	}

    private:
	static constexpr unsigned int bucket_bits = 8;

	static source::key key_of(const endpoint &peer) noexcept
	{
		const std::uint8_t *bytes = peer.raw().address;
		const auto word = [bytes](int at) {
			return static_cast<std::uint32_t>(bytes[at]) << 24 |
			       static_cast<std::uint32_t>(bytes[at + 1]) << 16 |
			       static_cast<std::uint32_t>(bytes[at + 2]) << 8 | bytes[at + 3];
		};

		if (peer.is_ipv4())
			return { { 0, 0xffff, word(12) } };
		return { { word(0), word(4), 0 } };
	}

	/* Multiplicative; the secret keeps peers from choosing a bucket. */
	unsigned int bucket_of(const source::key &key) const noexcept
	{
		std::uint32_t hash = secret_;

		for (const std::uint32_t word : key.words) {
			hash = (hash ^ word) * 0x9e3779b1u;
			hash ^= hash >> 15;
		}
		return hash >> (32 - bucket_bits);
	}

	unsigned int limit_;
	std::uint32_t secret_ = ktcp_random_u32();
	list<source, &source::node_> buckets_[1u << bucket_bits];
};

} // namespace ktcp

#endif
