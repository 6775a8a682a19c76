// SPDX-License-Identifier: GPL-2.0-only OR MIT
//
// A network that can fail between the server and its clients.
#pragma once

#include "fixture.hpp"

#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <optional>
#include <sched.h>
#include <sys/ioctl.h>

namespace vm
{

// The clients in a network namespace of their own, at the other end of a cable:
//     server  ktcp0 10.9.0.1 ---- 10.9.0.2 ktcp1  clients
class cable : public every_model {
    protected:
	void SetUp() override
	{
		ASSERT_TRUE(shell(
			"/sbin/ip netns add clients && "
			"/sbin/ip link add ktcp0 type veth peer name ktcp1 netns clients && "
			"/sbin/ip addr add 10.9.0.1/24 dev ktcp0 && /sbin/ip link set ktcp0 up && "
			"/sbin/ip -n clients addr add 10.9.0.2/24 dev ktcp1 && /sbin/ip -n clients link set ktcp1 up && "
			"/sbin/ip -n clients link set lo up"));
		// Replies are to queue in the server, not in the client: its socket
		// may hold megabytes from the start, the client's hardly anything.
		ASSERT_TRUE(write_file(wmem, "4096 4194304 4194304"));
	}
	void TearDown() override
	{
		every_model::TearDown();
		EXPECT_TRUE(write_file(wmem, "4096 16384 4194304"));
		EXPECT_TRUE(shell("/sbin/ip link del ktcp0 && /sbin/ip netns del clients"));
	}

	// A socket belongs to the namespace that its thread was in.
	template <class Function>
	static void among_clients(Function function)
	{
		std::thread([&] {
			const int space = ::open("/run/netns/clients", O_RDONLY | O_CLOEXEC);
			ASSERT_EQ(::setns(space, CLONE_NEWNET), 0) << std::strerror(errno);
			::close(space);
			function();
		}).join();
	}
	client connect()
	{
		std::optional<client> peer;
		among_clients([&] {
			peer.emplace(options{ .address = "10.9.0.1", .receive_buffer = 32768 });
		});
		return std::move(*peer);
	}

	// The server's end takes bytes in one piece, as a device without scatter and gather.
	void take_one_piece()
	{
		ethtool_value off = { .cmd = ETHTOOL_SSG, .data = 0 };
		ifreq request = {};
		const int any = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		std::strcpy(request.ifr_name, "ktcp0");
		request.ifr_data = reinterpret_cast<char *>(&off);
		ASSERT_EQ(::ioctl(any, SIOCETHTOOL, &request), 0) << std::strerror(errno);
		::close(any);
	}

	// The server's segments are lost. Those to it are not, so that it learns of the half-close.
	void cut_replies()
	{
		ASSERT_TRUE(shell("/sbin/tc qdisc add dev ktcp0 root netem loss 100%"));
	}
	void cut_requests()
	{
		ASSERT_TRUE(shell("/sbin/tc -n clients qdisc add dev ktcp1 root netem loss 100%"));
	}
	// The server has read the end and has closed: TCP has what it owes.
	void expect_closed()
	{
		EXPECT_TRUE(eventually(20s, [] { return tcp_sockstat("orphan") >= 1; }));
	}
	void heal()
	{
		shell("/sbin/tc qdisc del dev ktcp0 root 2>/dev/null");
		shell("/sbin/tc -n clients qdisc del dev ktcp1 root 2>/dev/null");
	}

	// Sends everything without reading, until the server has taken all of it.
	void fill(client &peer, const bytes &data)
	{
		ASSERT_TRUE(peer.connected()) << std::strerror(peer.error());
		ASSERT_TRUE(peer.send(data));
		ASSERT_TRUE(eventually(20s, [&] {
			int unacknowledged = -1;
			::ioctl(peer.descriptor(), SIOCOUTQ, &unacknowledged);
			return unacknowledged == 0;
		})) << "the server does not take it";
		// Taken by its socket; give it the time to echo it, too.
		std::this_thread::sleep_for(500ms);
	}

	const std::string wmem = "/proc/sys/net/ipv4/tcp_wmem";
	const bytes data = pattern(2 << 20, 7);
};

} // namespace vm
