// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* ktcp/stream.hpp: writing, by a socket that has room for little, or no memory. */
#include <ktcp/stream.hpp>

#include <cerrno>
#include <string>
#include <vector>

#include "connection_fixture.hpp"

using ktcp::task;
using testing::_;
using testing::InSequence;
using testing::Mock;
using testing::Return;
using namespace connection_tests;

/* ---- writing ------------------------------------------------------------------------------ */

TEST_F(connection_test, writes_at_once_where_there_is_room)
{
	std::string sent;

	EXPECT_CALL(port, sock_send(_, _, 5, 0)).WillOnce(take(sent, 5));
	say("hello");
	EXPECT_EQ(peer->advance(), progress::finished);
	EXPECT_EQ(sent, "hello");
	EXPECT_EQ(statuses, std::vector<int>{ 0 });
}

TEST_F(connection_test, says_that_more_follows)
{
	EXPECT_CALL(port, sock_send(_, _, 5, KTCP_SEND_MORE)).WillOnce(Return(2));
	EXPECT_CALL(port, sock_send(_, _, 3, KTCP_SEND_MORE)).WillOnce(Return(3));
	say("hello", true);
	EXPECT_EQ(peer->advance(), progress::finished);
}

/* One flush: each but the last that has bytes says that more follows. */
TEST_F(connection_test, writes_several_pieces)
{
	InSequence order;

	EXPECT_CALL(port, sock_send(_, _, 4, KTCP_SEND_MORE)).WillOnce(Return(1));
	EXPECT_CALL(port, sock_send(_, _, 3, KTCP_SEND_MORE)).WillOnce(Return(3));
	EXPECT_CALL(port, sock_send(_, _, 2, 0)).WillOnce(Return(-EAGAIN));
	EXPECT_CALL(port, sock_send(_, _, 2, 0)).WillOnce(Return(2));
	serve([this](ktcp::connection &peer) -> task {
		statuses.push_back((co_await peer.write("head", bytes("ok"), "")).code());
	});
	EXPECT_EQ(peer->advance(), progress::waiting);
	EXPECT_EQ(peer->interest(), KTCP_SOCK_WRITABLE | always);
	EXPECT_EQ(peer->advance(), progress::finished);
	EXPECT_EQ(statuses, std::vector<int>{ 0 });
}

/* An await costs, whether it receives or not: a peer of empty lines has its share and no more. */
TEST_F(connection_test, lines_that_are_there_cost_their_share)
{
	unsigned int lines = 0;

	EXPECT_CALL(port, sock_recv(_, _, _))
		.WillOnce(receive(std::string(1000, '\n')))
		.WillRepeatedly(Return(-EAGAIN));
	serve([&](ktcp::connection &peer) -> task {
		while (co_await peer.read_line(10))
			lines++;
	});
	EXPECT_EQ(peer->advance(), progress::yielded);
	EXPECT_EQ(lines, operations_per_turn);
	EXPECT_EQ(peer->advance(), progress::yielded);
	EXPECT_EQ(lines, 2 * operations_per_turn);
}

/* Bytes that no read takes are freed with the connection. */
TEST_F(connection_test, gives_back_kept_bytes)
{
	EXPECT_CALL(port, sock_recv(_, _, _)).WillOnce(receive("one\ntwo"));
	serve([](ktcp::connection &peer) -> task {
		static_cast<void>(co_await peer.read_line(10));
	});
	EXPECT_EQ(peer->advance(), progress::finished);
	EXPECT_EQ(buffers(), 1u);
	close();
	EXPECT_EQ(buffers(), 0u);
}

TEST_F(connection_test, writes_on_from_where_it_stopped)
{
	std::string sent;
	InSequence order;

	say("0123456789");
	EXPECT_CALL(port, sock_send(raw, _, 10, 0)).WillOnce(take(sent, 4));
	EXPECT_CALL(port, sock_send(raw, _, 6, 0)).WillOnce(take(sent, 1));
	EXPECT_CALL(port, sock_send(raw, _, 5, 0)).WillOnce(Return(-EAGAIN));
	EXPECT_CALL(port, sock_send(raw, _, 5, 0)).WillOnce(Return(-EAGAIN));
	EXPECT_CALL(port, sock_send(raw, _, 5, 0)).WillOnce(take(sent, 5));
	EXPECT_EQ(peer->advance(), progress::waiting);
	EXPECT_EQ(peer->interest(), KTCP_SOCK_WRITABLE | always);
	EXPECT_EQ(peer->advance(), progress::waiting);
	EXPECT_TRUE(statuses.empty());
	EXPECT_EQ(peer->advance(), progress::finished);
	EXPECT_EQ(sent, "0123456789");
	EXPECT_EQ(statuses, std::vector<int>{ 0 });
}

