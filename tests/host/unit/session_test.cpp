// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * ktcp/engine/session_table.hpp and what it stands on: the table of a server's connections, with a
 * model that does nothing of its own accord.
 */
#include <ktcp/engine/session_table.hpp>

#include <algorithm>
#include <cerrno>
#include <vector>

#include <ktcp/timer.hpp>

#include "support.hpp"

using ktcp::errc;
using ktcp::session;
using testing::_;
using testing::InSequence;
using testing::Mock;
using testing::NotNull;
using testing::Return;

namespace
{

/* The calls that the model got. */
struct asked {
	std::vector<session *> started;
	std::vector<session *> woken;
	int destroyed = 0;
	int looks = 0;
	ktcp::result<void> start_gives = {};
};

asked *record;

class passive_session : public session {
    public:
	using session::advance;
	using session::cpu;
	using session::next_look_ms;
	using session::progress;
	using session::table;

	passive_session(ktcp::session_table &table, ktcp::socket &&socket)
		: session(table, std::move(socket))
	{
	}

	~passive_session()
	{
		record->destroyed++;
	}
};

constexpr struct ktcp::model passive = {
	.name = "passive",
	.session_size = sizeof(passive_session),
	.blocks = false,
	.most = nullptr,
	.in_softirq = false,
	.construct = [](void *memory, ktcp::session_table &table, ktcp::socket &&socket)
		-> session & { return *new (memory) passive_session(table, std::move(socket)); },
	.start =
		[](session &self) {
			record->started.push_back(&self);
			return ktcp::result<void>(record->start_gives.has_value() ?
							  ktcp::result<void>() :
							  record->start_gives.error());
		},
	.wake = [](session &self) { record->woken.push_back(&self); },
	.look =
		[](session &self, std::uint64_t now_ms) {
			auto &passive = static_cast<passive_session &>(self);

			record->looks++;
			if (passive.table().overdue(passive, now_ms) || passive.starved())
				record->woken.push_back(&self);
			return passive.next_look_ms(passive.table().use().timeouts, now_ms);
		},
	.destroy = [](session &self) { static_cast<passive_session &>(self).~passive_session(); },
};

class table_test : public session_test {
    protected:
	asked record_;

	table_test()
	{
		record = &record_;
		handle = [](ktcp::connection &peer) -> ktcp::task {
			static_cast<void>(co_await peer.read());
			static_cast<void>(co_await peer.write("hello"));
		};
		use(passive);
	}

	/* The n-th session that was started. */
	passive_session &at(std::size_t index)
	{
		return static_cast<passive_session &>(*record_.started.at(index));
	}

	void finish(session &one)
	{
		table->retire(one);
		table->forget(one);
	}

	void TearDown() override
	{
		Mock::VerifyAndClearExpectations(&port);
		if (!table)
			return;
		table->close_times();
		empty();
		table.reset();
	}

	/* A turn of one's, which ends with it waiting. */
	void advance(std::size_t index)
	{
		EXPECT_EQ(at(index).advance(), passive_session::progress::waiting);
		table->keep_time(at(index));
	}
};

} // namespace

TEST_F(table_test, counts_its_sessions)
{
	EXPECT_EQ(table->count(), 0u);
	add();
	add();
	EXPECT_EQ(table->count(), 2u);
	EXPECT_EQ(sessions(), 2u);
	table->retire(at(0));
	EXPECT_EQ(table->count(), 2u) << "retired is not yet forgotten";
	EXPECT_EQ(sessions(), 2u);
	table->forget(at(0));
	EXPECT_EQ(table->count(), 1u);
	EXPECT_EQ(sessions(), 1u);
	EXPECT_EQ(record_.destroyed, 1);
	finish(at(1));
}

