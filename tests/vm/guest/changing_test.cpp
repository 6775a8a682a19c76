// SPDX-License-Identifier: GPL-2.0-only OR MIT
//
// Parameters that are changed while the server runs: /sys/module/NAME/parameters.
#include "http.hpp"
#include "small_buffers.hpp"

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <semaphore>
#include <sys/stat.h>

namespace vm
{
namespace
{

class changing : public every_model {
    protected:
	static std::string file_of(const std::string &name)
	{
		return std::string("/sys/module/") + module_name + "/parameters/" + name;
	}

	void change(const std::string &name, long value)
	{
		ASSERT_EQ(write_once(file_of(name), std::to_string(value)), 0)
			<< name << "=" << value;
	}

	static bool served()
	{
		client peer;
		return echo(peer, "hello").empty();
	}
};
FOR_EVERY_MODEL(changing);

TEST_P(changing, the_number_of_connections)
{
	load_model("max_connections=2");
	std::vector<client> peers(2);
	for (auto &each : peers)
		ASSERT_EQ(echo(each, "hello"), "");
	EXPECT_FALSE(served());
	change("max_connections", 3);
	peers.emplace_back();
	EXPECT_EQ(echo(peers.back(), "in"), "");
	EXPECT_FALSE(served());
	// None is ended for being one too many.
	change("max_connections", 1);
	for (auto &each : peers)
		EXPECT_EQ(echo(each, "still there"), "");
	EXPECT_FALSE(served());
	EXPECT_EQ(statistic("refused_full"), 3);
	EXPECT_EQ(logged("^kecho: max_connections=1 from now on; it was 3$").size(), 1u)
		<< text(logged("."));
}

TEST_P(changing, the_number_of_connections_of_a_peer)
{
	// Without a limit at first.
	load_model("max_per_source=0");
	std::vector<client> peers(3);
	for (auto &each : peers)
		ASSERT_EQ(echo(each, "hello"), "");
	change("max_per_source", 2);
	EXPECT_FALSE(served());
	client other({ .address = "127.0.0.1" });
	EXPECT_EQ(echo(other, "another peer"), "");
	peers.resize(1);
	EXPECT_TRUE(eventually(5s, [] { return statistic("active") == 2; }));
	EXPECT_TRUE(served());
	change("max_per_source", 0);
	peers.resize(4);
	for (auto &each : peers)
		EXPECT_EQ(echo(each, "any number"), "");
	EXPECT_EQ(statistic("refused_source"), 1);
}

// Connections that are quiet already have the new times.
TEST_P(changing, the_idle_timeout)
{
	load_model("idle_timeout_ms=0");
	client quiet;
	ASSERT_EQ(echo(quiet, "hello"), "");
	std::this_thread::sleep_for(1s);
	change("idle_timeout_ms", 3600000);
	std::this_thread::sleep_for(1s);
	EXPECT_EQ(statistic("timed_out"), 0);
	change("idle_timeout_ms", 500);
	EXPECT_TRUE(quiet.ended()) << std::strerror(quiet.error());
	EXPECT_EQ(statistic("timed_out"), 1);
	client again;
	ASSERT_EQ(echo(again, "hello"), "");
	change("idle_timeout_ms", 0);
	std::this_thread::sleep_for(2s);
	EXPECT_EQ(echo(again, "still there"), "");
}

TEST_P(changing, the_write_timeout)
{
	const small_buffers soon_full;
	load_model("write_timeout_ms=0");
	client deaf({ .receive_buffer = 4096, .send_buffer = 4096 });
	deaf.send_until_blocked(pattern(1 << 14, 1));
	EXPECT_EQ(statistic("active"), 1);
	change("write_timeout_ms", 300);
	EXPECT_TRUE(eventually(20s, [] { return statistic("timed_out") == 1; }));
}

TEST_P(changing, the_backlog)
{
	load_model("backlog=100");
	const auto shown = [] {
		shell("/sbin/ss -Hltn sport = :12345 | awk '{ print $3 }' >/tmp/shown");
		return read_file("/tmp/shown");
	};
	EXPECT_EQ(shown(), "100\n");
	change("backlog", 7);
	EXPECT_TRUE(eventually(5s, [&] { return shown() == "7\n"; })) << shown();
	EXPECT_TRUE(served());
}

// Unloading lets a connection finish that it would have reset.
TEST_P(changing, the_time_to_drain)
{
	load_model();
	client peer;
	ASSERT_EQ(echo(peer, "hello"), "");
	change("drain_ms", 60000);
	std::atomic<bool> gone = false;
	std::thread unloading([&] {
		unload(60s);
		gone = true;
	});
	EXPECT_TRUE(eventually(5s, [] { return statistic("draining") == 1; }));
	EXPECT_EQ(echo(peer, "one more"), "");
	EXPECT_FALSE(gone);
	peer.close();
	unloading.join();
}

TEST_P(changing, the_memory_of_buffers)
{
	load_model();
	const auto refused_with = [](std::size_t count) {
		std::vector<client> peers;
		for (std::size_t i = 0; i < count; ++i)
			peers.emplace_back(options{ .receive_buffer = 4096, .send_buffer = 4096 });
		send_until_all_blocked(peers);
		return statistic("refused_share");
	};
	EXPECT_EQ(refused_with(100), 0);
	// As long as those hold more than that, the pool has none for anybody.
	EXPECT_TRUE(eventually(10s, [] { return statistic("active") == 0; }));
	change("buffer_mb", 1);
	EXPECT_GT(refused_with(100), 0);
	EXPECT_TRUE(eventually(10s, [] { return served(); }));
}

// TCP's own timeout, of a connection that is there.
TEST_P(changing, the_timeout_of_what_is_not_acknowledged)
{
	const small_buffers soon_full;
	load_model("write_timeout_ms=0");
	client peer({ .receive_buffer = 4096, .send_buffer = 4096 });
	ASSERT_EQ(echo(peer, "hello"), "");
	// Its window closes and stays so.
	peer.send_until_blocked(pattern(1 << 14, 1));
	EXPECT_EQ(statistic("active"), 1);
	change("user_timeout_ms", 1000);
	EXPECT_TRUE(eventually(60s, [] { return statistic("active") == 0; }));
	EXPECT_TRUE(served()) << "those to come have it, too";
}

// All that are writable, of both modules.
class writable : public server, public testing::WithParamInterface<server_under_test> {
    protected:
	writable() : server(GetParam())
	{
	}

