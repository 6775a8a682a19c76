// SPDX-License-Identifier: GPL-2.0-only OR MIT
//
// The engine promises more than echoing: it counts, it limits each peer, it drains, it costs next
// to nothing per quiet connection.
#include "fixture.hpp"

#include <fstream>
#include <map>
#include <sstream>

#include <fcntl.h>
#include <sched.h>
#include <sys/resource.h>

namespace vm
{
namespace
{

// The readable part of it; a file that goes away meanwhile just ends.
std::string file(const std::string &path)
{
	std::string all;
	const int from = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
	if (from < 0)
		return all;
	char part[4096];
	for (ssize_t got; (got = ::read(from, part, sizeof part)) > 0;)
		all.append(part, got);
	::close(from);
	return all;
}

const std::string folder = "/proc/net/kecho";

std::map<std::string, unsigned long long> statistics()
{
	std::istringstream in(file(folder + "/statistics"));
	std::map<std::string, unsigned long long> numbers;
	std::string name;
	for (unsigned long long value; in >> name >> value;)
		numbers[name] = value;
	return numbers;
}

class counting : public every_model {};
FOR_EVERY_MODEL(counting);

TEST_P(counting, bytes_and_refused_connections)
{
	load_model("max_connections=3");
	{
		client one, two;
		ASSERT_EQ(echo(one, pattern(100000, 1)), "");
		ASSERT_EQ(echo(two, "hello"), "");
		auto now = statistics();
		EXPECT_EQ(now["accepted"], 2u);
		EXPECT_EQ(now["active"], 2u);
		EXPECT_EQ(now["bytes_in"], 100005u);
		EXPECT_EQ(now["bytes_out"], 100005u);
		EXPECT_GE(now["turns"], 2u);
		client three;
		ASSERT_EQ(echo(three, "hello"), "");
		client extra;
		EXPECT_TRUE(!extra.connected() || extra.ended());
		EXPECT_EQ(statistics()["refused_full"], 1u);
	}
	EXPECT_TRUE(eventually(5s, [] { return statistics()["active"] == 0; }));
	auto now = statistics();
	EXPECT_EQ(now["closed"], 3u);
	EXPECT_EQ(now["bytes_in"], 100010u); // of connections that are gone, too
	EXPECT_EQ(now["bytes_out"], 100010u);
	unload();
	EXPECT_EQ(file(folder + "/statistics"), "");
}

TEST_P(counting, the_connections_are_listed)
{
	load_model("max_per_source=0");
	std::vector<client> peers(300); // more than one page of text
	for (auto &peer : peers)
		ASSERT_EQ(echo(peer, "12345"), "");
	// A peer may have its echo before the call that sent it is back and counts it.
	EXPECT_TRUE(eventually(5s, [&] { return statistics()["bytes_out"] == 5 * peers.size(); }));
	std::istringstream in(file(folder + "/connections"));
	std::string line;
	ASSERT_TRUE(std::getline(in, line));
	EXPECT_EQ(line, "peer age_ms idle_ms waits_to bytes_in bytes_out");
	std::size_t count = 0;
	const expression row(R"(\[::1\]:\d+ \d+ \d+ read 5 5)");
	while (std::getline(in, line)) {
		EXPECT_TRUE(row.is(line)) << line;
		++count;
	}
	EXPECT_EQ(count, peers.size());
}

TEST_P(counting, reading_does_not_disturb_nor_outlive_unloading)
{
	load_model();
	std::atomic<bool> stop{ false };
	std::thread reader([&] {
		while (!stop)
			file(folder + "/connections"), file(folder + "/statistics");
	});
	std::vector<client> peers(100);
	for (int round = 0; round < 3; ++round)
		for (auto &peer : peers)
			ASSERT_EQ(echo(peer, pattern(1000, round)), "");
	unload();
	stop = true;
	reader.join();
}

class peers_limit : public every_model {};
FOR_EVERY_MODEL(peers_limit);

TEST_P(peers_limit, each_address_may_have_so_many)
{
	load_model("max_per_source=3");
	std::vector<client> v4, v6;
	for (int i = 0; i < 3; ++i) {
		ASSERT_EQ(echo(v4.emplace_back(options{ .address = "127.0.0.1" }), "four"), "");
		ASSERT_EQ(echo(v6.emplace_back(), "six"), "");
	}
	for (const char *address : { "127.0.0.1", "::1" }) {
		client extra(options{ .address = address });
		EXPECT_TRUE(!extra.connected() || extra.ended()) << address;
	}
	EXPECT_EQ(statistics()["refused_source"], 2u);
	for (auto &peer : v4)
		EXPECT_EQ(echo(peer, "still there"), "");
	v4.pop_back();
	EXPECT_TRUE(eventually(5s, [] {
		client next(options{ .address = "127.0.0.1" });
		return echo(next, "in") == "";
	}));
}

TEST_P(peers_limit, one_that_takes_nothing_is_given_up)
{
	load_model("write_timeout_ms=700");
	client reads, stuck(options{ .receive_buffer = 4096 });
	ASSERT_EQ(echo(reads, "hello"), "");
	stuck.send_until_blocked(pattern(1 << 20, 5));
	// The quiet one waits for its peer to speak, which has no limit here.
	EXPECT_TRUE(eventually(10s, [] { return statistics()["timed_out"] == 1; }));
	EXPECT_EQ(echo(reads, "still there"), "");
	EXPECT_EQ(statistics()["active"], 1u);
}

class draining : public every_model {};
FOR_EVERY_MODEL(draining);

TEST_P(draining, unloading_lets_connections_finish)
{
	load_model("drain_ms=60000");
	client peer;
	ASSERT_EQ(echo(peer, "hello"), "");
	std::thread finishing([&] {
		std::this_thread::sleep_for(400ms);
		EXPECT_EQ(echo(peer, pattern(50000, 3)), ""); // served, though the module is going
		client late;
		EXPECT_FALSE(late.connected()) << "it still accepts";
		peer.half_close();
		EXPECT_TRUE(peer.ended());
	});
	const auto start = clock::now();
	EXPECT_EQ(unload_module(), 0);
	EXPECT_LT(clock::now() - start, 45s) << "no connection was left to wait for";
	finishing.join();
}

TEST_P(draining, but_not_for_ever)
{
	load_model("drain_ms=500");
	client peer;
	ASSERT_EQ(echo(peer, "hello"), "");
	const auto start = clock::now();
	EXPECT_EQ(unload_module(), 0);
	const auto took = clock::now() - start;
	EXPECT_GE(took, 450ms);
	EXPECT_LT(took, 500ms + unload_bound);
	EXPECT_TRUE(peer.ended() || peer.error() == ECONNRESET);
}

class placing : public every_model {};
FOR_EVERY_MODEL(placing);

TEST_P(placing, spread_over_the_processors)
{
	load_model("spread=1");
	std::vector<client> peers(20);
	for (auto &peer : peers)
		ASSERT_EQ(echo(peer, pattern(20000, 1)), "");
}

TEST_P(placing, a_processor_that_goes_away)
{
	const auto online = [](const char *value) {
		std::ofstream("/sys/devices/system/cpu/cpu1/online") << value << std::flush;
		return file("/sys/devices/system/cpu/cpu1/online") == std::string(value) + "\n";
	};
	load_model("spread=1");
	std::vector<client> peers(20);
	for (auto &peer : peers)
		ASSERT_EQ(echo(peer, "before"), "");
	ASSERT_TRUE(online("0"));
	for (auto &peer : peers)
		EXPECT_EQ(echo(peer, pattern(20000, 2)), "");
	ASSERT_TRUE(online("1"));
	for (auto &peer : peers)
		EXPECT_EQ(echo(peer, "after"), "");
	allow_other("smpboot|x86: Booting|CPU|IRQ|kvm-clock|process_monitor|masked|affinity");
}

// A guest whose second processor is isolated (isolcpus=, tests/vm/suite.py).
class isolated : public server {
    protected:
	// How many of the module's work items begin on each of the two, while clients are served?
	std::array<int, 2> work_of(const std::string &parameters)
	{
		const std::string tracing = "/sys/kernel/tracing/";
		const std::string begins = tracing +
					   "events/workqueue/workqueue_execute_start/enable";
		EXPECT_TRUE(shell("mount -t tracefs none /sys/kernel/tracing"));
		load(parameters);
		EXPECT_TRUE(write_file(begins, "1"));
		{
			std::vector<client> peers(20);
			for (auto &peer : peers)
				EXPECT_EQ(echo(peer, pattern(20000, 1)), "");
		}
		EXPECT_TRUE(write_file(begins, "0"));
		std::istringstream trace(file(tracing + "trace"));
		std::array<int, 2> seen{};
		for (std::string line; std::getline(trace, line);)
			for (int cpu : { 0, 1 })
				seen[cpu] += line.find("[kecho]") != std::string::npos &&
					     line.find("[00" + std::to_string(cpu) + "]") !=
						     std::string::npos;
		EXPECT_TRUE(shell("umount /sys/kernel/tracing"));
		return seen;
	}
};

TEST_F(isolated, processors_get_no_share_of_spread_connections)
{
	const auto [first, second] = work_of("spread=1");
	EXPECT_GE(first, 20);
	EXPECT_EQ(second, 0);
}

TEST_F(isolated, processors_serve_where_they_are_named)
{
	EXPECT_GE(work_of("cpus=1")[1], 20);
}

// One processor for all: the module's work in softirq interrupts a sender in the midst of its own
// send. It must not touch that task's page fragment, which 6.12 would use with any sk_allocation. A
// delay makes packets arrive by a timer's interrupt, not in their sender.
class beside : public every_model {
    protected:
	void SetUp() override
	{
		ASSERT_TRUE(shell("/sbin/tc qdisc add dev lo root netem delay 200us limit 100000"));
		allow_other("^netem: ");
		cpu_set_t first;
		CPU_ZERO(&first);
		CPU_SET(0, &first);
		ASSERT_EQ(::sched_getaffinity(0, sizeof before_, &before_), 0);
		ASSERT_EQ(::sched_setaffinity(0, sizeof first, &first), 0); // threads inherit it
	}
	void TearDown() override
	{
		every_model::TearDown();
		EXPECT_TRUE(shell("/sbin/tc qdisc del dev lo root"));
		EXPECT_EQ(::sched_setaffinity(0, sizeof before_, &before_), 0);
	}

