// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* ktcp/engine/blocking.hpp: advance, and sleep whenever the handler waits. */
#include <ktcp/engine/blocking.hpp>

#include <cerrno>

#include "support.hpp"

using ktcp::errc;
using testing::_;
using testing::InSequence;
using testing::Mock;
using testing::Return;

namespace
{

class run_by_hand : public ktcp::blocking_session {
    public:
	using blocking_session::run_to_end;

	run_by_hand(ktcp::session_table &table, ktcp::socket &&socket)
		: blocking_session(table, std::move(socket))
	{
	}
};

constexpr struct ktcp::model by_hand = {
	.name = "by hand",
	.session_size = sizeof(run_by_hand),
	.blocks = true,
	.most = nullptr,
	.in_softirq = false,
	.construct = [](void *memory, ktcp::session_table &table, ktcp::socket &&socket)
		-> ktcp::session & { return *new (memory) run_by_hand(table, std::move(socket)); },
	.start = [](ktcp::session &) { return ktcp::result<void>(); },
	.wake = [](ktcp::session &self) { static_cast<run_by_hand &>(self).wake(); },
	.look = nullptr,
	.destroy = [](ktcp::session &self) { static_cast<run_by_hand &>(self).~run_by_hand(); },
};

class blocking_test : public session_test {
    protected:
	run_by_hand *one = nullptr;
	::socket *raw = nullptr;

	blocking_test()
	{
		handle = [](ktcp::connection &peer) -> ktcp::task {
			while (auto received = co_await peer.read())
				if (!co_await peer.write(*received))
					break;
		};
		use(by_hand);
		raw = port.fake.new_socket();
		EXPECT_TRUE(table->add(ktcp::socket(raw)));
		one = static_cast<run_by_hand *>(
			static_cast<void *>(*port.fake.cache("unit_session")->objects.begin()));
	}

	void TearDown() override
	{
		Mock::VerifyAndClearExpectations(&port);
		table->retire(*one);
		table->forget(*one);
		empty();
		table.reset();
	}
};

} // namespace

/* As where all of TCP is at its limit of memory: poll() says that there is room, send() has none. */
TEST_F(blocking_test, does_not_spin_where_the_socket_has_no_memory)
{
	int waits = 0, naps = 0;

	EXPECT_CALL(port, sock_recv(raw, _, _)).WillOnce(receive("x")).WillOnce(Return(0));
	EXPECT_CALL(port, sock_send(raw, _, 1, _)).WillRepeatedly([&](auto...) -> long {
		return waits + naps < 20 ? -EAGAIN : 1;
	});
	EXPECT_CALL(port, sock_wait(raw, KTCP_SOCK_WRITABLE, -1)).WillRepeatedly([&](auto...) {
		waits++;
		return 0;
	});
	EXPECT_CALL(port, msleep(_)).WillRepeatedly([&](unsigned int) { naps++; });
	one->run_to_end();
	EXPECT_EQ(naps, 10);
	EXPECT_EQ(waits, 10);
}

TEST_F(blocking_test, sleeps_until_there_is_something_to_read)
{
	InSequence order;

	EXPECT_CALL(port, sock_recv(raw, _, _)).WillOnce(Return(-EAGAIN));
	EXPECT_CALL(port, sock_wait(raw, KTCP_SOCK_READABLE, -1)).WillOnce(Return(0));
	EXPECT_CALL(port, sock_recv(raw, _, _)).WillOnce(receive("x"));
	EXPECT_CALL(port, sock_send(raw, _, 1, _)).WillOnce(Return(1));
	EXPECT_CALL(port, sock_recv(raw, _, _)).WillOnce(Return(0));
	one->run_to_end();
}

TEST_F(blocking_test, sleeps_until_there_is_room)
{
	InSequence order;

	EXPECT_CALL(port, sock_recv(raw, _, _)).WillOnce(receive("x"));
	EXPECT_CALL(port, sock_send(raw, _, 1, _)).WillOnce(Return(-EAGAIN));
	EXPECT_CALL(port, sock_wait(raw, KTCP_SOCK_WRITABLE, -1)).WillOnce(Return(0));
	EXPECT_CALL(port, sock_send(raw, _, 1, _)).WillOnce(Return(1));
	EXPECT_CALL(port, sock_recv(raw, _, _)).WillOnce(Return(0));
	one->run_to_end();
}

