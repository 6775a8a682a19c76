/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* rpc's metadata and parameters; see <ktcp/port/module.h>. */
KTCP_MODULE("remote procedure calls in the kernel", "the ktcp authors", "0.1")
KTCP_PARAM_INT(port, 7002, 1, 65535, "TCP port to listen on, IPv4 and IPv6")
#include <ktcp/server_params.h>
