// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * The event-driven model by another name, for handlers that never sleep: where they say that they
 * may (`static constexpr bool may_sleep = true;`), the compiler refuses them, or loading does.
 */
#ifndef KTCP_MODEL_SOFTIRQ_HPP
#define KTCP_MODEL_SOFTIRQ_HPP

#include <cstdint>
#include <utility>

#include <ktcp/model/event_driven.hpp>

namespace ktcp
{

/** As event_driven, and no handler is served by work items alone. */
struct softirq {
	/** What a server asks of it. */
	static constexpr struct model table = [] {
		struct model made = event_driven::table;

		made.name = "softirq";
		return made;
	}();
};

} // namespace ktcp

#endif
