// SPDX-License-Identifier: GPL-2.0-only OR MIT
//
// Addresses, and what happens when the network fails.
#include "cable.hpp"

namespace vm
{
namespace
{

class addresses : public every_model {};
FOR_EVERY_MODEL(addresses);

void echo_to_every_address()
{
	for (const char *address : { "::1", "127.0.0.1", "::ffff:127.0.0.1" }) {
		client peer({ .address = address });
		EXPECT_EQ(echo(peer, pattern(5000, 1)), "") << address;
	}
}

TEST_P(addresses, IPv6_and_IPv4)
{
	load_model();
	echo_to_every_address();
	EXPECT_EQ(std::ranges::count(tcp_states(server_port), "0A"), 1)
		<< "one listener serves both";
}

TEST_P(addresses, IPv4_also_where_IPv6_sockets_are_IPv6_only)
{
	const kept_setting only("/proc/sys/net/ipv6/bindv6only");
	only.set("1");
	load_model();
	echo_to_every_address();
}

// In a guest that was booted with ipv6.disable=1: see tests/vm/run.
class no_ipv6 : public every_model {};
FOR_EVERY_MODEL(no_ipv6);

TEST_P(no_ipv6, IPv4_alone_and_a_line_that_says_so)
{
	allow_log("IPv6|IPv4");
	ASSERT_EQ(::socket(AF_INET6, SOCK_STREAM, 0), -1) << "this guest has IPv6";
	load_model();
	client peer({ .address = "127.0.0.1" });
	EXPECT_EQ(echo(peer, pattern(5000, 1)), "");
	EXPECT_EQ(logged("IPv4").size(), 1u) << text(logged("."));
}

FOR_EVERY_MODEL(cable);

TEST_P(cable, closing_delivers_bytes_that_a_dead_link_held_up)
{
	load_model();
	client peer = connect();
	fill(peer, data);
	cut_replies();
	peer.half_close();
	expect_closed();
	cut_requests(); // now nothing passes at all
	bytes back;
	std::thread reader([&] { back = peer.receive_to_end(); });
	std::this_thread::sleep_for(2s);
	EXPECT_GE(tcp_sockstat("orphan"), 1)
		<< "the server has not closed, or has dropped what it owed";
	heal();
	reader.join();
	EXPECT_EQ(peer.error(), 0) << std::strerror(peer.error());
	EXPECT_TRUE(back == data) << back.size() << " of " << data.size() << " bytes, or others";
}

TEST_P(cable, closing_delivers_on_a_bad_link)
{
	load_model();
	ASSERT_TRUE(shell("/sbin/tc qdisc add dev ktcp0 root netem loss 5% delay 2ms"));
	std::vector<std::thread> threads;
	for (int i = 0; i < 4; ++i)
		threads.emplace_back([this, i] {
			client peer = connect();
			const bytes mine = pattern(300000, i);
			std::thread sender([&] {
				EXPECT_TRUE(peer.send_in_chunks(mine, i));
				peer.half_close();
			});
			const bytes back = peer.receive_to_end();
			sender.join();
			EXPECT_TRUE(back == mine)
				<< back.size() << " of " << mine.size() << " bytes, or others";
		});
	for (auto &thread : threads)
		thread.join();
	heal();
}

TEST_P(cable, unloading_while_the_link_is_dead)
{
	load_model();
	client peer = connect(), other = connect();
	fill(peer, data);
	ASSERT_EQ(echo(other, "idle"), "");
	cut_replies();
	cut_requests();
	peer.half_close();
	unload();
	// The peers are never heard of again: their orphans end by themselves.
	expect_no_orphans();
	heal();
}

TEST_P(cable, bytes_that_a_dead_link_held_up_arrive_even_after_unloading)
{
	load_model();
	client peer = connect();
	fill(peer, data);
	cut_replies();
	peer.half_close();
	expect_closed();
	cut_requests();
	bytes back;
	std::thread reader([&] { back = peer.receive_to_end(); });
	unload();
	EXPECT_GE(tcp_sockstat("orphan"), 1)
		<< "the server had not closed, or has dropped what it owed";
	heal();
	reader.join();
	EXPECT_EQ(peer.error(), 0) << std::strerror(peer.error());
	EXPECT_TRUE(back == data) << back.size() << " of " << data.size() << " bytes, or others";
	expect_no_orphans();
}

// There TCP copies what it would send as pages. In softirq the current task is anybody's, and so are its own pages.
TEST_P(cable, over_a_device_without_scatter_and_gather)
{
	take_one_piece();
	load_model();
	std::atomic<bool> over = false;
	std::string others;
	std::thread beside([&] {
		client other;
		for (unsigned i = 0; !over && others.empty(); i++)
			others = echo(other, pattern(3000, i));
	});
	client peer = connect();
	for (std::size_t size : { 1, 64, 4095, 4096, 4097, 20000 })
		for (unsigned i = 0; i < 10; i++)
			EXPECT_EQ(echo(peer, pattern(size, i)), "") << size;
	over = true;
	beside.join();
	EXPECT_EQ(others, "");
}

} // namespace
} // namespace vm
