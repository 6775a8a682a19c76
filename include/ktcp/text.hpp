// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * Parts of a text.
 */
#ifndef KTCP_TEXT_HPP
#define KTCP_TEXT_HPP

#include <cstddef>
#include <string_view>

namespace ktcp
{

/**
 * At most @p count characters of @p text from @p from on; nothing where it has none.
 * std::string_view::substr() would throw there, and a kernel has nothing that could: a module
 * that uses it does not link. Any context.
 */
constexpr std::string_view slice(std::string_view text, std::size_t from,
				 std::size_t count = std::string_view::npos) noexcept
{
	if (from > text.size())
		return {};
	return { text.data() + from, count < text.size() - from ? count : text.size() - from };
}

/** Where @p part, which is a part of @p text, begins in it. Any context. */
constexpr std::size_t offset_of(std::string_view text, std::string_view part) noexcept
{
	return static_cast<std::size_t>(part.data() - text.data());
}

} // namespace ktcp

#endif
