// SPDX-License-Identifier: GPL-2.0-only OR MIT
//
// netns_all=1: a server in every network namespace, which comes and goes with it.
#include "fixture.hpp"
#include "namespaces.hpp"

#include <atomic>
#include <latch>

namespace vm
{
namespace
{

class netns : public every_model {
    protected:
	// The number of a file's line, in the calling thread's namespace; -1 without the file.
	// The remains of servers in other namespaces than the first.
	static std::vector<std::string> others()
	{
		std::vector<std::string> found = module_leftovers();
		std::erase_if(found, [](const std::string &each) {
			return each.find("kecho-") == std::string::npos;
		});
		return found;
	}
};
FOR_EVERY_MODEL(netns);

const options v4 = { .address = "127.0.0.1" };

TEST_P(netns, without_it_there_is_one)
{
	load_model();
	client peer(v4);
	EXPECT_EQ(echo(peer, "hello"), "");
	in_new_namespace([] {
		client other(v4);
		EXPECT_EQ(other.error(), ECONNREFUSED);
		EXPECT_EQ(statistic("accepted"), -1);
	});
}

TEST_P(netns, insmod_in_another_is_told_where_it_listens)
{
	const std::string where = "it listens in the first network namespace";
	load_model();
	EXPECT_EQ(logged(where), std::vector<std::string>());
	unload();
	in_new_namespace([this] { load_model(); });
	EXPECT_EQ(logged(where).size(), 1u);
	client peer(v4);
	EXPECT_EQ(echo(peer, "hello"), "");
}

TEST_P(netns, one_in_each)
{
	// There before, and made afterwards.
	std::latch ready(1), loaded(1);
	std::thread before([&] {
		in_new_namespace([&] {
			ready.count_down();
			loaded.wait();
			client peer(v4);
			EXPECT_EQ(echo(peer, pattern(20000, 1)), "");
			EXPECT_EQ(statistic("accepted"), 1);
		});
	});
	ready.wait();
	load_model("netns_all=1 max_connections=3");
	loaded.count_down();
	before.join();
	client outside(v4);
	EXPECT_EQ(echo(outside, "hello"), "");
	in_new_namespace([] {
		std::vector<client> peers;
		// The limits are each server's own.
		for (int i = 0; i < 3; ++i) {
			peers.emplace_back(v4);
			EXPECT_EQ(echo(peers.back(), pattern(20000, i)), "");
		}
		client v6;
		EXPECT_TRUE(!v6.connected() || v6.ended());
		peers.pop_back();
		EXPECT_TRUE(eventually(5s, [] {
			client next;
			return echo(next, "in") == "";
		}));
		EXPECT_GE(statistic("accepted"), 4);
	});
	EXPECT_EQ(statistic("accepted"), 1);
	EXPECT_EQ(echo(outside, "still there"), "");
	EXPECT_TRUE(eventually(20s, [] { return others().empty(); })) << text(others());
	EXPECT_EQ(logged("listening").size(), 1u);
}

// Such a listener hears of the devices of its namespace, until one of them ends.
TEST_P(netns, at_a_device_of_each)
{
	load_model("netns_all=1 device=lo");
	for (int i = 0; i < 3; ++i)
		in_new_namespace([] {
			client peer(v4);
			EXPECT_EQ(echo(peer, "hello"), "");
		});
	EXPECT_TRUE(eventually(20s, [] { return others().empty(); })) << text(others());
	in_new_namespace([this] {
		client peer(v4);
		EXPECT_EQ(echo(peer, "hello"), "");
		unload();
	});
}

TEST_P(netns, goes_away_with_its_namespace_and_its_connections)
{
	load_model("netns_all=1 drain_ms=30000");
	const auto end = [] { EXPECT_TRUE(shell("/sbin/ip netns del served")); };
	// Clients outside: sockets of users' inside would keep the namespace.
	ASSERT_TRUE(shell("/sbin/ip netns add served && "
			  "/sbin/ip link add ktcp0 type veth peer name ktcp1 netns served && "
			  "/sbin/ip addr add 10.9.0.1/24 dev ktcp0 && /sbin/ip link set ktcp0 up && "
			  "/sbin/ip -n served addr add 10.9.0.2/24 dev ktcp1 && "
			  "/sbin/ip -n served link set ktcp1 up"));
	std::vector<client> idle;
	for (int i = 0; i < 50; ++i) {
		idle.emplace_back(options{ .address = "10.9.0.2" });
		ASSERT_EQ(echo(idle.back(), "hello"), "") << i;
	}
	client deaf(options{ .address = "10.9.0.2", .receive_buffer = 65536, .send_buffer = 65536 });
	EXPECT_GT(deaf.send_until_blocked(pattern(1 << 16, 1)), 0u);
	ASSERT_FALSE(others().empty());
	end();
	// In time, though the module would drain for longer, and with its devices.
	EXPECT_TRUE(eventually(20s, [] { return others().empty(); })) << text(others());
	EXPECT_TRUE(
		eventually(20s, [] { return !std::filesystem::exists("/sys/class/net/ktcp0"); }));
	client here;
	EXPECT_EQ(echo(here, "hello"), "");
	here.close();
	for (auto &each : idle)
		each.reset();
	deaf.reset();
}

TEST_P(netns, unloading_with_busy_clients_in_many)
{
	constexpr int spaces = 10;
	// No server drains then, nor does the first namespace's: unload() ends long before.
	load_model("netns_all=1 drain_ms=30000");
	client outside(v4);
	EXPECT_EQ(echo(outside, "hello"), "");
	std::latch served(spaces), unloaded(1);
	std::vector<std::thread> threads;
	std::atomic<bool> stop{ false };
	for (int i = 0; i < spaces; ++i)
		threads.emplace_back([&, i] {
			in_new_namespace([&] {
				std::vector<client> peers;
				for (int n = 0; n < 5; ++n) {
					peers.emplace_back(v4);
					EXPECT_EQ(echo(peers.back(), pattern(5000, i)), "");
				}
				served.count_down();
				if (i % 2) {
					while (!stop && echo(peers[0], pattern(3000, i)) == "")
						;
				} else {
					unloaded.wait();
				}
				for (auto &each : peers)
					EXPECT_TRUE(each.ended()) << std::strerror(each.error());
				// Its files stay until its last connection has ended.
				EXPECT_TRUE(eventually(60s,
						       [] { return statistic("accepted") == -1; }));
			});
		});
	served.wait();
	unload();
	EXPECT_TRUE(outside.ended()) << std::strerror(outside.error());
	stop = true;
	unloaded.count_down();
	for (auto &thread : threads)
		thread.join();
}

TEST_P(netns, unloading_while_namespaces_begin_and_end)
{
	std::atomic<bool> stop{ false };
	std::vector<std::thread> makers;
	for (int i = 0; i < 2; ++i)
		makers.emplace_back([&, i] {
			while (!stop)
				in_new_namespace([&] {
					client peer(v4);
					if (peer.connected() && peer.send("hello"))
						peer.receive(5);
				});
		});
	for (int i = 0; i < 4 && !HasFailure(); ++i) {
		load_model("netns_all=1");
		std::this_thread::sleep_for(std::chrono::milliseconds(20 + 25 * i));
		// It may wait for a namespace that is just ending.
		EXPECT_EQ(unload_module(), 0);
	}
	stop = true;
	for (auto &thread : makers)
		thread.join();
	EXPECT_EQ(text(module_tasks()), "");
	EXPECT_EQ(text(module_leftovers()), "");
}

TEST_P(netns, a_port_in_use_elsewhere_is_said_and_fails_nothing)
{
	allow_log("port 12345 is in use|no server in network namespace \\d+ \\(error -98\\)");
	in_new_namespace([&] {
		const int taken = ::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
		sockaddr_in6 at{};
		at.sin6_family = AF_INET6;
		at.sin6_port = htons(server_port);
		ASSERT_EQ(::bind(taken, reinterpret_cast<sockaddr *>(&at), sizeof at), 0);
		ASSERT_EQ(::listen(taken, 1), 0);
		load_model("netns_all=1");
		::close(taken);
		client peer;
		EXPECT_EQ(peer.error(), ECONNREFUSED);
	});
	EXPECT_EQ(logged("no server in network namespace").size(), 1u);
	client peer;
	EXPECT_EQ(echo(peer, "hello"), "");
}

// Any user may make namespaces; a kernel's log is not theirs to fill. By a clock of its own, since the
// bound is one for each five seconds.
class netns_by_icount : public netns {};
INSTANTIATE_TEST_SUITE_P(icount, netns_by_icount, testing::Values("event"), model_name);

TEST_P(netns_by_icount, many_without_a_server_do_not_fill_the_log)
{
	allow_log("cannot listen|no server in network namespace");
	allow_other("callbacks suppressed");
	ASSERT_TRUE(shell("/sbin/ip link add ktcp0 type veth peer name ktcp1 && "
			  "/sbin/ip -6 addr add fd00::9/64 dev ktcp0 nodad && "
			  "/sbin/ip link set ktcp0 up"));
	load_model("netns_all=1 address=fd00::9");
	const auto start = clock::now();
	std::thread([] {
		for (int i = 0; i < 200; ++i)
			ASSERT_EQ(::unshare(CLONE_NEWNET), 0) << std::strerror(errno);
	}).join();
	const std::size_t periods = 2 + (clock::now() - start) / 5s;
	const std::size_t lines = logged("cannot listen|no server in").size();
	EXPECT_GT(lines, 0u);
	EXPECT_LE(lines, 20 * periods); /* ten errors and ten warnings */
	EXPECT_LT(periods, 8u) << "too slow to show anything";
	unload();
	EXPECT_TRUE(shell("/sbin/ip link del ktcp0"));
}

} // namespace
} // namespace vm
