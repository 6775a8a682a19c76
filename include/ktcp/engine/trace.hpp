// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * Does somebody look on by the tracepoints of port/trace.h?
 */
#ifndef KTCP_ENGINE_TRACE_HPP
#define KTCP_ENGINE_TRACE_HPP

#include <ktcp/port/trace.h>

namespace ktcp
{

/**
 * Are the events of port/trace.h listened to? Ask before telling one. Any context; costs a load and a
 * branch. It orders nothing: an event may be missed while a listener comes.
 */
inline bool traced() noexcept
{
	return __builtin_expect(__atomic_load_n(&ktcp_trace_listeners, __ATOMIC_RELAXED) != 0, 0);
}

} // namespace ktcp

#endif