TEST_F(connection_test, a_write_of_nothing_sends_nothing)
{
	EXPECT_CALL(port, sock_send(_, _, _, _)).Times(0);
	say("");
	EXPECT_EQ(peer->advance(), progress::finished);
	EXPECT_EQ(statuses, std::vector<int>{ 0 });
}

TEST_F(connection_test, a_write_fails)
{
	for (int why : { -EPIPE, -ECONNRESET, -ETIMEDOUT }) {
		EXPECT_CALL(port, sock_send(_, _, _, _)).WillOnce(Return(2)).WillOnce(Return(why));
		say("hello");
		EXPECT_EQ(peer->advance(), progress::finished);
		EXPECT_EQ(statuses.back(), why);
		close();
	}
}

TEST_F(connection_test, a_write_fails_after_it_waited)
{
	EXPECT_CALL(port, sock_send(_, _, _, _))
		.WillOnce(Return(-EAGAIN))
		.WillOnce(Return(-ECONNRESET));
	say("hello");
	EXPECT_EQ(peer->advance(), progress::waiting);
	EXPECT_EQ(peer->advance(), progress::finished);
	EXPECT_EQ(statuses, std::vector<int>{ -ECONNRESET });
}

TEST_F(connection_test, echoes)
{
	std::string sent;

	EXPECT_CALL(port, sock_recv(_, _, _))
		.WillOnce(receive("ping"))
		.WillOnce(Return(-EAGAIN))
		.WillOnce(receive("pong"))
		.WillOnce(Return(0));
	EXPECT_CALL(port, sock_send(_, _, _, _)).WillRepeatedly(take(sent, 3));
	echo();
	EXPECT_EQ(peer->advance(), progress::waiting);
	EXPECT_EQ(sent, "ping");
	EXPECT_EQ(peer->advance(), progress::finished);
	EXPECT_EQ(sent, "pingpong");
}

TEST_F(connection_test, an_echo_that_cannot_send_keeps_its_bytes_and_reads_no_more)
{
	EXPECT_CALL(port, sock_recv(_, _, _)).WillOnce(receive("ping"));
	EXPECT_CALL(port, sock_send(_, _, 4, 0)).WillRepeatedly(Return(-EAGAIN));
	echo();
	EXPECT_EQ(peer->advance(), progress::waiting);
	EXPECT_EQ(peer->advance(), progress::waiting);
	EXPECT_EQ(buffers(), 1u);
	EXPECT_EQ(peer->interest(), KTCP_SOCK_WRITABLE | always);
}

/* ---- no memory to send ---------------------------------------------------------------------- */

TEST_F(connection_test, the_second_denial_in_a_row_is_believed)
{
	EXPECT_CALL(port, sock_send(_, _, _, _))
		.WillOnce(Return(-ENOBUFS))
		.WillOnce(Return(-ENOBUFS))
		.WillOnce(Return(-ENOBUFS))
		.WillOnce(Return(5));
	say("hello");
	EXPECT_EQ(peer->advance(), progress::waiting);
	EXPECT_FALSE(peer->starved());
	EXPECT_EQ(peer->interest(), KTCP_SOCK_WRITABLE | always);
	EXPECT_EQ(peer->advance(), progress::waiting);
	EXPECT_TRUE(peer->starved());
	EXPECT_EQ(peer->interest(), always)
		<< "room that is announced from inside the send is no reason to try again";
	EXPECT_EQ(peer->advance(), progress::waiting);
	EXPECT_TRUE(peer->starved());
	EXPECT_EQ(peer->advance(), progress::finished);
	EXPECT_FALSE(peer->starved());
	EXPECT_EQ(statuses, std::vector<int>{ 0 });
}

TEST_F(connection_test, a_full_buffer_is_no_denial)
{
	EXPECT_CALL(port, sock_send(_, _, _, _))
		.WillOnce(Return(-ENOBUFS))
		.WillOnce(Return(-EAGAIN))
		.WillOnce(Return(-ENOBUFS))
		.WillOnce(Return(-ENOBUFS))
		.WillOnce(Return(-EAGAIN));
	say("hello");
	EXPECT_EQ(peer->advance(), progress::waiting);
	EXPECT_EQ(peer->advance(), progress::waiting);
	EXPECT_FALSE(peer->starved());
	EXPECT_EQ(peer->advance(), progress::waiting);
	EXPECT_FALSE(peer->starved()) << "not in a row";
	EXPECT_EQ(peer->advance(), progress::waiting);
	EXPECT_TRUE(peer->starved());
	EXPECT_EQ(peer->advance(), progress::waiting);
	EXPECT_FALSE(peer->starved()) << "an acknowledgement will come";
	EXPECT_EQ(peer->interest(), KTCP_SOCK_WRITABLE | always);
}

