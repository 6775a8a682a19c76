// SPDX-License-Identifier: GPL-2.0-only OR MIT
//
// An hour of everything at once, against kecho and khttpd without parameters, in a guest of 1 GiB. Meanwhile a
// client behaves well, and waits for its answers. The attackers are in the same guest: it has one processor,
// whose clock counts instructions and skips idle time. They have the lowest priority, and the client the
// highest, as if it had a machine of its own.
//
// The kernel's command line says how many peers (KTCP_HOSTILE for tests/vm/run), and for how many minutes
// (KTCP_HOSTILE_MINUTES).
#include "flood.hpp"
#include "http.hpp"
#include "namespaces.hpp"
#include "sockmap.hpp"

#include <atomic>
#include <csignal>
#include <mutex>
#include <sys/resource.h>
#include <sys/wait.h>

namespace vm
{
namespace
{

constexpr in_addr_t one_address = 0x7f090909; // 127.9.9.9 …
constexpr in_addr_t thousand_addresses = 0x7f080000; // … and 127.8.0.0 to 127.8.3.231
constexpr in_addr_t behind_the_cable = 0x0a090400; // 10.9.4.0/22

// A number of the kernel's command line.
unsigned asked_for(const std::string &name)
{
	const std::string line = read_file("/proc/cmdline");
	const auto at = line.find(" " + name + "=");
	return at == line.npos ? 0 : std::atoi(line.c_str() + at + name.size() + 2);
}

long available_kb()
{
	const auto text = read_file("/proc/meminfo");
	return std::atol(text.c_str() + text.find("MemAvailable:") + 13);
}

// Peers of one kind, half of them from one address and half from a thousand.
class crowd {
    public:
	// @param number  of the crowd, from 0: no two have the same ports
	crowd(unsigned number, std::size_t count, unsigned port, std::string first)
		: port_(port), first_port_(2000 + 15000 * number), first_(std::move(first)),
		  peers_(count, -1)
	{
	}
	~crowd()
	{
		for (const int each : peers_)
			if (each >= 0)
				::close(each);
	}
	crowd(const crowd &) = delete;
	// Behind the cable: the whole thousand.
	void from(in_addr_t base)
	{
		base_ = base;
	}

	// (Re)connects those of the places from a first one on, so many at most; each says its first words.
	void fill(std::size_t from, std::size_t count)
	{
		for (std::size_t i = 0; i < count && i < peers_.size(); ++i)
			connect((from + i) % peers_.size());
	}
	void fill()
	{
		fill(0, peers_.size());
	}

	template <class Each>
	void each(Each what)
	{
		for (const int each : peers_)
			if (each >= 0)
				what(each);
	}

	std::size_t size() const
	{
		return peers_.size();
	}

	// The peers go without a word.
	void vanish()
	{
		const int on = 1;
		for (int &each : peers_) {
			::setsockopt(each, SOL_TCP, TCP_REPAIR, &on, sizeof on);
			::close(std::exchange(each, -1));
		}
	}

