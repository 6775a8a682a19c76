/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* A module's list, for the headers that read one (see <ktcp/port/module.h>). */
KTCP_MODULE("a module for the headers' test", "the ktcp authors", "0")
KTCP_PARAM_INT(port, 7, 1, 65535, "TCP port to listen on")
#include <ktcp/http/params.h>
#include <ktcp/server_params.h>
