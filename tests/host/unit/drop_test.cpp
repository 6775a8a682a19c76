// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * examples/drop-tcp-socket over the mocked port: its lines, and what it does about them. Its
 * start and stop have names of their own here, since the tests are several modules in one program.
 */
#define ktcp_module_start drop_module_start
#define ktcp_module_stop drop_module_stop
#define ktcp_module_change drop_module_change
#define KTCP_MODULE_NAME "drop-tcp-socket"
#define KTCP_MODULE_LIST "../../../examples/drop-tcp-socket/drop-tcp-socket.module.h"

#include "../../../examples/drop-tcp-socket/drop-tcp-socket.cpp"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>

#include "support.hpp"

using ktcp::endpoint;
using testing::_;
using testing::AllOf;
using testing::HasSubstr;
using testing::Mock;
using testing::NiceMock;

namespace
{

int wrong_at(std::string_view text)
{
	const auto made = drop::parse_line(text);

	return made ? -1 : static_cast<int>(made.at);
}

ktcp_tcp_identity identity(std::string_view local, std::string_view remote,
			   ktcp_tcp_state state = KTCP_TCP_ESTABLISHED, std::uint32_t device = 0)
{
	ktcp_endpoint ours = ktcp::parse_endpoint(local).value.raw();

	ours.scope_id = device;
	return { ours,	ktcp::parse_endpoint(remote).value.raw(),
		 state, state != KTCP_TCP_TIME_WAIT,
		 0,	0 };
}

bool fits(std::string_view line, std::string_view local, std::string_view remote,
	  ktcp_tcp_state state = KTCP_TCP_ESTABLISHED)
{
	const auto made = drop::parse_line(line);

	EXPECT_TRUE(made) << line << ": " << made.error;
	return made.value.fits(identity(local, remote, state));
}

class drop_test : public testing::Test {
    protected:
	NiceMock<mock::mock_port> port;

	drop_test()
	{
		EXPECT_EQ(drop_module_start(), 0);
		file_ = port.fake.entry("drop_tcp_sock");
		opened_ = port.fake.open(*file_);
	}

	~drop_test() override
	{
		Mock::VerifyAndClearExpectations(&port);
		if (file_)
			close();
		if (opened_)
			drop_module_stop();
	}

	long write(std::string_view text)
	{
		return port.fake.write(*file_, opened_, text);
	}

	void close()
	{
		port.fake.close(*file_, opened_);
		file_ = nullptr;
	}

	/* The module ends while a process is in its write: with its file, and with what was opened. */
	void end_meanwhile()
	{
		const std::size_t size = file_->opening_size;

		drop_module_stop();
		std::memset(opened_, 0x5a, size);
		file_ = nullptr;
	}

	/* Once that process is out of it. */
	void forget()
	{
		std::free(std::exchange(opened_, nullptr));
	}

	/* "dropped refused not_found" */
	std::string counts()
	{
		const std::string text = port.fake.read(*port.fake.entry("drop_tcp_sock"));
		unsigned long long dropped = 0, refused = 0, not_found = 0;

		EXPECT_EQ(std::sscanf(text.c_str(), "dropped %llu refused %llu not_found %llu",
				      &dropped, &refused, &not_found),
			  3)
			<< text;
		return std::to_string(dropped) + " " + std::to_string(refused) + " " +
		       std::to_string(not_found);
	}

    private:
	ktcp_proc_file *file_;
	void *opened_;
};

} // namespace

TEST(drop_line, ends_in_either_order)
{
	EXPECT_TRUE(fits("1.1.1.1:1 2.2.2.2:2", "1.1.1.1:1", "2.2.2.2:2"));
	EXPECT_TRUE(fits("2.2.2.2:2\t 1.1.1.1:1 ", "1.1.1.1:1", "2.2.2.2:2"));
	EXPECT_FALSE(fits("1.1.1.1:2 2.2.2.2:1", "1.1.1.1:1", "2.2.2.2:2"));
	EXPECT_TRUE(fits("::1:1 [::2]:2", "[::1]:1", "[::2]:2"));
	EXPECT_TRUE(fits("::ffff:1.1.1.1:1 2.2.2.2:2", "1.1.1.1:1", "2.2.2.2:2"));
}

