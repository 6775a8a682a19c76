/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* khttpd's metadata and parameters; see <ktcp/port/module.h>. */
KTCP_MODULE("HTTP/1.1 server in the kernel, an example of ktcp", "the ktcp authors", "0.1")
KTCP_PARAM_INT(port, 8081, 1, 65535, "TCP port to listen on, IPv4 and IPv6")
KTCP_PARAM_STRING(root, "", "path of the folder whose files are served; empty: a built-in page")
KTCP_PARAM_INT(listing, 1, 0, 1, "1: folders without an index.html are listed, 0: they get 403")
KTCP_PARAM_INT(symlinks, 0, 0, 1,
	       "1: symbolic links that stay below root are followed, 0: they get 404")
KTCP_PARAM_INT(uid, 65534, 0, 2147483647, "number of the user with whose rights files are read")
KTCP_PARAM_INT(gid, 65534, 0, 2147483647, "number of the group with whose rights files are read")
KTCP_PARAM_INT(
	access_log, 0, 0, 1,
	"1: a line in the kernel's log for each request, METHOD TARGET STATUS BYTES, ten in five seconds at most; 0: none")
#include <ktcp/http/params.h>
#include <ktcp/server_params.h>
