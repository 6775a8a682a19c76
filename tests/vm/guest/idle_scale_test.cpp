// SPDX-License-Identifier: GPL-2.0-only OR MIT
//
// Very many idle connections in one guest, with their clients (make proof and by name alone, for a
// million takes 6 GiB). Counted are the memory of each, the delay of a new client, and the time of
// unloading.
#include "fixture.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <cstdio>

namespace vm
{
namespace
{

class idle_scale : public server, public testing::WithParamInterface<int> {
    protected:
	void SetUp() override
	{
		const rlim_t files = GetParam() + 1000;
		const rlimit limit{ files, files };
		ASSERT_TRUE(write_file("/proc/sys/fs/nr_open", "2000000"));
		ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
		ASSERT_TRUE(write_file("/proc/sys/fs/file-max", "3000000"));
		// No orphan is dropped, and the kernel has nothing to say of their number.
		ASSERT_TRUE(write_file("/proc/sys/net/ipv4/tcp_max_orphans", "2000000"));
		ASSERT_TRUE(write_file("/proc/sys/net/ipv4/tcp_mem", "2000000 3000000 4000000"));
		ASSERT_TRUE(write_file("/proc/sys/net/ipv4/tcp_max_syn_backlog", "4096"));
		ASSERT_TRUE(write_file("/proc/sys/net/ipv4/ip_local_port_range", "10000 65535"));
	}

	void TearDown() override
	{
		for (const int each : sockets_)
			::close(each);
		sockets_.clear(); // the audit looks for them
		server::TearDown();
	}

	// Each address has ports for twice as many. Past half of them the kernel's search for one
	// takes longer than all the rest: it tries those of one parity first.
	void connect_one()
	{
		constexpr std::size_t from_one_address = 25'000;
		const int made = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		ASSERT_GE(made, 0) << std::strerror(errno);
		const int yes = 1;
		::setsockopt(made, SOL_IP, IP_BIND_ADDRESS_NO_PORT, &yes, sizeof yes);
		sockaddr_in at{};
		at.sin_family = AF_INET;
		at.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + sockets_.size() / from_one_address);
		ASSERT_EQ(::bind(made, reinterpret_cast<sockaddr *>(&at), sizeof at), 0);
		at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		at.sin_port = htons(server_port);
		ASSERT_EQ(::connect(made, reinterpret_cast<sockaddr *>(&at), sizeof at), 0)
			<< "connection " << sockets_.size() << ": " << std::strerror(errno);
		sockets_.push_back(made);
	}

	// Microseconds for each of so many connections, with the time to accept them.
	double connect_some(std::size_t count)
	{
		const auto start = clock::now();
		const auto wanted = sockets_.size() + count;
		while (sockets_.size() < wanted && !HasFatalFailure())
			connect_one();
		EXPECT_TRUE(eventually(60s, [&] {
			return read_file("/proc/net/kecho/statistics")
				       .find("active " + std::to_string(wanted) + "\n") !=
			       std::string::npos;
		}));
		return std::chrono::duration<double, std::micro>(clock::now() - start).count() /
		       count;
	}

	// The median of a new client's way from connecting to its echo, in microseconds.
	static double new_client_us()
	{
		std::vector<double> took;
		for (int i = 0; i < 101; ++i) {
			const auto start = clock::now();
			client fresh;
			EXPECT_EQ(echo(fresh, "hello"), "");
			took.push_back(
				std::chrono::duration<double, std::micro>(clock::now() - start)
					.count());
		}
		std::nth_element(took.begin(), took.begin() + 50, took.end());
		return took[50];
	}

	static long long available_bytes()
	{
		const auto text = read_file("/proc/meminfo");
		return std::atoll(text.c_str() + text.find("MemAvailable:") + 13) * 1024;
	}

    private:
	std::vector<int> sockets_;
};
INSTANTIATE_TEST_SUITE_P(connections, idle_scale, testing::Values(100'000, 1'000'000),
			 testing::PrintToStringParamName());

TEST_P(idle_scale, are_held_and_leave)
{
	constexpr std::size_t part = 20'000;
	const std::size_t all = GetParam();
	load("max_connections=1048576 backlog=4096 idle_timeout_ms=3600000");
	const auto alone_us = new_client_us();
	const auto before = available_bytes();
	const auto first_us = connect_some(part);
	// The harness takes a guest for dead that says nothing.
	for (std::size_t made = part; made < all - part; made += part) {
		const auto us = connect_some(part);
		std::printf("%zu connections, the last %zu in %.1f us each\n", made + part, part,
			    us);
		std::fflush(stdout);
	}
	const auto last_us = connect_some(part);
	std::printf("%zu connections: %lld bytes each, both ends of it\n", all,
		    (before - available_bytes()) / static_cast<long long>(all));
	std::printf("a connection in %.1f us at first, and in %.1f us at last\n", first_us,
		    last_us);
	const auto beside_us = new_client_us();
	std::printf("a new client's echo in %.0f us alone, and in %.0f us beside them\n", alone_us,
		    beside_us);
	EXPECT_LT(beside_us, 2 * alone_us);
	const auto start = clock::now();
	unload(600s);
	std::printf("unloaded in %.1f s\n",
		    std::chrono::duration<double>(clock::now() - start).count());
}

} // namespace
} // namespace vm
