// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * ktcp/engine/event_driven.hpp, for handlers that never sleep: where a turn is taken, and what is
 * left to the work item. The claim itself is event_driven_test.cpp's, and which place has room
 * cpu_turns_test.cpp's.
 */
#include <ktcp/engine/softirq.hpp>

#include <cerrno>
#include <string>

#include "support.hpp"

using ktcp::errc;
using testing::_;
using testing::AnyNumber;
using testing::InSequence;
using testing::Mock;
using testing::Return;

namespace
{

constexpr unsigned int in_softirq = KTCP_SOCK_READABLE | KTCP_SOCK_SOFTIRQ;

class softirq_test : public session_test {
    protected:
	std::string got;

	softirq_test()
	{
		handle = [this](ktcp::connection &peer) -> ktcp::task {
			while (auto received = co_await peer.read())
				got += text(*received);
		};
		use(ktcp::softirq::table, 0, true);
	}

	/* A connection that has had its first look and waits. */
	::socket *add_waiting()
	{
		::socket *const raw = add();

		EXPECT_EQ(port.fake.run_all(), 1u);
		return raw;
	}

	void announce(::socket *raw, unsigned int events)
	{
		port.fake.announce(raw, events);
	}
};

} // namespace

static_assert(std::string_view(ktcp::softirq::table.name) == "softirq");
static_assert(std::string_view(ktcp::event_driven::table.name) == "event");

/* Another name, and nothing else. So the guests and the simulation try event for both. */
static_assert([] {
	const auto &[name, size, blocks, most, in_softirq, construct, start, wake, look,
		     destroy] = ktcp::softirq::table;
	constexpr const ktcp::model &event = ktcp::event_driven::table;

	return size == event.session_size && blocks == event.blocks && most == event.most &&
	       in_softirq == event.in_softirq && construct == event.construct &&
	       start == event.start && wake == event.wake && look == event.look &&
	       destroy == event.destroy && in_softirq && !blocks;
}());

TEST_F(softirq_test, the_first_turn_is_the_drains)
{
	EXPECT_CALL(port, queue_work(_, _, _)).Times(0);

	::socket *const raw = add();

	announce(raw, in_softirq); /* early: it is claimed already */
	EXPECT_EQ(got, "");

	InSequence order;

	EXPECT_CALL(port, sock_trylock_bh(raw));
	EXPECT_CALL(port, sock_softirq_recv(_, _, _))
		.WillOnce(receive("x"))
		.WillOnce(Return(-EAGAIN));
	EXPECT_CALL(port, sock_unlock_bh(_));
	EXPECT_EQ(port.fake.run_all(), 1u);
	EXPECT_EQ(got, "x");
	Mock::VerifyAndClearExpectations(&port);
}

TEST_F(softirq_test, goes_on_where_the_bytes_arrive)
{
	::socket *const raw = add_waiting();

	EXPECT_CALL(port, sock_softirq_recv(raw, _, _))
		.WillOnce(receive("one"))
		.WillOnce(Return(-EAGAIN));
	EXPECT_CALL(port, sock_recv(_, _, _)).Times(0);
	EXPECT_CALL(port, sock_trylock_bh(_)).Times(0); /* TCP holds it */
	EXPECT_CALL(port, queue_work(_, _, _)).Times(0);
	announce(raw, in_softirq);
	EXPECT_EQ(got, "one");
	EXPECT_EQ(port.fake.run_all(), 0u);
}

TEST_F(softirq_test, without_the_lock_the_drain_does)
{
	::socket *const raw = add_waiting();

	EXPECT_CALL(port, sock_softirq_recv(_, _, _))
		.WillOnce(receive("two"))
		.WillOnce(Return(-EAGAIN));
	EXPECT_CALL(port, queue_work(_, _, _)).Times(0);
	announce(raw, KTCP_SOCK_READABLE);
	EXPECT_EQ(got, "");
	EXPECT_EQ(port.fake.run_all(), 1u);
	EXPECT_EQ(got, "two");
}

