/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* ktcp_misuse's metadata and parameters; see <ktcp/port/module.h>. */
KTCP_MODULE("does what a module must not, for the tests of ktcp", "the ktcp authors", KTCP_VERSION)
KTCP_PARAM_INT(port, 12399, 1, 65535, "TCP port to listen on, IPv4 and IPv6")
KTCP_PARAM_INT(start_error, 0, 0, 4095, "errno to fail with when it is loaded, 0: none")
KTCP_PARAM_INT(asks, 0, 0, 65535, "port that it waits for a byte from while it is loaded, 0: none")
KTCP_PARAM_STRING(folder, "", "folder under /proc/net that it makes as well; empty: none")
KTCP_PARAM_STRING(root, "/tmp", "folder of the file that is called pages")
#include <ktcp/server_params.h>
