/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* pooled's metadata and parameters; see <ktcp/port/module.h>. */
KTCP_MODULE("asks a target over connections that it keeps", "the ktcp authors", "0.1")
KTCP_PARAM_INT(port, 7110, 1, 65535, "TCP port to listen on, IPv4 and IPv6")
KTCP_PARAM_STRING(target, "127.0.0.1:7200", "address and port of the target")
KTCP_PARAM_INT(keep_ms, 60000, 0, 3600000, "milliseconds that a connection is kept; 0: not at all")
#include <ktcp/server_params.h>
