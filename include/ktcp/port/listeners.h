/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The listeners of all modules that are made with ktcp, in this kernel. Modules share no symbol. So each
 * answers a call on the kernel's chain of network events (net/netevent.h), with a number of ktcp's own.
 */
#ifndef KTCP_PORT_LISTENERS_H
#define KTCP_PORT_LISTENERS_H

#include <ktcp/port/socket.h>
#include <ktcp/port/types.h>

KTCP_PORT_BEGIN

/* Other versions of ktcp read this: new members come last. */
struct ktcp_listener {
	char module[56]; /* its name */
	struct ktcp_endpoint
		local; /* where it listens; of all addresses the unspecified one of IPv6 */
	uint32_t net; /* the namespace's number, as in /proc/PID/ns/net */
	struct { /* the port's */
		void *next, *prev;
	} list;
};

/** ktcp_listener_publish() - show @listener until ktcp_listener_withdraw(). Context: process. */
void ktcp_listener_publish(struct ktcp_listener *listener);

/** ktcp_listener_withdraw() - on return no context looks at @listener. Context: process. */
void ktcp_listener_withdraw(struct ktcp_listener *listener);

/**
 * ktcp_listeners() - call @each for every listener, of this module and of others, in no order.
 * @each: must not sleep.
 * Context: process.
 */
void ktcp_listeners(void (*each)(void *context, const struct ktcp_listener *listener),
		    void *context);

KTCP_PORT_END

#endif
