// SPDX-License-Identifier: GPL-2.0-only OR MIT
//
// Other software with rights of its own: BPF programs that take connections away, and tools that
// destroy sockets.
#include "fixture.hpp"
#include "sockmap.hpp"

#include <atomic>
#include <map>

namespace vm
{
namespace
{

std::map<std::string, unsigned long long> statistics()
{
	std::istringstream in(read_file("/proc/net/kecho/statistics"));
	std::map<std::string, unsigned long long> numbers;
	std::string name;
	for (unsigned long long value; in >> name >> value;)
		numbers[name] = value;
	return numbers;
}

// ---- BPF ------------------------------------------------------------------------------------

struct taking {
	const char *model;
	bool verdict;
};

class sockmap : public server, public testing::WithParamInterface<taking> {
    protected:
	void load_model()
	{
		load(std::string("backlog=512 model=") + GetParam().model);
		allow_log("has put a connection into a sockmap");
		allow_other("^ktcp_printk_ratelimited: \\d+ callbacks suppressed");
	}
};
INSTANTIATE_TEST_SUITE_P(models, sockmap,
			 testing::Values(taking{ "event", false }, taking{ "event", true },
					 taking{ "softirq", false }, taking{ "softirq", true },
					 taking{ "work", false }, taking{ "work", true },
					 taking{ "thread", false }, taking{ "thread", true }),
			 [](const auto &info) {
				 return std::string(info.param.model) +
					(info.param.verdict ? "_verdict" : "");
			 });

TEST_P(sockmap, its_connections_are_refused_and_all_others_served)
{
	load_model();
	client before;
	ASSERT_EQ(echo(before, "hello"), "");
	{
		taker program(GetParam().verdict);
		for (int i = 0; i < 20; ++i) {
			client peer;
			// It is not served, with any first call.
			if (i % 2)
				peer.send("hello");
			if (i % 3 == 0)
				peer.half_close();
			EXPECT_EQ(peer.receive_to_end().size(), 0u);
			EXPECT_TRUE(!peer.connected() || peer.error() == ECONNRESET)
				<< std::strerror(peer.error());
		}
		EXPECT_TRUE(eventually(5s, [] { return statistics()["refused_taken"] == 20; }))
			<< statistics()["refused_taken"];
		EXPECT_EQ(statistics()["active"], 1u);
		EXPECT_EQ(echo(before, "hello"), "");
		program.stop();
		client after;
		EXPECT_EQ(echo(after, "hello"), "");
	}
	EXPECT_GE(logged("has put a connection into a sockmap").size(), 1u);
	EXPECT_EQ(statistics()["accepted"], 2u);
	EXPECT_EQ(echo(before, "hello"), "");
}

// Some have been accepted and are being refused, some wait in the backlog, some just come.
TEST_P(sockmap, unloading_is_not_kept_waiting)
{
	taker program(GetParam().verdict);
	std::atomic<bool> stop = false;
	std::vector<std::thread> clients;
	for (int i = 0; i < 2; ++i)
		clients.emplace_back([&] {
			while (!stop) {
				client peer;
				peer.send("hello");
				peer.half_close();
				EXPECT_EQ(peer.receive_to_end().size(), 0u);
			}
		});
	for (int i = 0; i < 5 && !HasFailure(); ++i) {
		load_model();
		EXPECT_TRUE(eventually(20s, [] { return statistics()["refused_taken"] > 3; }));
		unload();
	}
	stop = true;
	for (auto &each : clients)
		each.join();
}

// ---- SOCK_DESTROY ----------------------------------------------------------------------------

class destroyed : public every_model {
    protected:
	static bool destroy_listener()
	{
		return shell("/sbin/ss -K -H -ltn 'sport = :12345' >/tmp/destroyed");
	}
};
FOR_EVERY_MODEL(destroyed);

TEST_P(destroyed, a_listener_comes_back)
{
	load_model();
	allow_log("was ended from outside");
	client before;
	ASSERT_EQ(echo(before, "hello"), "");
	for (unsigned i = 1; i <= 3; ++i) {
		ASSERT_TRUE(destroy_listener());
		EXPECT_NE(read_file("/tmp/destroyed").find("12345"), std::string::npos);
		EXPECT_TRUE(eventually(10s, [&] { return statistics()["relistened"] == i; }))
			<< statistics()["relistened"];
		client after;
		EXPECT_EQ(echo(after, "hello"), "") << "the server is deaf";
		EXPECT_EQ(echo(before, "hello"), "") << "those inside go on";
		EXPECT_EQ(logged("was ended from outside").size(), i) << "once each time";
	}
	unload();
	EXPECT_TRUE(before.ended());
}

TEST_P(destroyed, a_listener_while_the_module_is_unloaded)
{
	allow_log("was ended from outside|cannot listen on port");
	allow_other("^ktcp_printk_ratelimited: \\d+ callbacks suppressed");
	std::atomic<bool> stop = false;
	std::atomic<int> served = 0;
	std::thread destroyer([&] {
		while (!stop)
			destroy_listener();
	});
	std::thread clients([&] {
		while (!stop) {
			client peer;
			served += peer.connected() && echo(peer, "hello").empty();
		}
	});
	for (int i = 0; i < 10 && !HasFailure(); ++i) {
		load_model();
		const int before = served;
		EXPECT_TRUE(eventually(20s, [&] { return served > before + 2; }));
		unload();
	}
	stop = true;
	destroyer.join();
	clients.join();
}

} // namespace
} // namespace vm