TEST_F(table_test, retiring_closes_and_forgetting_frees)
{
	::socket *const raw = add();

	EXPECT_EQ(at(0).advance(), passive_session::progress::waiting);

	InSequence order;

	EXPECT_CALL(port, mutex_lock(_));
	EXPECT_CALL(port, mutex_unlock(_));
	EXPECT_CALL(port, sock_hold_net(raw));
	EXPECT_CALL(port, sock_release(raw));
	table->retire(at(0));
	Mock::VerifyAndClearExpectations(&port);
	EXPECT_CALL(port, sock_release(_)).Times(0);
	EXPECT_CALL(port, kmem_cache_free(_, &at(0)));
	table->forget(at(0));
}

TEST_F(table_test, without_memory_for_a_session_the_peer_is_reset)
{
	::socket *const raw = port.fake.new_socket();
	InSequence order;

	EXPECT_CALL(port, kmem_cache_alloc(_, KTCP_GFP_KERNEL)).WillOnce(Return(nullptr));
	EXPECT_CALL(port, sock_no_linger(raw));
	EXPECT_CALL(port, sock_release(raw));
	EXPECT_EQ(table->add(ktcp::socket(raw)).error(), errc::enomem);
	EXPECT_EQ(table->count(), 0u);
	EXPECT_TRUE(record_.started.empty());
}

TEST_F(table_test, a_session_that_does_not_start_is_gone)
{
	record_.start_gives = errc::eagain;
	EXPECT_EQ(table->add(ktcp::socket(port.fake.new_socket())).error(), errc::eagain);
	EXPECT_EQ(table->count(), 0u);
	EXPECT_EQ(sessions(), 0u);
	EXPECT_EQ(record_.destroyed, 1);
	EXPECT_EQ(port.fake.sockets(), 0u);
}

/* As add() documents: "the socket was then reset". */
TEST_F(table_test, the_peer_of_a_session_that_does_not_start_is_reset)
{
	::socket *const raw = port.fake.new_socket();
	InSequence order;

	record_.start_gives = errc::enomem;
	EXPECT_CALL(port, sock_no_linger(raw));
	EXPECT_CALL(port, sock_release(raw));
	EXPECT_FALSE(table->add(ktcp::socket(raw)));
}

TEST_F(table_test, a_session_is_listed_before_it_starts)
{
	/* So that a task that ends all sessions between the two finds it. */
	::socket *const raw = port.fake.new_socket();

	EXPECT_CALL(port, mutex_lock(_)).WillOnce([this](::mutex *lock) {
		EXPECT_TRUE(record_.started.empty());
		port.fake.mutex_lock(lock);
	});
	EXPECT_TRUE(table->add(ktcp::socket(raw)));
	Mock::VerifyAndClearExpectations(&port);
	finish(at(0));
}

TEST_F(table_test, end_all_ends_and_wakes_each)
{
	add();
	add();
	EXPECT_EQ(at(0).advance(), passive_session::progress::waiting);
	EXPECT_EQ(at(1).advance(), passive_session::progress::waiting);
	table->end_all(errc::eshutdown);
	ASSERT_EQ(record_.woken.size(), 2u);
	for (std::size_t i = 0; i < 2; i++) {
		EXPECT_EQ(record_.woken[i], &at(i));
		EXPECT_EQ(at(i).advance(), passive_session::progress::finished);
		finish(at(i));
	}
}

TEST_F(table_test, end_all_of_none_wakes_no_session)
{
	table->end_all(errc::eshutdown);
	EXPECT_TRUE(record_.woken.empty());
}

/* ---- time ---------------------------------------------------------------------------------------- */

/* A tick of the wheel's, and one of the clock's. */
constexpr unsigned int late_ms = 64;

TEST_F(table_test, ends_those_that_are_idle)
{
	table->use().timeouts.idle_ms = 1000;
	add();
	elapse(600);
	add();
	elapse(399);
	EXPECT_TRUE(record_.woken.empty());
	elapse(1 + late_ms);
	ASSERT_EQ(record_.woken, std::vector<session *>{ &at(0) });
	EXPECT_EQ(at(0).why_ended().error(), errc::etimedout);
	EXPECT_TRUE(at(1).why_ended()) << "it was not ended";
	finish(at(0));
	finish(at(1));
}

