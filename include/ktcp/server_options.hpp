// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * The settings of a server.
 */
#ifndef KTCP_SERVER_OPTIONS_HPP
#define KTCP_SERVER_OPTIONS_HPP

#include <cstddef>
#include <cstdint>
#include <string_view>

#include <ktcp/base/defaults.hpp>
#include <ktcp/engine/peer_rules.hpp>
#include <ktcp/engine/server_files.hpp>
#include <ktcp/engine/session.hpp>
#include <ktcp/engine/session_resources.hpp>
#include <ktcp/kernel/socket_options.hpp>
#include <ktcp/net/prefix.hpp>

namespace ktcp
{

/** The settings of a server when it starts. Their defaults are those of a module's parameters. */
struct server_options {
	const char *name = "ktcp"; /**< names threads, queues and caches; see start() */
	std::uint16_t port = 0; /**< to listen on; 0: any free one */
	std::string_view address = defaults::
		address; /**< to listen on, eight at most with a comma between two; empty: all, of both families */
	socket_options socket = {}; /**< of the listener; its connections inherit them */
	int backlog = defaults::backlog; /**< connections that may wait to be accepted */
	std::string_view model = defaults::model; /**< of a server<Handler, any_model> */
	enum placement placement = placement::incoming; /**< where sessions run */
	std::string_view cpus =
		defaults::cpus; /**< placement::spread over these, as 0-3,8; empty: over all */
	unsigned int max_connections =
		defaults::max_connections; /**< beyond this, new ones are reset at once */
	/** Of one peer (IPv4 address, IPv6 /64); 0: any number, and any share of the buffers. */
	unsigned int max_per_source = defaults::max_per_source;
	unsigned int accept_rate =
		defaults::accept_rate; /**< connections a second of one peer; 0: any number */
	const peer_rules *peers = nullptr; /**< who is served, which outlives it; nullptr: all */
	const prefix_list *proxies =
		nullptr; /**< whose connections begin with a PROXY header, and no others are served */
	unsigned int max_outgoing = 0; /**< that handlers may connect(); 0: max_connections */
	/** That connections of one peer may make; 0: one more than are left, or any number if max_per_source is 0. */
	unsigned int max_outgoing_per_source = 0;
	session_timeouts timeouts = {}; /**< of a quiet peer */
	unsigned int user_timeout_ms =
		defaults::user_timeout_ms; /**< TCP_USER_TIMEOUT; 0: the system's */
	unsigned int drain_ms =
		defaults::drain_ms; /**< how long stop() lets connections finish by themselves */
	struct net *net = nullptr; /**< the network namespace; nullptr: the initial one */
	bool awaits_device =
		false; /**< start without its device too, that of `socket` or of a zone, and listen once it is there */
	const char *folder = nullptr; /**< below /proc/net; nullptr: as the name */
	unsigned long long buffer_memory =
		defaults::buffer_mb *
		1048576ull; /**< bytes of all buffers; 0: an eighth of the memory */
	std::size_t buffer_bytes =
		16384; /**< of one buffer that a read fills, 16384 to 65535; see server::start() */
	std::uint32_t proc_group =
		defaults::proc_group; /**< its members may read the list of connections; 0: root's */
	server_file own_file = {}; /**< beside the server's own in its folder */
};

} // namespace ktcp

#endif
