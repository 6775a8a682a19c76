// SPDX-License-Identifier: GPL-2.0-only OR MIT
//
// Readers that are slow, and readers that pause, held against the table "Slow readers" of docs/http.md.
// The guest's clock skips idle time, so hours of theirs are seconds of ours.
#include "http.hpp"

#include <atomic>
#include <fstream>
#include <memory>
#include <sys/wait.h>

namespace vm
{
namespace
{

// A row of the page: a reader, its way, and the outcome.
struct row {
	std::string reader;
	std::string way;
	bool served = false;
	unsigned seconds = 0; // until it is reset
	std::string counter; // which says why
};

std::vector<row> rows_of_the_page()
{
	std::ifstream in("/http.md");
	static const expression line(
		"\\| ([^|]+) \\| (fast|slow) \\| "
		"(served to the end|reset after ([0-9]+) s) \\| `?([a-z_]*)`? ?\\|");
	std::vector<row> all;
	std::string text;
	while (std::getline(in, text)) {
		const auto part = line.parts(text);
		if (part.empty() || part[0] != text)
			continue;
		std::string reader = part[1];
		std::erase(reader, '`');
		all.push_back({ reader, part[2], part[3] == "served to the end",
				part[4].size() ? unsigned(std::stoul(part[4])) : 0, part[5] });
	}
	return all;
}

// A network of its own for some clients, at the other end of a slow way: 50 kB a second and 300 ms each way. Packets
// queue for as long as it takes.
//     server  wayN 10.9.N.1 ---- 10.9.N.2 eth0  clients
class slow_way {
    public:
	explicit slow_way(unsigned number)
		: name_("way" + std::to_string(number)), net_("10.9." + std::to_string(number))
	{
		const std::string slow = "netem rate 50kbps delay 300ms limit 100000";
		const std::string here = "02:00:00:00:00:01", there = "02:00:00:00:00:02";
		// They know each other for ever. An answer to ARP would wait behind all that is on the way. The
		// kernel drops packets to an address that does not answer within three seconds.
		EXPECT_TRUE(shell(
			"/sbin/ip netns add " + name_ + " && /sbin/ip link add " + name_ +
			" address " + here + " type veth peer name eth0 address " + there +
			" netns " + name_ + " && /sbin/ip neigh add " + net_ + ".2 lladdr " +
			there + " dev " + name_ + " nud permanent && /sbin/ip -n " + name_ +
			" neigh add " + net_ + ".1 lladdr " + here + " dev eth0 nud permanent" +
			" && /sbin/ip addr add " + net_ + ".1/24 dev " + name_ +
			" && /sbin/ip link set " + name_ + " up && /sbin/ip -n " + name_ +
			" addr add " + net_ + ".2/24 dev eth0 && /sbin/ip -n " + name_ +
			" link set eth0 up && /sbin/tc qdisc add dev " + name_ + " root " + slow +
			" && /sbin/tc -n " + name_ + " qdisc add dev eth0 root " + slow));
	}
	slow_way(const slow_way &) = delete;
	~slow_way()
	{
		EXPECT_TRUE(shell("/sbin/ip link del " + name_ + " && /sbin/ip netns del " + name_));
	}

	// A command of its clients.
	std::string there(const std::string &command) const
	{
		return "/sbin/ip netns exec " + name_ + " " + command;
	}
	std::string url(const std::string &file) const
	{
		return "http://" + net_ + ".1:8081/" + file;
	}

    private:
	const std::string name_, net_;
};

class slow_readers : public http_test {
    protected:
	slow_readers()
	{
		root.file("film", film);
		// More than the buffers of both sides hold.
		root.file("long", content(32 << 20, 2));
	}

	// Reads a part of the film and then nothing, until it is reset: after how long?
	clock::duration reset_of_a_paused_one()
	{
		// Its TCP goes on for as long as this has room, which on a slow way takes a while.
		http_client one({ .receive_buffer = 32768 });
		one.send(http_client::request("/long"));
		EXPECT_EQ(one.peer().receive(1 << 20).size(), 1u << 20);
		const auto paused = clock::now();
		pollfd reset{ one.peer().descriptor(), 0, 0 };
		EXPECT_EQ(::poll(&reset, 1, 3600 * 1000), 1);
		EXPECT_TRUE(reset.revents & POLLERR) << reset.revents;
		return clock::now() - paused;
	}