TEST_F(table_test, is_idle_since_the_last_byte)
{
	table->use().timeouts.idle_ms = 1000;
	handle = [](ktcp::connection &peer) -> ktcp::task {
		while (auto received = co_await peer.read())
			;
	};
	EXPECT_CALL(port, sock_recv(_, _, _)).WillRepeatedly(Return(-EAGAIN));
	add();
	for (int i = 0; i < 5; i++) {
		EXPECT_CALL(port, sock_recv(_, _, _))
			.WillOnce(receive("x"))
			.WillRepeatedly(Return(-EAGAIN));
		advance(0);
		elapse(900);
	}
	EXPECT_TRUE(record_.woken.empty());
	elapse(100 + late_ms);
	EXPECT_EQ(record_.woken.size(), 1u);
	finish(at(0));
}

TEST_F(table_test, without_a_limit_no_time_is_kept)
{
	add();
	EXPECT_EQ(port.fake.timers(), 0u);
	elapse(1'000'000);
	EXPECT_EQ(record_.looks, 0);
	finish(at(0));
}

/* An idle connection costs a look when its time is near, and no more. */
TEST_F(table_test, an_idle_one_is_hardly_looked_at)
{
	constexpr unsigned int ten_minutes_ms = 600'000;

	table->use().timeouts.idle_ms = ten_minutes_ms;
	for (int i = 0; i < 100; i++)
		add();
	elapse(ten_minutes_ms - 1);
	EXPECT_LE(record_.looks, 3 * 100);
	EXPECT_TRUE(record_.woken.empty());
	for (int i = 0; i < 100; i++)
		elapse(1);
	EXPECT_EQ(record_.woken.size(), 100u);
	for (int i = 0; i < 100; i++)
		finish(at(static_cast<std::size_t>(i)));
}