TEST(drop_line, wildcards)
{
	for (const char *each :
	     { "*:1", "*:1 *", "* *:1", "1.1.1.1:*", "1.1.1.1:* *", "* 1.1.1.1:1", "*:1 *:2",
	       "*:2 1.1.1.1:*", "*:2 *:*", "* *", "*:1 2.2.2.2:2" })
		EXPECT_TRUE(fits(each, "1.1.1.1:1", "2.2.2.2:2")) << each;
	for (const char *each : { "*:3", "* *:3", "3.3.3.3:*", "*:1 *:3", "*:2 *:2", "1.1.1.1:2 *",
				  "time-wait:1", "time-wait", "* time-wait", "time-wait:1 *:2" })
		EXPECT_FALSE(fits(each, "1.1.1.1:1", "2.2.2.2:2")) << each;
	for (const char *each : { "time-wait:1", "time-wait:2", "time-wait", "* time-wait",
				  "time-wait *:1", "time-wait:1 2.2.2.2:2" })
		EXPECT_TRUE(fits(each, "1.1.1.1:1", "2.2.2.2:2", KTCP_TCP_TIME_WAIT)) << each;
	EXPECT_FALSE(fits("time-wait:1", "1.1.1.1:1", "2.2.2.2:2", KTCP_TCP_FIN_WAIT2));
}

TEST(drop_line, time_wait_means_sockets_without_an_owner_that_wait)
{
	auto orphan = identity("1.1.1.1:1", "2.2.2.2:2", KTCP_TCP_FIN_WAIT2);

	EXPECT_FALSE(drop::parse_line("time-wait:1").value.fits(orphan));
	orphan.owned = false;
	EXPECT_TRUE(drop::parse_line("time-wait:1").value.fits(orphan));
	EXPECT_FALSE(drop::parse_line("time-wait:3").value.fits(orphan));
	orphan.state = KTCP_TCP_FIN_WAIT1;
	EXPECT_FALSE(drop::parse_line("time-wait:1").value.fits(orphan));
}

TEST(drop_line, owners)
{
	auto his = identity("1.1.1.1:1", "2.2.2.2:2");

	his.user = 1000;
	his.inode = 4711;
	for (const char *each :
	     { "user:1000", "inode:4711", "user:1000 inode:4711", "*:1 user:1000", "user:1000 *:1",
	       "1.1.1.1:1 user:1000 2.2.2.2:2", "* user:1000", "1.1.1.1:1 inode:4711" })
		EXPECT_TRUE(drop::parse_line(each).value.fits(his)) << each;
	for (const char *each : { "user:0", "user:1001", "inode:1", "user:1000 inode:1",
				  "*:3 user:1000", "time-wait user:1000" })
		EXPECT_FALSE(drop::parse_line(each).value.fits(his)) << each;
	/* 0 is root, and not everything that has no owner. */
	his.owned = false;
	his.user = 0;
	his.inode = 0;
	EXPECT_FALSE(drop::parse_line("user:0").value.fits(his));
	EXPECT_FALSE(drop::parse_line("inode:0").value.fits(his));
	/* Such a line is for many, with exact ends as well. */
	EXPECT_FALSE(drop::parse_line("1.1.1.1:1 2.2.2.2:2 user:0").value.exact());
	EXPECT_FALSE(drop::parse_line("1.1.1.1:1 2.2.2.2:2 inode:0").value.exact());
}

TEST(drop_line, says_where_it_is_wrong)
{
	EXPECT_EQ(wrong_at("user:"), 5);
	EXPECT_EQ(wrong_at("*:1 user:x"), 9);
	EXPECT_EQ(wrong_at("inode:4294967296"), 15);
	EXPECT_EQ(wrong_at("user:-1"), 5);
	EXPECT_EQ(wrong_at("1.1.1.1:1 user:1 * *"), 19);
	EXPECT_EQ(wrong_at("1.1.1.1:1 2.2.2.2:2"), -1);
	EXPECT_EQ(wrong_at("1.1.1.1:1"), 9);
	EXPECT_EQ(wrong_at(" 1.1.1.1:1  "), 12);
	EXPECT_EQ(wrong_at("*"), 1);
	EXPECT_EQ(wrong_at("1.1.1.1:1 2.2.2.2"), 17);
	EXPECT_EQ(wrong_at("  1.1.1.1:1 2.2.2.x:2"), 18);
	EXPECT_EQ(wrong_at("1.1.1.1:1 * *"), 12);
	EXPECT_EQ(wrong_at("*:0"), 2);
	EXPECT_EQ(wrong_at("timewait:1"), 0);
	EXPECT_EQ(wrong_at("*%lo:1 *"), 2);
	EXPECT_EQ(wrong_at("[fe80::1]%lo:1 [fe80::2]%eth0:1"), 25);
}