	static std::string fetch(const std::string &reader, const std::string &into,
				 const std::string &url)
	{
		const bool curl = reader.starts_with("curl ");
		EXPECT_TRUE(curl || reader.starts_with("wget ")) << reader;
		return "/sbin/" + reader + (curl ? " -sS -o " : " -q -t 1 -T 0 -O ") + into + " " +
		       url + " 2>" + into + ".said";
	}

	void hold(const row &each, unsigned number, const slow_way *way)
	{
		const std::string into = "/tmp/film" + std::to_string(number);
		if (each.reader == "a player that pauses") {
			const auto after = reset_of_a_paused_one();
			EXPECT_GE(after, std::chrono::seconds(each.seconds));
			// The blocking models sleep by timers of the kernel's, which are late by up to an eighth.
			const bool blocks = GetParam() == std::string("work") ||
					    GetParam() == std::string("thread");
			EXPECT_LE(after, std::chrono::seconds(each.seconds + 10 +
							      (blocks ? each.seconds / 8 : 0)));
			return;
		}
		const std::string command =
			way ? way->there(fetch(each.reader, into, way->url("film"))) :
			      fetch(each.reader, into, "http://127.0.0.1:8081/film");
		const int status = std::system(command.c_str());
		EXPECT_EQ(status == 0, each.served)
			<< command << " ended with " << status << ": " << read_file(into + ".said");
		if (each.served) {
			EXPECT_TRUE(read_file(into) == film) << command;
		}
		std::filesystem::remove(into);
	}

	void hold_all(const std::string &way)
	{
		std::vector<std::thread> readers;
		std::vector<std::unique_ptr<slow_way>> ways; // each has its own, and fills no other's
		std::map<std::string, unsigned long> counted;
		unsigned number = 0;
		load_root();
		for (const row &each : rows_of_the_page()) {
			if (each.way != way)
				continue;
			if (way == "slow")
				ways.push_back(std::make_unique<slow_way>(number));
			readers.emplace_back([this, each, number,
					      own = ways.empty() ? nullptr : ways.back().get()] {
				hold(each, number, own);
			});
			number++;
			if (!each.served)
				counted[each.counter]++;
		}
		ASSERT_GE(number, 5u) << "docs/http.md has lost its table";
		for (std::thread &each : readers)
			each.join();
		auto now = khttpd_statistics();
		for (const char *each : { "timed_out_idle", "timed_out_write", "timed_out_send",
					  "timed_out_head", "timed_out_body", "timed_out_end" })
			EXPECT_EQ(now[each], counted[each]) << each;
		EXPECT_EQ(now["accepted"], number);
		end();
	}

	// While there is a way, for the last bytes of both sides.
	void end()
	{
		unload();
		expect_sockets_gone();
	}

