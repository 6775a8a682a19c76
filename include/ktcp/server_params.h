/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The parameters that every server module has, for its list (see port/module.h);
 * <ktcp/server_module.hpp> reads them. The module adds its port, whose default is its own. The options of a
 * server without a module (<ktcp/server.hpp>) have these defaults, too (<ktcp/base/defaults.hpp>).
 *
 * With these defaults no silent peer keeps its place for ever, and no single peer has all places. A peer that
 * vanished or is silent goes within ten minutes. A peer that takes none of the bytes for it goes within five. No peer
 * has more than half of the connections.
 * Without include guards: lists are read several times.
 */
KTCP_PARAM_LIVE_INT(backlog, 1024, 1, 65535, "connections that may wait to be accepted")
KTCP_PARAM_STRING(model, "event", "how a quiet connection waits: event, softirq, work or thread")
KTCP_PARAM_INT(unbound, 0, 0, 1,
	       "1: workers go where the scheduler likes (WQ_UNBOUND), 0: they stay on their CPU")
KTCP_PARAM_INT(spread, 0, 0, 1,
	       "1: connections go to one CPU after the other, 0: where their packets arrive")
KTCP_PARAM_STRING(
	cpus, "",
	"CPUs that connections go to, one after the other, as 0-3,8; not in the thread model; empty: as spread says")
KTCP_PARAM_LIVE_INT(
	max_connections, 65536, 1, 1048576,
	"connections at once; more are reset. In the work model as many as a workqueue runs, if that is less")
KTCP_PARAM_LIVE_INT(
	max_per_source, 32768, 0, 1048576,
	"connections at once of one IPv4 address or IPv6 /64, 0: any number, and any share of the buffers")
KTCP_PARAM_LIVE_INT(
	accept_rate, 0, 0, 10000,
	"connections a second of one IPv4 address or IPv6 /64, more are reset; 0: any number")
KTCP_PARAM_LIVE_STRING(
	allow, "",
	"prefixes of the peers that are served, with a comma between two, as 192.0.2.0/24,2001:db8::/32; empty: all")
KTCP_PARAM_LIVE_STRING(
	deny, "",
	"prefixes of the peers that are reset, also if allow has them, with a comma between two; empty: none")
KTCP_PARAM_STRING(
	proxy_from, "",
	"prefixes of the proxies, with a comma between two; each connection begins with a PROXY header then, and others are reset; empty: none has one")
KTCP_PARAM_LIVE_INT(
	idle_timeout_ms, 600000, 0, 86400000,
	"milliseconds in which a peer sends no byte and acknowledges none, then it is ended, 0: never")
KTCP_PARAM_LIVE_INT(
	write_timeout_ms, 300000, 0, 86400000,
	"milliseconds in which a peer acknowledges none of the bytes that wait for it, then it is ended, 0: never")
KTCP_PARAM_LIVE_INT(user_timeout_ms, 0, 0, 86400000,
		    "TCP_USER_TIMEOUT: milliseconds without an acknowledgement, 0: the system's")
KTCP_PARAM_LIVE_INT(
	drain_ms, 0, 0, 60000,
	"milliseconds that unloading lets connections finish by themselves, 0: it ends them at once")
KTCP_PARAM_INT(
	netns_all, 0, 0, 1,
	"1: a server in every network namespace, which ends with it, and drain_ms is not heeded; 0: only in the first namespace")
KTCP_PARAM_LIVE_INT(
	buffer_mb, 0, 0, 1048576,
	"number of MiB that buffers may take, which hold bytes under way, and a source has a share of them; a connection that needs one more is ended, 0: an eighth of the memory")
KTCP_PARAM_INT(
	memory_cgroup, 1, 0, 1,
	"1: sessions and buffers are charged to the memory cgroup that loads the module, 0: to none")
KTCP_PARAM_INT(
	proc_group, 0, 0, 4294967294,
	"number of the group whose members may read /proc/net/NAME/connections beside root, 0: none")
KTCP_PARAM_STRING(
	address, "",
	"IPv4 or IPv6 addresses to listen on, with a comma between two and a zone as in fe80::1%eth0; empty: all")
KTCP_PARAM_STRING(device, "", "device or VRF that connections come through; empty: any")
KTCP_PARAM_STRING(congestion, "", "congestion control of connections; empty: the system's")
KTCP_PARAM_INT(keepalive_idle_s, 0, 0, 32767,
	       "number of seconds of silence before a peer is probed, 0: the system's")
KTCP_PARAM_INT(keepalive_interval_s, 0, 0, 32767,
	       "number of seconds between two probes, 0: the system's")
KTCP_PARAM_INT(keepalive_probes, 0, 0, 127,
	       "number of probes without an answer that end a connection, 0: the system's")
KTCP_PARAM_INT(mark, 0, 0, 4294967295, "number of the mark of packets (SO_MARK), 0: none")
KTCP_PARAM_INT(tos, 0, 0, 255, "number of the type of service or traffic class, 0: none")
KTCP_PARAM_INT(rcvbuf, 0, 0, 1073741823,
	       "bytes that TCP may hold for the server (SO_RCVBUF), 0: as many as TCP finds good")
KTCP_PARAM_INT(sndbuf, 0, 0, 1073741823,
	       "bytes that TCP may hold for the peer (SO_SNDBUF), 0: as many as TCP finds good")
KTCP_PARAM_INT(
	fastopen, 0, 0, 65535,
	"connections that may wait with data in their SYN (TCP_FASTOPEN, if net.ipv4.tcp_fastopen has 2), 0: none")
