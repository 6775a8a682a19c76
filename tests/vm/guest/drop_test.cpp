// SPDX-License-Identifier: GPL-2.0-only OR MIT
//
// drop-tcp-socket: the connections that are written to /proc/net/drop_tcp_sock are dropped, and no
// others.
#include "drop.hpp"
#include "namespaces.hpp"

#include <atomic>
#include <cstring>
#include <fcntl.h>
#include <netinet/in.h>
#include <string>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <vector>

namespace vm
{
namespace
{

// ---- every kind of address ----------------------------------------------------------------

class drop : public dropping, public testing::WithParamInterface<way> {};
INSTANTIATE_TEST_SUITE_P(ways, drop,
			 testing::Values(ipv4, ipv6, ipv6_older, mapped_as_ipv4, mapped),
			 [](const auto &info) { return info.param.name; });

TEST_P(drop, an_established_pair_and_both_ends_see_a_reset)
{
	const way &way = GetParam();
	const owned listener = listen_on(way);
	const unsigned port = local_port(listener);
	// From the client's point of view, and from the server's.
	for (const bool swapped : { false, true }) {
		const pair both = connect_pair(way, listener), other = connect_pair(way, listener);
		const unsigned client = local_port(both.client);
		const std::string text = swapped ? line(way, port, client) :
						   line(way, client, port);
		const auto before = counters();
		EXPECT_EQ(write_once(text), static_cast<long>(text.size())) << text;
		EXPECT_EQ(read_error(both.client), -ECONNRESET);
		EXPECT_EQ(read_error(both.server), -ECONNRESET);
		EXPECT_EQ(vm::text(states_of(client, port)), "") << text;
		const auto after = counters();
		EXPECT_GE(after.at("dropped"), before.at("dropped") + 1);
		EXPECT_EQ(after.at("not_found"), before.at("not_found"));
		// No other was, and the listener listens.
		EXPECT_TRUE(alive(other));
		EXPECT_EQ(count_state(port, "0A"), 1);
		EXPECT_TRUE(alive(connect_pair(way, listener)));
		// Again: it is not there any more.
		EXPECT_EQ(write_once(text), -ENOENT);
		EXPECT_EQ(counters().at("not_found"), before.at("not_found") + 1);
	}
	EXPECT_EQ(counters().at("refused"), 0u);
}

// A listener that closes meanwhile would warn of a child with an owner (inet_csk_listen_stop()).
TEST_P(drop, one_that_waits_to_be_accepted_is_refused_until_it_is)
{
	const way &way = GetParam();
	const owned listener = listen_on(way);
	const unsigned port = local_port(listener);
	const auto has_small_end = [](unsigned client) {
		return std::ranges::any_of(tcp_lines(true), [&](const tcp_line &each) {
			return each.local_port == client && is_small(each);
		});
	};
	std::string text;
	// The kernel may keep all of the client's end (orphans_in_fin_wait_2()). Dropping that resets the other.
	for (int tries = 0; text.empty() && tries < 20; ++tries) {
		owned client = connect_to(way, port);
		const unsigned its = local_port(client);
		client.close();
		ASSERT_TRUE(eventually(5s, [&] { return count_state(port, "08") == 1; }));
		if (has_small_end(its))
			text = line(way, port, its);
		else
			owned(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC)).close();
	}
	ASSERT_NE(text, "");
	EXPECT_EQ(write_once(text), static_cast<long>(text.size())); // the client's end
	EXPECT_EQ(counters().at("refused"), 1u);
	EXPECT_EQ(write_once(text), -EPERM);
	EXPECT_EQ(count_state(port, "08"), 1);
	const owned accepted(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC));
	EXPECT_EQ(write_once(text), static_cast<long>(text.size()));
	EXPECT_EQ(count_state(port, "08"), 0);
}

TEST_P(drop, one_in_time_wait)
{
	const way &way = GetParam();
	const owned listener = listen_on(way);
	pair both = connect_pair(way, listener);
	const unsigned client = local_port(both.client), port = local_port(listener);
	both.client.close();
	ASSERT_EQ(read_error(both.server), 0);
	both.server.close();
	ASSERT_TRUE(eventually(5s, [&] { return vm::text(states_of(client, port)) == "06\n"; }));
	EXPECT_GT(write_once(line(way, port, client)), 0);
	EXPECT_EQ(vm::text(states_of(client, port)), "");
	EXPECT_EQ(counters().at("dropped"), 1u);
}

