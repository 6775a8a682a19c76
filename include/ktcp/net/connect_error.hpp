// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * The words for errors that keep two ends from being connected. They say the cause and a remedy.
 *
 * @code
 * KTCP_LOG_WARN_RATELIMITED("no way to the target: %s", ktcp::connect_error(status.error()));
 * @endcode
 *
 * Kernel: tcp_v4_connect(), inet_hash_connect(), tcp_reset(), icmp_err_convert[]; RFC 9293 section
 * 3.9.
 */
#ifndef KTCP_NET_CONNECT_ERROR_HPP
#define KTCP_NET_CONNECT_ERROR_HPP

#include <ktcp/base/error.hpp>

namespace ktcp
{

/** A sentence without its full stop, for each errno of a socket that connects or is connected. Any context. */
constexpr const char *connect_error(error_code why) noexcept
{
	switch (why.value()) {
	/* From this machine: */
	case errc::eaddrnotavail:
		return "no local port is left for this peer, or the local address is not this "
		       "machine's; widen net.ipv4.ip_local_port_range, or connect from several "
		       "addresses";
	case errc::eaddrinuse:
		return "the local address and port are in use, or all ports of that address are; "
		       "choose others, or port 0";
	case errc::enetunreach:
		return "there is no route to it; see ip route get";
	case errc::eacces:
		return "a route prohibits it; see ip route get";
	case errc::eperm:
		return "a BPF program forbids it; see bpftool cgroup tree";
	case errc::enetdown:
	case errc::enodev:
		return "the device is down, or is not there; see ip link";
	case errc::eafnosupport:
		return "IPv6 is off, or the local address is of the other family";
	case errc::enomem:
	case errc::enobufs:
		return "there is no memory";
	case errc::edquot:
		return "there are as many outgoing connections as allowed, or as many of this client's; "
		       "raise max_connections, or the server's max_outgoing or max_outgoing_per_source";
	case errc::eshutdown:
		return "the server is being stopped";
	case errc::econnaborted:
		return "it was ended from this side, by a shutdown or by ss -K";
	/* From the way, and from the peer: */
	case errc::ehostunreach:
	case errc::ehostdown:
		return "no host answers at that address, or a router cannot reach it";
	case errc::econnrefused:
		return "nobody listens there";
	case errc::etimedout:
		return "the peer did not answer in time";
	case errc::econnreset:
		return "the peer reset the connection";
	case errc::epipe:
		return "the peer reset the connection after it had finished sending, or this side "
		       "has finished sending";
	case errc::enotconn:
		return "it is not connected";
	default:
		return "an error that connections do not have; see errno(3)";
	}
}

} // namespace ktcp

#endif
