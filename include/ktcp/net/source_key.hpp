// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * One peer, to counters: an IPv4 address, or an IPv6 /64. The owner of one address of such a network
 * has all of them (RFC 6177).
 */
#ifndef KTCP_NET_SOURCE_KEY_HPP
#define KTCP_NET_SOURCE_KEY_HPP

#include <cstdint>

#include <ktcp/net/endpoint.hpp>

namespace ktcp
{

/** A peer, without its port. A value; any context. */
struct source_key {
	std::uint32_t words[3]; /**< the first eight bytes of IPv6, or an IPv4 address */

	/** The one that the endpoint is of. */
	static constexpr source_key of(const endpoint &peer) noexcept
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

	/**
	 * So many bits, multiplicative, as hash_32(). A @p secret keeps peers from choosing a bucket. The upper
	 * bits are those: the lower ones of a product depend on the lower ones of the address alone.
	 */
	constexpr std::uint32_t hash(std::uint32_t secret, unsigned int bits = 32) const noexcept
	{
		std::uint32_t hash = secret;

		for (const std::uint32_t each : words) {
			hash = (hash ^ each) * 0x9e3779b1u;
			hash ^= hash >> 15;
		}
		return hash >> (32 - bits);
	}

	friend bool operator==(const source_key &, const source_key &) noexcept = default;
};

} // namespace ktcp

#endif
