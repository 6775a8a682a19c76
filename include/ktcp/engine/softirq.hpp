// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * The event-driven model by another name, for handlers that never sleep: where they say that they
 * may (`static constexpr bool may_sleep = true;`), the compiler refuses them, or loading does.
 */
#ifndef KTCP_ENGINE_SOFTIRQ_HPP
#define KTCP_ENGINE_SOFTIRQ_HPP

#include <cstdint>
#include <utility>

#include <ktcp/engine/event_driven.hpp>
#include <ktcp/engine/model.hpp>

namespace ktcp
{

/** As event_driven, and no handler is served by work items alone. */
struct softirq {
	/** The functions that a server calls. */
	static constexpr struct model table = [] {
		struct model made = event_driven::table;

		made.name = "softirq";
		return made;
	}();
};

} // namespace ktcp

#endif
