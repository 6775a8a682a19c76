/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Tracepoints of a server, for perf, trace-cmd and bpftrace. They are in the group of the module's
 * name, as `kecho:turn`.
 *
 * Each event has the address of the kernel's struct sock. The kernel's own events of the groups sock
 * and tcp have it, too (skaddr), so both can be joined.
 */
#ifndef KTCP_PORT_TRACE_H
#define KTCP_PORT_TRACE_H

#include <ktcp/port/socket.h>
#include <ktcp/port/types.h>

KTCP_PORT_BEGIN

/* Where a turn was taken, and what it came to. */
enum ktcp_turn_place {
	KTCP_TURN_INLINE, /* in sk_data_ready */
	KTCP_TURN_DRAIN, /* behind the softirq, or … */
	KTCP_TURN_THREAD, /* … in the CPU's thread: the port tells one from the other itself */
	KTCP_TURN_WORK, /* in the connection's work item */
};

enum ktcp_turn_outcome {
	KTCP_TURN_WAITS, /* until the next event */
	KTCP_TURN_YIELDS, /* its share is used up */
	KTCP_TURN_SLEEPS, /* it asked for a context that may sleep */
	KTCP_TURN_OVER, /* the handler is done */
};

/*
 * The number of events that have a listener. The caller of a function below looks here first, with a
 * relaxed load. So an event without a listener costs that load and a branch.
 */
extern unsigned int ktcp_trace_listeners;

/**
 * ktcp_trace_accepted() - a connection is served from now on.
 * @remote: its peer; :: if it has left already.
 * Context: any, but NMI; as the others.
 */
void ktcp_trace_accepted(const struct socket *sock, const struct ktcp_endpoint *remote);

/** ktcp_trace_refused() - a connection was reset instead; @why: a word, as "full". */
void ktcp_trace_refused(const struct socket *sock, const struct ktcp_endpoint *remote,
			const char *why);

/** ktcp_trace_turn() - a connection's handler had a turn. */
void ktcp_trace_turn(const struct socket *sock, enum ktcp_turn_place place,
		     enum ktcp_turn_outcome outcome);

/** ktcp_trace_closed() - a connection is served no more; @error: 0, or why it was ended. */
void ktcp_trace_closed(const struct socket *sock, const struct ktcp_endpoint *remote, int error,
		       uint64_t received, uint64_t sent);

KTCP_PORT_END

#endif
