/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* khttpd's metadata and parameters; see <ktcp/port/module.h>. */
KTCP_MODULE("HTTP/1.1 server in the kernel, an example of ktcp", "the ktcp authors", KTCP_VERSION)
KTCP_PARAM_INT(port, 8081, 1, 65535, "TCP port to listen on, IPv4 and IPv6")
KTCP_PARAM_STRING(root, "", "path of the folder whose files are served; empty: a built-in page")
KTCP_PARAM_INT(listing, 1, 0, 1, "1: folders without an index.html are listed, 0: they get 403")
KTCP_PARAM_INT(symlinks, 0, 0, 1,
	       "1: symbolic links that stay below root are followed, 0: they get 404")
KTCP_PARAM_INT(
	precompressed, 1, 0, 1,
	"1: to clients that accept gzip NAME.gz is sent if it is there and no older than NAME, 0: never")
KTCP_PARAM_INT(encoded_slash, 0, 0, 1,
	       "1: %2f in a path is as good as a slash (npm's scoped packages), 0: it gets 400")
KTCP_PARAM_INT(
	cache_ms, 0, 0, 86400000,
	"milliseconds in which a listing, or the answer of a file of 8 KiB or less, may be sent again without a look at the file, 0: never")
KTCP_PARAM_INT(cache_kb, 1024, 1, 4194304, "KiB of memory for the answers that cache_ms keeps")
KTCP_PARAM_STRING(
	default_type, "application/octet-stream",
	"the header field Content-Type of files whose name's end says nothing, 64 characters at most")
KTCP_PARAM_STRING(
	fallback, "",
	"path below root of a file that is sent, with 200, where there is none; empty: 404")
KTCP_PARAM_STRING(error_page, "",
		  "path below root of a file that is sent with each 404; empty: words")
KTCP_PARAM_INT(uid, 65534, 0, 2147483647, "number of the user with whose rights files are read")
KTCP_PARAM_INT(gid, 65534, 0, 2147483647, "number of the group with whose rights files are read")
KTCP_PARAM_INT(
	access_log, 0, 0, 2,
	"1: a line in the kernel's log for each request, METHOD TARGET STATUS BYTES, ten in five seconds at most; 2: one in /proc/net/khttpd/access_log, in the common log format; 0: none")
KTCP_PARAM_INT(
	access_log_kb, 256, 1, 1048576,
	"KiB of memory for the lines that access_log=2 keeps until they are read; then the oldest give way")
#include <ktcp/http/params.h>
#include <ktcp/server_params.h>
