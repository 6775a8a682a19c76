// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * The properties that a handler's type may declare, as its server knows them.
 */
#ifndef KTCP_ENGINE_HABITS_HPP
#define KTCP_ENGINE_HABITS_HPP

#include <span>

namespace ktcp::detail
{

struct habits {
	bool may_sleep; /* in one of its turns */
	bool speaks_first; /* before its peer does */
	std::span<const char *const> counters = {}; /* the names of its own, for the statistics */
};

} // namespace ktcp::detail

#endif