    private:
	cpu_set_t before_;
};
FOR_EVERY_MODEL(beside);

// A stream between two sockets of user space, from the same processor as everything else.
class user_stream {
    public:
	user_stream()
	{
		sockaddr_in at{};
		socklen_t length = sizeof at;
		const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		at.sin_family = AF_INET;
		at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		::bind(listener, reinterpret_cast<sockaddr *>(&at), sizeof at);
		::listen(listener, 1);
		::getsockname(listener, reinterpret_cast<sockaddr *>(&at), &length);
		from_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		EXPECT_EQ(::connect(from_, reinterpret_cast<sockaddr *>(&at), sizeof at), 0);
		to_ = ::accept(listener, nullptr, nullptr);
		::close(listener);
		sender_ = std::thread([this] { send(); });
		receiver_ = std::thread([this] { receive(); });
	}
	~user_stream()
	{
		if (sender_.joinable())
			stop();
	}
	// The bytes that arrived; wrong ones fail the test.
	std::size_t stop()
	{
		done_ = true;
		sender_.join();
		::shutdown(from_, SHUT_WR);
		receiver_.join();
		::close(from_);
		::close(to_);
		EXPECT_EQ(sent_, received_);
		return received_;
	}

    private:
	static constexpr std::size_t period = 100003;
	void send()
	{
		std::mt19937 random(7);
		while (!done_) {
			const std::size_t size = 1 + random() % 20000;
			const ssize_t took = ::send(from_, data_.data() + sent_ % period, size, 0);
			ASSERT_GT(took, 0) << std::strerror(errno);
			sent_ += took;
		}
	}
	void receive()
	{
		bytes part(65536);
		for (ssize_t got; (got = ::recv(to_, part.data(), part.size(), 0)) > 0;) {
			ASSERT_TRUE(std::equal(part.begin(), part.begin() + got,
					       data_.begin() + received_ % period))
				<< "of the stream beside, after " << received_ << " bytes";
			received_ += got;
		}
	}