TEST_F(drop_test, both_ends_that_are_here)
{
	auto &one = port.fake.add_sock(identity("1.1.1.1:1", "1.1.1.1:2"));
	auto &other = port.fake.add_sock(identity("1.1.1.1:2", "1.1.1.1:1"));
	auto &third = port.fake.add_sock(identity("1.1.1.1:3", "1.1.1.1:1"));

	EXPECT_EQ(write("1.1.1.1:1 1.1.1.1:2\n"), 20);
	EXPECT_EQ(one.error, ECONNRESET);
	EXPECT_EQ(other.error, ECONNRESET);
	EXPECT_EQ(third.error, 0);
	EXPECT_EQ(counts(), "2 0 0");
	EXPECT_EQ(write("1.1.1.1:1 1.1.1.1:2\n"), -ENOENT);
	EXPECT_EQ(counts(), "2 0 1");
}

TEST_F(drop_test, all_that_fit_but_no_listener)
{
	for (std::uint16_t i = 1; i <= 500; i++)
		port.fake.add_sock({ endpoint::ipv4(1, 1, 1, 1, 80).raw(),
				     endpoint::ipv4(2, 2, 2, 2, i).raw(), KTCP_TCP_TIME_WAIT, false,
				     0, 0 });
	auto &listener = port.fake.add_sock(identity("0.0.0.0:80", "", KTCP_TCP_LISTEN));
	auto &other = port.fake.add_sock(identity("1.1.1.1:81", "2.2.2.2:2"));

	EXPECT_EQ(write("*:80\n"), 5);
	EXPECT_EQ(counts(), "500 1 0");
	EXPECT_EQ(listener.error, 0);
	EXPECT_EQ(other.error, 0);
	/* Nothing but the listener: refused, and no connection. */
	EXPECT_EQ(write("*:80\n"), -EPERM);
	EXPECT_EQ(counts(), "500 2 0");
}

TEST_F(drop_test, a_malformed_line_ends_the_write_before_it)
{
	auto &first = port.fake.add_sock(identity("1.1.1.1:1", "2.2.2.2:2"));
	auto &second = port.fake.add_sock(identity("3.3.3.3:3", "4.4.4.4:4"));

	EXPECT_CALL(port, printk_ratelimited(_, AllOf(HasSubstr("line 3, column 9: "),
						      HasSubstr("number"))))
		.Times(1);
	EXPECT_EQ(write("1.1.1.1:1 2.2.2.2:2\n\n1.1.1.1:x *\n3.3.3.3:3 4.4.4.4:4\n"), 21);
	EXPECT_EQ(first.error, ECONNRESET);
	EXPECT_EQ(second.error, 0);
	EXPECT_EQ(write("1.1.1.1:x *\n3.3.3.3:3 4.4.4.4:4\n"), -EINVAL);
	EXPECT_EQ(second.error, 0);
	Mock::VerifyAndClearExpectations(&port);
	/* Once more, by who does not heed it: it is said again. */
	EXPECT_CALL(port, printk_ratelimited(_, HasSubstr("line 3, column 9: "))).Times(1);
	EXPECT_EQ(write("1.1.1.1:x *\n"), -EINVAL);
	EXPECT_EQ(write("3.3.3.3:3 4.4.4.4:4\n"), 20);
	EXPECT_EQ(second.error, ECONNRESET);
}

