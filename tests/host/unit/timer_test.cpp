// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* ktcp/timer.hpp: sleeping, and operations that have so long and no longer. */
#include <ktcp/timer.hpp>

#include <cerrno>
#include <string>

#include <ktcp/event.hpp>
#include <ktcp/group.hpp>

#include "served.hpp"

using ktcp::errc;
using ktcp::sleep_for;
using ktcp::task;
using ktcp::task_of;
using ktcp::within;
using testing::_;
using testing::AnyNumber;
using testing::Return;

static_assert(std::is_trivially_destructible_v<ktcp::detail::sleep_operation>);
static_assert(std::is_trivially_destructible_v<ktcp::detail::within_task<int>>);

namespace
{

class timer_test : public served {
    protected:
	void nothing_comes()
	{
		EXPECT_CALL(port, sock_recv(_, _, _)).WillRepeatedly(Return(-EAGAIN));
	}

	task_of<int> reads(ktcp::connection &from)
	{
		const alive here(living);
		const auto got = co_await from.read();

		co_return got ? 1 : 0;
	}

	static ktcp::task_of<void> reads_all(ktcp::connection &from)
	{
		while (const auto got = co_await from.read())
			;
		co_return ktcp::result<void>();
	}
};

} // namespace

TEST_F(timer_test, sleeps_so_long_and_not_less)
{
	serve([this](ktcp::connection &peer) -> task {
		EXPECT_TRUE(co_await sleep_for(peer, 100));
		said += "up";
	});
	EXPECT_EQ(peer->advance(), progress::waiting);
	EXPECT_EQ(peer->next_timer_ms(), ktcp_now_ms() + 100);
	EXPECT_EQ(later(99), progress::waiting);
	EXPECT_EQ(said, "");
	EXPECT_EQ(later(1), progress::finished);
	EXPECT_EQ(said, "up");
}

TEST_F(timer_test, the_next_one_is_first)
{
	const auto sleeps = [this](ktcp::connection &peer, unsigned int ms,
				   char name) -> task_of<void> {
		KTCP_CO_CHECK(co_await sleep_for(peer, ms));
		said += name;
		co_return ktcp::result<void>();
	};

	serve([&](ktcp::connection &peer) -> task {
		auto [a, b, c, d] = co_await ktcp::all(sleeps(peer, 30, 'a'), sleeps(peer, 10, 'b'),
						       sleeps(peer, 30, 'c'),
						       sleeps(peer, 20, 'd'));

		EXPECT_TRUE(a && b && c && d);
	});
	EXPECT_EQ(peer->advance(), progress::waiting);
	EXPECT_EQ(later(10), progress::waiting);
	EXPECT_EQ(said, "b");
	EXPECT_EQ(later(20), progress::finished);
	EXPECT_EQ(said, "bdac");
}

/* Others are not kept waiting by who sleeps for no time, again and again. */
TEST_F(timer_test, no_time_at_all_is_a_turn_s_end_now_and_then)
{
	serve([](ktcp::connection &peer) -> task {
		for (int i = 0; i < 3000; i++)
			static_cast<void>(co_await sleep_for(peer, 0));
	});
	EXPECT_EQ(peer->advance(), progress::yielded);
	EXPECT_EQ(peer->advance(), progress::yielded);
	EXPECT_EQ(peer->advance(), progress::finished);
}

TEST_F(timer_test, more_than_there_is_time_is_the_longest)
{
	serve([](ktcp::connection &peer) -> task {
		static_cast<void>(co_await sleep_for(peer, UINT_MAX));
	});
	EXPECT_EQ(peer->advance(), progress::waiting);
	EXPECT_EQ(peer->next_timer_ms(), ktcp_now_ms() + INT32_MAX);
}