	const bytes data_ = [] {
		bytes all = pattern(period, 11); // twice: any part of it lies in one piece
		all.resize(2 * period);
		std::copy_n(all.begin(), period, all.begin() + period);
		return all;
	}();
	int from_, to_;
	std::size_t sent_ = 0, received_ = 0;
	std::atomic<bool> done_{ false };
	std::thread sender_, receiver_;
};

TEST_P(beside, a_busy_sender_on_the_same_processor)
{
	load_model();
	user_stream other;
	std::vector<client> peers(8);
	const auto until = clock::now() + 4s;
	for (unsigned round = 0; clock::now() < until; ++round)
		for (auto &peer : peers)
			ASSERT_EQ(echo(peer, pattern(round % 2 ? 700 : 3000, round)), "") << round;
	EXPECT_GT(other.stop(), 1000000u);
}

class many : public every_model {
    protected:
	static constexpr std::size_t count = 10000;
	std::vector<client> peers;

	// Loads the module and makes ten thousand connections.
	void connect_all(const std::string &parameters = "")
	{
		rlimit files{ count + 1000, count + 1000 };
		ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &files), 0);
		load_model("backlog=4096 " + parameters);
		/* Ten thousand closed at once, each to be delivered: the kernel may drop none for
		 * being one orphan too many. */
		ASSERT_TRUE(write_file("/proc/sys/net/ipv4/tcp_max_orphans", "65536"));
		peers.reserve(count);
		for (std::size_t i = 0; i < count; ++i) {
			peers.emplace_back(options{ .address = "127.0.0.1" });
			ASSERT_TRUE(peers.back().connected())
				<< i << ": " << std::strerror(peers.back().error());
		}
		ASSERT_TRUE(eventually(30s, [] { return statistics()["active"] == count; }));
	}
	void TearDown() override
	{
		peers.clear(); // their sockets are looked for
		every_model::TearDown();
	}
};
INSTANTIATE_TEST_SUITE_P(models, many, testing::Values("event", "softirq"), model_name);