	std::string film = content(3 << 20, 1);
	web_root root;
};
FOR_EVERY_HTTP_MODEL(slow_readers);

TEST_P(slow_readers, on_a_fast_way)
{
	hold_all("fast");
}

TEST_P(slow_readers, on_a_slow_way)
{
	film.resize(1 << 20);
	root.file("film", film);
	hold_all("slow");
}

// wget has a receive buffer that fits its rate: its TCP gets a segment or two in a round trip. A round trip takes
// long while another client's bytes queue on the same way. The bytes that come to it count.
TEST_P(slow_readers, a_small_window_on_a_crowded_way)
{
	const kept_setting buffers("/proc/sys/net/ipv4/tcp_wmem");
	buffers.set("4096 16384 1048576");
	load_root();
	slow_way way(0);
	const auto beside_a_large_one = [&] {
		std::thread large([&] {
			shell(way.there(fetch("curl --http1.1", "/dev/null", way.url("long"))));
		});
		std::this_thread::sleep_for(60s);
		const bool whole = shell(
			way.there(fetch("wget --limit-rate 2k", "/tmp/small", way.url("part"))));
		large.join();
		return whole;
	};
	root.file("part", film.substr(0, 200'000));
	EXPECT_FALSE(beside_a_large_one());
	EXPECT_EQ(khttpd_statistics()["timed_out_send"], 1u);
	// As the page says.
	EXPECT_TRUE(write_file("/sys/module/khttpd/parameters/send_timeout_ms", "0"));
	EXPECT_TRUE(beside_a_large_one()) << read_file("/tmp/small.said");
	EXPECT_EQ(khttpd_statistics()["timed_out_send"], 1u);
	EXPECT_EQ(khttpd_statistics()["timed_out_write"], 0u);
	end();
}

// It acknowledges some bytes every few seconds, but less than min_rate.
TEST_P(slow_readers, a_trickle_is_ended_by_its_rate)
{
	const kept_setting buffers("/proc/sys/net/ipv4/tcp_wmem");
	buffers.set("4096 65536 65536");
	load_root();
	http_client one({ .receive_buffer = 4096 });
	one.send(http_client::request("/film"));
	const auto begun = clock::now();
	for (int i = 0; i < 3600 && one.peer().receive(100).size() == 100; i++)
		std::this_thread::sleep_for(1s);
	// A time for each part of 64 KiB, and for the little that TCP holds before it.
	EXPECT_GT(clock::now() - begun, 160s);
	EXPECT_LT(clock::now() - begun, 600s);
	auto now = khttpd_statistics();
	EXPECT_EQ(now["timed_out_send"], 1u);
	EXPECT_EQ(now["timed_out_write"], 0u);
	EXPECT_EQ(get("/film", "Range: bytes=0-1\r\n").status, 206);
}

// The answer is in the server's buffer at once. The time until the next request begins when it was taken.
TEST_P(slow_readers, an_answer_that_is_read_slowly_keeps_its_connection)
{
	root.file("page", film.substr(0, 200'000));
	load_root();
	http_client one({ .receive_buffer = 8192 });
	one.send(http_client::request("/page"));
	std::string head;
	while (!head.ends_with("\r\n\r\n")) {
		const bytes next = one.peer().receive(1);
		ASSERT_EQ(next.size(), 1u);
		head += char(next[0]);
	}
	for (int part = 0; part < 100; part++) {
		ASSERT_EQ(one.peer().receive(2000).size(), 2000u)
			<< part << ": " << std::strerror(one.peer().error());
		std::this_thread::sleep_for(2s);
	}
	EXPECT_EQ(khttpd_statistics()["active"], 1u);
	EXPECT_EQ(khttpd_statistics()["timed_out_keep_alive"], 0u);
	// It has the whole minute, and no more.
	EXPECT_TRUE(eventually(70s, [] { return khttpd_statistics()["active"] == 0; }));
	EXPECT_EQ(khttpd_statistics()["timed_out_keep_alive"], 1u);
}

class slow_echo : public every_model {};
FOR_EVERY_MODEL(slow_echo);

// The server's send buffer holds megabytes. A third of it is free only after minutes.
TEST_P(slow_echo, a_slow_reader_is_served_to_the_end)
{
	load_model("write_timeout_ms=20000 idle_timeout_ms=30000");
	const bytes data = pattern(4'000'000, 1);
	client slow({ .receive_buffer = 32768 });
	std::thread sender([&] {
		for (std::size_t at = 0; at < data.size();) {
			const ssize_t sent = ::send(slow.descriptor(), &data[at], data.size() - at,
						    MSG_NOSIGNAL);
			if (sent < 0 && errno != EINTR && errno != EAGAIN)
				break;
			at += sent > 0 ? sent : 0;
		}
		slow.half_close();
	});
	bytes back;
	for (bytes more; !(more = slow.receive(10'000)).empty();) {
		back.insert(back.end(), more.begin(), more.end());
		std::this_thread::sleep_for(1s);
	}
	sender.join();
	EXPECT_TRUE(back == data) << back.size() << " bytes, then " << std::strerror(slow.error());
	EXPECT_EQ(statistic("timed_out"), 0);
}

// It takes nothing, and sends now and then: that is no progress.
TEST_P(slow_echo, one_that_takes_nothing_is_ended_though_it_sends)
{
	load_model("write_timeout_ms=20000");
	client stuck({ .receive_buffer = 4096 });
	stuck.send_until_blocked(pattern(1 << 20, 5));
	const auto begun = clock::now();
	pollfd reset{ stuck.descriptor(), 0, 0 };
	EXPECT_EQ(::poll(&reset, 1, 60'000), 1);
	EXPECT_GE(clock::now() - begun, 18s);
	EXPECT_LE(clock::now() - begun, 23s);
	EXPECT_EQ(statistic("timed_out_write"), 1);
	EXPECT_EQ(statistic("timed_out_idle"), 0);
}

} // namespace
} // namespace vm
