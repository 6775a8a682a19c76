// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * ktcp/model/session.hpp: the table of a server's connections, with a model that does
 * nothing of its own accord.
 */
#include <ktcp/model/session.hpp>

#include <cerrno>
#include <utility>
#include <vector>

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

/* What was asked of the model. */
struct asked {
	std::vector<session *> started;
	std::vector<std::pair<session *, std::uint32_t>> woken;
	int destroyed = 0;
	ktcp::result<void> start_gives = {};
};

asked *record;

class passive_session : public session {
    public:
	using session::advance;
	using session::progress;

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
	.wake = [](session &self, std::uint32_t event) { record->woken.emplace_back(&self, event); },
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
		empty();
		table.reset();
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
	/* So that whoever ends all sessions between the two finds it. */
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
		EXPECT_EQ(record_.woken[i],
			  std::pair(&static_cast<session &>(at(i)), session::event_ended));
		EXPECT_EQ(at(i).advance(), passive_session::progress::finished);
		finish(at(i));
	}
}

TEST_F(table_test, end_all_of_none_wakes_nobody)
{
	table->end_all(errc::eshutdown);
	EXPECT_TRUE(record_.woken.empty());
}

TEST_F(table_test, sweep_ends_those_that_are_idle)
{
	port.fake.now = 10'000;
	add();
	port.fake.now = 10'600;
	add();
	port.fake.now = 11'000;
	table->sweep({ .idle_ms = 1001 });
	EXPECT_TRUE(record_.woken.empty());
	EXPECT_CALL(port, cond_resched()).Times(2);
	table->sweep({ .idle_ms = 1000 });
	ASSERT_EQ(record_.woken.size(), 1u);
	EXPECT_EQ(record_.woken[0],
		  std::pair(&static_cast<session &>(at(0)), session::event_ended));
	EXPECT_EQ(at(1).advance(), passive_session::progress::waiting) << "it was not ended";
	finish(at(0));
	finish(at(1));
}

TEST_F(table_test, sweep_without_a_limit_ends_nobody)
{
	add();
	port.fake.now += 1'000'000'000;
	table->sweep({ .idle_ms = 0 });
	EXPECT_TRUE(record_.woken.empty());
	finish(at(0));
}

TEST_F(table_test, sweep_has_the_starved_try_again)
{
	EXPECT_CALL(port, sock_recv(_, _, _)).WillRepeatedly(receive("x"));
	EXPECT_CALL(port, sock_send(_, _, _, _)).WillRepeatedly(Return(-ENOBUFS));
	add();
	EXPECT_EQ(at(0).advance(), passive_session::progress::waiting);
	table->sweep({ .idle_ms = 0 });
	EXPECT_TRUE(record_.woken.empty()) << "denied once";
	EXPECT_EQ(at(0).advance(), passive_session::progress::waiting);
	table->sweep({ .idle_ms = 0 });
	ASSERT_EQ(record_.woken.size(), 1u);
	EXPECT_EQ(record_.woken[0],
		  std::pair(&static_cast<session &>(at(0)), session::event_retry));
	finish(at(0));
}

TEST_F(table_test, an_idle_starved_one_is_ended)
{
	EXPECT_CALL(port, sock_recv(_, _, _)).WillRepeatedly(receive("x"));
	EXPECT_CALL(port, sock_send(_, _, _, _)).WillRepeatedly(Return(-ENOBUFS));
	add();
	EXPECT_EQ(at(0).advance(), passive_session::progress::waiting);
	EXPECT_EQ(at(0).advance(), passive_session::progress::waiting);
	port.fake.now += 100;
	table->sweep({ .idle_ms = 100 });
	ASSERT_EQ(record_.woken.size(), 1u);
	EXPECT_EQ(record_.woken[0].second, session::event_ended);
	finish(at(0));
}

TEST_F(table_test, sweep_ends_those_that_do_not_take_what_we_owe_them)
{
	EXPECT_CALL(port, sock_recv(_, _, _)).WillOnce(receive("x")).WillRepeatedly(Return(-EAGAIN));
	EXPECT_CALL(port, sock_send(_, _, _, _)).WillRepeatedly(Return(-EAGAIN));
	add(); /* does not take its bytes */
	add(); /* sends none */
	EXPECT_EQ(at(0).advance(), passive_session::progress::waiting);
	EXPECT_EQ(at(1).advance(), passive_session::progress::waiting);
	port.fake.now += 999;
	table->sweep({ .write_ms = 1000 });
	EXPECT_TRUE(record_.woken.empty());
	port.fake.now += 1;
	table->sweep({ .write_ms = 1000 });
	ASSERT_EQ(record_.woken.size(), 1u);
	EXPECT_EQ(record_.woken[0],
		  std::pair(&static_cast<session &>(at(0)), session::event_ended));
	finish(at(0));
	finish(at(1));
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

TEST_F(table_test, counts_who_came_and_how_they_went)
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

TEST_F(table_test, refuses_with_a_reset_and_counts_why)
{
	::socket *const raw = port.fake.new_socket();
	InSequence order;

	EXPECT_CALL(port, sock_no_linger(raw));
	EXPECT_CALL(port, sock_release(raw));
	table->refuse(ktcp::socket(raw), &ktcp::statistics::refused_full);
	EXPECT_EQ(table->count_all().refused_full, 1u);
	EXPECT_EQ(table->count_all().accepted, 0u);
}

TEST_F(table_test, sessions_are_spread_over_the_cpus)
{
	/* Seen in the event-driven model's tests; here: one CPU after the other is asked for. */
	InSequence order;

	table->use().placement = ktcp::placement::spread;
	EXPECT_CALL(port, next_online_cpu(-1)).WillOnce(Return(0));
	EXPECT_CALL(port, next_online_cpu(0)).WillOnce(Return(2));
	EXPECT_CALL(port, next_online_cpu(2)).WillOnce(Return(0));
	for (int i = 0; i < 3; i++)
		add();
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
	EXPECT_EQ(port.fake.blocks(), 0u);
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
	EXPECT_EQ(port.fake.blocks(), 0u);
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
