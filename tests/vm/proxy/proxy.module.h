/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* proxy's metadata and parameters; see <ktcp/port/module.h>. */
KTCP_MODULE("TCP proxy in the kernel", "the ktcp authors", "0.1")
KTCP_PARAM_INT(port, 7100, 1, 65535, "TCP port to listen on, IPv4 and IPv6")
KTCP_PARAM_STRING(target, "127.0.0.1:7200", "address and port that connections go on to")
KTCP_PARAM_INT(connect_ms, 3000, 1, 3600000, "milliseconds that the target may take to answer")
#include <ktcp/server_params.h>