TEST_F(timer_test, a_sleeper_is_told_of_the_end)
{
	serve([this](ktcp::connection &peer) -> task {
		auto slept = co_await sleep_for(peer, 1000);

		EXPECT_EQ(slept.error(), errc::eshutdown);
		slept = co_await sleep_for(peer, 1000);
		EXPECT_EQ(slept.error(), errc::eshutdown);
		said += "told";
	});
	EXPECT_EQ(peer->advance(), progress::waiting);
	peer->end(errc::eshutdown);
	EXPECT_EQ(peer->advance(), progress::finished);
	EXPECT_EQ(said, "told");
}

/* Sixteen times, as of every operation. */
TEST_F(timer_test, one_that_does_not_listen_is_not_told_for_ever)
{
	int told = 0;

	serve([&](ktcp::connection &peer) -> task {
		for (;; told++)
			static_cast<void>(co_await sleep_for(peer, 10));
	});
	peer->end(errc::eshutdown);
	EXPECT_EQ(peer->advance(), progress::finished);
	EXPECT_EQ(told, 16);
}

TEST_F(timer_test, without_memory_it_is_enomem_at_once)
{
	EXPECT_CALL(port, kmalloc(_, _)).Times(AnyNumber());
	EXPECT_CALL(port, kmalloc(sizeof(ktcp::detail::sources), _)).WillRepeatedly(Return(nullptr));
	serve([this](ktcp::connection &peer) -> task {
		const auto slept = co_await sleep_for(peer, 10);
		const auto got = co_await within(peer, 10, peer.read());
		const auto task = co_await within(peer, 10, reads(peer));

		EXPECT_EQ(slept.error(), errc::enomem);
		EXPECT_EQ(got.error(), errc::enomem);
		EXPECT_EQ(task.error(), errc::enomem);
	});
	EXPECT_EQ(peer->advance(), progress::finished);
}

TEST_F(timer_test, what_comes_in_time_is_had)
{
	EXPECT_CALL(port, sock_recv(_, _, _)).WillOnce(Return(-EAGAIN)).WillOnce(receive("text"));
	serve([this](ktcp::connection &peer) -> task {
		const auto got = co_await within(peer, 100, peer.read());

		said += text(*got);
	});
	EXPECT_EQ(peer->advance(), progress::waiting);
	EXPECT_EQ(later(99), progress::finished);
	EXPECT_EQ(said, "text");
	EXPECT_EQ(peer->next_timer_ms(), UINT64_MAX) << "it is cancelled";
}

TEST_F(timer_test, what_does_not_is_waited_for_no_more)
{
	nothing_comes();
	serve([this](ktcp::connection &peer) -> task {
		const auto got = co_await within(peer, 100, peer.read());

		EXPECT_FALSE(got);
		EXPECT_EQ(got.error(), errc::etimedout);
		said += "late";

		/* The slot is free. */
		const auto line = co_await within(peer, 100, peer.read_line(10));

		EXPECT_EQ(line.error(), errc::etimedout);
		said += ", later";
	});
	EXPECT_EQ(peer->advance(), progress::waiting);
	EXPECT_EQ(later(100), progress::waiting);
	EXPECT_EQ(said, "late");
	EXPECT_EQ(later(100), progress::finished);
	EXPECT_EQ(said, "late, later");
}

/* Bytes and the deadline come at once: the bytes win. */
TEST_F(timer_test, what_is_there_at_the_deadline_is_had)
{
	EXPECT_CALL(port, sock_recv(_, _, _)).WillOnce(Return(-EAGAIN)).WillOnce(receive("just"));
	serve([this](ktcp::connection &peer) -> task {
		const auto got = co_await within(peer, 100, peer.read());

		said += text(*got);
	});
	EXPECT_EQ(peer->advance(), progress::waiting);
	EXPECT_EQ(later(100), progress::finished);
	EXPECT_EQ(said, "just");
}

