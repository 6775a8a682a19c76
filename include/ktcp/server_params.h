/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The parameters that every server module has, for its list (see port/module.h);
 * <ktcp/server_module.hpp> reads them. The module adds its port, whose default is its own.
 * Without include guards: lists are read several times.
 */
KTCP_PARAM_INT(backlog, 1024, 1, 65535, "connections that may wait to be accepted")
KTCP_PARAM_STRING(model, "event",
		  "who waits for a quiet connection: event, softirq, work or thread")
KTCP_PARAM_INT(unbound, 0, 0, 1,
	       "1: workers go where the scheduler likes (WQ_UNBOUND), 0: they stay on their CPU")
KTCP_PARAM_INT(spread, 0, 0, 1,
	       "1: connections go to one CPU after the other, 0: where their packets arrive")
KTCP_PARAM_INT(
	max_connections, 65536, 1, 1048576,
	"connections at once; more are reset. In the work model as many as a workqueue runs, if that is less")
KTCP_PARAM_INT(max_per_source, 0, 0, 1048576,
	       "connections at once of one IPv4 address or IPv6 /64, 0: any number")
KTCP_PARAM_INT(idle_timeout_ms, 0, 0, 86400000,
	       "milliseconds of silence after which a connection is closed, 0: never")
KTCP_PARAM_INT(write_timeout_ms, 60000, 0, 86400000,
	       "milliseconds after which a peer that takes none of our bytes is given up, 0: never")
KTCP_PARAM_INT(user_timeout_ms, 0, 0, 86400000,
	       "TCP_USER_TIMEOUT: milliseconds without an acknowledgement, 0: the system's")
KTCP_PARAM_INT(
	drain_ms, 0, 0, 60000,
	"milliseconds that unloading lets connections finish by themselves, 0: they are reset at once")
KTCP_PARAM_INT(
	netns_all, 0, 0, 1,
	"1: a server in every network namespace, which ends with it, and drain_ms is not heeded; 0: only in the first namespace")