// In a guest whose clock counts instructions (tests/vm/run): times are the same on every machine,
// under any load.
class icount : public many {};
INSTANTIATE_TEST_SUITE_P(models, icount, testing::Values("event", "softirq"), model_name);

// Bytes of slab that each of so many connections takes of a cache. Newer kernels count the objects
// that the allocator keeps at hand for each processor as active, though they are free.
unsigned long long slab_bytes_each(const std::string &cache, std::size_t count)
{
	std::istringstream in(file("/proc/slabinfo"));
	unsigned long long total = 0;
	for (std::string line; std::getline(in, line);) {
		std::istringstream words(line);
		std::string name;
		unsigned long long active, all, size;
		if (words >> name >> active >> all >> size && name == cache)
			total += (active + count / 2) / count * size;
	}
	return total;
}

TEST_P(many, ten_thousand_quiet_ones_cost_little_and_leave)
{
	ASSERT_NO_FATAL_FAILURE(connect_all());

	const auto taken = [](const char *cache) { return slab_bytes_each(cache, count); };
	const auto frames = [&] {
		return taken("kecho_frame_192") + taken("kecho_frame_256") +
		       taken("kecho_frame_384") + taken("kecho_frame_512");
	};
	for (int echoed = 0; echoed < 2; ++echoed) {
		// A connection's object and its coroutine's frame; no buffer.
		const auto each = taken("kecho_session") + frames();
		EXPECT_GT(each, 100u);
		if (!debug_kernel()) {
			EXPECT_LE(each, 512u) << (echoed ? "after each has echoed" : "fresh");
		}
		RecordProperty(echoed ? "bytes_after_echo" : "bytes_fresh", static_cast<int>(each));
		std::printf("%llu bytes per idle connection, %s\n", each,
			    echoed ? "after each has echoed" : "fresh");
		if (!echoed) {
			for (auto &peer : peers)
				ASSERT_EQ(echo(peer, "hello"), "");
		}
	}
	client fresh;
	ASSERT_EQ(echo(fresh, "one more"), "");
	unload();
}

