// SPDX-License-Identifier: GPL-2.0-only OR MIT
//
// Bounds: at one of them the server refuses, and serves those inside.
#include "fixture.hpp"

#include <atomic>
#include <sys/resource.h>

namespace vm
{
namespace
{

class limits : public every_model {};
FOR_EVERY_MODEL(limits);

TEST_P(limits, one_connection_too_many_is_refused)
{
	allow_log("max_connections|connection");
	load_model("max_connections=5");
	std::vector<client> peers;
	for (int i = 0; i < 5; ++i) {
		peers.emplace_back();
		ASSERT_EQ(echo(peers.back(), "hello"), "") << i;
	}
	for (int i = 0; i < 3; ++i) {
		const auto start = clock::now();
		client extra;
		EXPECT_TRUE(!extra.connected() || extra.ended()) << std::strerror(extra.error());
		EXPECT_LT(clock::now() - start, 5s) << "refused, but not at once";
	}
	for (auto &peer : peers)
		EXPECT_EQ(echo(peer, "still there"), "");

	peers.pop_back();
	// Its place is free as soon as the server has seen it leave.
	EXPECT_TRUE(eventually(5s, [&] {
		client next;
		if (echo(next, "in") != "")
			return false;
		peers.push_back(std::move(next));
		return true;
	})) << "nobody gets in after one has left";
	for (auto &peer : peers)
		EXPECT_EQ(echo(peer, "still there"), "");
}

TEST_P(limits, an_idle_connection_is_closed_and_a_busy_one_is_not)
{
	load_model("idle_timeout_ms=600");
	client busy, idle;
	ASSERT_EQ(echo(busy, "hello"), "");
	ASSERT_EQ(echo(idle, "hello"), "");
	const auto start = clock::now();
	clock::duration closed{};
	std::atomic<bool> over = false;
	std::thread waiting([&] {
		EXPECT_TRUE(idle.ended()) << std::strerror(idle.error());
		closed = clock::now() - start;
		over = true;
	});
	// Until then, and for more than twice as long as an idle one may.
	for (int i = 0; i < 15 || !over; ++i) {
		std::this_thread::sleep_for(100ms);
		ASSERT_EQ(echo(busy, "busy"), "") << "after " << i << " times 100 ms";
	}
	waiting.join();
	EXPECT_GT(closed, 500ms);
	EXPECT_LT(closed, 6s);
}

TEST_P(limits, without_an_idle_timeout_no_connection_is_closed)
{
	load_model("idle_timeout_ms=0");
	client peer;
	ASSERT_EQ(echo(peer, "hello"), "");
	std::this_thread::sleep_for(3s);
	EXPECT_EQ(echo(peer, "still there"), "");
}

// A thread for each connection: no more of them than the kernel has left for others.
class thread_limits : public server {};

TEST_F(thread_limits, more_than_the_kernel_has_threads_is_clamped)
{
	load("model=thread max_connections=1000000");
	const auto line = logged("listening.* up to \\d+ connections");
	ASSERT_EQ(line.size(), 1u) << text(logged("."));
	const long most = std::atol(line[0].c_str() + line[0].find("up to ") + 6);
	EXPECT_GE(most, 100);
	// The kernel reckoned before it gave back the memory of its own beginning.
	EXPECT_LE(most, std::stol(read_file("/proc/sys/kernel/threads-max")) * 6 / 10);
	EXPECT_LE(most, std::stol(read_file("/proc/sys/kernel/pid_max")) / 2);
}

class work_limits : public server {};

TEST_F(work_limits, more_than_a_workqueue_serves_is_clamped)
{
	// A connection is a blocked work item here: beyond the workqueue's bound
	// they would wait for somebody to leave.
	load("model=work max_connections=100000 max_per_source=0 backlog=1024");
	const auto line = logged("listening.* up to \\d+ connections");
	ASSERT_EQ(line.size(), 1u) << text(logged("."));
	// The kernel's WQ_MAX_ACTIVE: 512, and 2048 in newer ones.
	const int clamp = std::atoi(line[0].c_str() + line[0].find("up to ") + 6);
	EXPECT_TRUE(clamp == 512 || clamp == 2048) << clamp;
	rlimit files{ 4096, 4096 };
	ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &files), 0);

	std::vector<client> peers;
	for (int i = 0; i < clamp; ++i) {
		peers.emplace_back();
		ASSERT_EQ(echo(peers.back(), "hello"), "") << "connection " << i;
	}
	for (std::size_t i = 0; i < peers.size(); ++i)
		ASSERT_EQ(echo(peers[i], pattern(100, i)), "") << "connection " << i;
	client extra;
	EXPECT_TRUE(!extra.connected() || extra.ended()) << std::strerror(extra.error());
	EXPECT_EQ(echo(peers.front(), "still there"), "");
}

} // namespace
} // namespace vm
