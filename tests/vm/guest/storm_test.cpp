// SPDX-License-Identifier: GPL-2.0-only OR MIT
//
// Long and hard use, bounded by counts. Each storm ends with the same audit. It looks at the kernel's
// log, the module's reference count and slab caches, entries in /proc and /sys, sockets and orphans.
// Where the kernel has kmemleak, it follows them all (job).
#include "cable.hpp"
#include "flood.hpp"

#include <atomic>
#include <barrier>
#include <csignal>

namespace vm
{
namespace
{

// Several of the same at once; `each` is called with a number and a source of chance of its own.
template <class Each>
void at_once(unsigned count, Each each)
{
	std::vector<std::thread> threads;
	for (unsigned i = 0; i < count; ++i)
		threads.emplace_back([&each, i] {
			std::mt19937 random(i);
			each(i, random);
		});
	for (auto &thread : threads)
		thread.join();
}

class storm : public cable {
    protected:
	void TearDown() override
	{
		if (module_loaded()) {
			// The server still serves, and the module has no reference.
			client peer({ .address = "127.0.0.1" });
			EXPECT_EQ(echo(peer, pattern(5000, 1)), "");
			peer.close();
			EXPECT_EQ(read_file("/sys/module/kecho/refcnt"), "0\n");
		}
		// tools/proof reads this.
		const std::string test =
			testing::UnitTest::GetInstance()->current_test_info()->name();
		std::printf("storm: %s/%s: %s\n", GetParam(),
			    test.substr(0, test.find('/')).c_str(), count_.c_str());
		cable::TearDown();
	}
	// The amount of it; `more` is the part that differs from run to run.
	void counted(const std::string &what, const std::string &more = "")
	{
		count_ = more.empty() ? what : what + "; " + more;
	}