// Milliseconds that the one processor was idle. The kernel counts these by the clock. Busy time it only
// samples at its ticks, and misses work that ends before the next.
long long idle_ms()
{
	std::istringstream in(file("/proc/stat"));
	std::string name;
	long long ticks, idle = 0;
	in >> name;
	for (int at = 0; at < 5 && in >> ticks; ++at)
		idle += at >= 3 ? ticks : 0; // idle, and waiting for a disk
	return idle * 1000 / ::sysconf(_SC_CLK_TCK);
}

// The test leaves the machine alone for so long: milliseconds that it was busy all the same.
long long busy_ms_in(std::chrono::seconds length)
{
	const auto start = clock::now();
	const auto before = idle_ms();
	std::this_thread::sleep_for(length);
	const auto idle = idle_ms() - before;
	return (clock::now() - start) / 1ms - idle;
}

// An instruction is a nanosecond here, so 20 ms are 20 million in nine minutes. A pass over all
// connections each second took nine times that.
TEST_P(icount, ten_thousand_quiet_ones_with_a_timeout_cost_next_to_nothing)
{
	const auto without = busy_ms_in(540s);
	ASSERT_NO_FATAL_FAILURE(connect_all("idle_timeout_ms=600000"));
	std::this_thread::sleep_for(1s);
	const auto with = busy_ms_in(540s);
	EXPECT_EQ(statistics()["active"], count);
	EXPECT_LE(with - without, 20);
	std::printf("%lld ms of a processor in 540 s, and %lld ms without connections\n", with,
		    without);
	unload();
}

// Ten thousand are over in the same moment, and others are served meanwhile as before.
TEST_P(icount, many_timeouts_at_once_hold_no_connection_up)
{
	ASSERT_NO_FATAL_FAILURE(connect_all("idle_timeout_ms=60000"));
	client other;
	clock::duration longest{}, before{};
	for (int i = 0; i < 1000; ++i) {
		const auto start = clock::now();
		ASSERT_EQ(echo(other, "hello"), "");
		before = std::max(before, clock::now() - start);
		std::this_thread::sleep_for(1ms);
	}
	while (statistics()["active"] > 1) {
		for (int i = 0; i < 100; ++i) {
			const auto start = clock::now();
			ASSERT_EQ(echo(other, "hello"), "");
			longest = std::max(longest, clock::now() - start);
			std::this_thread::sleep_for(1ms);
		}
	}
	EXPECT_EQ(statistics()["timed_out"], count);
	EXPECT_LE(longest, before + 1ms);
	std::printf("the slowest echo took %lld us, and %lld us before\n",
		    static_cast<long long>(longest / 1us), static_cast<long long>(before / 1us));
	unload();
}

TEST_P(icount, ten_thousand_leave_within_two_seconds)
{
	ASSERT_NO_FATAL_FAILURE(connect_all());
	const auto start = clock::now();
	unload();
	std::printf("unloaded in %lld ms\n", static_cast<long long>((clock::now() - start) / 1ms));
}

} // namespace
} // namespace vm