TEST_F(drop_test, lines_in_pieces_and_a_malformed_one_that_began_before)
{
	auto &one = port.fake.add_sock(identity("1.1.1.1:1", "2.2.2.2:2"));

	for (const char *each : { "1.1.1.1", ":1 ", "2.2.2", ".2:" })
		EXPECT_EQ(write(each), static_cast<long>(std::strlen(each)));
	EXPECT_EQ(one.error, 0);
	EXPECT_EQ(write("2\nwh"), 4);
	EXPECT_EQ(one.error, ECONNRESET);
	EXPECT_CALL(port, printk_ratelimited(_, HasSubstr("line 2, column 5: "))).Times(1);
	EXPECT_EQ(write("at\n1.1.1.1:1 *\n"), -EINVAL);
	EXPECT_EQ(counts(), "1 0 0");
}

TEST_F(drop_test, is_an_error_if_not_found_only_as_the_one_line_that_was_written)
{
	EXPECT_EQ(write("1.1.1.1:1 2.2.2.2:2\n"), -ENOENT);
	EXPECT_EQ(write("\n \n1.1.1.1:1 2.2.2.2:2\n\n"), -ENOENT);
	EXPECT_EQ(write("1.1.1.1:1 2.2.2.2:2\n1.1.1.1:1 2.2.2.2:2\n"), 40);
	/* The write of a longer list whose cuts fall anywhere. */
	EXPECT_EQ(write("1.1.1.1:1 2.2.2.2:2\n1.1.1.1:1 2"), 31);
	EXPECT_EQ(write(".2.2.2:2\n"), 9);
	EXPECT_EQ(write("1.1.1.1:1 2.2.2.2:2"), 19);
	EXPECT_EQ(write("\n"), 1);
	EXPECT_EQ(counts(), "0 0 7");
}

TEST_F(drop_test, a_long_write_of_many_lines)
{
	std::string text;

	for (std::uint16_t i = 1; i <= 2000; i++) {
		port.fake.add_sock({ endpoint::ipv4(1, 1, 1, 1, 80).raw(),
				     endpoint::ipv4(2, 2, 2, 2, i).raw(), KTCP_TCP_ESTABLISHED,
				     true, 0, 0 });
		text += "2.2.2.2:" + std::to_string(i) + " 1.1.1.1:80\n";
	}
	EXPECT_EQ(write(text), static_cast<long>(text.size()));
	EXPECT_EQ(counts(), "2000 0 0");
	/* None is there, but there are many: no error. */
	EXPECT_EQ(write(text), static_cast<long>(text.size()));
	EXPECT_EQ(counts(), "2000 0 2000");
	/* A malformed line far behind. */
	EXPECT_EQ(write(text + "x\n" + text), static_cast<long>(text.size()));
	EXPECT_EQ(write("x\n" + text), -EINVAL);
}

TEST_F(drop_test, the_last_line_counts_without_its_end)
{
	auto &one = port.fake.add_sock(identity("1.1.1.1:1", "2.2.2.2:2"));

	EXPECT_EQ(write("1.1.1.1:1 2.2.2.2:2"), 19);
	EXPECT_EQ(one.error, 0);
	close();
	EXPECT_EQ(one.error, ECONNRESET);
}

TEST_F(drop_test, a_part_of_a_line_drops_no_more_than_the_line)
{
	auto &one = port.fake.add_sock(identity("1.1.1.1:1", "2.2.2.2:2"));

	EXPECT_CALL(port,
		    printk_ratelimited(KTCP_LOG_WARNING,
				       HasSubstr("line 2, column 10: the line end is missing")));
	EXPECT_EQ(write("*:80 *:90\n1.1.1.1:*"), 19);
	close();
	EXPECT_EQ(one.error, 0);
	EXPECT_THAT(port.fake.read(*port.fake.entry("drop_tcp_sock")),
		    HasSubstr("dropped 0\nrefused 0\nnot_found 1\nunfinished 1\n"));
}

TEST_F(drop_test, blanks_need_no_line_end)
{
	EXPECT_CALL(port, printk_ratelimited(_, _)).Times(0);
	EXPECT_EQ(write("*:80 *:90\n \t"), 12);
	close();
	EXPECT_THAT(port.fake.read(*port.fake.entry("drop_tcp_sock")), HasSubstr("unfinished 0\n"));
}

