// SPDX-License-Identifier: GPL-2.0-only OR MIT
//
// A flood of SYNs.
#pragma once

#include "cable.hpp"

#include <netinet/ip.h>
#include <random>

namespace vm
{

inline std::uint16_t checksum(const void *data, std::size_t size, std::uint32_t sum)
{
	const auto *at = static_cast<const unsigned char *>(data);
	for (std::size_t i = 0; i < size; i += 2)
		sum += at[i] << 8 | at[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons(static_cast<std::uint16_t>(~sum));
}

// Sends SYNs of connections that will never be complete, over the cable, from addresses without a host.
inline void flood(unsigned count, in_addr_t first = 0x0a090003, unsigned addresses = 250,
		  unsigned port = server_port)
{
	const int raw = ::socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
	ASSERT_GE(raw, 0) << std::strerror(errno);
	sockaddr_in to{};
	to.sin_family = AF_INET;
	::inet_pton(AF_INET, "10.9.0.1", &to.sin_addr);
	std::mt19937 random(3);
	for (unsigned i = 0; i < count; ++i) {
		struct {
			iphdr ip;
			tcphdr tcp;
		} packet{};
		packet.ip.version = 4;
		packet.ip.ihl = 5;
		packet.ip.tot_len = htons(sizeof packet);
		packet.ip.ttl = 64;
		packet.ip.protocol = IPPROTO_TCP;
		packet.ip.saddr = htonl(first + random() % addresses);
		packet.ip.daddr = to.sin_addr.s_addr;
		packet.tcp.source = htons(1024 + random() % 60000);
		packet.tcp.dest = htons(port);
		packet.tcp.seq = random();
		packet.tcp.syn = 1;
		packet.tcp.doff = 5;
		packet.tcp.window = htons(65535);
		const std::uint32_t s = ntohl(packet.ip.saddr), d = ntohl(packet.ip.daddr);
		packet.tcp.check = checksum(&packet.tcp, sizeof packet.tcp,
					    (s >> 16) + (s & 0xffff) + (d >> 16) + (d & 0xffff) +
						    IPPROTO_TCP + sizeof packet.tcp);
		::sendto(raw, &packet, sizeof packet, 0, reinterpret_cast<sockaddr *>(&to),
			 sizeof to);
	}
	::close(raw);
}

} // namespace vm
