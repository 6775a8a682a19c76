/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* khttpd's metadata and parameters; see <ktcp/port/module.h>. */
KTCP_MODULE("HTTP/1.1 server in the kernel, an example of ktcp", "the ktcp authors", "0.1")
KTCP_PARAM_INT(port, 8081, 1, 65535, "TCP port to listen on")
KTCP_PARAM_INT(access_log, 0, 0, 1, "1: a line in the kernel's log for each request, rate-limited")
#include <ktcp/http/params.h>
#include <ktcp/server_params.h>