TEST_P(drop, one_that_is_half_open)
{
	const way &way = GetParam();
	const owned listener = listen_on(way);
	const unsigned port = local_port(listener);
	const int seconds = 30;
	// The server's end stays a request until the client speaks.
	ASSERT_EQ(::setsockopt(listener, IPPROTO_TCP, TCP_DEFER_ACCEPT, &seconds, sizeof seconds),
		  0);
	const owned client = connect_to(way, port);
	ASSERT_EQ(count_state(port, "03"), 1) << vm::text(states_of(port));
	const std::string text = line(way, port, local_port(client));
	EXPECT_EQ(write_once(text), static_cast<long>(text.size()));
	EXPECT_EQ(count_state(port, "03"), 0);
	EXPECT_EQ(read_error(client), -ECONNRESET);
	EXPECT_EQ(counters().at("dropped"), 2u); // the request, and the client's end
	EXPECT_EQ(count_state(port, "0A"), 1);
	const owned next = connect_to(way, port);
	EXPECT_EQ(::send(next, "x", 1, MSG_NOSIGNAL), 1);
	const owned accepted(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC));
	EXPECT_EQ(read_error(accepted), 1);
}

TEST_P(drop, one_whose_connecting_was_not_answered)
{
	const way &way = GetParam();
	const owned listener = listen_on(way, 0, 0);
	const unsigned port = local_port(listener);
	std::vector<owned> waiting;
	int error = 0;
	// The backlog fills up, and SYNs are dropped.
	do {
		waiting.push_back(connect_to(way, port, SOCK_NONBLOCK, &error));
		std::this_thread::sleep_for(20ms);
	} while (!count_state(port, "02") && waiting.size() < 10);
	ASSERT_EQ(count_state(port, "02"), 1);
	EXPECT_GT(write_once(line(way, local_port(waiting.back()), port)), 0);
	EXPECT_EQ(count_state(port, "02"), 0);
	socklen_t length = sizeof error;
	::getsockopt(waiting.back(), SOL_SOCKET, SO_ERROR, &error, &length);
	EXPECT_EQ(error, ECONNRESET);
	EXPECT_EQ(count_state(port, "0A"), 1);
}

// ---- a thousand ----------------------------------------------------------------------------

class drop_thousand : public drop {
    protected:
	// A debug kernel takes longer to make a thousand than they stay in TIME-WAIT.
	const int many = debug_kernel() ? 100 : 1000;
};
INSTANTIATE_TEST_SUITE_P(ways, drop_thousand, testing::Values(ipv4, ipv6, mapped_as_ipv4, mapped),
			 [](const auto &info) { return info.param.name; });

TEST_P(drop_thousand, by_lines_of_ss)
{
	const owned listener = listen_on(GetParam());
	const unsigned port = local_port(listener);
	make_time_waits(GetParam(), listener, many);
	const std::string command = "/sbin/ss -tn state time-wait | "
				    "awk 'NR > 1 && /:" +
				    std::to_string(port) +
				    "/ { print $3, $4 }' | "
				    "tee /proc/net/drop_tcp_sock > /tmp/dropped";
	ASSERT_TRUE(shell(command)) << command;
	EXPECT_EQ(count_state(port, "06"), 0);
	EXPECT_EQ(std::ranges::count(read_file("/tmp/dropped"), '\n'), many);
	EXPECT_EQ(counters().at("dropped"), static_cast<unsigned long>(many));
	EXPECT_EQ(counters().at("not_found"), 0u);
	EXPECT_EQ(count_state(port, "0A"), 1);
	EXPECT_TRUE(alive(connect_pair(GetParam(), listener)));
}

TEST_P(drop_thousand, by_one_line)
{
	const owned listener = listen_on(GetParam()), elsewhere = listen_on(GetParam());
	const unsigned port = local_port(listener);
	const pair established = connect_pair(GetParam(), listener);
	make_time_waits(GetParam(), elsewhere, 10);
	for (const std::string &text : { "time-wait:" + std::to_string(port) + "\n",
					 "* time-wait:" + std::to_string(port) + "\n",
					 "time-wait *:" + std::to_string(port) + "\n" }) {
		make_time_waits(GetParam(), listener, many);
		const auto before = counters();
		EXPECT_EQ(write_once(text), static_cast<long>(text.size())) << text;
		EXPECT_EQ(count_state(port, "06"), 0) << text;
		EXPECT_EQ(counters().at("dropped"), before.at("dropped") + many) << text;
	}
	// A connection that is not in TIME-WAIT stays, and so does another port's.
	EXPECT_TRUE(alive(established));
	EXPECT_EQ(count_state(port, "0A"), 1);
	EXPECT_EQ(count_state(local_port(elsewhere), "06"), 10);
	EXPECT_EQ(counters().at("refused"), 0u);
	EXPECT_GT(write_once("time-wait:" + std::to_string(local_port(elsewhere)) + " *\n"), 0);
}

