// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * ktcp/engine/event_driven.hpp: which context may resume a connection, and that no event is lost
 * wherever it strikes.
 */
#include <ktcp/engine/event_driven.hpp>

#include <cerrno>
#include <string>

#include "support.hpp"

using ktcp::errc;
using ktcp::event_driven;
using testing::_;
using testing::AnyNumber;
using testing::InSequence;
using testing::Mock;
using testing::NotNull;
using testing::Return;

namespace
{

constexpr unsigned int operations_per_turn = 64;

class event_driven_test : public session_test {
    protected:
	std::string got;
	int ended = 0; /* the error that ended the handler, 0 for the end of the stream */

	event_driven_test()
	{
		handle = [this](ktcp::connection &peer) -> ktcp::task {
			for (;;) {
				auto received = co_await peer.read();

				if (!received) {
					ended = received.end_of_stream() ? 0 :
									   received.error().code();
					co_return;
				}
				got += text(*received);
			}
		};
		use(event_driven::table);
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

static_assert(!event_driven::table.blocks);
static_assert(std::string_view(event_driven::table.name) == "event");

TEST_F(event_driven_test, hooks_then_looks_once_regardless)
{
	::socket *const raw = port.fake.new_socket();
	InSequence order;

	raw->incoming_cpu = 3;
	EXPECT_CALL(port, sock_hook(raw, NotNull()));
	EXPECT_CALL(port, queue_work(3, table->use().queue.raw(), _));
	EXPECT_CALL(port, sock_recv(raw, _, _)).WillOnce(Return(-EAGAIN));
	EXPECT_TRUE(table->add(ktcp::socket(raw)));
	EXPECT_EQ(port.fake.run_all(), 1u);
	EXPECT_EQ(buffers(), 0u);
}

/* News that come again and again during the turns keep a worker for some of them: then others' items run. */
TEST_F(event_driven_test, turns_in_a_row_are_bounded)
{
	::socket *const raw = add_waiting();
	unsigned int turns = 0;

	EXPECT_CALL(port, sock_recv(raw, _, _))
		.WillRepeatedly([&](::socket *, void *, std::size_t) -> long {
			if (++turns < 1000)
				announce(raw, KTCP_SOCK_READABLE);
			return -EAGAIN;
		});
	announce(raw, KTCP_SOCK_READABLE);
	EXPECT_TRUE(port.fake.run_one());
	EXPECT_EQ(turns, 8u);
	port.fake.run_all();
	EXPECT_EQ(turns, 1000u) << "none is lost";
}

TEST_F(event_driven_test, does_not_follow_the_packets_on_an_unbound_queue)
{
	::socket *const raw = port.fake.new_socket();

	raw->incoming_cpu = 3;
	table->use().placement = ktcp::placement::anywhere;
	EXPECT_CALL(port, queue_work(-1, _, _));
	EXPECT_TRUE(table->add(ktcp::socket(raw)));
}

TEST_F(event_driven_test, stays_on_the_cpu_it_was_spread_to)
{
	table->use().placement = ktcp::placement::spread;
	EXPECT_CALL(port, next_online_cpu(-1, false)).WillOnce(Return(1));
	EXPECT_CALL(port, queue_work(1, _, _)).Times(2);

	::socket *const raw = add();

	raw->incoming_cpu = 1;
	EXPECT_EQ(port.fake.run_all(), 1u);
	announce(raw, KTCP_SOCK_READABLE);
	EXPECT_EQ(port.fake.run_all(), 1u);
}

TEST_F(event_driven_test, events_before_the_first_turn_do_not_queue_it_twice)
{
	::socket *const raw = port.fake.new_socket();

	/* One comes while the callbacks are being put in. */
	EXPECT_CALL(port, sock_hook(raw, _)).WillOnce([&](::socket *sock, auto *hook) {
		port.fake.sock_hook(sock, hook);
		announce(raw, KTCP_SOCK_READABLE);
	});
	EXPECT_CALL(port, queue_work(_, _, _)).Times(1);
	EXPECT_TRUE(table->add(ktcp::socket(raw)));
	announce(raw, KTCP_SOCK_READABLE | KTCP_SOCK_STATE);
	Mock::VerifyAndClearExpectations(&port);
}

TEST_F(event_driven_test, an_event_queues_a_turn_where_the_packet_was_handled)
{
	::socket *const raw = add_waiting();

	raw->incoming_cpu = 1;
	EXPECT_CALL(port, sock_recv(_, _, _)).WillOnce(receive("text")).WillOnce(Return(-EAGAIN));
	EXPECT_CALL(port, queue_work(1, _, _)).Times(1);
	announce(raw, KTCP_SOCK_READABLE);
	EXPECT_EQ(port.fake.run_all(), 1u);
	EXPECT_EQ(got, "text");
}

TEST_F(event_driven_test, many_events_make_one_turn)
{
	::socket *const raw = add_waiting();

	EXPECT_CALL(port, queue_work(_, _, _)).Times(1);
	for (int i = 0; i < 10; i++)
		announce(raw, KTCP_SOCK_READABLE);
	EXPECT_EQ(port.fake.run_all(), 1u);
}

TEST_F(event_driven_test, a_spurious_turn_changes_nothing)
{
	::socket *const raw = add_waiting();

	for (unsigned int events : { KTCP_SOCK_STATE, KTCP_SOCK_WRITABLE, KTCP_SOCK_READABLE }) {
		EXPECT_CALL(port, sock_recv(_, _, _)).WillOnce(Return(-EAGAIN));
		announce(raw, events);
		EXPECT_EQ(port.fake.run_all(), 1u);
		EXPECT_EQ(port.fake.queued(), 0u);
	}
	EXPECT_EQ(sessions(), 1u);
}

TEST_F(event_driven_test, an_event_during_the_turn_is_seen_by_it)
{
	::socket *const raw = add_waiting();

	EXPECT_CALL(port, queue_work(_, _, _)).Times(1);
	EXPECT_CALL(port, sock_recv(_, _, _))
		.WillOnce([&](auto...) {
			announce(raw, KTCP_SOCK_READABLE); /* from another CPU, or the backlog */
			return -EAGAIN;
		})
		.WillOnce(receive("just came"))
		.WillOnce(Return(-EAGAIN));
	announce(raw, KTCP_SOCK_READABLE);
	EXPECT_EQ(port.fake.run_all(), 1u);
	EXPECT_EQ(got, "just came");
}

TEST_F(event_driven_test, an_event_of_no_interest_during_the_turn_is_dropped)
{
	::socket *const raw = add_waiting();

	EXPECT_CALL(port, queue_work(_, _, _)).Times(1);
	EXPECT_CALL(port, sock_recv(_, _, _)).WillOnce([&](auto...) {
		announce(raw, KTCP_SOCK_WRITABLE);
		return -EAGAIN;
	});
	announce(raw, KTCP_SOCK_READABLE);
	EXPECT_EQ(port.fake.run_all(), 1u);
	Mock::VerifyAndClearExpectations(&port);
	/* It is not stuck for that. */
	EXPECT_CALL(port, sock_recv(_, _, _)).WillOnce(receive("x")).WillOnce(Return(-EAGAIN));
	announce(raw, KTCP_SOCK_READABLE);
	EXPECT_EQ(port.fake.run_all(), 1u);
	EXPECT_EQ(got, "x");
}

TEST_F(event_driven_test, room_announced_inside_the_send_is_seen)
{
	std::string sent;

	handle = [](ktcp::connection &peer) -> ktcp::task {
		static_cast<void>(co_await peer.write("hello"));
		static_cast<void>(co_await peer.read());
	};

	::socket *raw = nullptr;

	EXPECT_CALL(port, sock_send(_, _, _, _))
		.WillOnce([&](::socket *sock, auto...) {
			raw = sock;
			announce(sock, KTCP_SOCK_WRITABLE);
			return -EAGAIN;
		})
		.WillOnce(take(sent, 5));
	add();
	EXPECT_EQ(port.fake.run_all(), 1u);
	EXPECT_EQ(sent, "hello");
	EXPECT_NE(raw, nullptr);
}

TEST_F(event_driven_test, a_starved_connection_tries_again)
{
	handle = [](ktcp::connection &peer) -> ktcp::task {
		static_cast<void>(co_await peer.write("hello"));
	};
	/* As the kernel does: room is announced from inside the send that found no memory. */
	EXPECT_CALL(port, sock_send(_, _, _, _)).Times(2).WillRepeatedly([&](auto *sock, auto...) {
		announce(sock, KTCP_SOCK_WRITABLE);
		return -ENOBUFS;
	});
	add();
	EXPECT_EQ(port.fake.run_all(), 1u) << "no endless turn";
	Mock::VerifyAndClearExpectations(&port);
	EXPECT_EQ(sessions(), 1u);
	EXPECT_CALL(port, sock_send(_, _, _, _)).WillOnce(Return(5));
	elapse(200);
	EXPECT_EQ(sessions(), 0u);
}

TEST_F(event_driven_test, a_busy_connection_queues_itself_behind_the_others)
{
	unsigned int reads = 0;
	std::string order;

	EXPECT_CALL(port, sock_recv(_, _, _)).WillRepeatedly([&](auto *, void *buffer, auto) {
		reads++;
		*static_cast<char *>(buffer) = 'x';
		return 1L;
	});

	::socket *const busy = add();

	/* Somebody else's work, queued while the busy one runs. */
	struct other {
		std::string &order;
		ktcp::work<other> work{ *this, [](other &self) { self.order += "other"; } };
	} other{ order };

	EXPECT_TRUE(other.work.queue_on(table->use().queue));
	EXPECT_TRUE(port.fake.run_one());
	EXPECT_EQ(reads, operations_per_turn);
	EXPECT_EQ(port.fake.queued(), 2u);
	announce(busy, KTCP_SOCK_READABLE);
	EXPECT_EQ(port.fake.queued(), 2u) << "it kept the claim";
	EXPECT_TRUE(port.fake.run_one());
	EXPECT_EQ(order, "other");
	EXPECT_TRUE(port.fake.run_one());
	EXPECT_EQ(reads, 2 * operations_per_turn);
	Mock::VerifyAndClearExpectations(&port);
}

TEST_F(event_driven_test, unhooks_before_the_release)
{
	::socket *const raw = add_waiting();
	InSequence order;

	EXPECT_CALL(port, sock_recv(raw, _, _)).WillOnce(Return(0));
	EXPECT_CALL(port, sock_unhook(raw, NotNull()));
	EXPECT_CALL(port, sock_hold_net(raw));
	EXPECT_CALL(port, sock_release(raw));
	announce(raw, KTCP_SOCK_READABLE);
	EXPECT_EQ(port.fake.run_all(), 1u);
	EXPECT_EQ(ended, 0);
	EXPECT_EQ(sessions(), 0u);
	EXPECT_EQ(table->count(), 0u);
	EXPECT_EQ(port.fake.blocks(), blocks_);
}

TEST_F(event_driven_test, an_event_during_the_last_turn_queues_nothing)
{
	::socket *const raw = add_waiting();

	EXPECT_CALL(port, sock_recv(raw, _, _)).WillOnce(Return(0));
	EXPECT_CALL(port, sock_unhook(raw, _)).WillOnce([&](::socket *sock, auto *hook) {
		announce(sock, KTCP_SOCK_STATE);
		port.fake.sock_unhook(sock, hook);
	});
	EXPECT_CALL(port, queue_work(_, _, _)).Times(1);
	announce(raw, KTCP_SOCK_READABLE);
	EXPECT_EQ(port.fake.run_all(), 1u);
	EXPECT_EQ(port.fake.queued(), 0u);
}

TEST_F(event_driven_test, ending_wakes_an_idle_connection)
{
	add_waiting();
	table->end_all(errc::eshutdown);
	EXPECT_EQ(port.fake.run_all(), 1u);
	EXPECT_EQ(ended, -ESHUTDOWN);
	EXPECT_EQ(sessions(), 0u);
}

TEST_F(event_driven_test, ending_during_a_turn_is_seen_by_it)
{
	::socket *const raw = add_waiting();

	EXPECT_CALL(port, sock_recv(raw, _, _)).WillOnce([&](auto...) {
		table->end_all(errc::eshutdown);
		return -EAGAIN;
	});
	EXPECT_CALL(port, queue_work(_, _, _)).Times(1);
	announce(raw, KTCP_SOCK_READABLE);
	EXPECT_EQ(port.fake.run_all(), 1u);
	EXPECT_EQ(ended, -ESHUTDOWN);
}

TEST_F(event_driven_test, ending_before_the_first_turn)
{
	add();
	table->end_all(errc::eshutdown);
	EXPECT_CALL(port, sock_recv(_, _, _)).Times(0);
	EXPECT_EQ(port.fake.run_all(), 1u);
	EXPECT_EQ(ended, -ESHUTDOWN);
	EXPECT_EQ(sessions(), 0u);
}

TEST_F(event_driven_test, a_handler_without_memory_ends_the_session)
{
	EXPECT_CALL(port, kmalloc(_, _)).WillOnce(Return(nullptr));
	add();
	EXPECT_EQ(port.fake.run_all(), 1u);
	EXPECT_EQ(sessions(), 0u);
	EXPECT_EQ(port.fake.sockets(), 0u);
}

/*
 * The whole of the claim's logic: data arrives, with its callback, at each operation on an
 * atomic in turn. It is always read, and never by a turn inside another.
 */
TEST_F(event_driven_test, data_arriving_at_any_point_is_read)
{
	constexpr unsigned long points = 60;
	int struck = 0;

	for (unsigned long at = 1; at <= points; at++) {
		std::string available = "first";
		bool receiving = false;
		bool done = false;

		got.clear();

		::socket *const raw = add();
		const auto recv = [&](auto *, void *buffer, auto) -> long {
			EXPECT_FALSE(receiving);
			if (available.empty())
				return -EAGAIN;

			const auto size = available.size();

			std::memcpy(buffer, available.data(), size);
			available.clear();
			return static_cast<long>(size);
		};

		EXPECT_CALL(port, sock_recv(raw, _, _)).WillRepeatedly(recv);
		port.sched_points = 0;
		port.at_sched_point = [&] {
			if (done || port.sched_points != at)
				return;
			done = true;
			available += "second";
			announce(raw, KTCP_SOCK_READABLE);
		};
		announce(raw, KTCP_SOCK_READABLE);
		while (port.fake.run_one())
			;
		port.at_sched_point = nullptr;
		struck += done;
		EXPECT_EQ(got, done ? "firstsecond" : "first") << "at point " << at;
		table->end_all(errc::eshutdown);
		port.fake.run_all();
		Mock::VerifyAndClearExpectations(&port);
	}
	EXPECT_GE(struck, 8) << "too few points were tried to mean anything";
	EXPECT_LT(struck, static_cast<int>(points)) << "not every point was tried";
}

TEST_F(event_driven_test, sleeps_on_the_queue_for_that_and_nowhere_else)
{
	int slept = 0;

	handle = [&](ktcp::connection &peer) -> ktcp::task {
		while (auto received = co_await peer.read()) {
			/* A handler that slept is likely to do so again, and goes on there. */
			EXPECT_EQ(port.fake.last_queue, slept ? table->use().sleepers.usual.raw() :
								table->use().queue.raw());
			EXPECT_TRUE(co_await peer.may_sleep());
			EXPECT_EQ(port.fake.last_queue, table->use().sleepers.usual.raw());
			slept++;
		}
	};

	::socket *const raw = add_waiting();

	for (int i = 1; i <= 2; i++) {
		EXPECT_CALL(port, sock_recv(_, _, _))
			.WillOnce(receive("x"))
			.WillOnce(Return(-EAGAIN));
		announce(raw, KTCP_SOCK_READABLE);
		EXPECT_EQ(port.fake.run_all(), i == 1 ? 2u : 1u);
		EXPECT_EQ(slept, i);
		Mock::VerifyAndClearExpectations(&port);
	}
}

/* One source's sleepers have as many places as are left. Its others wait by themselves, and leave room for the next. */
TEST_F(event_driven_test, sleepers_of_one_source_leave_places_for_the_next)
{
	const auto most = static_cast<std::size_t>(ktcp::workqueue::most_active());
	auto &sleepers = table->use().sleepers;
	auto client = ktcp::endpoint::ipv4(10, 0, 0, 1, 80);
	std::size_t usual = 0, crowded = 0;

	ON_CALL(port, sock_remote(_, _)).WillByDefault([&](::socket *, ktcp_endpoint *out) {
		*out = client.raw();
		return 0;
	});
	ON_CALL(port, queue_work(_, _, _))
		.WillByDefault([&](int cpu, workqueue_struct *queue, work_struct *item) {
			usual += queue == sleepers.usual.raw();
			crowded += queue == sleepers.crowded.raw();
			return port.fake.queue_work(cpu, queue, item);
		});
	handle = [](ktcp::connection &peer) -> ktcp::task {
		EXPECT_TRUE(co_await peer.may_sleep());
		static_cast<void>(co_await peer.read());
	};

	/* Many of one source, and then one of another. Their first turns ask to sleep, before any has slept. */
	const auto ask = [&](std::size_t many) {
		usual = crowded = 0;
		client = ktcp::endpoint::ipv4(10, 0, 0, 1, 80);
		for (std::size_t i = 0; i < many; i++)
			add();
		client = ktcp::endpoint::ipv4(10, 0, 0, 2, 80);
		add();
		for (std::size_t i = 0; i < many + 1; i++)
			ASSERT_TRUE(port.fake.run_one());
	};

	/* Twice: those that have slept leave their places, an eighth for any and half of the others. */
	const std::size_t of_one = most / 8 + (most - most / 8) / 2;

	for (int round = 0; round < 2; round++) {
		ask(of_one + 10);
		EXPECT_EQ(usual, of_one + 1) << "and the other source's";
		EXPECT_EQ(crowded, 10u);
		port.fake.run_all();
	}
	/* As with max_per_source=0. */
	sleepers.give_shares(false);
	ask(most);
	EXPECT_EQ(usual, most + 1);
	EXPECT_EQ(crowded, 0u);
	port.fake.run_all();
}

TEST_F(event_driven_test, an_event_while_it_moves_to_sleep_does_not_run_it_twice)
{
	handle = [](ktcp::connection &peer) -> ktcp::task {
		static_cast<void>(co_await peer.may_sleep());
		static_cast<void>(co_await peer.read());
	};

	::socket *const raw = port.fake.new_socket();

	EXPECT_CALL(port, queue_work(_, table->use().queue.raw(), _)).Times(1);
	EXPECT_CALL(port, queue_work(-1, table->use().sleepers.usual.raw(), _))
		.WillOnce([&](int cpu, workqueue_struct *queue, work_struct *item) {
			const bool queued = port.fake.queue_work(cpu, queue, item);

			announce(raw, KTCP_SOCK_READABLE | KTCP_SOCK_STATE);
			return queued;
		});
	EXPECT_TRUE(table->add(ktcp::socket(raw)));
	port.fake.run_all();
	Mock::VerifyAndClearExpectations(&port);
}

TEST_F(event_driven_test, a_deadline_that_is_over_is_an_event)
{
	handle = [this](ktcp::connection &peer) -> ktcp::task {
		peer.expires_after(10);
		ended = (co_await peer.read()).error().code();
	};
	add_waiting();
	elapse(9);
	EXPECT_EQ(ended, 0);
	elapse(65);
	EXPECT_EQ(ended, -ETIMEDOUT);
}
