// SPDX-License-Identifier: GPL-2.0-only OR MIT
//
// Peers are served or refused by their networks, and by how fast they come.
#include "fixture.hpp"

#include <sched.h>

namespace vm
{
namespace
{

class peers : public every_model {
    protected:
	static bool served(const std::string &address)
	{
		client peer({ .address = address });
		return echo(peer, "hello").empty();
	}

	static void change(const std::string &name, const std::string &value)
	{
		ASSERT_EQ(write_once("/sys/module/kecho/parameters/" + name, value), 0);
	}
};
FOR_EVERY_MODEL(peers);

TEST_P(peers, are_served_as_allow_and_deny_say)
{
	load_model("allow=127.0.0.0/8");
	EXPECT_TRUE(served("127.0.0.1"));
	EXPECT_FALSE(served("::1"));
	EXPECT_EQ(statistic("refused_denied"), 1);
	unload();
	// The same in other words.
	load_model("allow=::ffff:127.0.0.1");
	EXPECT_TRUE(served("127.0.0.1"));
	EXPECT_FALSE(served("::1"));
	unload();
	load_model("deny=::/0");
	EXPECT_TRUE(served("127.0.0.1"));
	EXPECT_FALSE(served("::1"));
	unload();
	load_model("allow=127.0.0.0/8,::1 deny=127.0.0.1/32");
	EXPECT_FALSE(served("127.0.0.1"));
	EXPECT_TRUE(served("::1"));
}

// The rules are also those of connections that are there.
TEST_P(peers, that_are_denied_meanwhile_are_ended)
{
	load_model();
	client four({ .address = "127.0.0.1" }), six({ .address = "::1" });
	ASSERT_EQ(echo(four, "hello"), "");
	ASSERT_EQ(echo(six, "hello"), "");
	change("deny", "127.0.0.0/8\n");
	EXPECT_TRUE(four.ended());
	EXPECT_EQ(echo(six, "still there"), "");
	EXPECT_FALSE(served("127.0.0.1"));
	// A peer hears of its end before the server has counted it.
	EXPECT_TRUE(eventually(20s, [] { return statistic("active") == 1; }));
	EXPECT_EQ(statistic("refused_denied"), 2);
	EXPECT_EQ(logged("^kecho: deny=127.0.0.0/8 from now on; it was $").size(), 1u)
		<< text(logged("."));
	change("deny", "\n");
	EXPECT_TRUE(served("127.0.0.1"));
	change("allow", "127.0.0.1");
	EXPECT_TRUE(six.ended());
	EXPECT_EQ(read_file("/sys/module/kecho/parameters/allow"), "127.0.0.1\n");
}

TEST_P(peers, begin_so_many_connections_a_second)
{
	load_model("accept_rate=5");
	int in = 0;
	for (int i = 0; i < 50; ++i)
		in += served("::1");
	// However long that took.
	EXPECT_GE(in, 5);
	EXPECT_EQ(statistic("refused_rate"), 50 - in);
	EXPECT_TRUE(served("127.0.0.1")) << "another peer";
	change("accept_rate", "0");
	for (int i = 0; i < 20; ++i)
		EXPECT_TRUE(served("::1")) << i;
	change("accept_rate", "1");
	EXPECT_TRUE(served("::1"));
	const long before = statistic("refused_rate");
	while (served("::1"))
		;
	EXPECT_GT(statistic("refused_rate"), before);
	EXPECT_TRUE(eventually(20s, [] { return served("::1"); }));
}

class rules : public server {};

TEST_F(rules, that_are_none_are_refused_with_a_line_that_helps)
{
	allow_log("^kecho: (allow|deny|proxy_from)[=:]");
	for (const char *name : { "allow", "deny", "proxy_from" })
		for (const char *wrong : { "10.0.0.1/8", "10.0.0.0/33", "localhost", "::1,,::2",
					   "::1,", "1.2.3.4/-1" }) {
			const std::string given = std::string(name) + "=" + wrong;
			EXPECT_EQ(load_module(given), EINVAL) << given;
			EXPECT_EQ(logged("^kecho: " + given + ": character \\d+: .{20}").size(), 1u)
				<< text(logged("."));
		}
	load("deny=10.0.0.0/8");
	// Nor while it runs; the old ones stay.
	for (const char *name : { "allow", "deny" }) {
		const std::string file = std::string("/sys/module/kecho/parameters/") + name;
		const std::string before = read_file(file);
		EXPECT_EQ(write_once(file, "10.0.0.0/40"), EINVAL);
		EXPECT_EQ(logged(std::string(name) + "=10.0.0.0/40: character \\d+: ").size(), 1u);
		EXPECT_EQ(write_once(file, "::1\n::2"), EINVAL);
		EXPECT_EQ(write_once(file, std::string(1025, '1')), EINVAL);
		EXPECT_EQ(read_file(file), before);
	}
	EXPECT_EQ(read_file("/sys/module/kecho/parameters/proxy_from"), "\n");
	client peer;
	EXPECT_EQ(echo(peer, "hello"), "");
}

// A reader of the texts, and namespaces that come and go, while they are changed.
TEST_F(rules, that_change_all_the_time)
{
	load("netns_all=1");
	// Each change is a line of the kernel's log, which holds some thousands.
	std::atomic<bool> over{ false };
	std::thread changes([&] {
		for (unsigned i = 0; i < 500; ++i) {
			static_cast<void>(write_once("/sys/module/kecho/parameters/deny",
						     "10.0.0.0/" + std::to_string(8 + i % 20)));
			static_cast<void>(write_once("/sys/module/kecho/parameters/accept_rate",
						     std::to_string(i % 2 * 1000)));
		}
		over = true;
	});
	std::thread spaces([&] {
		while (!over)
			std::thread([] { EXPECT_EQ(::unshare(CLONE_NEWNET), 0); }).join();
	});
	while (!over) {
		EXPECT_NE(read_file("/sys/module/kecho/parameters/deny"), "");
		client peer;
		EXPECT_EQ(echo(peer, "hello"), "");
	}
	changes.join();
	spaces.join();
}

} // namespace
} // namespace vm