TEST_F(softirq_test, where_a_process_owns_the_socket_the_work_item_does)
{
	::socket *const raw = add_waiting();

	EXPECT_CALL(port, sock_trylock_bh(raw)).WillOnce(Return(nullptr));
	EXPECT_CALL(port, sock_softirq_recv(_, _, _)).Times(0);
	EXPECT_CALL(port, sock_recv(_, _, _)).WillOnce(receive("two")).WillOnce(Return(-EAGAIN));
	EXPECT_CALL(port, queue_work(_, _, _)).Times(1);
	announce(raw, KTCP_SOCK_READABLE);
	EXPECT_EQ(port.fake.run_all(), 2u);
	EXPECT_EQ(got, "two");
}

/* Another CPU that has news again and again keeps this one for some turns, and the thread has the rest. */
TEST_F(softirq_test, turns_in_a_row_are_bounded)
{
	::socket *const raw = add_waiting();
	unsigned int turns = 0;

	EXPECT_CALL(port, sock_softirq_recv(raw, _, _))
		.WillRepeatedly([&](::socket *, void *, std::size_t) -> long {
			if (++turns < 1000)
				announce(raw, KTCP_SOCK_READABLE);
			return -EAGAIN;
		});
	announce(raw, in_softirq);
	EXPECT_EQ(turns, 8u);
	EXPECT_TRUE(port.fake.run_one());
	EXPECT_EQ(turns, 16u);
	port.fake.run_all();
	EXPECT_EQ(turns, 1000u) << "none is lost";
}

TEST_F(softirq_test, behind_others_that_are_ready_it_waits)
{
	::socket *const first = add_waiting();
	::socket *const second = add_waiting();

	announce(first, KTCP_SOCK_READABLE);
	EXPECT_CALL(port, sock_softirq_recv(_, _, _)).Times(0);
	announce(second, in_softirq);
	Mock::VerifyAndClearExpectations(&port);

	InSequence order;

	EXPECT_CALL(port, sock_softirq_recv(first, _, _)).WillOnce(Return(-EAGAIN));
	EXPECT_CALL(port, sock_softirq_recv(second, _, _)).WillOnce(Return(-EAGAIN));
	EXPECT_EQ(port.fake.run_all(), 1u);
}

TEST_F(softirq_test, never_resumes_a_running_turn)
{
	::socket *const raw = add_waiting();
	int depth = 0;

	/* In our own send or receive TCP calls back; on another CPU so does the next packet. */
	EXPECT_CALL(port, sock_softirq_recv(raw, _, _))
		.WillOnce([&](::socket *sock, void *buffer, std::size_t size) {
			EXPECT_EQ(depth++, 0);
			announce(raw, in_softirq);
			depth--;
			return receive("first")(sock, buffer, size);
		})
		.WillOnce(Return(-EAGAIN))
		.WillOnce(Return(-EAGAIN));
	announce(raw, in_softirq);
	EXPECT_EQ(got, "first");
}

TEST_F(softirq_test, a_used_up_share_goes_behind_the_others)
{
	::socket *const raw = add_waiting();

	EXPECT_CALL(port, sock_softirq_recv(_, _, _)).Times(8).WillRepeatedly(receive("x"));
	EXPECT_CALL(port, queue_work(_, _, _)).Times(0);
	announce(raw, in_softirq);
	announce(raw, in_softirq); /* it has the claim: nothing happens here */
	EXPECT_EQ(got.size(), 8u);
	Mock::VerifyAndClearExpectations(&port);
	EXPECT_CALL(port, sock_softirq_recv(_, _, _))
		.WillOnce(receive("y"))
		.WillRepeatedly(Return(-EAGAIN));
	EXPECT_EQ(port.fake.run_all(), 1u);
	EXPECT_EQ(got, "xxxxxxxxy");
}

