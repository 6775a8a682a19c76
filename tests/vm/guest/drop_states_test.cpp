// SPDX-License-Identifier: GPL-2.0-only OR MIT
//
// drop-tcp-socket: a dropped connection as its owner and its peer see it, and sockets by their owner.
#include "drop.hpp"

#include <cerrno>
#include <cstring>
#include <string>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace vm
{
namespace
{

// ---- what its owner and its peer see (the table of docs/modules.md) ------------------------

class drop_states : public dropping {
    protected:
	owned listener = listen_on(ipv4);
	const unsigned port = local_port(listener);

	void TearDown() override
	{
		listener.close();
		dropping::TearDown();
	}

	// Only this end, not the other one that is here as well.
	static void drop_end(const owned &end)
	{
		struct stat of;
		ASSERT_EQ(::fstat(end, &of), 0);
		EXPECT_GT(write_once("inode:" + std::to_string(of.st_ino) + "\n"), 0);
	}
	static int send_error(int socket)
	{
		return ::send(socket, "x", 1, MSG_NOSIGNAL) == 1 ? 0 : errno;
	}
	static bool silent(int socket)
	{
		char byte;
		return ::recv(socket, &byte, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN;
	}
};

TEST_F(drop_states, established)
{
	const pair both = connect_pair(ipv4, listener);
	drop_end(both.client);
	EXPECT_EQ(read_error(both.client), -ECONNRESET);
	EXPECT_EQ(read_error(both.server), -ECONNRESET);
}

TEST_F(drop_states, close_wait_whose_peer_waits)
{
	const pair both = connect_pair(ipv4, listener);
	::shutdown(both.client, SHUT_WR);
	ASSERT_EQ(read_error(both.server), 0);
	// Its acknowledgement may be late.
	ASSERT_TRUE(eventually(5s, [&] {
		const std::string states = vm::text(states_of(local_port(both.client), port));
		return states == "05\n08\n" || states == "08\n05\n";
	})) << vm::text(states_of(local_port(both.client), port));
	drop_end(both.server);
	// It has read the end already, and reads it still.
	EXPECT_EQ(read_error(both.server), 0);
	EXPECT_NE(send_error(both.server), 0);
	EXPECT_EQ(read_error(both.client), -ECONNRESET);
}

TEST_F(drop_states, fin_wait_2_that_is_owned)
{
	const pair both = connect_pair(ipv4, listener);
	::shutdown(both.client, SHUT_WR);
	ASSERT_EQ(read_error(both.server), 0);
	drop_end(both.client);
	EXPECT_EQ(read_error(both.client), -ECONNRESET);
	EXPECT_NE(send_error(both.server), 0);
}

TEST_F(drop_states, fin_wait_2_without_an_owner)
{
	pair both = connect_pair(ipv4, listener);
	const unsigned client = local_port(both.client);
	both.client.close();
	ASSERT_EQ(read_error(both.server), 0);
	ASSERT_TRUE(eventually(5s, [&] {
		return vm::text(states_of(client, port)).find("05") != std::string::npos;
	}));
	// Asked for as what waits for its time; CLOSE-WAIT is not.
	EXPECT_GT(write_once("time-wait:" + std::to_string(port) + "\n"), 0);
	EXPECT_EQ(vm::text(states_of(client, port)), "08\n");
	// The peer hears nothing until it sends.
	EXPECT_EQ(read_error(both.server), 0);
	EXPECT_EQ(send_error(both.server), 0);
	EXPECT_TRUE(eventually(5s, [&] { return send_error(both.server) != 0; }));
	EXPECT_EQ(vm::text(states_of(client, port)), "");
}

TEST_F(drop_states, time_wait)
{
	pair both = connect_pair(ipv4, listener);
	const unsigned client = local_port(both.client);
	both.client.close();
	ASSERT_EQ(read_error(both.server), 0);
	both.server.close();
	ASSERT_TRUE(eventually(5s, [&] { return vm::text(states_of(client, port)) == "06\n"; }));
	EXPECT_GT(write_once("time-wait:" + std::to_string(port) + "\n"), 0);
	EXPECT_EQ(vm::text(states_of(client, port)), "");
}

// ---- whose they are ------------------------------------------------------------------------

class drop_owners : public dropping {};

TEST_F(drop_owners, by_user)
{
	constexpr uid_t user = 4711;
	const owned listener = listen_on(ipv4);
	const pair roots = connect_pair(ipv4, listener);
	const pid_t owner = ::fork();
	if (!owner) {
		if (::setuid(user))
			::_exit(1);
		const owned his = connect_to(ipv4, local_port(listener));
		if (::send(his, "x", 1, 0) != 1)
			::_exit(3);
		::_exit(-read_error(his) == ECONNRESET ? 0 : 2);
	}
	owned other(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC));
	// It may be accepted before its connect() returns, which would fail if it were dropped then.
	EXPECT_EQ(read_error(other), 1);
	EXPECT_EQ(write_once("user:4712\n"), -ENOENT);
	EXPECT_EQ(write_once("user:4711 127.0.0.2:*\n"), -ENOENT);
	EXPECT_EQ(write_once("user:4711 *:" + std::to_string(local_port(listener)) + "\n"),
		  static_cast<long>(
			  ("user:4711 *:" + std::to_string(local_port(listener)) + "\n").size()));
	int status = -1;
	EXPECT_EQ(::waitpid(owner, &status, 0), owner);
	EXPECT_EQ(status, 0);
	EXPECT_TRUE(alive(roots));
	EXPECT_EQ(count_state(local_port(listener), "0A"), 1);
}

TEST_F(drop_owners, by_inode)
{
	const owned listener = listen_on(ipv6);
	const pair one = connect_pair(ipv6, listener), other = connect_pair(ipv6, listener);
	struct stat of;
	ASSERT_EQ(::fstat(one.client, &of), 0);
	const std::string text = "inode:" + std::to_string(of.st_ino) + "\n";
	EXPECT_EQ(write_once(text), static_cast<long>(text.size()));
	EXPECT_EQ(read_error(one.client), -ECONNRESET);
	EXPECT_TRUE(alive(other));
	EXPECT_EQ(write_once(text), -ENOENT);
	// A listener has an inode, too.
	ASSERT_EQ(::fstat(listener, &of), 0);
	EXPECT_EQ(write_once("inode:" + std::to_string(of.st_ino) + "\n"), -EPERM);
}

} // namespace
} // namespace vm