TEST_F(connection_test, bytes_taken_end_a_denial)
{
	EXPECT_CALL(port, sock_send(_, _, _, _))
		.WillOnce(Return(-ENOBUFS))
		.WillOnce(Return(1))
		.WillOnce(Return(-ENOBUFS));
	say("hello");
	EXPECT_EQ(peer->advance(), progress::waiting);
	EXPECT_EQ(peer->advance(), progress::waiting);
	EXPECT_FALSE(peer->starved());
}

/* ---- sending without a copy ------------------------------------------------------------------------- */

TEST_F(connection_test, bytes_go_out_in_the_pages_they_came_in_if_they_are_many)
{
	const struct {
		std::size_t size;
		unsigned int flags;
	} cases[] = { { 1, 0 }, { 2047, 0 }, { 2048, KTCP_SEND_PAGES }, { 4096, KTCP_SEND_PAGES } };

	for (const auto &each : cases) {
		EXPECT_CALL(port, sock_recv(_, _, _))
			.WillOnce(receive(std::string(each.size, 'x')))
			.WillOnce(Return(0));
		EXPECT_CALL(port, sock_send(_, _, each.size, each.flags))
			.WillOnce(Return(static_cast<long>(each.size)));
		echo();
		EXPECT_EQ(peer->advance(), progress::finished) << each.size;
		close();
		Mock::VerifyAndClearExpectations(&port);
	}
}

TEST_F(connection_test, the_rest_of_a_partial_send_is_copied_once_it_is_small)
{
	InSequence order;

	EXPECT_CALL(port, sock_recv(_, _, _)).WillOnce(receive(std::string(4096, 'x')));
	EXPECT_CALL(port, sock_send(_, _, 4096, KTCP_SEND_PAGES)).WillOnce(Return(1000));
	EXPECT_CALL(port, sock_send(_, _, 3096, KTCP_SEND_PAGES)).WillOnce(Return(3000));
	EXPECT_CALL(port, sock_send(_, _, 96, 0)).WillOnce(Return(96));
	EXPECT_CALL(port, sock_recv(_, _, _)).WillOnce(Return(0));
	echo();
	EXPECT_EQ(peer->advance(), progress::finished);
}

TEST_F(connection_test, bytes_of_an_earlier_read_go_out_in_their_pages)
{
	EXPECT_CALL(port, sock_recv(_, _, _))
		.WillOnce(receive(std::string(4096, 'x')))
		.WillOnce(receive("y"))
		.WillOnce(receive("z"));
	EXPECT_CALL(port, sock_send(_, _, 4096, KTCP_SEND_PAGES)).WillOnce(Return(2048));
	EXPECT_CALL(port, sock_send(_, _, 2048, KTCP_SEND_PAGES)).WillOnce(Return(2047));
	EXPECT_CALL(port, sock_send(_, _, 1, 0)).Times(2).WillRepeatedly(Return(1));
	serve([](ktcp::connection &peer) -> task {
		const auto first = co_await peer.read();
		const auto second = co_await peer.read();
		const auto third = co_await peer.read();

		EXPECT_TRUE(co_await peer.write(first));
		EXPECT_TRUE(co_await peer.write(second));
	});
	EXPECT_EQ(peer->advance(), progress::finished);
}

TEST_F(connection_test, a_handlers_own_memory_is_copied)
{
	EXPECT_CALL(port, sock_recv(_, _, _)).WillOnce(receive(std::string(4096, 'x')));
	EXPECT_CALL(port, sock_send(_, _, 4096, 0)).WillOnce(Return(4096));
	serve([](ktcp::connection &peer) -> task {
		const auto received = co_await peer.read();
		const std::string copy = text(*received);

		static_cast<void>(co_await peer.write(copy));
	});
	EXPECT_EQ(peer->advance(), progress::finished);
}

/*
 * A handler gives its bytes back, then gets memory for an answer, which may well be the same pages.
 * Once its write() is over it may change that memory, so TCP must have a copy.
 */
TEST_F(connection_test, memory_that_is_no_buffer_any_more_is_copied)
{
	alignas(4096) static std::byte pages[4096];

	EXPECT_CALL(port, page_pool_get(_, _)).WillRepeatedly(Return(pages));
	EXPECT_CALL(port, page_pool_put(_, pages))
		.Times(testing::AtLeast(1))
		.WillRepeatedly(Return());
	EXPECT_CALL(port, alloc_pages(4096, _)).WillOnce(Return(pages));
	EXPECT_CALL(port, free_pages(pages, 4096)).WillOnce(Return());
	EXPECT_CALL(port, sock_recv(_, _, _)).WillOnce(receive(std::string(4096, 'x')));
	EXPECT_CALL(port, sock_send(_, _, 4096, 0)).WillOnce(Return(4096));
	serve([](ktcp::connection &peer) -> task {
		{
			const auto request = co_await peer.read();
		}

		auto answer = ktcp::buffer::pages(4096, ktcp::gfp::kernel);

		static_cast<void>(co_await peer.write(answer->bytes()));
	});
	EXPECT_EQ(peer->advance(), progress::finished);
}