TEST_F(timer_test, without_time_only_what_is_there_is_had)
{
	EXPECT_CALL(port, sock_recv(_, _, _)).WillOnce(receive("here")).WillOnce(Return(-EAGAIN));
	serve([this](ktcp::connection &peer) -> task {
		const auto here = co_await within(peer, 0, peer.read());
		const auto not_here = co_await within(peer, 0, peer.read());

		said += text(*here);
		EXPECT_EQ(not_here.error(), errc::etimedout);
	});
	EXPECT_EQ(peer->advance(), progress::finished);
	EXPECT_EQ(said, "here");
}

/* A turn whose share is used up tries nothing more. The next does. */
TEST_F(timer_test, without_time_it_is_tried_though_the_share_is_used_up)
{
	int reads = 0;

	EXPECT_CALL(port, sock_recv(_, _, _)).WillRepeatedly(receive("x"));
	serve([&](ktcp::connection &peer) -> task {
		while (const auto got = co_await within(peer, 0, peer.read()))
			if (++reads == 200)
				break;
	});
	while (peer->advance() == progress::yielded)
		;
	EXPECT_EQ(reads, 200);
}

/* Also behind others who use up the share of each turn. */
TEST_F(timer_test, without_time_it_is_tried_though_others_use_up_every_share)
{
	struct work {
		static ktcp::task_of<void> writes_one(ktcp::connection &peer, std::string &said)
		{
			const auto sent = co_await within(peer, 0, peer.write("x"));

			said = sent ? "sent" : "late";
			co_return sent;
		}
	};

	EXPECT_CALL(port, sock_recv(_, _, _)).WillRepeatedly(receive("x"));
	EXPECT_CALL(port, sock_send(_, _, 1, _)).WillOnce(Return(1));
	serve([this](ktcp::connection &peer) -> task {
		static_cast<void>(co_await ktcp::all(reads_all(peer), work::writes_one(peer, said)));
	});
	EXPECT_EQ(peer->advance(), progress::yielded);
	EXPECT_EQ(said, "");
	EXPECT_EQ(later(1), progress::yielded);
	EXPECT_EQ(said, "sent");
}

/* The same of a task. */
TEST_F(timer_test, without_time_a_task_is_tried_though_the_share_is_used_up)
{
	int count = 0;

	EXPECT_CALL(port, sock_recv(_, _, _)).WillRepeatedly(receive("x"));
	serve([&](ktcp::connection &peer) -> task {
		while (const auto got = co_await within(peer, 0, reads(peer)))
			if (++count == 200)
				break;
	});
	while (peer->advance() == progress::yielded)
		;
	EXPECT_EQ(count, 200);
}

/* Nor does a turn that may not sleep end the sending. */
TEST_F(timer_test, without_time_it_is_tried_where_it_may_be)
{
	const auto pages = std::move(*ktcp::softirq_pages::create());

	EXPECT_CALL(port, sock_shutdown(_, KTCP_SHUT_WR)).WillOnce(Return(0));
	serve([this](ktcp::connection &peer) -> task {
		EXPECT_TRUE(co_await within(peer, 0, peer.finish_sending()));
		said = "sent";
	});
	EXPECT_EQ(peer->advance_in_softirq(pages), progress::needs_process);
	EXPECT_EQ(peer->advance(), progress::finished);
	EXPECT_EQ(said, "sent");
}

/* Also where that turn is known to be needed only once it is tried. */
TEST_F(timer_test, without_time_it_is_tried_where_it_may_be_though_others_use_up_every_share)
{
	struct work {
		static ktcp::task_of<void> finishes(ktcp::connection &peer, std::string &said)
		{
			const auto sent = co_await within(peer, 0, peer.finish_sending());

			said = sent ? "sent" : "late";
			co_return sent;
		}
	};

	const auto pages = std::move(*ktcp::softirq_pages::create());

	EXPECT_CALL(port, sock_softirq_recv(_, _, _)).WillRepeatedly(receive("x"));
	EXPECT_CALL(port, sock_recv(_, _, _)).WillRepeatedly(receive("x"));
	EXPECT_CALL(port, sock_shutdown(_, KTCP_SHUT_WR)).WillOnce(Return(0));
	serve([this](ktcp::connection &peer) -> task {
		static_cast<void>(co_await ktcp::all(reads_all(peer), work::finishes(peer, said)));
	});
	EXPECT_EQ(peer->advance_in_softirq(pages), progress::yielded);
	port.fake.advance_ms(1);
	EXPECT_EQ(peer->advance_in_softirq(pages), progress::needs_process);
	EXPECT_EQ(said, "");
	EXPECT_EQ(later(1), progress::yielded);
	EXPECT_EQ(said, "sent");
}