TEST_P(drop_thousand, established_by_a_wildcard_and_the_listener_is_refused)
{
	const way &way = GetParam();
	const owned listener = listen_on(way);
	const std::string port = std::to_string(local_port(listener));
	unsigned long refused = 0;
	for (const std::string &text :
	     { "*:" + port + "\n", "*:" + port + " *\n", "* *:" + port + "\n",
	       "* " + std::string(way.text) + ":" + port + "\n",
	       std::string(way.text) + ":* " + way.text + ":" + port + "\n" }) {
		std::vector<pair> pairs;
		for (int i = 0; i < 100; ++i)
			pairs.push_back(connect_pair(way, listener));
		EXPECT_EQ(write_once(text), static_cast<long>(text.size())) << text;
		for (const auto &each : pairs) {
			EXPECT_EQ(read_error(each.client), -ECONNRESET) << text;
			EXPECT_EQ(read_error(each.server), -ECONNRESET) << text;
		}
		EXPECT_EQ(count_state(local_port(listener), "0A"), 1) << text;
		EXPECT_EQ(states_of(local_port(listener)).size(), 1u) << text;
		// A listener has no remote end and, unless it is bound to one, no address.
		const bool meant = text.find(way.text) == std::string::npos ||
				   (text[0] == '*' &&
				    std::string(way.server_address) == way.client_address);
		refused += meant;
		EXPECT_EQ(counters().at("refused"), refused) << text;
		EXPECT_TRUE(alive(connect_pair(way, listener)));
	}
	// Nothing but the listener: it is there, and refused.
	EXPECT_GT(write_once("*:" + port + "\n"), 0); // what the last check left
	EXPECT_EQ(write_once("*:" + port + "\n"), -EPERM);
	EXPECT_EQ(count_state(local_port(listener), "0A"), 1);
}

// ---- who may ------------------------------------------------------------------------------

class drop_rights : public dropping {};

constexpr uid_t nobody = 65534;

TEST_F(drop_rights, are_those_of_the_process_that_opened_the_file)
{
	const owned listener = listen_on(ipv4);
	const pair both = connect_pair(ipv4, listener);
	const std::string text = line(ipv4, local_port(both.client), local_port(listener));
	EXPECT_EQ(in_child([&] {
			  if (::setuid(nobody))
				  return 1;
			  // Everybody may open it and read.
			  if (read_file(entry).empty())
				  return 2;
			  return write_once(text) == -EPERM ? 0 : 3;
		  }),
		  0);
	EXPECT_TRUE(alive(both));
	// Opened by nobody, written by root.
	int ends[2];
	ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	const auto send_file = [&](int file) {
		char space[CMSG_SPACE(sizeof file)] = {}, byte = 0;
		iovec data{ &byte, 1 };
		msghdr message{};
		message.msg_iov = &data;
		message.msg_iovlen = 1;
		message.msg_control = space;
		message.msg_controllen = sizeof space;
		cmsghdr *header = CMSG_FIRSTHDR(&message);
		header->cmsg_level = SOL_SOCKET;
		header->cmsg_type = SCM_RIGHTS;
		header->cmsg_len = CMSG_LEN(sizeof file);
		std::memcpy(CMSG_DATA(header), &file, sizeof file);
		return ::sendmsg(ends[1], &message, 0) == 1 ? 0 : 4;
	};
	EXPECT_EQ(in_child([&] {
			  if (::setuid(nobody))
				  return 1;
			  return send_file(::open(entry.c_str(), O_WRONLY));
		  }),
		  0);
	char space[CMSG_SPACE(sizeof(int))] = {}, byte;
	iovec data{ &byte, 1 };
	msghdr message{};
	message.msg_iov = &data;
	message.msg_iovlen = 1;
	message.msg_control = space;
	message.msg_controllen = sizeof space;
	ASSERT_EQ(::recvmsg(ends[0], &message, 0), 1);
	int received;
	std::memcpy(&received, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof received);
	EXPECT_EQ(write_to(received, text), -EPERM);
	EXPECT_TRUE(alive(both));
	::close(received);
	::close(ends[0]);
	::close(ends[1]);
	// Opened by root, written by nobody.
	const owned file(::open(entry.c_str(), O_WRONLY));
	EXPECT_EQ(in_child([&] { return ::setuid(nobody) || write_to(file, text) < 0; }), 0);
	EXPECT_EQ(read_error(both.client), -ECONNRESET);
}

