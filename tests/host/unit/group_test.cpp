// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * ktcp/group.hpp: several coroutines of one connection at once, until all have ended or one has; and
 * what a connection does with several that wait.
 */
#include <ktcp/group.hpp>

#include <cerrno>
#include <string>
#include <vector>

#include "served.hpp"

using ktcp::errc;
using ktcp::task;
using ktcp::task_of;
using testing::_;
using testing::HasSubstr;
using testing::Mock;
using testing::NiceMock;
using testing::Return;

static_assert(std::is_trivially_destructible_v<ktcp::detail::all_operation<int, void>>);
static_assert(std::is_trivially_destructible_v<ktcp::detail::race_operation<int, void>>);

namespace
{

/* Says when it goes. */
struct mark {
	mark(std::string &into, char name) : into_(into), name_(name)
	{
	}

	mark(const mark &) = delete;

	~mark()
	{
		into_ += name_;
	}

	std::string &into_;
	char name_;
};

class group_test : public served {
    protected:
	/* One that reads to the end, and says what. */
	auto reads()
	{
		return [this](ktcp::connection &from) -> task_of<std::size_t> {
			const mark gone(said, 'r');
			std::size_t all = 0;

			while (auto got = co_await from.read()) {
				said += text(*got);
				all += (*got).size();
			}
			co_return all;
		};
	}

	/* One that writes this. */
	auto writes(std::string what)
	{
		return [this, what](ktcp::connection &to) -> task_of<void> {
			const mark gone(said, 'w');

			co_return co_await to.write(what);
		};
	}

	/* The handler has one, one of its tasks has none. */
	void no_memory_for_the_second_frame()
	{
		const auto gives = [this](std::size_t size, ktcp_gfp gfp) {
			return port.fake.kmalloc(size, gfp);
		};

		EXPECT_CALL(port, kmalloc(_, _))
			.WillOnce(gives)
			.WillOnce(Return(nullptr))
			.WillRepeatedly(gives);
	}
};

} // namespace

TEST_F(group_test, one_reads_while_the_other_writes)
{
	const auto read = reads();
	const auto write = writes("out");

	EXPECT_CALL(port, sock_recv(_, _, _))
		.WillOnce(Return(-EAGAIN))
		.WillOnce(receive("in"))
		.WillOnce(Return(-EAGAIN))
		.WillOnce(Return(0));
	EXPECT_CALL(port, sock_send(_, _, 3, _))
		.WillOnce(Return(-EAGAIN))
		.WillOnce(Return(-EAGAIN))
		.WillOnce(Return(3));
	serve([&](ktcp::connection &peer) -> task {
		auto [in, out] = co_await ktcp::all(read(peer), write(peer));

		EXPECT_TRUE(in);
		EXPECT_EQ(*in, 2u);
		EXPECT_TRUE(out);
		said += '.';
	});
	EXPECT_EQ(peer->advance(), progress::waiting);
	EXPECT_EQ(peer->interest(), KTCP_SOCK_READABLE | KTCP_SOCK_WRITABLE | KTCP_SOCK_STATE |
					    tested_connection::event_over |
					    tested_connection::event_source);
	EXPECT_EQ(peer->advance(), progress::waiting);
	EXPECT_EQ(said, "in");
	EXPECT_EQ(peer->advance(), progress::finished);
	EXPECT_EQ(said, "inrw.");
}

TEST_F(group_test, all_of_one_that_never_waits_goes_on_at_once)
{
	const auto write = writes("out");

	EXPECT_CALL(port, sock_send(_, _, 3, _)).Times(3).WillRepeatedly(Return(3));
	serve([&](ktcp::connection &peer) -> task {
		auto [a, b, c] = co_await ktcp::all(write(peer), write(peer), write(peer));

		EXPECT_TRUE(a && b && c);
		said += '.';
	});
	EXPECT_EQ(peer->advance(), progress::finished);
	EXPECT_EQ(said, "www.");
}

/* A second one would never hear of what the first one got. */
TEST_F(group_test, a_second_reader_is_refused)
{
	EXPECT_CALL(port, sock_recv(_, _, _)).WillOnce(Return(-EAGAIN)).WillOnce(Return(0));
	EXPECT_CALL(port, warn(HasSubstr("two coroutines"))).Times(1);
	serve([&](ktcp::connection &peer) -> task {
		const auto read = [](ktcp::connection &from) -> task_of<int> {
			const auto got = co_await from.read();

			co_return got.end_of_stream() ? 0 : got.error().code();
		};
		const auto line = [](ktcp::connection &from) -> task_of<int> {
			const auto got = co_await from.read_line(10);

			co_return got.end_of_stream() ? 0 : got.error().code();
		};
		auto [first, second] = co_await ktcp::all(read(peer), line(peer));

		EXPECT_EQ(*first, 0);
		EXPECT_EQ(*second, -EBUSY);
	});
	EXPECT_EQ(peer->advance(), progress::waiting);
	EXPECT_EQ(peer->advance(), progress::finished);
}

