// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * An IP address and a TCP port.
 *
 * @code
 * socket.bind(ktcp::endpoint::any(8080));
 * socket.connect(ktcp::endpoint::ipv4(127, 0, 0, 1, 8080));
 * @endcode
 *
 * IPv4 is held as v4-mapped IPv6 (RFC 4291 section 2.5.5.2), so there is one form of
 * every address. Kernel: struct sockaddr_in6.
 */
#ifndef KTCP_NET_ENDPOINT_HPP
#define KTCP_NET_ENDPOINT_HPP

#include <cstdint>

#include <ktcp/port/socket.h>

namespace ktcp
{

/** A value; any context. */
class endpoint {
    public:
	/** The unspecified address (::) and port 0. */
	constexpr endpoint() noexcept = default;

	constexpr explicit endpoint(const ktcp_endpoint &raw) noexcept : raw_(raw)
	{
	}

	/** Every address of this machine, IPv4 and IPv6. @param port  host order. */
	static constexpr endpoint any(std::uint16_t port) noexcept
	{
		endpoint made;

		made.raw_.port = port;
		return made;
	}

	/** a.b.c.d:port */
	static constexpr endpoint ipv4(std::uint8_t a, std::uint8_t b, std::uint8_t c,
				       std::uint8_t d, std::uint16_t port) noexcept
	{
		endpoint made = any(port);

		made.raw_.address[10] = made.raw_.address[11] = 0xff;
		made.raw_.address[12] = a;
		made.raw_.address[13] = b;
		made.raw_.address[14] = c;
		made.raw_.address[15] = d;
		return made;
	}

	/** IPv6's loopback address, ::1, and a port. */
	static constexpr endpoint ipv6_loopback(std::uint16_t port) noexcept
	{
		endpoint made = any(port);

		made.raw_.address[15] = 1;
		return made;
	}

	/** Host order. */
	constexpr std::uint16_t port() const noexcept
	{
		return raw_.port;
	}

	/** Is it an IPv4 address? */
	constexpr bool is_ipv4() const noexcept
	{
		for (int i = 0; i < 10; i++)
			if (raw_.address[i])
				return false;
		return raw_.address[10] == 0xff && raw_.address[11] == 0xff;
	}

	/** Is it valid on one link alone, so that a zone tells which? fe80::/10 (RFC 4007, section 6). */
	constexpr bool is_link_local() const noexcept
	{
		return raw_.address[0] == 0xfe && (raw_.address[1] & 0xc0) == 0x80;
	}

	/** As the boundary has it. */
	constexpr const ktcp_endpoint &raw() const noexcept
	{
		return raw_;
	}

	friend constexpr bool operator==(const endpoint &a, const endpoint &b) noexcept
	{
		for (int i = 0; i < 16; i++)
			if (a.raw_.address[i] != b.raw_.address[i])
				return false;
		return a.raw_.port == b.raw_.port && a.raw_.scope_id == b.raw_.scope_id;
	}

    private:
	ktcp_endpoint raw_ = {};
};

} // namespace ktcp

#endif