/* The last credit of a share that is spent on the last bytes is no sign that there are more. */
TEST_F(softirq_test, a_share_that_just_sufficed_is_not_used_up)
{
	::socket *const raw = add_waiting();

	EXPECT_CALL(port, sock_softirq_recv(_, _, _)).Times(8).WillRepeatedly(receive("x"));
	EXPECT_CALL(port, sock_readable(raw))
		.Times(9)
		.WillOnce(Return(true))
		.WillOnce(Return(true))
		.WillOnce(Return(true))
		.WillOnce(Return(true))
		.WillOnce(Return(true))
		.WillOnce(Return(true))
		.WillOnce(Return(true))
		.WillOnce(Return(true))
		.WillOnce(Return(false));
	announce(raw, in_softirq);
	EXPECT_EQ(port.fake.run_all(), 0u);
	EXPECT_EQ(table->count_all().moved.exhausted, 0u);
}

TEST_F(softirq_test, a_turn_that_needs_process_context_has_used_no_share_up)
{
	::socket *const raw = add_waiting();

	EXPECT_CALL(port, sock_softirq_recv(_, _, _)).WillOnce(Return(-EINPROGRESS));
	EXPECT_CALL(port, sock_recv(_, _, _)).WillOnce(receive("urgent")).WillOnce(Return(-EAGAIN));
	EXPECT_CALL(port, queue_work(_, table->use().queue.raw(), _)).Times(1);
	announce(raw, in_softirq);
	EXPECT_EQ(port.fake.run_all(), 1u);
	EXPECT_EQ(got, "urgent");
	EXPECT_EQ(table->count_all().moved.exhausted, 0u);
}

/* Where nothing may sleep, want of memory says little: only the work item's want ends anything. */
TEST_F(softirq_test, without_memory_to_receive_into_the_work_item_does)
{
	std::string sent;

	handle = [](ktcp::connection &peer) -> ktcp::task {
		while (auto received = co_await peer.read())
			static_cast<void>(co_await peer.write(*received));
	};

	::socket *const raw = add_waiting();

	EXPECT_CALL(port, page_pool_get(_, KTCP_GFP_ATOMIC)).WillOnce(Return(nullptr));
	EXPECT_CALL(port, page_pool_get(_, KTCP_GFP_KERNEL)).Times(AnyNumber());
	EXPECT_CALL(port, sock_softirq_recv(_, _, _)).Times(0);
	EXPECT_CALL(port, sock_recv(_, _, _)).WillOnce(receive("ping")).WillOnce(Return(-EAGAIN));
	EXPECT_CALL(port, sock_send(raw, _, 4, _)).WillOnce(take(sent, 4));
	announce(raw, in_softirq);
	EXPECT_EQ(port.fake.run_all(), 1u);
	EXPECT_EQ(sent, "ping");
	EXPECT_EQ(sessions(), 1u);
}

TEST_F(softirq_test, without_memory_to_read_more_into_the_work_item_does)
{
	handle = [this](ktcp::connection &peer) -> ktcp::task {
		auto held = co_await peer.read();

		held.remove_prefix(4095);

		const auto more = co_await peer.read_more(held);

		EXPECT_TRUE(more && *more == 1);
		got = text(*held);
		static_cast<void>(co_await peer.read());
	};

	::socket *const raw = add_waiting();

	EXPECT_CALL(port, page_pool_get(_, KTCP_GFP_ATOMIC))
		.WillOnce(
			[this](auto *pool, auto gfp) { return port.fake.page_pool_get(pool, gfp); })
		.WillOnce(Return(nullptr));
	EXPECT_CALL(port, page_pool_get(_, KTCP_GFP_KERNEL)).Times(AnyNumber());
	EXPECT_CALL(port, sock_softirq_recv(_, _, _)).WillOnce(receive(std::string(4096, 'x')));
	EXPECT_CALL(port, sock_recv(_, _, _)).WillOnce(receive("y")).WillOnce(Return(-EAGAIN));
	announce(raw, in_softirq);
	EXPECT_EQ(port.fake.run_all(), 1u);
	EXPECT_EQ(got, "xy");
}

