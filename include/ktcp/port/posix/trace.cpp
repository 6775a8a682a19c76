// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* port/trace.h without listeners: in user space, and in tests. */
#include <ktcp/port/trace.h>

unsigned int ktcp_trace_listeners;

void ktcp_trace_accepted(const struct socket *, const struct ktcp_endpoint *)
{
}

void ktcp_trace_refused(const struct socket *, const struct ktcp_endpoint *, const char *)
{
}

void ktcp_trace_turn(const struct socket *, enum ktcp_turn_place, enum ktcp_turn_outcome)
{
}

void ktcp_trace_closed(const struct socket *, const struct ktcp_endpoint *, int, uint64_t, uint64_t)
{
}
