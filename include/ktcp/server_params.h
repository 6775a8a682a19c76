/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The parameters that every server module has, for its list (see port/module.h);
 * <ktcp/server_module.hpp> reads them. The module adds its port, whose default is its own.
 * Without include guards: lists are read several times.
 */
KTCP_PARAM_INT(backlog, 1024, 1, 65535, "connections that may wait to be accepted")
KTCP_PARAM_STRING(model, "event", "who waits for a quiet connection: event, softirq, work or thread")
KTCP_PARAM_INT(unbound, 0, 0, 1, "1: workers go where the scheduler likes (WQ_UNBOUND)")
KTCP_PARAM_INT(max_connections, 65536, 1, 1048576, "connections at once; more are reset")
KTCP_PARAM_INT(idle_timeout_ms, 0, 0, 86400000,
	       "milliseconds of silence after which a connection is closed, 0: never")