TEST_F(softirq_test, without_memory_for_the_handler_the_work_item_begins)
{
	::socket *const raw = port.fake.new_socket();

	EXPECT_CALL(port, kmalloc(_, KTCP_GFP_KERNEL)).Times(AnyNumber());
	EXPECT_CALL(port, kmalloc(_, KTCP_GFP_ATOMIC)).WillOnce(Return(nullptr));
	EXPECT_CALL(port, sock_recv(_, _, _)).WillOnce(receive("x")).WillOnce(Return(-EAGAIN));
	EXPECT_TRUE(table->add(ktcp::socket(raw)));
	EXPECT_EQ(port.fake.run_all(), 2u);
	EXPECT_EQ(got, "x");
	ASSERT_EQ(sessions(), 1u);
	Mock::VerifyAndClearExpectations(&port);
	EXPECT_CALL(port, sock_softirq_recv(_, _, _))
		.WillOnce(receive("y"))
		.WillOnce(Return(-EAGAIN));
	announce(raw, in_softirq);
	EXPECT_EQ(got, "xy");
}

TEST_F(softirq_test, a_handler_without_any_memory_ends_the_session)
{
	EXPECT_CALL(port, kmalloc(_, _)).Times(2).WillRepeatedly(Return(nullptr));
	add();
	EXPECT_EQ(port.fake.run_all(), 2u);
	EXPECT_EQ(sessions(), 0u);
	EXPECT_EQ(table->count_all().refused_memory, 1u);
}

/* The peer learns of it at once; the rest has time. */
TEST_F(softirq_test, the_end_is_sent_where_it_comes)
{
	::socket *const raw = add_waiting();
	InSequence order;

	EXPECT_CALL(port, sock_softirq_recv(_, _, _)).WillOnce(Return(0));
	EXPECT_CALL(port, sock_softirq_finish(raw));
	EXPECT_CALL(port, turns_later(_, false));
	EXPECT_CALL(port, queue_work(_, _, _)).Times(0);
	announce(raw, in_softirq);
	EXPECT_EQ(sessions(), 1u);

	/* It is claimed until the end: events in between begin no turn. */
	announce(raw, in_softirq);
	announce(raw, KTCP_SOCK_STATE);
	EXPECT_CALL(port, sock_unhook(raw, _));
	EXPECT_CALL(port, sock_hold_net(raw));
	EXPECT_CALL(port, sock_release(raw));
	EXPECT_EQ(port.fake.run_all(), 1u);
	EXPECT_EQ(sessions(), 0u);
}

/* There is more to its end than a FIN. */
TEST_F(softirq_test, an_end_by_reset_is_the_work_items)
{
	handle = [](ktcp::connection &peer) -> ktcp::task {
		static_cast<void>(co_await peer.read());
		peer.reset_at_end();
	};

	::socket *const raw = add_waiting();

	EXPECT_CALL(port, sock_softirq_recv(_, _, _)).WillOnce(receive("x"));
	EXPECT_CALL(port, sock_softirq_finish(_)).Times(0);
	EXPECT_CALL(port, turns_later(_, _)).Times(0);
	announce(raw, in_softirq);
	EXPECT_EQ(port.fake.queued(), 1u);
	EXPECT_CALL(port, sock_no_linger(raw));
	EXPECT_EQ(port.fake.run_all(), 1u);
	EXPECT_EQ(sessions(), 0u);
}

/* It was told to end: a slow peer has a second, which the work item sets. */
TEST_F(softirq_test, an_end_that_was_told_is_the_work_items)
{
	handle = [this](ktcp::connection &peer) -> ktcp::task {
		table->end_all(errc::eshutdown);
		static_cast<void>(co_await peer.read());
	};

	::socket *const raw = port.fake.new_socket();

	EXPECT_CALL(port, sock_softirq_finish(_)).Times(0);
	EXPECT_TRUE(table->add(ktcp::socket(raw)));
	EXPECT_CALL(port, sock_set_user_timeout(raw, 1000));
	EXPECT_EQ(port.fake.run_all(), 2u);
	EXPECT_EQ(sessions(), 0u);
}