TEST_F(group_test, the_loser_of_a_race_is_gone_with_what_it_waited_for)
{
	const auto read = reads();
	const auto write = writes("out");

	EXPECT_CALL(port, sock_recv(_, _, _))
		.WillOnce(Return(-EAGAIN)) /* the loser's */
		.WillOnce(receive("later"));
	EXPECT_CALL(port, sock_send(_, _, 3, _)).WillOnce(Return(3));
	serve([&](ktcp::connection &peer) -> task {
		const auto first = co_await ktcp::race(read(peer), write(peer));

		EXPECT_TRUE(first);
		EXPECT_EQ(*first, 1u);
		said += '.';

		/* The slot is free again. */
		const auto got = co_await peer.read();

		said += text(*got);
	});
	EXPECT_EQ(peer->advance(), progress::finished);
	EXPECT_EQ(said, "wr.later");
}

TEST_F(group_test, a_loser_deep_below_is_gone_too)
{
	const auto read = reads();
	const auto middle = [&](ktcp::connection &peer) -> task_of<int> {
		const mark gone(said, 'm');
		auto [inner] = co_await ktcp::all(read(peer));

		co_return inner ? 1 : 0;
	};
	const auto outer = [&](ktcp::connection &peer) -> task_of<int> {
		const mark gone(said, 'o');

		co_return co_await middle(peer);
	};
	const auto write = writes("out");

	EXPECT_CALL(port, sock_recv(_, _, _)).WillRepeatedly(Return(-EAGAIN));
	EXPECT_CALL(port, sock_send(_, _, 3, _)).WillOnce(Return(-EAGAIN)).WillOnce(Return(3));
	serve([&](ktcp::connection &peer) -> task {
		const auto first = co_await ktcp::race(outer(peer), write(peer));

		EXPECT_EQ(*first, 1u);
		said += '.';
		static_cast<void>(co_await peer.read());
	});
	EXPECT_EQ(peer->advance(), progress::waiting);
	EXPECT_EQ(said, "");
	EXPECT_EQ(peer->advance(), progress::waiting);
	EXPECT_EQ(said.substr(0, 1), "w");
	EXPECT_EQ(said.size(), 5u) << said;
	EXPECT_EQ(said.back(), '.');
	EXPECT_EQ(peer->interest() & (KTCP_SOCK_READABLE | KTCP_SOCK_WRITABLE), KTCP_SOCK_READABLE);
}

/* The first one ends at once, so the second one has not begun. */
TEST_F(group_test, a_loser_that_has_not_begun_never_does)
{
	const auto write = writes("out");

	EXPECT_CALL(port, sock_send(_, _, 3, _)).WillOnce(Return(3));
	serve([&](ktcp::connection &peer) -> task {
		const auto first = co_await ktcp::race(write(peer), write(peer));

		EXPECT_EQ(*first, 0u);
		said += '.';
	});
	EXPECT_EQ(peer->advance(), progress::finished);
	EXPECT_EQ(said, "w.");
}

TEST_F(group_test, a_task_without_memory_is_enomem_and_the_others_run)
{
	const auto write = writes("out");

	no_memory_for_the_second_frame();
	EXPECT_CALL(port, sock_send(_, _, 3, _)).WillOnce(Return(3));
	serve([&](ktcp::connection &peer) -> task {
		auto [a, b] = co_await ktcp::all(write(peer), write(peer));

		EXPECT_TRUE(a.has_value() != b.has_value());
		EXPECT_EQ((a ? b : a).error(), errc::enomem);
	});
	EXPECT_EQ(peer->advance(), progress::finished);
}

TEST_F(group_test, a_race_with_a_task_without_memory_does_not_begin)
{
	const auto write = writes("out");

	no_memory_for_the_second_frame();
	EXPECT_CALL(port, sock_send(_, _, _, _)).Times(0);
	serve([&](ktcp::connection &peer) -> task {
		const auto first = co_await ktcp::race(write(peer), write(peer));

		EXPECT_EQ(first.error(), errc::enomem);
	});
	EXPECT_EQ(peer->advance(), progress::finished);
}

