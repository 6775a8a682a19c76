// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * Numbers as most protocols send them: the high byte first (RFC 1700, "Data Notation").
 *
 * @code
 * const auto head = co_await peer.read_exactly(8);
 * const auto body = co_await peer.read_exactly(ktcp::get_be32(*head, 4));
 * co_await peer.write(ktcp::be32_bytes(status, body.text().size()), *body);
 * @endcode
 */
#ifndef KTCP_BASE_BIG_ENDIAN_HPP
#define KTCP_BASE_BIG_ENDIAN_HPP

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include <ktcp/base/text.hpp>

namespace ktcp
{

namespace detail
{

template <std::size_t Size>
constexpr std::uint32_t get_be(std::string_view bytes, std::size_t at) noexcept
{
	const std::string_view its = slice(bytes, at, Size);
	std::uint32_t number = 0;

	for (std::size_t i = 0; i < Size; i++)
		number = number << 8 | (i < its.size() ? static_cast<unsigned char>(its[i]) : 0u);
	return number;
}

} // namespace detail

/**
 * The number in the two bytes of @p bytes from @p at on. Bytes that are not there count as 0.
 * Kernel: get_unaligned_be16(). Any context.
 */
constexpr std::uint16_t get_be16(std::string_view bytes, std::size_t at = 0) noexcept
{
	return static_cast<std::uint16_t>(detail::get_be<2>(bytes, at));
}

/** The same for four bytes. Kernel: get_unaligned_be32(). Any context. */
constexpr std::uint32_t get_be32(std::string_view bytes, std::size_t at = 0) noexcept
{
	return detail::get_be<4>(bytes, at);
}

/**
 * The bytes of some numbers, four each: of larger ones the low 32 bits.
 * Kernel: put_unaligned_be32(). Any context.
 */
template <std::integral... Number>
constexpr std::array<std::byte, 4 * sizeof...(Number)> be32_bytes(Number... numbers) noexcept
{
	std::array<std::byte, 4 * sizeof...(Number)> bytes{};
	std::size_t at = 0;

	for (const std::uint32_t each : { static_cast<std::uint32_t>(numbers)... })
		for (int shift = 24; shift >= 0; shift -= 8)
			bytes[at++] = static_cast<std::byte>(each >> shift & 0xff);
	return bytes;
}

} // namespace ktcp

#endif