TEST_F(softirq_test, finishing_to_send_is_the_work_items)
{
	handle = [](ktcp::connection &peer) -> ktcp::task {
		static_cast<void>(co_await peer.read());
		EXPECT_TRUE(co_await peer.finish_sending());
		static_cast<void>(co_await peer.read());
	};

	::socket *const raw = add_waiting();

	EXPECT_CALL(port, sock_softirq_recv(_, _, _)).WillOnce(receive("x"));
	EXPECT_CALL(port, sock_shutdown(_, _)).Times(0);
	announce(raw, in_softirq);
	Mock::VerifyAndClearExpectations(&port);
	EXPECT_CALL(port, sock_shutdown(raw, KTCP_SHUT_WR)).WillOnce(Return(0));
	EXPECT_CALL(port, sock_recv(_, _, _)).WillOnce(Return(-EAGAIN));
	EXPECT_EQ(port.fake.run_all(), 1u);
}

TEST_F(softirq_test, ending_is_the_work_items)
{
	add_waiting();
	EXPECT_CALL(port, sock_softirq_recv(_, _, _)).Times(0);
	table->end_all(errc::eshutdown);
	EXPECT_EQ(port.fake.run_all(), 1u);
	EXPECT_EQ(sessions(), 0u);
}

TEST_F(softirq_test, a_full_send_buffer_waits_for_room)
{
	handle = [](ktcp::connection &peer) -> ktcp::task {
		while (auto received = co_await peer.read())
			static_cast<void>(co_await peer.write(*received));
	};

	::socket *const raw = add_waiting();

	EXPECT_CALL(port, sock_softirq_recv(_, _, _))
		.WillOnce(receive("ping"))
		.WillOnce(Return(-EAGAIN));
	EXPECT_CALL(port, sock_softirq_send(raw, _, 4, _, _)).WillOnce(Return(-EAGAIN));
	announce(raw, in_softirq);
	EXPECT_EQ(port.fake.run_all(), 0u);
	EXPECT_EQ(buffers(), 1u);
	EXPECT_CALL(port, sock_softirq_send(raw, _, 4, _, table->use().pages.raw()))
		.WillOnce(Return(4));
	announce(raw, KTCP_SOCK_WRITABLE | KTCP_SOCK_SOFTIRQ);
	EXPECT_EQ(buffers(), 0u);
}

TEST_F(softirq_test, a_handler_that_asks_sleeps_in_process_context)
{
	int slept = 0;

	handle = [&](ktcp::connection &peer) -> ktcp::task {
		while (auto received = co_await peer.read()) {
			EXPECT_TRUE(co_await peer.may_sleep());
			slept++;
		}
	};

	::socket *const raw = add_waiting();

	EXPECT_CALL(port, sock_softirq_recv(_, _, _)).WillOnce(receive("x"));
	EXPECT_CALL(port, queue_work(-1, table->use().sleepers.usual.raw(), _)).Times(1);
	announce(raw, in_softirq);
	EXPECT_EQ(slept, 0);
	EXPECT_EQ(port.fake.run_all(), 1u);
	EXPECT_EQ(slept, 1);
	Mock::VerifyAndClearExpectations(&port);

	/* A handler that slept is likely to do so again, and is not begun in softirq. */
	EXPECT_CALL(port, sock_softirq_recv(_, _, _)).Times(0);
	EXPECT_CALL(port, sock_recv(_, _, _)).WillOnce(receive("x")).WillOnce(Return(-EAGAIN));
	EXPECT_CALL(port, queue_work(-1, table->use().sleepers.usual.raw(), _)).Times(1);
	announce(raw, in_softirq);
	EXPECT_EQ(port.fake.run_all(), 1u);
	EXPECT_EQ(slept, 2);
}