TEST_F(drop_rights, of_a_user_namespace_reach_as_far_as_it_does)
{
	const owned listener = listen_on(ipv4);
	const pair both = connect_pair(ipv4, listener);
	const std::string text = line(ipv4, local_port(both.client), local_port(listener));
	const owned outside(::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC));
	EXPECT_EQ(in_child([&] {
			  // By a path that goes on leading to the first namespace.
			  const owned first(::open("/proc/1/net", O_PATH | O_DIRECTORY));
			  if (first < 0 || ::setuid(nobody) || ::prctl(PR_SET_DUMPABLE, 1))
				  return 1;
			  if (::unshare(CLONE_NEWUSER | CLONE_NEWNET))
				  return 2;
			  // In its own namespace it has the right …
			  if (write_once(text) != -ENOENT)
				  return 3;
			  // … and nowhere else.
			  const owned file(::openat(first, "drop_tcp_sock", O_WRONLY));
			  if (file < 0)
				  return 4;
			  return write_to(file, text) == -EPERM ? 0 : 5;
		  }),
		  0);
	EXPECT_TRUE(alive(both));
	EXPECT_GT(write_once(text), 0);
}

// ---- a server in the kernel -----------------------------------------------------------------

// kecho's connections: its sockets have callbacks of ktcp's, and no file.
class drop_served : public dropping, public testing::WithParamInterface<const char *> {
    protected:
	void SetUp() override
	{
		load("model=" + std::string(GetParam()) + " backlog=512");
		dropping::SetUp();
	}
	const std::string all = "*:" + std::to_string(server_port) + "\n";
};
FOR_EVERY_MODEL(drop_served);

TEST_P(drop_served, connections_that_wait_end_at_once)
{
	std::vector<client> idle, deaf;
	for (int i = 0; i < 50; ++i) {
		idle.emplace_back();
		ASSERT_EQ(echo(idle.back(), "hello"), "") << i;
	}
	for (int i = 0; i < 3; ++i) {
		deaf.emplace_back(options{ .receive_buffer = 65536, .send_buffer = 65536 });
		EXPECT_GT(deaf.back().send_until_blocked(pattern(1 << 16, 1)), 0u);
	}
	ASSERT_EQ(statistic("active"), 53);
	EXPECT_EQ(write_once(all), static_cast<long>(all.size()));
	EXPECT_TRUE(eventually(10s, [] { return statistic("active") == 0; }))
		<< statistic("active");
	for (auto *peers : { &idle, &deaf })
		for (auto &each : *peers) {
			each.receive_to_end();
			EXPECT_EQ(each.error(), ECONNRESET);
		}
	// The listener is the server's still.
	EXPECT_EQ(counters().at("refused"), 1u);
	client next;
	EXPECT_EQ(echo(next, "hello"), "");
}

TEST_P(drop_served, connections_in_the_middle_of_traffic)
{
	std::atomic<bool> stop{ false };
	std::atomic<int> broken{ 0 };
	std::vector<std::thread> traffic;
	for (int thread = 0; thread < 3; ++thread)
		traffic.emplace_back([&, thread] {
			std::mt19937 random(thread);
			while (!stop) {
				client peer;
				while (peer.connected() && !stop) {
					const bytes data = pattern(1 + random() % 20000, random());
					const bool sent = peer.send(data);
					const bytes back = peer.receive(data.size());
					// It may end at any byte, but may not be another.
					ASSERT_TRUE(
						std::equal(back.begin(), back.end(), data.begin()));
					if (sent && back.size() == data.size())
						continue;
					++broken;
					break;
				}
				// The port has no listener any more.
				if (!peer.connected())
					std::this_thread::sleep_for(1ms);
			}
		});
	std::mt19937 random(3);
	for (int i = 0; i < 40; ++i) {
		std::this_thread::sleep_for(std::chrono::milliseconds(random() % 30));
		write_once(all);
	}
	EXPECT_GT(broken, 20);
	// With the server unloaded in the middle of it, too.
	std::atomic<bool> unloaded{ false };
	std::thread dropper([&] {
		while (!unloaded)
			write_once(all);
	});
	std::this_thread::sleep_for(50ms);
	unload();
	unloaded = true;
	dropper.join();
	stop = true;
	for (auto &thread : traffic)
		thread.join();
	EXPECT_GT(counters().at("dropped"), 40u);
	write_once("time-wait:" + std::to_string(server_port) + "\n");
}

} // namespace
} // namespace vm
