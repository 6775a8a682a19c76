// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * Networks by their prefixes (RFC 4632, RFC 4291 section 2.3): 192.0.2.0/24, 2001:db8::/32, and lists of
 * them.
 *
 * @code
 * ktcp::prefix_list networks;
 * const auto read = networks.assign("192.0.2.0/24,2001:db8::/32");
 * if (read && networks.contains(peer.remote()))
 * @endcode
 *
 * An address without a length is that address alone. An IPv4-mapped prefix is that of IPv4, with 96 bits
 * more. An IPv4 address is in no other prefix of IPv6, `::/0` neither. Any context.
 */
#ifndef KTCP_NET_PREFIX_HPP
#define KTCP_NET_PREFIX_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include <ktcp/base/text.hpp>
#include <ktcp/net/endpoint.hpp>
#include <ktcp/net/endpoint_parse.hpp>

namespace ktcp
{

/** The addresses that begin with the same bits. */
class prefix {
    public:
	/** ::/0 */
	constexpr prefix() noexcept = default;

	/** @param bits  of the v4-mapped address where it is IPv4: 96 more than /n says. */
	constexpr prefix(const endpoint &address, unsigned int bits) noexcept
		: bits_(static_cast<std::uint8_t>(bits))
	{
		for (int i = 0; i < 16; i++)
			address_[i] = address.raw().address[i];
	}

	/** Is the endpoint's address one of them? */
	constexpr bool contains(const endpoint &of) const noexcept
	{
		const std::uint8_t *const other = of.raw().address;

		if (of.is_ipv4() && bits_ < mapped_bits)
			return false;
		for (unsigned int at = 0; at < bits_; at += 8) {
			const unsigned int rest = std::min(bits_ - at, 8u);
			const auto differs = static_cast<unsigned int>(address_[at / 8] ^
								       other[at / 8]);

			if (differs >> (8 - rest))
				return false;
		}
		return true;
	}

	/** Are all bits behind the prefix zero? */
	constexpr bool ends() const noexcept
	{
		for (unsigned int bit = bits_; bit < 128; bit++)
			if (address_[bit / 8] & 0x80u >> bit % 8)
				return false;
		return true;
	}

	friend constexpr bool operator==(const prefix &, const prefix &) noexcept = default;

	/** Bits of the prefix that IPv4-mapped addresses are in. */
	static constexpr unsigned int mapped_bits = 96;

    private:
	std::uint8_t address_[16] = {};
	std::uint8_t bits_ = 0;
};

/** Text as a prefix: ADDRESS/LENGTH, or ADDRESS. */
constexpr parsed<prefix> parse_prefix(std::string_view text) noexcept
{
	constexpr const char *too_long =
		"a prefix is ADDRESS/LENGTH; the length is 0 to 32 for IPv4, 0 to 128 for IPv6";
	const std::size_t slash = text.find('/');
	const auto address = parse_address(slice(text, 0, slash));

	if (!address)
		return { {}, address.error, address.at };
	if (slash == text.npos)
		return { prefix(address.value, 128) };

	const bool ipv4 = text.find(':') == text.npos;
	const auto length = detail::parse_decimal(slice(text, slash + 1), ipv4 ? 32 : 128,
						  too_long);

	if (!length)
		return { {}, length.error, slash + 1 + length.at };

	const prefix made(address.value, length.value + (ipv4 ? prefix::mapped_bits : 0));

	if (!made.ends())
		return {
			{},
			"the address has bits behind the prefix: make them 0, or the length greater",
			0
		};
	return { made };
}

/** Some prefixes. */
class prefix_list {
    public:
	/** So many there may be. */
	static constexpr std::size_t most = 64;

	/**
	 * The prefixes of a text, with a comma between two; an empty text has none. On an error the
	 * list is as it was.
	 * Return: how many they are.
	 */
	constexpr parsed<std::size_t> assign(std::string_view text) noexcept
	{
		const auto read = check(text);

		if (!read)
			return read;
		static_cast<void>(for_each(text, [this](std::size_t at, const prefix &each) {
			prefixes_[at] = each;
		}));
		count_ = read.value;
		return read;
	}

	/** Could it be assigned? Return: as assign(). */
	static constexpr parsed<std::size_t> check(std::string_view text) noexcept
	{
		return for_each(text, [](std::size_t, const prefix &) {});
	}

	/** Would assign() leave the list as it is, since the text has the same prefixes? */
	constexpr bool has_just(std::string_view text) const noexcept
	{
		bool same = true;
		const auto read = for_each(text, [&](std::size_t at, const prefix &each) {
			same = same && at < count_ && prefixes_[at] == each;
		});

		return read && same && read.value == count_;
	}

	/** Is the endpoint's address in one of them? */
	constexpr bool contains(const endpoint &of) const noexcept
	{
		for (std::size_t i = 0; i < count_; i++)
			if (prefixes_[i].contains(of))
				return true;
		return false;
	}

	/** Is there none? */
	constexpr bool empty() const noexcept
	{
		return count_ == 0;
	}

    private:
	template <class Take>
	static constexpr parsed<std::size_t> for_each(std::string_view text, Take take) noexcept
	{
		std::size_t count = 0;

		for (std::size_t at = 0; !text.empty() && at <= text.size(); count++) {
			const std::size_t end = std::min(text.find(',', at), text.size());
			const auto each = parse_prefix(slice(text, at, end - at));

			if (!each)
				return { 0, each.error, at + each.at };
			if (count == most)
				return { 0, "there may be 64 prefixes; leave some out", at };
			take(count, each.value);
			at = end + 1;
		}
		return { count };
	}

	prefix prefixes_[most] = {};
	std::size_t count_ = 0;
};

} // namespace ktcp

#endif
