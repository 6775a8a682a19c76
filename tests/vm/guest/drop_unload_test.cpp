// SPDX-License-Identifier: GPL-2.0-only OR MIT
//
// drop-tcp-socket: its file in each network namespace, and its loading and unloading.
#include "drop.hpp"
#include "namespaces.hpp"

#include <atomic>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

namespace vm
{
namespace
{

// ---- namespaces ---------------------------------------------------------------------------

class drop_namespaces : public dropping {};

TEST_F(drop_namespaces, are_apart)
{
	const owned listener = listen_on(ipv4, 5000);
	// The same ports in both.
	const pair outside = connect_pair(ipv4, listener);
	const unsigned client = local_port(outside.client);
	make_time_waits(ipv4, listener, 20);
	in_new_namespace([&] {
		EXPECT_EQ(write_once(line(ipv4, client, 5000)), -ENOENT);
		EXPECT_EQ(write_once("time-wait:5000\n"), -ENOENT);
		EXPECT_EQ(write_once("* *\n"), -ENOENT);
		EXPECT_EQ(counters().at("refused"), 0u) << "the other one's listeners";
		const owned inner = listen_on(ipv4, 5000);
		const pair inside = connect_pair(ipv4, inner);
		make_time_waits(ipv4, inner, 20);
		EXPECT_GT(write_once("*:5000\n"), 0);
		EXPECT_EQ(read_error(inside.client), -ECONNRESET);
		EXPECT_EQ(count_state(5000, "06"), 0);
		EXPECT_EQ(count_state(5000, "0A"), 1);
		EXPECT_EQ(counters().at("refused"), 1u);
	});
	EXPECT_TRUE(alive(outside));
	EXPECT_EQ(count_state(5000, "06"), 20);
	EXPECT_EQ(counters().at("dropped"), 0u);
	EXPECT_EQ(counters().at("not_found"), 0u);
	in_new_namespace([&] {
		const owned inner = listen_on(ipv4, 5000);
		const pair inside = connect_pair(ipv4, inner);
		std::thread([&] {
			// From outside: nothing there is touched.
			const owned first(::open("/proc/1/ns/net", O_RDONLY | O_CLOEXEC));
			ASSERT_EQ(::setns(first, CLONE_NEWNET), 0);
			EXPECT_GT(write_once("*:5000\n"), 0);
		}).join();
		EXPECT_TRUE(alive(inside));
	});
	EXPECT_EQ(read_error(outside.client), -ECONNRESET);
	EXPECT_EQ(count_state(5000, "06"), 0);
}

TEST_F(drop_namespaces, that_have_a_table_of_their_own)
{
	const std::string setting = "/proc/sys/net/ipv4/tcp_child_ehash_entries";
	const kept_setting entries(setting);
	entries.set("128");
	in_new_namespace([&] {
		const owned inner = listen_on(ipv4);
		const unsigned port = local_port(inner);
		make_time_waits(ipv4, inner, 50); // tcp_max_tw_buckets is 64 there
		const pair inside = connect_pair(ipv4, inner);
		EXPECT_GT(write_once("time-wait:" + std::to_string(port) + "\n"), 0);
		EXPECT_EQ(counters().at("dropped"), 50u);
		EXPECT_TRUE(alive(inside));
		EXPECT_GT(write_once(line(ipv4, local_port(inside.client), port)), 0);
		EXPECT_EQ(read_error(inside.client), -ECONNRESET);
	});
}

// As a file of the kernel's own does (seq_open_net()).
TEST_F(drop_namespaces, last_as_long_as_a_file_of_theirs_is_open)
{
	owned file;
	in_new_namespace([&] {
		file = owned(::open(entry.c_str(), O_RDWR | O_CLOEXEC));
		ASSERT_GE(file, 0);
		EXPECT_EQ(write_to(file, "1.1.1.1:1 2.2.2"), 15);
		ASSERT_TRUE(shell("/sbin/ip link add ktcp0 type veth peer name ktcp1 && "
				  "/sbin/ip link set ktcp0 netns 1"));
	});
	const auto lives = [] { return std::filesystem::exists("/sys/class/net/ktcp0"); };
	std::this_thread::sleep_for(500ms);
	EXPECT_TRUE(lives());
	EXPECT_EQ(write_to(file, ".2:2\n"), 5);
	EXPECT_EQ(write_to(file, "1.1.1.1:1 2.2.2.2:2\n"), -ENOENT);
	file.close();
	EXPECT_TRUE(eventually(20s, [&] { return !lives(); }));
}

// ---- loading and unloading ------------------------------------------------------------------

class drop_unloading : public dropping {};

TEST_F(drop_unloading, two_hundred_times)
{
	// Most of the time is grace periods of the kernel's module loader.
	ASSERT_TRUE(write_file("/sys/kernel/rcu_expedited", "1"));
	const owned listener = listen_on(ipv4);
	const unsigned port = local_port(listener);
	for (int i = 0; i < 200 && !HasFailure(); ++i) {
		if (i)
			load_drop();
		pair both = connect_pair(ipv4, listener);
		owned file(::open(entry.c_str(), O_RDWR | O_CLOEXEC));
		ASSERT_GT(write_to(file, line(ipv4, local_port(both.client), port)), 0) << i;
		EXPECT_EQ(read_error(both.client), -ECONNRESET) << i;
		if (i % 2)
			file.close();
		EXPECT_EQ(write_once("time-wait:" + std::to_string(port) + " *\n"), -ENOENT) << i;
		// With the file open, and half a line in it.
		if (i % 4 == 0) {
			EXPECT_EQ(write_to(file, "127.0.0.1:1 127"), 15);
		}
		unload_drop();
		if (i % 2 == 0) {
			EXPECT_EQ(write_to(file, "127.0.0.1:1 127.0.0.1:2\n"), -EIO) << i;
		}
	}
	EXPECT_TRUE(write_file("/sys/kernel/rcu_expedited", "0"));
	EXPECT_EQ(vm::text(said()), "") << "half a line was taken for one";
}

TEST_F(drop_unloading, while_the_file_is_read_and_written)
{
	allow_complaints(); // of the half line that each close leaves
	const owned listener = listen_on(ipv4);
	const std::string port = std::to_string(local_port(listener));
	std::atomic<bool> stop{ false };
	std::vector<std::thread> busy;
	for (int i = 0; i < 3; ++i)
		busy.emplace_back([&, i] {
			while (!stop) {
				const owned file(::open(entry.c_str(), O_RDWR | O_CLOEXEC));
				if (file < 0)
					continue;
				for (int n = 0; n < 20; ++n) {
					char part[256];
					if (i == 0 && ::read(file, part, sizeof part) < 0)
						break;
					if (write_to(file, i == 1 ? "*:" + port + "\n" :
								    "1.1.1.1:1 2.2.2.2:2\n3.3") ==
					    -EIO)
						break;
				}
			}
		});
	std::thread traffic([&] {
		while (!stop) {
			int error;
			const owned client = connect_to(ipv4, local_port(listener), 0, &error);
			const owned accepted(::accept4(listener, nullptr, nullptr,
						       SOCK_CLOEXEC | SOCK_NONBLOCK));
		}
	});
	::fcntl(listener, F_SETFL, O_NONBLOCK);
	for (int i = 0; i < 12 && !HasFailure(); ++i) {
		std::this_thread::sleep_for(std::chrono::milliseconds(4 * i));
		EXPECT_EQ(unload_module(drop_module), 0);
		load_drop();
	}
	stop = true;
	for (auto &thread : busy)
		thread.join();
	traffic.join();
	EXPECT_EQ(count_state(local_port(listener), "0A"), 1);
	write_once("time-wait:" + port + "\n");
}

TEST_F(drop_unloading, while_namespaces_end)
{
	for (int i = 0; i < 10 && !HasFailure(); ++i) {
		std::vector<std::thread> spaces;
		for (int n = 0; n < 4; ++n)
			spaces.emplace_back([&] {
				in_new_namespace([&] {
					const owned inner = listen_on(ipv4);
					const unsigned port = local_port(inner);
					make_time_waits(ipv4, inner, 5);
					const pair inside = connect_pair(ipv4, inner);
					EXPECT_GT(write_once(line(ipv4, local_port(inside.client),
								  port)),
						  0);
				});
			});
		for (auto &thread : spaces)
			thread.join();
		// They are ending now, or are about to.
		std::this_thread::sleep_for(std::chrono::milliseconds(i % 5));
		const int error = unload_module(drop_module);
		EXPECT_EQ(error, 0) << std::strerror(error);
		load_drop();
	}
}

TEST_F(drop_unloading, while_namespaces_begin)
{
	std::atomic<bool> stop{ false };
	std::vector<std::thread> makers;
	for (int n = 0; n < 2; ++n)
		makers.emplace_back([&] {
			while (!stop)
				in_new_namespace([] { write_once("* *\n"); });
		});
	for (int i = 0; i < 8; ++i) {
		std::this_thread::sleep_for(20ms);
		EXPECT_EQ(unload_module(drop_module), 0);
		load_drop();
	}
	stop = true;
	for (auto &thread : makers)
		thread.join();
}

} // namespace
} // namespace vm
