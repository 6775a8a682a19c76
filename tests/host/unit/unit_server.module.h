/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The list of the module that server_module_test.cpp is; see <ktcp/port/module.h>. */
KTCP_MODULE("a server module for the unit tests", "the ktcp authors", "0.0")
KTCP_PARAM_INT(port, 4321, 1, 65535, "TCP port to listen on")
#include <ktcp/server_params.h>