	const std::string folder = std::string("/sys/module/") + under_test.name + "/parameters/";

	std::vector<std::string> names() const
	{
		std::vector<std::string> found;
		for (const auto &each : std::filesystem::directory_iterator(folder)) {
			struct stat of;
			EXPECT_EQ(::stat(each.path().c_str(), &of), 0);
			EXPECT_TRUE((of.st_mode & 0777) == 0444 || (of.st_mode & 0777) == 0644);
			// Texts have tests of their own.
			const std::string name = each.path().filename();
			if (of.st_mode & 0200 && name != "allow" && name != "deny")
				found.push_back(name);
		}
		std::ranges::sort(found);
		return found;
	}
};

INSTANTIATE_TEST_SUITE_P(modules, writable,
			 testing::Values(server_under_test{ module_name, server_port }, khttpd),
			 [](const auto &info) { return std::string(info.param.name); });

TEST_P(writable, each_says_its_change_and_refuses_what_is_out_of_its_range)
{
	load("");
	const auto all = names();
	// Those of every server, whose effects are tested above.
	for (const char *each :
	     { "backlog", "buffer_mb", "drain_ms", "idle_timeout_ms", "max_connections",
	       "max_per_source", "user_timeout_ms", "write_timeout_ms" })
		EXPECT_TRUE(std::ranges::find(all, each) != all.end()) << each;
	for (const std::string &name : all) {
		const std::string was = read_file(folder + name);
		const std::string old = was.substr(0, was.size() - 1);
		SCOPED_TRACE(name + "=" + old);
		ASSERT_EQ(write_once(folder + name, "777\n"), 0);
		EXPECT_EQ(read_file(folder + name), "777\n");
		EXPECT_EQ(logged(": " + name + "=777 from now on; it was " + old + "$").size(), 1u)
			<< text(logged(name));
		// The same once more is no change.
		ASSERT_EQ(write_once(folder + name, "777"), 0);
		EXPECT_EQ(logged(": " + name + "=\\d+ from now on").size(), 1u)
			<< text(logged(name));
		allow_log("\\b" + name + "=");
		for (const char *value : { "-1", "99999999999999999999", "many", "0x10", "077" }) {
			EXPECT_EQ(write_once(folder + name, value), EINVAL) << value;
			EXPECT_EQ(logged(": " + name + "=" + value +
					 ": must be a whole number from \\d+ to \\d+")
					  .size(),
				  1u)
				<< text(logged(name));
			EXPECT_EQ(read_file(folder + name), "777\n");
		}
		ASSERT_EQ(write_once(folder + name, old), 0);
	}
	client peer({ .port = under_test.port });
	EXPECT_TRUE(peer.connected());
}

// Connections that are there have the new limits and times, from their next request on.
class changing_http : public server {
    protected:
	changing_http() : server(khttpd)
	{
	}

