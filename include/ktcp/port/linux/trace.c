// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * port/trace.h over the kernel's tracepoints.
 *
 * The static keys that make a tracepoint free are the kernel headers'; C++ includes none of those. So the
 * events count their listeners (TRACE_EVENT_FN), and C++ looks at the count.
 */
#include <linux/compiler.h>
#include <linux/net.h>
#include <linux/preempt.h>

#include <ktcp/port/trace.h>

#ifndef KTCP_TRACE_SYSTEM /* KUnit's suites are no module of ours */
#define KTCP_TRACE_SYSTEM ktcp
#endif

unsigned int ktcp_trace_listeners;

/* The kernel calls both under its mutex of tracepoints. */
static int __maybe_unused ktcp_trace_listen(void)
{
	WRITE_ONCE(ktcp_trace_listeners, ktcp_trace_listeners + 1);
	return 0;
}

static void __maybe_unused ktcp_trace_leave(void)
{
	WRITE_ONCE(ktcp_trace_listeners, ktcp_trace_listeners - 1);
}

#undef linux /* gcc's own macro would be replaced in the folder's name */
/* clang-format off */
#define KTCP_TRACE_FOLDER ktcp/port/linux
/* clang-format on */
#define CREATE_TRACE_POINTS
#include "trace_events.h"
#undef CREATE_TRACE_POINTS /* the headers of the files behind this one have events, too */

void ktcp_trace_accepted(const struct socket *sock, const struct ktcp_endpoint *remote)
{
	trace_accepted(sock->sk, remote);
}

void ktcp_trace_refused(const struct socket *sock, const struct ktcp_endpoint *remote,
			const char *why)
{
	trace_refused(sock->sk, remote, why);
}

void ktcp_trace_turn(const struct socket *sock, enum ktcp_turn_place place,
		     enum ktcp_turn_outcome outcome)
{
	if (place == KTCP_TURN_DRAIN && !in_serving_softirq())
		place = KTCP_TURN_THREAD;
	trace_turn(sock->sk, place, outcome);
}

void ktcp_trace_closed(const struct socket *sock, const struct ktcp_endpoint *remote, int error,
		       uint64_t received, uint64_t sent)
{
	trace_closed(sock->sk, remote, error, received, sent);
}