    private:
	std::string count_ = "nothing was counted";
};
FOR_EVERY_MODEL(storm);

// 500 in all: each model has a quarter.
TEST_P(storm, load_and_unload_under_traffic)
{
	std::atomic<bool> stop = false;
	std::atomic<int> echoed = 0;
	std::thread traffic([&] {
		at_once(4, [&](unsigned, std::mt19937 &random) {
			while (!stop) {
				client peer({ .address = "127.0.0.1" });
				if (!peer.connected()) {
					std::this_thread::sleep_for(1ms);
					continue;
				}
				for (int i = 0; i < 20 && !stop; ++i) {
					const bytes data = pattern(1 + random() % 4000, random());
					if (!peer.send(data))
						break;
					const bytes back = peer.receive(data.size());
					EXPECT_TRUE(
						std::equal(back.begin(), back.end(), data.begin()));
					if (back.size() < data.size())
						break;
					++echoed;
				}
				if (random() % 4 == 0)
					peer.reset();
			}
		});
	});
	std::mt19937 random(9);
	const int wanted = 125;
	int times = 0;
	for (; times < wanted && !HasFailure(); ++times) {
		load_model();
		std::this_thread::sleep_for(std::chrono::milliseconds(random() % 40));
		EXPECT_TRUE(eventually(5s, [] {
			return read_file("/sys/module/kecho/refcnt") == "0\n";
		}));
		unload();
	}
	stop = true;
	traffic.join();
	EXPECT_EQ(times, wanted);
	EXPECT_GT(echoed, 0);
	counted(std::to_string(times) + " times loaded and unloaded",
		std::to_string(echoed) + " messages");
}

TEST_P(storm, of_connects_and_resets)
{
	load_model("backlog=64");
	std::atomic<int> connected = 0;
	const int each = 1000;
	at_once(4, [&](unsigned, std::mt19937 &random) {
		for (int i = 0; i < each; ++i) {
			client peer({ .address = "127.0.0.1" });
			connected += peer.connected();
			if (random() % 2)
				peer.send(pattern(1 + random() % 2000, i));
			if (random() % 4)
				peer.reset();
		}
	});
	EXPECT_GT(connected, 2 * each);
	counted(std::to_string(4 * each) + " connects, most of them reset",
		std::to_string(connected) + " were taken");
}

TEST_P(storm, of_slow_readers_and_writers)
{
	load_model();
	at_once(40, [&](unsigned i, std::mt19937 &random) {
		client peer({ .address = "127.0.0.1", .receive_buffer = 4096, .send_buffer = 4096 });
		ASSERT_TRUE(peer.connected()) << std::strerror(peer.error());
		const bytes data = pattern(20000, i);
		std::thread writer([&, seed = random()] {
			std::mt19937 own(seed);
			for (std::size_t at = 0; at < data.size();) {
				const auto size = std::min<std::size_t>(data.size() - at,
									1 + own() % 400);
				if (::send(peer.descriptor(), data.data() + at, size,
					   MSG_NOSIGNAL) != static_cast<ssize_t>(size))
					return;
				at += size;
				std::this_thread::sleep_for(1ms);
			}
			peer.half_close();
		});
		bytes back;
		for (;;) {
			const bytes more = peer.receive(1 + random() % 300);
			back.insert(back.end(), more.begin(), more.end());
			if (more.empty())
				break;
			std::this_thread::sleep_for(1ms);
		}
		writer.join();
		EXPECT_TRUE(back == data) << back.size() << " bytes";
	});
	counted("40 peers, 20000 bytes each way in pieces of up to 400");
}

TEST_P(storm, of_half_closed_and_half_open)
{
	load_model("idle_timeout_ms=3000");
	std::vector<client> open;
	int half_closed = 0;
	std::mt19937 random(5);
	for (int i = 0; i < 300; ++i) {
		client peer = i % 3 ? client({ .address = "127.0.0.1" }) : connect();
		ASSERT_TRUE(peer.connected()) << std::strerror(peer.error());
		if (random() % 2) {
			EXPECT_TRUE(peer.send(pattern(1 + random() % 3000, i)));
		}
		if (random() % 2)
			peer.half_close(), ++half_closed;
		open.push_back(std::move(peer));
	}
	// Those behind the cable are not heard of again: half open for ever, but for the timeout.
	cut_requests();
	cut_replies();
	std::this_thread::sleep_for(500ms);
	EXPECT_TRUE(eventually(unload_bound + 30s, [] {
		const auto states = tcp_states(server_port);
		return std::ranges::count(states, "01") + std::ranges::count(states, "08") == 0;
	})) << "connections are left";
	heal();
	counted("300 peers, half of them half closed, 100 vanished",
		std::to_string(half_closed) + " half closed");
}

TEST_P(storm, of_random_segments)
{
	load_model();
	at_once(8, [&](unsigned i, std::mt19937 &) {
		client peer({ .address = i % 2 ? "127.0.0.1" : "::1" });
		EXPECT_EQ(echo(peer, pattern(1 << 20, i), i), "");
	});
	counted("8 peers, 1 MiB each way");
}

class storm_many : public storm {};
INSTANTIATE_TEST_SUITE_P(models, storm_many, testing::Values("event", "softirq"), model_name);

TEST_P(storm_many, ten_thousand_closed_at_once)
{
	const std::size_t count = 10000;
	ASSERT_TRUE(write_file("/proc/sys/net/ipv4/tcp_max_orphans", "65536"));
	load_model("backlog=4096");
	std::vector<client> peers;
	peers.reserve(count);
	for (std::size_t i = 0; i < count; ++i) {
		peers.emplace_back(options{ .address = i % 2 ? "127.0.0.1" : "::1" });
		ASSERT_TRUE(peers.back().connected())
			<< i << ": " << std::strerror(peers.back().error());
		if (i % 10 == 0) {
			EXPECT_TRUE(peers.back().send("hello"));
		}
	}
	peers.clear();
	EXPECT_TRUE(eventually(unload_bound + 60s, [] {
		const auto states = tcp_states(server_port);
		return std::ranges::count(states, "06") + std::ranges::count(states, "0A") ==
		       static_cast<long>(states.size());
	})) << "connections are left";
	counted(std::to_string(count) + " connections closed at once");
}

TEST_P(storm, of_SYNs)
{
	allow_other("TCP: request_sock_TCP: Possible SYN flooding|^TCP: ");
	for (const char *cookies : { "1", "0" }) {
		ASSERT_TRUE(write_file("/proc/sys/net/ipv4/tcp_syncookies", cookies));
		load_model("backlog=64");
		const long sent = netstat("SyncookiesSent"), dropped = netstat("ListenDrops");
		among_clients([] { flood(20000); });
		if (*cookies == '1') {
			// A client that is really there gets in, flood or no flood.
			EXPECT_GT(netstat("SyncookiesSent"), sent);
			client peer = connect();
			EXPECT_EQ(echo(peer, "hello"), "");
		} else {
			EXPECT_GT(netstat("ListenDrops"), dropped);
		}
		std::thread more([this] { among_clients([] { flood(5000); }); });
		unload();
		more.join();
	}
	ASSERT_TRUE(write_file("/proc/sys/net/ipv4/tcp_syncookies", "1"));
	counted("50000 SYNs, with cookies and without");
}

TEST_P(storm, of_lost_late_and_reordered_packets)
{
	load_model();
	ASSERT_TRUE(
		shell("/sbin/tc qdisc add dev ktcp0 root netem delay 4ms 3ms loss 3% reorder 25% "
		      "duplicate 2% && /sbin/tc -n clients qdisc add dev ktcp1 root netem "
		      "delay 3ms 2ms loss 3% reorder 25% duplicate 2%"));
	at_once(6, [&](unsigned i, std::mt19937 &) {
		client peer = connect();
		const bytes mine = pattern(200000, i);
		std::thread sender([&] {
			EXPECT_TRUE(peer.send_in_chunks(mine, i));
			peer.half_close();
		});
		const bytes back = peer.receive_to_end();
		sender.join();
		EXPECT_TRUE(back == mine)
			<< back.size() << " of " << mine.size() << " bytes, or others";
	});
	heal();
	counted("6 peers, 200000 bytes each way, 3 % lost, 25 % reordered, 2 % doubled");
}

TEST_P(storm, while_a_processor_comes_and_goes)
{
	allow_other("^smpboot: |CPU.* is now offline|IRQ |^x86|^numa|^kvm|^Booting ");
	load_model("spread=1");
	std::atomic<bool> stop = false;
	std::atomic<int> echoed = 0;
	std::thread traffic([&] {
		at_once(4, [&](unsigned i, std::mt19937 &random) {
			client peer({ .address = "127.0.0.1" });
			while (!stop) {
				ASSERT_EQ(echo(peer, pattern(1 + random() % 3000, random())), "")
					<< i;
				++echoed;
			}
		});
	});
	const std::string online = "/sys/devices/system/cpu/cpu1/online";
	for (int i = 0; i < 20; ++i) {
		EXPECT_TRUE(write_file(online, i % 2 ? "1" : "0")) << i;
		std::this_thread::sleep_for(100ms);
		const int before = echoed;
		EXPECT_TRUE(eventually(60s, [&] { return echoed > before + 4; })) << i;
	}
	stop = true;
	traffic.join();
	EXPECT_EQ(read_file(online), "1\n");
	counted("10 times without a processor and 10 times with it",
		std::to_string(echoed) + " messages");
}

TEST_P(storm, while_memory_is_short)
{
	// By turns with how many such lines the kernel has left out.
	allow_other("^TCP: out of memory|^net_ratelimit: \\d+ callbacks suppressed");
	const std::string limits = "/proc/sys/net/ipv4/tcp_mem", before = read_file(limits);
	load_model();
	ASSERT_TRUE(write_file(limits, "16 32 200"));
	at_once(16, [&](unsigned i, std::mt19937 &) {
		client peer({ .address = "127.0.0.1" });
		ASSERT_TRUE(peer.connected());
		const bytes mine = pattern(300000, i);
		std::thread sender([&] {
			std::span<const unsigned char> rest(mine);
			while (!rest.empty()) {
				const ssize_t sent = ::send(
					peer.descriptor(), rest.data(),
					std::min<std::size_t>(rest.size(), 9000), MSG_NOSIGNAL);
				if (sent <= 0)
					return;
				rest = rest.subspan(sent);
			}
			peer.half_close();
		});
		const bytes back = peer.receive_to_end();
		::shutdown(peer.descriptor(), SHUT_RDWR);
		sender.join();
		// The kernel may give up a connection for want of memory, but not a byte of it.
		EXPECT_TRUE(std::equal(back.begin(), back.end(), mine.begin()));
	});
	ASSERT_TRUE(write_file(limits, before));
	counted("16 peers, 300000 bytes each way in 200 pages");
}

} // namespace
} // namespace vm