/* A request a millisecond with a deadline each sets no timer. */
TEST_F(table_test, a_deadline_that_moves_on_costs_nothing)
{
	handle = [](ktcp::connection &peer) -> ktcp::task {
		for (bool more = true; more;) {
			peer.expires_after(10'000);

			const auto received = co_await peer.read();

			more = static_cast<bool>(received);
		}
	};
	EXPECT_CALL(port, sock_recv(_, _, _)).WillRepeatedly(Return(-EAGAIN));
	add();
	advance(0);
	EXPECT_CALL(port, mod_delayed_work(_, _, _)).Times(testing::AtMost(4));
	EXPECT_CALL(port, spin_lock_bh(_)).Times(testing::AtMost(8));
	for (int i = 0; i < 20'000; i++) {
		EXPECT_CALL(port, sock_recv(_, _, _))
			.WillOnce(receive("x"))
			.WillRepeatedly(Return(-EAGAIN));
		elapse(1);
		advance(0);
	}
	Mock::VerifyAndClearExpectations(&port);
	EXPECT_TRUE(record_.woken.empty());
	EXPECT_CALL(port, sock_recv(_, _, _)).WillRepeatedly(Return(-EAGAIN));
	elapse(10'000 + late_ms);
	EXPECT_EQ(record_.woken.size(), 1u);
	finish(at(0));
}

TEST_F(table_test, a_shorter_deadline_than_before_is_kept)
{
	unsigned int next_ms = 60'000;

	handle = [&](ktcp::connection &peer) -> ktcp::task {
		for (bool more = true; more;) {
			peer.expires_after(next_ms);

			const auto received = co_await peer.read();

			more = static_cast<bool>(received);
		}
	};
	EXPECT_CALL(port, sock_recv(_, _, _)).WillRepeatedly(Return(-EAGAIN));
	table->use().timeouts.idle_ms = 600'000;
	add();
	advance(0);
	EXPECT_CALL(port, sock_recv(_, _, _)).WillOnce(receive("x")).WillRepeatedly(Return(-EAGAIN));
	next_ms = 100;
	advance(0);
	elapse(99);
	EXPECT_TRUE(record_.woken.empty());
	elapse(1 + late_ms);
	EXPECT_EQ(record_.woken.size(), 1u);
	finish(at(0));
}

TEST_F(table_test, the_starved_try_again)
{
	EXPECT_CALL(port, sock_recv(_, _, _)).WillRepeatedly(receive("x"));
	EXPECT_CALL(port, sock_send(_, _, _, _)).WillRepeatedly(Return(-ENOBUFS));
	add();
	advance(0);
	elapse(1000);
	EXPECT_TRUE(record_.woken.empty()) << "denied once";
	advance(0);
	elapse(200);
	EXPECT_GE(record_.woken.size(), 1u);
	EXPECT_TRUE(at(0).why_ended());
	finish(at(0));
}

TEST_F(table_test, an_idle_starved_one_is_ended)
{
	table->use().timeouts.idle_ms = 1000;
	EXPECT_CALL(port, sock_recv(_, _, _)).WillRepeatedly(receive("x"));
	EXPECT_CALL(port, sock_send(_, _, _, _)).WillRepeatedly(Return(-ENOBUFS));
	add();
	advance(0);
	advance(0);
	elapse(1000 + late_ms);
	EXPECT_EQ(at(0).why_ended().error(), errc::etimedout);
	finish(at(0));
}

TEST_F(table_test, ends_those_that_do_not_take_our_bytes)
{
	table->use().timeouts.write_ms = 1000;
	EXPECT_CALL(port, sock_recv(_, _, _)).WillOnce(receive("x")).WillRepeatedly(Return(-EAGAIN));
	EXPECT_CALL(port, sock_send(_, _, _, _)).WillRepeatedly(Return(-EAGAIN));
	add(); /* does not take its bytes */
	add(); /* sends none */
	advance(0);
	advance(1);
	elapse(999);
	EXPECT_TRUE(record_.woken.empty());
	elapse(1 + late_ms);
	EXPECT_EQ(record_.woken, std::vector<session *>{ &at(0) });
	finish(at(0));
	finish(at(1));
}

/* It was placed for the old time, or for none; a session that ends meanwhile is looked at no more. */
TEST_F(table_test, other_timeouts_are_those_of_sessions_that_are_there)
{
	add();
	add();
	finish(at(1));
	elapse(10'000);
	EXPECT_EQ(record_.looks, 0);
	table->change_timeouts({ .idle_ms = 12'000 });
	elapse(1900);
	EXPECT_TRUE(record_.woken.empty());
	table->change_timeouts({ .idle_ms = 600'000 });
	elapse(500'000);
	EXPECT_TRUE(record_.woken.empty());
	table->change_timeouts({ .idle_ms = 1000 });
	elapse(late_ms);
	EXPECT_EQ(record_.woken, std::vector<session *>{ &at(0) });
	finish(at(0));
}

TEST_F(table_test, the_same_timeouts_are_no_change)
{
	table->use().timeouts.idle_ms = 600'000;
	add();
	table->change_timeouts({ .idle_ms = 600'000, .write_ms = 0 });
	elapse(1000);
	EXPECT_EQ(record_.looks, 0);
	finish(at(0));
}

TEST_F(table_test, another_user_timeout_is_that_of_sessions_that_are_there)
{
	add();
	EXPECT_CALL(port, sock_set_user_timeout(at(0).socket().raw(), 7000)).Times(1);
	table->change_user_timeout(7000);
	finish(at(0));
}

/* It takes bytes that TCP has, and there is no room for more of ours. */
TEST_F(table_test, one_that_takes_bytes_slowly_is_not_ended)
{
	table->use().timeouts = { .idle_ms = 1500, .write_ms = 1000 };
	EXPECT_CALL(port, sock_recv(_, _, _)).WillOnce(receive("x")).WillRepeatedly(Return(-EAGAIN));
	EXPECT_CALL(port, sock_send(_, _, _, _)).WillRepeatedly(Return(-EAGAIN));

	::socket *const raw = add();

	advance(0);
	for (int i = 0; i < 20; i++) {
		elapse(900);
		raw->taken_ms = port.fake.now;
	}
	EXPECT_TRUE(record_.woken.empty());
	elapse(1000 + late_ms);
	EXPECT_EQ(record_.woken.size(), 1u);
	EXPECT_EQ(table->count_all().timed_out_write, 1u);
	EXPECT_EQ(table->count_all().timed_out_idle, 0u);
	finish(at(0));
}

/* The peer takes nothing, while our buffer has room for a byte now and then. */
TEST_F(table_test, room_in_our_buffer_is_no_byte_of_the_peers)
{
	table->use().timeouts.idle_ms = 1000;
	handle = [](ktcp::connection &peer) -> ktcp::task {
		while (co_await ktcp::sleep_for(peer, 100) && co_await peer.write("tick"))
			;
	};

	::socket *const raw = add();

	raw->takes = false;
	for (int i = 0; i < 9; i++) {
		advance(0);
		elapse(100);
	}
	EXPECT_TRUE(at(0).why_ended()) << "not yet";
	elapse(100 + late_ms);
	EXPECT_EQ(at(0).why_ended().error(), errc::etimedout);
	EXPECT_EQ(table->count_all().timed_out_idle, 1u);
	finish(at(0));
}

/* The same CPU closes ended sessions: other tasks are to run meanwhile. */
TEST_F(table_test, ends_few_at_a_time)
{
	constexpr std::size_t all = 1000;
	std::size_t most = 0, before = 0;

	table->use().timeouts.idle_ms = 1000;
	for (std::size_t i = 0; i < all; i++)
		add();
	for (int ms = 0; ms < 2000; ms++) {
		elapse(1);
		most = std::max(most, record_.woken.size() - before);
		before = record_.woken.size();
	}
	EXPECT_EQ(before, all);
	EXPECT_LE(most, 2 * 33u) << "by each of two CPUs";
	for (std::size_t i = 0; i < all; i++)
		finish(at(i));
}

/* A mass of sessions whose time is not over leaves the CPU to others, too. */
TEST_F(table_test, looks_at_few_at_a_time)
{
	constexpr int all = 5000;
	int most = 0, before = 0;

	table->use().timeouts.idle_ms = 60000;
	for (int i = 0; i < all; i++)
		add();
	EXPECT_CALL(port, usleep(testing::Gt(0u)))
		.Times(testing::AtLeast(all / 1100))
		.WillRepeatedly([&] {
			most = std::max(most, record_.looks - before);
			before = record_.looks;
		});
	for (int ms = 0; ms < 50000; ms += 100)
		elapse(100);
	EXPECT_GE(record_.looks, all);
	EXPECT_LE(most, 1024);
	EXPECT_EQ(table->count_all().timed_out_idle, 0u);
	for (int i = 0; i < all; i++)
		finish(at(static_cast<std::size_t>(i)));
}

/* A mass of sessions that end delays no other deadline. */
TEST_F(table_test, those_that_end_do_not_delay_others)
{
	constexpr std::size_t all = 5000;

	EXPECT_CALL(port, sock_recv(_, _, _)).WillRepeatedly(Return(-EAGAIN));
	table->use().timeouts.idle_ms = 1000;
	for (std::size_t i = 0; i < all; i++)
		add();
	elapse(500);
	handle = [](ktcp::connection &peer) -> ktcp::task {
		peer.expires_after(510);
		static_cast<void>(co_await peer.read());
	};
	add();
	advance(all);
	for (int ms = 0; ms < 560; ms++)
		elapse(1);
	EXPECT_EQ(std::ranges::count(record_.woken, &at(all)), 1) << "some 50 ms late at most";
	EXPECT_LT(record_.woken.size(), all) << "not all have ended by then";
	for (int ms = 0; ms < 400; ms++)
		elapse(1);
	EXPECT_EQ(record_.woken.size(), all + 1);
	for (std::size_t i = 0; i <= all; i++)
		finish(at(i));
}

/* The end comes between the wheel's look and the timer that this sets. */
TEST_F(table_test, no_time_is_kept_after_the_end)
{
	handle = [](ktcp::connection &peer) -> ktcp::task {
		peer.expires_after(100);
		static_cast<void>(co_await peer.read());
	};
	EXPECT_CALL(port, sock_recv(_, _, _)).WillRepeatedly(Return(-EAGAIN));
	table->use().timeouts.idle_ms = 1000;
	add();
	EXPECT_EQ(port.fake.timers(), 1u);
	table->close_times();
	EXPECT_EQ(port.fake.timers(), 0u);
	advance(0);
	EXPECT_EQ(port.fake.timers(), 0u);
	finish(at(0));
}

TEST_F(table_test, drain_waits_for_the_last_but_not_for_ever)
{
	add();
	table->close();
	EXPECT_FALSE(table->drain(100));
	table->retire(at(0));
	table->forget(at(0));
	EXPECT_TRUE(table->drain(100));
	table->wait_until_empty(); /* must not sleep once more */
	table.reset();
}

/* Readers of the numbers wait at a lock of their own, and not in front of those that accept. */
TEST_F(table_test, one_reader_counts_at_a_time)
{
	std::vector<::mutex *> taken, given_back;
	const auto locks = [&](auto work) {
		taken.clear();
		given_back.clear();
		work();
		return taken;
	};

	ON_CALL(port, mutex_lock(_)).WillByDefault([&](::mutex *lock) {
		taken.push_back(lock);
		port.fake.mutex_lock(lock);
	});
	ON_CALL(port, mutex_unlock(_)).WillByDefault([&](::mutex *lock) {
		given_back.push_back(lock);
		port.fake.mutex_unlock(lock);
	});

	const auto adding = locks([&] { add(); });
	const auto counting = locks([&] { EXPECT_EQ(table->count_all().active, 1u); });

	ASSERT_FALSE(counting.empty());
	EXPECT_EQ(given_back.back(), counting.front()) << "held all the time";
	EXPECT_EQ(std::ranges::count(adding, counting.front()), 0) << "by readers alone";
	finish(at(0));
	ON_CALL(port, mutex_lock(_)).WillByDefault([&](::mutex *lock) {
		port.fake.mutex_lock(lock);
	});
	ON_CALL(port, mutex_unlock(_)).WillByDefault([&](::mutex *lock) {
		port.fake.mutex_unlock(lock);
	});
}

TEST_F(table_test, counts_sessions_and_how_they_ended)
{
	for (int i = 0; i < 4; i++)
		add();
	at(1).end(errc::etimedout);
	at(2).end(errc::eshutdown);
	at(3).end(errc::enomem);
	EXPECT_EQ(table->count_all().accepted, 4u);
	EXPECT_EQ(table->count_all().active, 4u);
	for (int i = 0; i < 4; i++)
		finish(at(i));

	const auto numbers = table->count_all();

	EXPECT_EQ(numbers.accepted, 4u);
	EXPECT_EQ(numbers.active, 0u);
	EXPECT_EQ(numbers.closed, 1u);
	EXPECT_EQ(numbers.timed_out, 1u);
	EXPECT_EQ(numbers.stopped, 1u);
	EXPECT_EQ(numbers.refused_memory, 1u);
	EXPECT_EQ(numbers.refused_full, 0u);
}

TEST_F(table_test, counts_the_bytes_of_the_living_and_the_dead)
{
	EXPECT_CALL(port, sock_recv(_, _, _)).WillRepeatedly(receive("abc"));
	add();
	add();
	for (int i = 0; i < 2; i++)
		EXPECT_EQ(at(i).advance(), passive_session::progress::finished);
	EXPECT_EQ(table->count_all().moved.bytes_in, 6u);
	EXPECT_EQ(table->count_all().moved.bytes_out, 10u);
	finish(at(0));
	EXPECT_EQ(table->count_all().moved.bytes_in, 6u);
	finish(at(1));
	EXPECT_EQ(table->count_all().moved.bytes_out, 10u);
	EXPECT_EQ(table->count_all().moved.turns, 2u);
}

/* Any user may read the numbers, and those that accept and retire wait for the same lock. */
TEST_F(table_test, counts_in_pieces_and_each_session_once)
{
	constexpr int many = 300;
	int held = 0, pieces = 0;

	EXPECT_CALL(port, sock_recv(_, _, _)).WillRepeatedly(receive("abc"));
	for (int i = 0; i < many; i++) {
		add();
		EXPECT_EQ(at(i).advance(), passive_session::progress::finished);
	}
	ON_CALL(port, mutex_lock(_)).WillByDefault([&](::mutex *lock) {
		held++;
		port.fake.mutex_lock(lock);
	});
	ON_CALL(port, mutex_unlock(_)).WillByDefault([&](::mutex *lock) {
		held--;
		port.fake.mutex_unlock(lock);
	});
	/* Among them: one that is in the sum already, the next one, the last one, and one that came meanwhile. */
	EXPECT_CALL(port, cond_resched()).WillRepeatedly([&] {
		EXPECT_EQ(held, 1) << "the readers' own";
		if (pieces++ == 0) {
			for (int i : { 0, 64, many - 1 })
				finish(at(i));
			add();
			EXPECT_EQ(at(many).advance(), passive_session::progress::finished);
			finish(at(many));
		}
	});
	EXPECT_EQ(table->count_all().moved.bytes_in, 3u * (many + 1));
	EXPECT_GE(pieces, 4);
	/* And once more, from the other round. */
	for (int round = 0; round < 2; round++) {
		EXPECT_EQ(table->count_all().moved.bytes_in, 3u * (many + 1));
		EXPECT_EQ(table->count_all().active, many - 3u);
	}
	Mock::VerifyAndClearExpectations(&port);
	for (int i = 1; i < many - 1; i++)
		if (i != 64)
			finish(at(i));
	EXPECT_EQ(table->count_all().moved.bytes_in, 3u * (many + 1));
	EXPECT_EQ(table->count_all().active, 0u);
}

TEST_F(table_test, refuses_with_a_reset_and_counts_why)
{
	::socket *const raw = port.fake.new_socket();
	InSequence order;

	/* A reset takes the socket's lock and sends: not under the table's. */
	EXPECT_CALL(port, mutex_lock(_));
	EXPECT_CALL(port, mutex_unlock(_));
	EXPECT_CALL(port, sock_no_linger(raw));
	EXPECT_CALL(port, sock_release(raw));
	table->refuse(ktcp::socket(raw), &ktcp::statistics::refused_full);
	Mock::VerifyAndClearExpectations(&port);
	EXPECT_EQ(table->count_all().refused_full, 1u);
	EXPECT_EQ(table->count_all().accepted, 0u);
}

TEST_F(table_test, sessions_are_spread_over_the_cpus)
{
	/* Seen in the event-driven model's tests; here: one CPU after the other is asked for. */
	InSequence order;

	table->use().placement = ktcp::placement::spread;
	EXPECT_CALL(port, next_online_cpu(-1, false)).WillOnce(Return(0));
	EXPECT_CALL(port, next_online_cpu(0, false)).WillOnce(Return(2));
	EXPECT_CALL(port, next_online_cpu(2, false)).WillOnce(Return(0));
	for (int i = 0; i < 3; i++)
		add();
	for (int i = 0; i < 3; i++)
		finish(at(i));
}

/* And those that are not chosen are passed over, unless none of the chosen is online. */
TEST_F(table_test, sessions_are_spread_over_the_chosen_cpus)
{
	InSequence order;

	table->use().placement = ktcp::placement::spread;
	EXPECT_TRUE(table->use().cpus.assign("1", 2));
	EXPECT_CALL(port, next_online_cpu(-1, true)).WillOnce(Return(0));
	EXPECT_CALL(port, next_online_cpu(0, true)).WillOnce(Return(1));
	add();
	EXPECT_CALL(port, next_online_cpu(1, true)).WillOnce(Return(0));
	EXPECT_CALL(port, next_online_cpu(0, true)).WillOnce(Return(1));
	add();
	EXPECT_CALL(port, next_online_cpu(1, true)).WillOnce(Return(0));
	EXPECT_CALL(port, next_online_cpu(0, true)).WillOnce(Return(0));
	EXPECT_CALL(port, next_online_cpu(1, false)).WillOnce(Return(0));
	add();
	EXPECT_EQ(at(0).cpu(), 1);
	EXPECT_EQ(at(1).cpu(), 1);
	EXPECT_EQ(at(2).cpu(), 0);
	for (int i = 0; i < 3; i++)
		finish(at(i));
}

namespace
{

class limited_table_test : public table_test {
    protected:
	limited_table_test()
	{
		table.reset();
		use(passive, 2);
		ON_CALL(port, sock_remote(_, _))
			.WillByDefault([this](::socket *, ktcp_endpoint *out) {
				*out = next_peer.raw();
				return 0;
			});
	}

	ktcp::endpoint next_peer = ktcp::endpoint::ipv4(192, 0, 2, 1, 1000);
};

} // namespace

TEST_F(limited_table_test, a_peer_has_no_more_than_its_share)
{
	add();
	add();

	::socket *const third = port.fake.new_socket();

	EXPECT_CALL(port, sock_no_linger(third)).Times(1);
	EXPECT_EQ(table->add(ktcp::socket(third)).error(), errc::edquot);
	EXPECT_EQ(table->count(), 2u);
	EXPECT_EQ(sessions(), 2u);
	EXPECT_EQ(record_.started.size(), 2u);
	EXPECT_EQ(table->count_all().refused_source, 1u);
	next_peer = ktcp::endpoint::ipv4(192, 0, 2, 2, 1000);
	add(); /* another */
	next_peer = ktcp::endpoint::ipv4(192, 0, 2, 1, 1000);
	finish(at(0));
	add(); /* and room again */
	for (int i = 1; i < 4; i++)
		finish(at(i));
	EXPECT_EQ(port.fake.blocks(), blocks_);
}

TEST_F(limited_table_test, without_memory_to_count_a_peer_it_is_reset)
{
	::socket *const raw = port.fake.new_socket();

	EXPECT_CALL(port, kmalloc(_, _)).WillOnce(Return(nullptr));
	EXPECT_CALL(port, sock_no_linger(raw)).Times(1);
	EXPECT_EQ(table->add(ktcp::socket(raw)).error(), errc::enomem);
	EXPECT_EQ(sessions(), 0u);
	EXPECT_EQ(table->count_all().refused_memory, 1u);
}

TEST_F(limited_table_test, a_session_that_does_not_start_gives_its_place_back)
{
	record_.start_gives = errc::eagain;
	for (int i = 0; i < 5; i++)
		EXPECT_EQ(table->add(ktcp::socket(port.fake.new_socket())).error(), errc::eagain);
	EXPECT_EQ(port.fake.blocks(), blocks_);
}

TEST_F(table_test, wait_until_empty_returns_at_once_without_sessions)
{
	InSequence order;

	EXPECT_CALL(port, complete(_)).Times(1);
	EXPECT_CALL(port, wait_for_completion(_)).Times(1);
	table->close();
	table->wait_until_empty();
	Mock::VerifyAndClearExpectations(&port);
	table.reset();
}

TEST_F(table_test, wait_until_empty_waits_for_the_last_to_be_forgotten)
{
	add();
	add();
	table->retire(at(0));
	table->retire(at(1));
	EXPECT_CALL(port, complete(_)).Times(0);
	table->close();
	table->forget(at(0));
	EXPECT_CALL(port, wait_for_completion(_)).WillOnce([this](::completion *done) {
		Mock::VerifyAndClearExpectations(&port);
		EXPECT_CALL(port, complete(done)).Times(1);
		table->forget(at(1));
		port.fake.wait_for_completion(done);
	});
	table->wait_until_empty();
	Mock::VerifyAndClearExpectations(&port);
	table.reset();
}