TEST_F(drop_test, devices)
{
	auto &bound =
		port.fake.add_sock(identity("[fe80::1]:1", "[fe80::2]:2", KTCP_TCP_ESTABLISHED, 7));
	auto &elsewhere =
		port.fake.add_sock(identity("[fe80::1]:3", "[fe80::2]:2", KTCP_TCP_ESTABLISHED, 8));

	port.fake.devices["eth0"] = 7;
	EXPECT_EQ(write("[fe80::1]%eth1:1 [fe80::2]:2\n"), -ENOENT);
	EXPECT_EQ(write("[fe80::1]%a-name-too-long-for-it:1 [fe80::2]:2\n"), -ENOENT);
	EXPECT_EQ(bound.error, 0);
	EXPECT_EQ(write("[fe80::1]%eth0:* [fe80::2]%eth0:2\n"), 34);
	EXPECT_EQ(bound.error, ECONNRESET);
	EXPECT_EQ(elsewhere.error, 0);
	EXPECT_EQ(write("[fe80::1%7]:3 [fe80::2]:2\n"), -ENOENT);
	EXPECT_EQ(write("[fe80::1%8]:3 [fe80::2]:2\n"), 26);
	EXPECT_EQ(elsewhere.error, ECONNRESET);

	/*
	 * Without a zone, sockets that are bound to any device: by their two ends, and with a
	 * wildcard.
	 */
	for (const char *text : { "[fe80::1]:5 [fe80::2]:2\n", "*:5 [fe80::2]:2\n" }) {
		auto &there = port.fake.add_sock(
			identity("[fe80::1]:5", "[fe80::2]:2", KTCP_TCP_ESTABLISHED, 7));
		auto &too = port.fake.add_sock(
			identity("[fe80::1]:5", "[fe80::2]:2", KTCP_TCP_ESTABLISHED, 8));

		EXPECT_GT(write(text), 0);
		EXPECT_EQ(there.error, ECONNRESET) << text;
		EXPECT_EQ(too.error, ECONNRESET) << text;
	}
	/* More than are looked up at once. */
	std::vector<::sock *> many;

	for (std::uint32_t device = 1; device <= 50; device++)
		many.push_back(&port.fake.add_sock(
			identity("[fe80::1]:6", "[fe80::2]:2", KTCP_TCP_ESTABLISHED, device)));
	EXPECT_GT(write("[fe80::1]:6 [fe80::2]:2\n"), 0);
	for (const auto *each : many)
		EXPECT_EQ(each->error, ECONNRESET);
}

TEST_F(drop_test, one_that_is_bound_to_a_device_that_has_gone)
{
	const auto add = [&]() -> ::sock & {
		auto &made = port.fake.add_sock(
			identity("1.1.1.1:1", "2.2.2.2:2", KTCP_TCP_ESTABLISHED, 7));

		made.nowhere = true;
		return made;
	};
	auto &alone = add();

	/* In a list it is not looked for everywhere. */
	EXPECT_EQ(write("1.1.1.1:1 2.2.2.2:2\n2.2.2.2:2 1.1.1.1:1\n"), 40);
	EXPECT_EQ(alone.error, 0);
	EXPECT_EQ(write("1.1.1.1:1 2.2.2.2:2\n"), 20);
	EXPECT_EQ(alone.error, ECONNRESET);
	EXPECT_EQ(write("1.1.1.1:1 2.2.2.2:2\n"), -ENOENT);

	auto &by_number = add();

	EXPECT_EQ(write("1.1.1.1%8:1 2.2.2.2:2\n"), -ENOENT);
	EXPECT_EQ(write("1.1.1.1%7:1 2.2.2.2:2\n\n"), 23);
	EXPECT_EQ(by_number.error, ECONNRESET);

	auto &unfinished = add();

	EXPECT_EQ(write("1.1.1.1:1 2.2.2.2:2"), 19);
	close();
	EXPECT_EQ(unfinished.error, ECONNRESET);
}

TEST_F(drop_test, comes_to_an_end_though_sockets_that_stay_are_called_gone)
{
	for (std::uint32_t device = 1; device <= 8; device++)
		port.fake.add_sock(identity("1.1.1.1:1", "2.2.2.2:2", KTCP_TCP_FIN_WAIT1, device))
			.lies = true;
	EXPECT_GT(write("1.1.1.1:1 2.2.2.2:2\n"), 0);
}

