/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Addresses: which are the simulated host's own, and which two sockets' overlap. */
#ifndef KTCP_SIM_ADDRESS_HPP
#define KTCP_SIM_ADDRESS_HPP

#include <cstring>

#include <ktcp/port/socket.h>

namespace sim
{

inline ktcp_endpoint v4(unsigned a, unsigned b, unsigned c, unsigned d, unsigned port)
{
	return { { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, uint8_t(a), uint8_t(b), uint8_t(c),
		   uint8_t(d) },
		 0,
		 uint16_t(port) };
}

inline ktcp_endpoint v4_loopback(unsigned port)
{
	return v4(127, 0, 0, 1, port);
}

inline ktcp_endpoint v6_loopback(unsigned port)
{
	return { { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1 }, 0, uint16_t(port) };
}

inline ktcp_endpoint any_address(bool inet6, unsigned port = 0)
{
	return inet6 ? ktcp_endpoint{ {}, 0, uint16_t(port) } : v4(0, 0, 0, 0, port);
}

inline bool same_address(const ktcp_endpoint &a, const ktcp_endpoint &b)
{
	return !memcmp(a.address, b.address, sizeof(a.address));
}

inline bool is_v4(const ktcp_endpoint &e)
{
	return !memcmp(e.address, v4(0, 0, 0, 0, 0).address, 12);
}

inline bool is_any(const ktcp_endpoint &e)
{
	return same_address(e, any_address(true)) || same_address(e, any_address(false));
}

/* 127.0.0.0/8, 10.0.0.0/8 and ::1. */
inline bool is_local(const ktcp_endpoint &e)
{
	return is_v4(e) ? e.address[12] == 127 || e.address[12] == 10 :
			  same_address(e, v6_loopback(0));
}

/* 192.0.2.0/24, for documentation (RFC 5737): there are hosts, and none of them answers. */
inline bool is_silent(const ktcp_endpoint &e)
{
	return is_v4(e) && e.address[12] == 192 && e.address[13] == 0 && e.address[14] == 2;
}

/* Does a socket bound to @e take IPv4, and IPv6? */
inline bool covers_v4(bool inet6, bool v6only, const ktcp_endpoint &e)
{
	return !inet6 || (!v6only && (is_v4(e) || is_any(e)));
}

inline bool covers_v6(bool inet6, const ktcp_endpoint &e)
{
	return inet6 && !is_v4(e);
}

inline bool overlap(bool a_inet6, bool a_v6only, const ktcp_endpoint &a, bool b_inet6,
		    bool b_v6only, const ktcp_endpoint &b)
{
	if (!is_any(a) && !is_any(b) && !same_address(a, b))
		return false;
	return (covers_v4(a_inet6, a_v6only, a) && covers_v4(b_inet6, b_v6only, b)) ||
	       (covers_v6(a_inet6, a) && covers_v6(b_inet6, b));
}

} // namespace sim

#endif
