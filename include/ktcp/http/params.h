/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The parameters that every module that speaks HTTP has, for its list (see port/module.h),
 * after those of <ktcp/server_params.h>; <ktcp/http/module_options.hpp> reads them.
 * Without include guards: lists are read several times.
 */
KTCP_PARAM_LIVE_INT(
	head_timeout_ms, 10000, 0, 86400000,
	"milliseconds in which the head of a request must come, or it gets 408; 0: no limit")
KTCP_PARAM_LIVE_INT(
	body_timeout_ms, 20000, 0, 86400000,
	"milliseconds in which a request's body must come, and a second more per min_rate bytes, or it gets 408; 0: no limit")
KTCP_PARAM_LIVE_INT(keep_alive_timeout_ms, 60000, 0, 86400000,
		    "milliseconds that a connection may wait for its next request, 0: no limit")
KTCP_PARAM_LIVE_INT(
	send_timeout_ms, 30000, 0, 86400000,
	"milliseconds in which a client must read a part of a response, and a second more per min_rate bytes that it has yet to read; 0: no limit")
KTCP_PARAM_LIVE_INT(
	min_rate, 500, 0, 1000000000,
	"bytes that extend body_timeout_ms and send_timeout_ms by a second; 0: nothing does")
KTCP_PARAM_LIVE_INT(max_line, 8192, 64, 65535, "bytes of a request line; longer ones get 414")
KTCP_PARAM_LIVE_INT(
	max_head, 16384, 128, 65535,
	"bytes of request line and header fields; more get 431. A head lies in a buffer, of max_head bytes at loading or 16384")
KTCP_PARAM_LIVE_INT(max_fields, 100, 1, 4096, "header fields of a request; more get 431")
KTCP_PARAM_LIVE_INT(max_body, 1048576, 0, 1099511627776,
		    "bytes of a request's body; longer ones get 413")
KTCP_PARAM_STRING(server, KTCP_MODULE_NAME,
		  "the header field Server, 64 characters at most; empty: none is sent")
KTCP_PARAM_STRING(
	header, "",
	"header fields of every response below 400, NAME: VALUE with a | between two, 1024 characters at most")
KTCP_PARAM_INT(
	keep_alive_hint, 1, 0, 1,
	"1: the field Keep-Alive tells clients keep_alive_timeout_ms in seconds, or idle_timeout_ms if that is less, 0: it is not sent")
