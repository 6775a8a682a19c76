// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * Some CPUs, as the kernel's lists name them: 0-3,8.
 */
#ifndef KTCP_ENGINE_CPU_LIST_HPP
#define KTCP_ENGINE_CPU_LIST_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include <ktcp/base/text.hpp>
#include <ktcp/net/endpoint_parse.hpp>

namespace ktcp
{

/** A value; any context. */
class cpu_list {
    public:
	/**
	 * Those of a text: numbers, and ranges of them, with a comma between two.
	 * @param cpus  the machine has those from 0 to one less.
	 * Return: how many numbers and ranges there are. After an error the list is not to be used.
	 */
	constexpr parsed<std::size_t> assign(std::string_view text, unsigned int cpus) noexcept
	{
		constexpr const char *what = "write numbers of CPUs, or ranges of them, as 0-3,8";

		count_ = 0;
		for (std::size_t at = 0; at <= text.size();) {
			const std::size_t end = std::min(text.find(',', at), text.size());
			const std::string_view word = slice(text, at, end - at);
			const std::size_t dash = std::min(word.find('-'), word.size());
			const auto first = detail::parse_decimal(slice(word, 0, dash), cpus - 1,
								 what);
			const auto last = dash == word.size() ?
						  first :
						  detail::parse_decimal(slice(word, dash + 1),
									cpus - 1, what);

			if (!first)
				return { 0, what, at + first.at };
			if (!last || last.value < first.value)
				return { 0, what, at + dash + 1 };
			if (count_ == most)
				return { 0, "there may be 32 numbers and ranges", at };
			ranges_[count_++] = { first.value, last.value };
			at = end + 1;
		}
		return { count_ };
	}

	/** Does it name none? */
	constexpr bool empty() const noexcept
	{
		return count_ == 0;
	}

	/** Is @p cpu one of them? An empty list has all. */
	constexpr bool contains(int cpu) const noexcept
	{
		const auto number = static_cast<std::uint32_t>(cpu);

		for (std::size_t i = 0; i < count_; i++)
			if (number >= ranges_[i].first && number <= ranges_[i].last)
				return true;
		return count_ == 0;
	}

    private:
	static constexpr std::size_t most = 32;

	struct range {
		std::uint32_t first, last;
	};

	range ranges_[most] = {};
	std::size_t count_ = 0;
};

} // namespace ktcp

#endif