TEST_F(blocking_test, looks_again_after_every_end_of_the_wait)
{
	EXPECT_CALL(port, sock_recv(raw, _, _))
		.WillOnce(Return(-EAGAIN))
		.WillOnce(Return(-EAGAIN))
		.WillOnce(Return(-ECONNRESET));
	EXPECT_CALL(port, sock_wait(raw, _, _)).WillOnce(Return(-EINTR)).WillOnce(Return(0));
	one->run_to_end();
}

TEST_F(blocking_test, lets_others_run_when_its_turn_is_over)
{
	int reads = 0;

	EXPECT_CALL(port, sock_recv(raw, _, _)).WillRepeatedly([&](auto *, void *buffer, auto) {
		*static_cast<char *>(buffer) = 'x';
		return ++reads <= 100 ? 1L : 0L;
	});
	EXPECT_CALL(port, sock_send(raw, _, _, _)).WillRepeatedly(Return(1));
	EXPECT_CALL(port, cond_resched()).Times(3); /* 201 operations */
	EXPECT_CALL(port, sock_wait(_, _, _)).Times(0);
	one->run_to_end();
}

TEST_F(blocking_test, naps_while_there_is_no_memory_to_send)
{
	InSequence order;

	EXPECT_CALL(port, sock_recv(raw, _, _)).WillOnce(receive("x"));
	EXPECT_CALL(port, sock_send(raw, _, _, _)).WillOnce(Return(-ENOBUFS));
	EXPECT_CALL(port, sock_wait(raw, KTCP_SOCK_WRITABLE, -1)).WillOnce(Return(0));
	EXPECT_CALL(port, sock_send(raw, _, _, _)).WillOnce(Return(-ENOBUFS));
	EXPECT_CALL(port, msleep(10));
	EXPECT_CALL(port, sock_send(raw, _, _, _)).WillOnce(Return(-ENOBUFS));
	EXPECT_CALL(port, msleep(10));
	EXPECT_CALL(port, sock_send(raw, _, _, _)).WillOnce(Return(1));
	EXPECT_CALL(port, sock_recv(raw, _, _)).WillOnce(Return(0));
	one->run_to_end();
}

TEST_F(blocking_test, ending_wakes_it_and_tells_the_peer_nothing)
{
	EXPECT_CALL(port, sock_recv(raw, _, _)).WillOnce(Return(-EAGAIN));
	EXPECT_CALL(port, sock_shutdown(_, _)).Times(0);
	EXPECT_CALL(port, sock_poke(raw));
	EXPECT_CALL(port, sock_wait(raw, _, -1)).WillOnce([this](auto...) {
		table->end_all(errc::eshutdown); /* from elsewhere, while it sleeps */
		return 0;
	});
	one->run_to_end();
}

TEST_F(blocking_test, a_deadline_ends_its_sleep)
{
	handle = [](ktcp::connection &peer) -> ktcp::task {
		peer.expires_after(250);
		EXPECT_EQ((co_await peer.read()).error(), errc::etimedout);
		peer.expires_after(0);
		EXPECT_TRUE(co_await peer.may_sleep());
		EXPECT_TRUE(co_await peer.write("bye"));
	};
	EXPECT_CALL(port, sock_recv(raw, _, _)).WillRepeatedly(Return(-EAGAIN));
	EXPECT_CALL(port, sock_wait(raw, KTCP_SOCK_READABLE, 250)).WillOnce([this](auto...) {
		port.fake.now += 250;
		return -ETIMEDOUT;
	});
	EXPECT_CALL(port, sock_send(raw, _, 3, _)).WillOnce(Return(3));
	EXPECT_CALL(port, queue_work(_, _, _)).Times(0);
	one->run_to_end();
}