TEST_F(group_test, without_memory_to_wait_none_begins)
{
	const auto write = writes("out");

	EXPECT_CALL(port, kmalloc(_, _)).Times(testing::AnyNumber());
	EXPECT_CALL(port, kmalloc(sizeof(ktcp::detail::sources), KTCP_GFP_KERNEL))
		.Times(2)
		.WillRepeatedly(Return(nullptr));
	EXPECT_CALL(port, sock_send(_, _, _, _)).Times(0);
	serve([&](ktcp::connection &peer) -> task {
		auto [a, b] = co_await ktcp::all(write(peer), write(peer));

		EXPECT_EQ(a.error(), errc::enomem);
		EXPECT_EQ(b.error(), errc::enomem);

		const auto first = co_await ktcp::race(write(peer), write(peer));

		EXPECT_EQ(first.error(), errc::enomem);
	});
	EXPECT_EQ(peer->advance(), progress::finished);
}

/* Both are told, in one turn. */
TEST_F(group_test, once_ended_each_that_waits_is_told)
{
	const auto read = reads();
	const auto write = writes("out");

	EXPECT_CALL(port, sock_recv(_, _, _)).WillOnce(Return(-EAGAIN));
	EXPECT_CALL(port, sock_send(_, _, _, _)).WillOnce(Return(-EAGAIN));
	serve([&](ktcp::connection &peer) -> task {
		auto [in, out] = co_await ktcp::all(read(peer), write(peer));

		EXPECT_EQ(*in, 0u);
		EXPECT_EQ(out.error(), errc::eshutdown);
		said += '.';
	});
	EXPECT_EQ(peer->advance(), progress::waiting);
	peer->end(errc::eshutdown);
	EXPECT_EQ(peer->advance(), progress::finished);
	EXPECT_EQ(said, "rw.");
}

TEST_F(group_test, closed_while_all_wait)
{
	const auto read = reads();
	const auto write = writes("out");

	EXPECT_CALL(port, sock_recv(_, _, _)).WillOnce(Return(-EAGAIN));
	EXPECT_CALL(port, sock_send(_, _, _, _)).WillOnce(Return(-EAGAIN));
	serve([&](ktcp::connection &peer) -> task {
		auto [in, out] = co_await ktcp::all(read(peer), write(peer));

		ADD_FAILURE() << in.has_value() << out.has_value();
	});
	EXPECT_EQ(peer->advance(), progress::waiting);
	close();
	EXPECT_EQ(said.size(), 2u);
}

/* Each that asked to sleep does, in the order that they asked. */
TEST_F(group_test, several_ask_to_sleep)
{
	const auto sleeps = [this](ktcp::connection &peer, char name) -> task_of<void> {
		KTCP_CO_CHECK(co_await peer.may_sleep());
		said += name;
		co_return ktcp::result<void>();
	};

	serve([&](ktcp::connection &peer) -> task {
		auto [a, b, c] = co_await ktcp::all(sleeps(peer, 'a'), sleeps(peer, 'b'),
						    sleeps(peer, 'c'));

		EXPECT_TRUE(a && b && c);
	});
	EXPECT_EQ(peer->advance(), progress::asked_to_sleep);
	EXPECT_EQ(said, "");
	EXPECT_EQ(peer->advance(), progress::finished);
	EXPECT_EQ(said, "abc");
}

/* One that has used up the turn's share does not keep the other from being asked again. */
TEST_F(group_test, they_share_a_turn)
{
	const auto busy = [](ktcp::connection &peer) -> task_of<int> {
		int rounds = 0;

		while (rounds < 100 && co_await peer.write("x"))
			rounds++;
		co_return rounds;
	};
	const auto read = reads();

	EXPECT_CALL(port, sock_send(_, _, _, _)).WillRepeatedly(Return(1));
	EXPECT_CALL(port, sock_recv(_, _, _)).WillOnce(receive("in")).WillRepeatedly(Return(0));
	serve([&](ktcp::connection &peer) -> task {
		auto [rounds, got] = co_await ktcp::all(busy(peer), read(peer));

		EXPECT_EQ(*rounds, 100);
		EXPECT_EQ(*got, 2u);
	});
	EXPECT_EQ(peer->advance(), progress::yielded);
	EXPECT_EQ(peer->advance(), progress::finished);
	EXPECT_EQ(peer->moved().exhausted, 1u);
}