TEST_F(drop_test, ends_with_the_process_that_writes)
{
	bool killed = false;
	unsigned int asked = 0;

	ON_CALL(port, fatal_signal_pending).WillByDefault([&] { return killed; });
	ON_CALL(port, tcp_abort).WillByDefault([&](::sock *sk, int error) {
		killed = ++asked == 3;
		return port.fake.tcp_abort(sk, error);
	});
	/* Between the rounds of a line. */
	for (std::uint32_t device = 1; device <= 8; device++)
		port.fake.add_sock(identity("1.1.1.1:1", "2.2.2.2:2", KTCP_TCP_FIN_WAIT1, device))
			.lies = true;
	killed = true;
	EXPECT_LT(write("1.1.1.1:1 2.2.2.2:2\n"), 0);
	EXPECT_EQ(asked, 0u);
	killed = false;
	ON_CALL(port, tcp_abort).WillByDefault([&](::sock *, int) {
		asked++;
		killed = true;
		return 0;
	});
	EXPECT_LT(write("1.1.1.1:1 2.2.2.2:2\n"), 0);
	EXPECT_EQ(asked, 8u);
	/* And between the lines. */
	killed = false;
	port.fake.add_sock(identity("1.1.1.1:3", "2.2.2.2:2"));
	EXPECT_EQ(write("1.1.1.1:9 2.2.2.2:2\n1.1.1.1:3 2.2.2.2:2\n1.1.1.1:3 2.2.2.2:2\n"), 40);
	EXPECT_EQ(asked, 9u);
	killed = false;
}

TEST_F(drop_test, tells_why_one_could_not_be_dropped)
{
	port.fake.add_sock(identity("1.1.1.1:1", "2.2.2.2:2", KTCP_TCP_TIME_WAIT)).stays = true;
	EXPECT_EQ(write("1.1.1.1:1 2.2.2.2:2\n"), -EOPNOTSUPP);
	EXPECT_EQ(counts(), "0 1 0");
}

TEST_F(drop_test, touches_nothing_of_a_file_that_went_meanwhile)
{
	port.fake.add_sock(identity("1.1.1.1:1", "2.2.2.2:2"));
	EXPECT_CALL(port, proc_leave(_)).Times(1);
	EXPECT_CALL(port, tcp_abort(_, _)).WillOnce([&](::sock *, int) {
		end_meanwhile();
		return 0;
	});
	EXPECT_CALL(port, proc_enter(_)).WillOnce(testing::Return(false));
	EXPECT_EQ(write("1.1.1.1:1 2.2.2.2:2\n1.1.1.1:1 2.2.2.2:2\n"), -EIO);
	forget();
}

TEST_F(drop_test, waits_for_no_socket_where_the_file_is_going)
{
	auto &one = port.fake.add_sock(identity("1.1.1.1:1", "2.2.2.2:2"));

	EXPECT_CALL(port, proc_leave(_)).WillOnce(testing::Return(false));
	EXPECT_CALL(port, proc_enter(_)).Times(0);
	EXPECT_EQ(write("1.1.1.1:1 2.2.2.2:2\n"), -EIO);
	EXPECT_EQ(one.error, 0);
}

TEST_F(drop_test, namespaces_have_their_own)
{
	::net net;

	EXPECT_EQ(port.fake.add_net(net), 0);

	auto &here = port.fake.add_sock(identity("1.1.1.1:1", "2.2.2.2:2"));
	auto &there = port.fake.add_sock(identity("1.1.1.1:1", "2.2.2.2:2"), &net);
	auto *const file = port.fake.entry("drop_tcp_sock", &net);
	void *const opened = port.fake.open(*file);

	EXPECT_EQ(port.fake.write(*file, opened, "*:1\n"), 4);
	EXPECT_EQ(there.error, ECONNRESET);
	EXPECT_EQ(here.error, 0);
	EXPECT_EQ(counts(), "0 0 0");
	port.fake.close(*file, opened);
	port.fake.remove_net(net);
	EXPECT_EQ(port.fake.entry("drop_tcp_sock", &net), nullptr);
}