TEST_F(timer_test, a_task_that_is_late_is_destroyed_where_it_waits)
{
	nothing_comes();
	serve([this](ktcp::connection &peer) -> task {
		const auto got = co_await within(peer, 100, reads(peer));

		EXPECT_EQ(got.error(), errc::etimedout);
		EXPECT_EQ(living, 0);
		said += "late";
		static_cast<void>(co_await peer.read());
	});
	EXPECT_EQ(peer->advance(), progress::waiting);
	EXPECT_EQ(living, 1);
	EXPECT_EQ(later(100), progress::waiting);
	EXPECT_EQ(said, "late");
}

TEST_F(timer_test, a_task_that_is_in_time_gives_its_value)
{
	EXPECT_CALL(port, sock_recv(_, _, _)).WillOnce(Return(-EAGAIN)).WillOnce(receive("x"));
	serve([this](ktcp::connection &peer) -> task {
		const auto got = co_await within(peer, 100, reads(peer));

		EXPECT_EQ(*got, 1);
		said += "in time";
	});
	EXPECT_EQ(peer->advance(), progress::waiting);
	EXPECT_EQ(later(10), progress::finished);
	EXPECT_EQ(said, "in time");
}

/* The inner deadline and the outer one in the same turn: each is told once. */
TEST_F(timer_test, deadlines_within_deadlines)
{
	nothing_comes();

	const auto inner = [this](ktcp::connection &peer) -> task_of<int> {
		const alive here(living);
		const auto got = co_await within(peer, 100, reads(peer));

		said += got.error() == errc::etimedout ? "inner " : "? ";
		static_cast<void>(co_await sleep_for(peer, 1000));
		co_return 1;
	};

	serve([&](ktcp::connection &peer) -> task {
		const auto got = co_await within(peer, 100, inner(peer));

		EXPECT_EQ(got.error(), errc::etimedout);
		EXPECT_EQ(living, 0);
		said += "outer";
	});
	EXPECT_EQ(peer->advance(), progress::waiting);
	EXPECT_EQ(living, 2);
	EXPECT_EQ(later(100), progress::finished);
	EXPECT_EQ(said.substr(said.size() - 5), "outer");
}

TEST_F(timer_test, the_loser_of_a_race_sleeps_no_more)
{
	const auto sleeps = [](ktcp::connection &peer, unsigned int ms) -> task_of<void> {
		co_return co_await sleep_for(peer, ms);
	};

	serve([&](ktcp::connection &peer) -> task {
		const auto first = co_await ktcp::race(sleeps(peer, 1000), sleeps(peer, 10));

		EXPECT_EQ(*first, 1u);
		EXPECT_TRUE(co_await sleep_for(peer, 5));
	});
	EXPECT_EQ(peer->advance(), progress::waiting);
	EXPECT_EQ(later(10), progress::waiting);
	EXPECT_EQ(peer->next_timer_ms(), ktcp_now_ms() + 5);
	EXPECT_EQ(later(5), progress::finished);
}

TEST_F(timer_test, closed_while_it_sleeps)
{
	nothing_comes();
	serve([this](ktcp::connection &peer) -> task {
		static_cast<void>(co_await within(peer, 100, reads(peer)));
	});
	EXPECT_EQ(peer->advance(), progress::waiting);
	close();
	EXPECT_EQ(living, 0);
}
