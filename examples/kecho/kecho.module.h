/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* kecho's metadata and parameters; see <ktcp/port/module.h>. */
KTCP_MODULE("TCP echo server in the kernel, an example of ktcp", "the ktcp authors", KTCP_VERSION)
KTCP_PARAM_INT(port, 12345, 1, 65535, "TCP port to listen on, IPv4 and IPv6")
#include <ktcp/server_params.h>