    private:
	void connect(std::size_t place)
	{
		int &made = peers_[place];
		if (made >= 0)
			::close(made);
		made = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		ASSERT_GE(made, 0) << std::strerror(errno);
		const int small = 4096, yes = 1;
		::setsockopt(made, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
		::setsockopt(made, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
		sockaddr_in at{};
		at.sin_family = AF_INET;
		const bool alone = !base_ && place % 2;
		const in_addr_t base = base_ ? base_ : thousand_addresses;
		at.sin_addr.s_addr =
			htonl(alone ? one_address :
				      base + (place / 2 % 1000) / 250 * 256 + 1 + place / 2 % 250);
		// The kernel's search for a port would take longer than all the rest.
		at.sin_port = htons(first_port_ + next_++ % 15000);
		if (::bind(made, reinterpret_cast<sockaddr *>(&at), sizeof at)) {
			ADD_FAILURE() << "bind: " << std::strerror(errno);
			return;
		}
		::inet_pton(AF_INET, base_ ? "10.9.0.1" : "127.0.0.1", &at.sin_addr);
		at.sin_port = htons(port_);
		const timeval patience{ 5, 0 };
		::setsockopt(made, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
		if (!::connect(made, reinterpret_cast<sockaddr *>(&at), sizeof at))
			++connected;
		::send(made, first_.data(), first_.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
	}

    public:
	std::size_t connected = 0;

    private:
	const unsigned port_, first_port_;
	const std::string first_;
	in_addr_t base_ = 0;
	std::size_t next_ = 0;
	std::vector<int> peers_;
};

// Asks both servers, each time on a connection of its own, while it is told to.
class well_behaved {
    public:
	well_behaved() : thread_([this] { run(); })
	{
	}
	~well_behaved()
	{
		over_ = true;
		thread_.join();
	}
	well_behaved(const well_behaved &) = delete;

	void go(bool on)
	{
		on_ = on;
	}
	// While it is held the client asks nothing: others end every connection.
	std::mutex &between()
	{
		return mutex_;
	}
	struct waits {
		std::vector<double> us;
		double at(unsigned percent)
		{
			std::ranges::sort(us);
			return us.empty() ? 0 : us[(us.size() - 1) * percent / 100];
		}
	};
	// Those since the last call: of kecho, and of khttpd.
	std::pair<waits, waits> take()
	{
		const std::lock_guard held(mutex_);
		return { std::exchange(echoes_, {}), std::exchange(pages_, {}) };
	}
	unsigned failed() const
	{
		return failed_;
	}

    private:
	template <class What>
	void time(waits &into, What what)
	{
		const auto start = clock::now();
		if (what())
			into.us.push_back(
				std::chrono::duration<double, std::micro>(clock::now() - start)
					.count());
		else
			++failed_;
	}
	void run()
	{
		const sched_param first{ .sched_priority = 1 };
		EXPECT_EQ(::sched_setscheduler(0, SCHED_RR, &first), 0) << std::strerror(errno);
		while (!over_) {
			std::this_thread::sleep_for(2ms);
			if (!on_)
				continue;
			const std::lock_guard held(mutex_);
			time(echoes_, [] {
				client peer;
				return echo(peer, std::string(64, 'x')).empty();
			});
			time(pages_, [] { return http_client().get("/page").status == 200; });
		}
	}

	std::mutex mutex_;
	waits echoes_, pages_;
	std::atomic<bool> on_ = false, over_ = false;
	std::atomic<unsigned> failed_ = 0;
	std::thread thread_;
};

class hostile : public cable {
    protected:
	void SetUp() override
	{
		cable::SetUp();
		ASSERT_TRUE(write_file(wmem, "4096 16384 4194304")); // as the kernel has it
		const rlimit files{ 200000, 200000 };
		ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &files), 0);
		ASSERT_TRUE(write_file("/proc/sys/net/ipv4/tcp_max_orphans", "100000"));
		ASSERT_TRUE(shell("/sbin/ip -n clients route add local 10.9.4.0/22 dev lo && "
				  "/sbin/ip route add 10.9.4.0/22 via 10.9.0.2"));
		web_root::file("page", "a page\n");
		web_root::file("long", content(32 << 20, 2));
		for (unsigned i = 0; i < 1500; ++i)
			web_root::file("many/" + std::to_string(i), "");
	}
	void TearDown() override
	{
		if (module_loaded("khttpd")) {
			EXPECT_EQ(unload_module("khttpd"), 0);
		}
		EXPECT_EQ(text(module_tasks("khttpd")), "");
		EXPECT_EQ(text(module_leftovers("khttpd")), "");
		root_.unmount();
		cable::TearDown();
		EXPECT_EQ(text(module_leftovers("kecho")), "");
	}

	static void change_something(std::mt19937 &random)
	{
		static const struct {
			const char *name;
			std::vector<const char *> values;
		} live[] = {
			{ "accept_rate", { "0", "10000" } },
			{ "deny", { "", "127.8.0.0/25", "127.8.1.0/24,10.9.4.0/26" } },
			{ "backlog", { "1024", "512", "4096" } },
			{ "buffer_mb", { "0", "128", "200" } },
			{ "drain_ms", { "0", "5000" } },
			{ "idle_timeout_ms", { "600000", "60000", "0" } },
			{ "max_connections", { "65536", "200000" } },
			{ "max_per_source", { "32768", "100", "0" } },
			{ "user_timeout_ms", { "0", "60000" } },
			{ "write_timeout_ms", { "300000", "30000", "0" } },
		};
		const auto &which = live[random() % std::size(live)];
		const char *const value = which.values[random() % which.values.size()];
		for (const char *server : { "kecho", "khttpd" })
			EXPECT_EQ(write_once(std::string("/sys/module/") + server + "/parameters/" +
						     which.name,
					     std::string(value) + "\n"),
				  0)
				<< which.name << "=" << value;
	}

    private:
	web_root root_;
};
INSTANTIATE_TEST_SUITE_P(models, hostile, testing::Values("event"), model_name);

// A user without a right, who reads what all may read as often as it is told to.
class reader {
    public:
	reader()
	{
		EXPECT_EQ(::pipe2(asks_, O_CLOEXEC), 0);
		process_ = ::fork();
		if (process_)
			return;
		if (::setgid(65534) || ::setuid(65534))
			::_exit(1);
		for (char times; ::read(asks_[0], &times, 1) == 1;)
			for (; times; --times)
				for (const char *server : { "kecho", "khttpd" })
					for (const char *file :
					     { "statistics", "listeners", "connections" })
						read_file(std::string("/proc/net/") + server + "/" +
							  file);
		::_exit(0);
	}
	~reader()
	{
		::kill(process_, SIGKILL);
		::waitpid(process_, nullptr, 0);
		::close(asks_[0]);
		::close(asks_[1]);
	}
	reader(const reader &) = delete;
	void read(char times)
	{
		EXPECT_EQ(::write(asks_[1], &times, 1), 1);
	}

    private:
	int asks_[2];
	pid_t process_;
};

TEST_P(hostile, an_hour)
{
	allow_other("^(kecho|khttpd): |callbacks suppressed|SYN flooding|^TCP: |^net_ratelimit");
	allow_log(".");
	const unsigned asked = asked_for("ktcp_hostile"), rounds = asked_for("ktcp_minutes");
	const long killed_before = number_of("/proc/vmstat", "oom_kill");
	reader unprivileged;
	load("netns_all=1 model=" + model());
	ASSERT_EQ(load_module("netns_all=1 model=" + model() + " root=" + web_root::path,
			      "/khttpd.ko"),
		  0);
	well_behaved client;
	const auto listen = [](const char *server) {
		EXPECT_TRUE(eventually(60s, [&] {
			return http_client({ .address = "::1" }, server == std::string("kecho") ?
									 server_port :
									 khttpd.port)
				.peer()
				.connected();
		})) << server;
	};
	listen("kecho");
	listen("khttpd");

	client.go(true);
	std::this_thread::sleep_for(3s);
	auto [quiet_echo, quiet_page] = client.take();
	client.go(false);
	const double quiet[] = { quiet_echo.at(99), quiet_page.at(99) };
	EXPECT_GT(quiet_page.us.size(), 100u);
	std::printf("storm: quiet, p99 %.0f us of %zu echoes, %.0f us of %zu pages\n", quiet[0],
		    quiet_echo.us.size(), quiet[1], quiet_page.us.size());
	std::fflush(stdout);

	// This thread, and what it starts.
	ASSERT_EQ(::setpriority(PRIO_PROCESS, ::gettid(), 19), 0);
	const std::size_t each = asked / 4;
	crowd readers(0, each, khttpd.port, http_client::request("/long"));
	crowd writers(1, each, server_port, "w");
	crowd heads(2, each, khttpd.port, "GET / HT");
	crowd half_open(3, each, server_port, "h");
	half_open.from(behind_the_cable);
	std::mt19937 random(7);
	unsigned destroyed = 0, taken = 0, namespaces = 0;
	const auto connect_all = [&] {
		readers.fill();
		writers.fill();
		heads.fill();
	};
	const auto vanish = [&] {
		ASSERT_TRUE(shell("/sbin/ip -n clients route replace local 10.9.4.0/22 dev lo"));
		among_clients([&] { half_open.fill(); });
		// No host has the addresses any more, and none answers for them.
		ASSERT_TRUE(shell("/sbin/ip -n clients route del local 10.9.4.0/22 dev lo"));
		half_open.vanish();
	};
	client.go(true);
	connect_all();
	const auto began = clock::now();
	for (unsigned round = 0; round < rounds && !HasFatalFailure(); ++round) {
		client.go(true);
		if (round % 10 == 0)
			vanish();
		readers.each([](int socket) {
			char some[30000];
			static_cast<void>(!::recv(socket, some, sizeof some, MSG_DONTWAIT));
		});
		writers.each([](int socket) {
			static_cast<void>(!::send(socket, "w", 1, MSG_NOSIGNAL | MSG_DONTWAIT));
		});
		heads.each([](int socket) {
			static_cast<void>(!::send(socket, "T", 1, MSG_NOSIGNAL | MSG_DONTWAIT));
		});
		// The server has ended some by now.
		heads.fill(random() % each, each / 10);
		readers.fill(random() % each, each / 10);
		among_clients([&] {
			flood(each / 20, 0x0a090401, 1000, round % 2 ? server_port : khttpd.port);
			flood(each / 20, 0x0a090301, 1, round % 2 ? server_port : khttpd.port);
		});
		unprivileged.read(20);
		for (int i = 0; i < 2; ++i) {
			http_client peer({ .address = "127.9.9.9" });
			std::string pipeline;
			for (int j = 0; j < 4; ++j)
				pipeline += http_client::request("/many/", j % 2 ? "HEAD" : "GET") +
					    http_client::request(
						    "/long", "GET",
						    "Range: bytes=0-9,100-199,-5,7000-\r\n");
			peer.send(pipeline);
			if (i)
				peer.read();
		}
		change_something(random);
		for (int i = 0; i < 2; ++i, ++namespaces)
			in_new_namespace([] {
				vm::client peer({ .address = "127.0.0.1" });
				peer.send("x");
			});
		if (round % 5 == 2) {
			const std::lock_guard held(client.between());
			taker program(round % 2);
			const long before = statistic("refused_taken");
			for (int i = 0; i < 20; ++i) {
				vm::client peer({ .address = "127.9.9.9" });
				peer.send("taken?");
			}
			EXPECT_TRUE(eventually(60s, [&] {
				return statistic("refused_taken") > before;
			}));
			taken++;
		}
		if (round % 15 == 14) {
			const std::lock_guard held(client.between());
			EXPECT_TRUE(shell("/sbin/ss -K -H -tan >/dev/null"));
			destroyed++;
			listen("kecho");
			listen("khttpd");
		}
		if (round % 15 == 0 && round)
			connect_all();
		client.go(false);
		if (round % 5 == 0) {
			std::printf("storm: %u minutes, %ld and %ld connections, %ld kB available\n",
				    round, statistic("active"), statistic("active", "khttpd"),
				    available_kb());
			std::fflush(stdout);
		}
		std::this_thread::sleep_until(began + (round + 1) * 60s);
	}
	auto [echoes, pages] = client.take();
	std::printf(
		"storm: beside them, p99 %.0f us of %zu echoes, %.0f us of %zu pages; the longest %.0f and %.0f\n",
		echoes.at(99), echoes.us.size(), pages.at(99), pages.us.size(), echoes.at(100),
		pages.at(100));
	EXPECT_EQ(client.failed(), 0u);
	EXPECT_GT(echoes.us.size(), 1000u);
	EXPECT_LT(echoes.at(99), 10 * quiet[0]);
	EXPECT_LT(pages.at(99), 10 * quiet[1]);
	EXPECT_EQ(number_of("/proc/vmstat", "oom_kill"), killed_before);
	std::printf(
		"storm: %s/an_hour: %u peers and %u minutes of them, %u namespaces, %u times ss -K, %u times a "
		"sockmap; p99 %.0f us and %.0f us, quiet %.0f us and %.0f us\n",
		GetParam(), asked, rounds, namespaces, destroyed, taken, echoes.at(99),
		pages.at(99), quiet[0], quiet[1]);
}

} // namespace
} // namespace vm
