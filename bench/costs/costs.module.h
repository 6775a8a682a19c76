/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The parameters of costs; see <ktcp/port/module.h>. */
KTCP_MODULE("what the parts of ktcp cost", "the ktcp authors", "0.1")
KTCP_PARAM_INT(port, 12345, 1, 65535, "TCP port to listen on, IPv4 and IPv6")
KTCP_PARAM_STRING(what, "nothing", "what is done for each message; see costs.cpp")
KTCP_PARAM_INT(times, 200, 0, 1000000, "how often")
#include <ktcp/server_params.h>
