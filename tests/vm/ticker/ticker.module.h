/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* ticker's metadata and parameters; see <ktcp/port/module.h>. */
KTCP_MODULE("setters in hard interrupts", "the ktcp authors", "0.1")
KTCP_PARAM_INT(port, 7004, 1, 65535, "TCP port to listen on, IPv4 and IPv6")
#include <ktcp/server_params.h>
