// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * Network devices, by the words that people have for them.
 */
#ifndef KTCP_KERNEL_DEVICE_HPP
#define KTCP_KERNEL_DEVICE_HPP

#include <algorithm>
#include <cstdint>
#include <string_view>

#include <ktcp/net/endpoint_parse.hpp>
#include <ktcp/port/net.h>

namespace ktcp
{

/**
 * The index of a device of @p in by its name or its number, as a zone behind % has it (RFC 4007, section 11.2).
 * Return: 0 if no device has that name. A number is taken as it is.
 * Context: process.
 */
inline std::uint32_t find_device(std::string_view word, struct net *in) noexcept
{
	char name[16] = {}; /* IFNAMSIZ */

	if (const auto number = detail::parse_decimal(word, 0x7fffffff, ""))
		return number.value;
	if (word.size() >= sizeof(name))
		return 0;
	std::copy(word.begin(), word.end(), name);
	return ktcp_net_ifindex(in, name);
}

} // namespace ktcp

#endif