	static void change(const std::string &name, long value)
	{
		ASSERT_EQ(write_once("/sys/module/khttpd/parameters/" + name, std::to_string(value)),
			  0);
	}
};

TEST_F(changing_http, the_limits_of_requests)
{
	load("");
	http_client peer;
	EXPECT_EQ(peer.post("/echo", std::string(1000, 'x')).status, 200);
	change("max_body", 999);
	EXPECT_EQ(peer.post("/echo", std::string(999, 'x')).status, 200);
	EXPECT_EQ(peer.post("/echo", std::string(1000, 'x')).status, 413);
	change("max_line", 64);
	EXPECT_EQ(http_client().get("/" + std::string(64, 'x')).status, 414);
	change("max_fields", 2);
	EXPECT_EQ(http_client().get("/", "A: 1\r\nB: 2\r\n").status, 431);
	change("max_fields", 3);
	EXPECT_EQ(http_client().get("/", "A: 1\r\nB: 2\r\n").status, 200);
	change("max_head", 128);
	EXPECT_EQ(http_client().get("/", "A: " + std::string(128, 'x') + "\r\n").status, 431);
}

TEST_F(changing_http, the_times_of_requests)
{
	load("keep_alive_timeout_ms=0 head_timeout_ms=0 body_timeout_ms=0 min_rate=0");
	http_client idle, head, body;
	for (http_client *each : { &idle, &head, &body })
		EXPECT_EQ(each->get("/").status, 200);
	change("keep_alive_timeout_ms", 1000);
	change("head_timeout_ms", 500);
	change("body_timeout_ms", 500);
	change("send_timeout_ms", 20000);
	change("min_rate", 1000);
	head.send("GET / HTTP/1.1\r\nHos");
	EXPECT_EQ(head.read().status, 408);
	body.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc");
	EXPECT_TRUE(body.peer().ended()); // the answer has begun
	// It has waited without a limit, and has one behind its next request.
	EXPECT_EQ(idle.get("/").field("keep-alive"), "timeout=1");
	EXPECT_TRUE(idle.ended());
}

// The server ends a client that does not read.
TEST_F(changing_http, the_time_to_read_an_answer)
{
	web_root root;
	root.file("large", content(24 << 20, 1));
	// A server's buffer that does not grow: it is full at once, and stays so.
	const kept_setting buffers("/proc/sys/net/ipv4/tcp_wmem");
	buffers.set("4096 65536 65536");
	load(std::string("send_timeout_ms=500 min_rate=1 root=") + web_root::path);
	const auto ended_within = [](int ms) {
		http_client deaf({ .receive_buffer = 16384 });
		deaf.send(http_client::request("/large"));
		EXPECT_TRUE(deaf.answered());
		pollfd reset{ deaf.peer().descriptor(), 0, 0 };
		return ::poll(&reset, 1, ms) == 1;
	};
	EXPECT_FALSE(ended_within(3000)) << "a second more for each byte that it has to read";
	change("min_rate", 0);
	EXPECT_TRUE(ended_within(patience_seconds * 1000));
	change("send_timeout_ms", 0);
	EXPECT_FALSE(ended_within(3000));
	unload();
}

// A change that comes while the module starts or ends has no effect but on its number, or all of it.
TEST_P(writable, while_it_is_loaded_and_unloaded)
{
	// So many rounds beside each step, for the kernel's log holds some thousand lines.
	std::counting_semaphore<> rounds(0);
	std::atomic<bool> over = false;
	std::thread changes([&] {
		for (unsigned i = 0; rounds.acquire(), !over; i++)
			for (const char *each : { "max_connections", "idle_timeout_ms", "backlog" })
				static_cast<void>(
					write_once(folder + each, std::to_string(i % 50 + 1)));
	});
	for (int i = 0; i < 10; ++i) {
		rounds.release(15);
		load(i % 2 ? "netns_all=1" : "");
		rounds.release(15);
		unload();
	}
	over = true;
	rounds.release();
	changes.join();
}

} // namespace
} // namespace vm
