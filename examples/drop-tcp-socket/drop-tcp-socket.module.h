/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* drop-tcp-socket's metadata; see <ktcp/port/module.h>. It has no parameters. */
KTCP_MODULE("drops TCP connections by /proc/net/drop_tcp_sock, an example of ktcp",
	    "the ktcp authors", KTCP_VERSION)
