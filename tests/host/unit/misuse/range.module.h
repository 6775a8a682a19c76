/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
KTCP_MODULE("listens where no port is", "its author", "0.1")
KTCP_PARAM_INT(port, 70000, 1, 65535, "TCP port to listen on")
