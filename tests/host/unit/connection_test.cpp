// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* ktcp/connection.hpp: a turn's share, its times, and the end of a handler, which may not listen. */
#include <ktcp/connection.hpp>

#include <cerrno>
#include <climits>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "connection_fixture.hpp"

using ktcp::errc;
using ktcp::task;
using testing::_;
using testing::InSequence;
using testing::Return;
using namespace connection_tests;

static_assert(!std::is_copy_constructible_v<ktcp::connection>);
static_assert(!std::is_move_constructible_v<ktcp::connection>);
static_assert(!std::is_copy_constructible_v<ktcp::received>);
static_assert(std::is_nothrow_move_constructible_v<ktcp::received>);
static_assert(std::is_trivially_destructible_v<ktcp::connection::read_operation>);
static_assert(std::is_trivially_destructible_v<ktcp::connection::read_more_operation>);
static_assert(std::is_trivially_destructible_v<ktcp::connection::message_operation>);
static_assert(std::is_trivially_destructible_v<ktcp::connection::write_operation>);
static_assert(std::is_trivially_destructible_v<ktcp::connection::gather_operation<3>>);
static_assert(std::is_trivially_destructible_v<ktcp::connection::may_sleep_operation>);
static_assert(std::is_trivially_destructible_v<ktcp::connection::finish_operation>);

/* ---- a turn's share --------------------------------------------------------------------------- */

TEST_F(connection_test, yields_after_its_share_and_goes_on)
{
	unsigned int reads = 0;

	EXPECT_CALL(port, sock_recv(_, _, _)).WillRepeatedly([&](auto, void *buffer, auto) {
		reads++;
		*static_cast<char *>(buffer) = 'x';
		return 1L;
	});
	collect();
	EXPECT_EQ(peer->advance(), progress::yielded);
	EXPECT_EQ(reads, operations_per_turn);
	EXPECT_EQ(buffers(), 0u);
	EXPECT_EQ(peer->advance(), progress::yielded);
	EXPECT_EQ(reads, 2 * operations_per_turn);
	EXPECT_EQ(got.size(), reads) << "no byte is lost at the turn's end";
}

/* Coroutines that await each other and nothing else: others have their turn all the same. */
TEST_F(connection_test, an_await_of_a_coroutine_costs_too)
{
	unsigned int rounds = 0;
	const auto nothing = [](ktcp::connection &) -> ktcp::task { co_return; };

	serve([&](ktcp::connection &peer) -> task {
		for (; rounds < 10'000; rounds++)
			static_cast<void>(co_await nothing(peer));
	});

	int turns = 1;

	for (; peer->advance() == progress::yielded; turns++)
		ASSERT_LE(turns, 100);
	EXPECT_EQ(rounds, 10'000u);
	EXPECT_GE(turns, 10);
	EXPECT_EQ(peer->moved().exhausted, static_cast<std::uint64_t>(turns - 1));
	close();
}

TEST_F(connection_test, one_that_awaits_nothing_else_is_ended_all_the_same)
{
	const auto nothing = [](ktcp::connection &) -> ktcp::task { co_return; };

	serve([&](ktcp::connection &peer) -> task {
		for (;;)
			static_cast<void>(co_await nothing(peer));
	});
	EXPECT_EQ(peer->advance(), progress::yielded);
	peer->end(errc::eshutdown);

	int turns = 0;

	while (peer->advance() == progress::yielded)
		ASSERT_LE(++turns, 100);
	close();
}

TEST_F(connection_test, reads_and_writes_share_it)
{
	unsigned int calls = 0;

	EXPECT_CALL(port, sock_recv(_, _, _)).WillRepeatedly([&](auto, void *buffer, auto) {
		calls++;
		*static_cast<char *>(buffer) = 'x';
		return 1L;
	});
	EXPECT_CALL(port, sock_send(_, _, _, _)).WillRepeatedly([&](auto, auto, auto, auto) {
		calls++;
		return 1L;
	});
	echo();
	EXPECT_EQ(peer->advance(), progress::yielded);
	EXPECT_EQ(calls, operations_per_turn);
}

/* A turn is as long in time for messages of any size: large ones cost more of it. */
TEST_F(connection_test, bytes_use_it_up_too)
{
	constexpr long piece = 16384;
	long sends = 0;

	EXPECT_CALL(port, sock_send(_, _, _, _)).WillRepeatedly([&](auto, auto, auto, auto) {
		sends++;
		return piece;
	});
	say(std::string(100 * piece, 'x'));
	ASSERT_EQ(peer->advance(), progress::yielded);
	EXPECT_GE(sends, 4) << "enough to amortise the way";
	EXPECT_LE(sends, operations_per_turn / 2);
	for (int turns = 0; turns < 100; turns++)
		if (peer->advance() == progress::finished)
			break;
	EXPECT_EQ(sends, 100);
	EXPECT_EQ(statuses, std::vector<int>{ 0 });
}

/* A peer that drains its socket as fast as we fill it must not keep the worker. */
TEST_F(connection_test, one_long_write_has_no_more_than_its_share)
{
	unsigned long sends = 0;

	EXPECT_CALL(port, sock_send(_, _, _, _)).WillRepeatedly([&](auto, auto, auto, auto) {
		sends++;
		return 1L;
	});
	say(std::string(10'000, 'x'));
	ASSERT_EQ(peer->advance(), progress::yielded);
	EXPECT_LE(sends, operations_per_turn);
	for (int turns = 0; turns < 10'000; turns++)
		if (peer->advance() == progress::finished)
			break;
	EXPECT_EQ(sends, 10'000u);
	EXPECT_EQ(statuses, std::vector<int>{ 0 });
}

/* ---- the handler's end ------------------------------------------------------------------------- */

TEST_F(connection_test, finishes_when_the_handler_returns_at_once)
{
	serve([](ktcp::connection &) -> task { co_return; });
	EXPECT_EQ(peer->advance(), progress::finished);
}

TEST_F(connection_test, a_handler_without_memory_never_runs)
{
	collect();
	EXPECT_CALL(port, kmalloc(_, KTCP_GFP_KERNEL)).WillOnce(Return(nullptr));
	EXPECT_CALL(port, sock_recv(_, _, _)).Times(0);
	EXPECT_EQ(peer->advance(), progress::finished);
	EXPECT_TRUE(statuses.empty());
}

TEST_F(connection_test, a_handler_that_waits_for_something_else_is_finished)
{
	serve([](ktcp::connection &) -> task { co_await std::suspend_always(); });
	EXPECT_EQ(peer->advance(), progress::finished) << "nobody would ever resume it";
	EXPECT_EQ(port.fake.blocks(), 1u);
	close();
	EXPECT_EQ(port.fake.blocks(), 0u);
}

/* A reader finds out by itself that its peer is gone. It reads first the bytes that came before. */
TEST_F(connection_test, a_lost_one_tells_its_reader_itself)
{
	std::string said;

	EXPECT_CALL(port, sock_recv(_, _, _))
		.WillOnce(Return(-EAGAIN))
		.WillOnce(receive("rest"))
		.WillOnce(Return(-ECONNRESET));
	serve([&said](ktcp::connection &peer) -> task {
		const auto rest = co_await peer.read();
		const auto none = co_await peer.read();

		said = text(*rest);
		EXPECT_EQ(none.error(), errc::econnreset);
	});
	EXPECT_EQ(peer->advance(), progress::waiting);
	raw->is_lost = true;
	EXPECT_EQ(peer->advance(), progress::finished);
	EXPECT_EQ(said, "rest");
}

/* Its size was known: a handler that does not ask has no bytes, and reads no other memory. */
TEST_F(connection_test, a_message_that_failed_has_no_bytes)
{
	std::string said;
	const auto fails = [&](auto how, errc why) {
		serve([&](ktcp::connection &peer) -> task {
			const auto got = co_await how(peer);

			EXPECT_EQ(got.error(), why);
			EXPECT_TRUE(got.text().empty());
			EXPECT_TRUE((*got).empty());
			EXPECT_TRUE(got.bytes().empty());
			said += "x";
		});
		EXPECT_EQ(peer->advance(), progress::finished);
		close();
	};

	EXPECT_CALL(port, sock_recv(_, _, _)).WillOnce(receive("much too long"));
	fails([](auto &peer) { return peer.read_line(5); }, errc::emsgsize);
	EXPECT_CALL(port, sock_recv(_, _, _)).WillOnce(receive("cut")).WillOnce(Return(0));
	fails([](auto &peer) { return peer.read_line(50); }, errc::ebadmsg);
	EXPECT_CALL(port, sock_recv(_, _, _)).WillOnce(receive("cut")).WillOnce(Return(-ECONNRESET));
	fails([](auto &peer) { return peer.read_exactly(50); }, errc::econnreset);
	fails([](auto &peer) { return peer.read_exactly(50'000); }, errc::emsgsize);
	EXPECT_EQ(said, "xxxx");
}

TEST_F(connection_test, children_read_and_write_on_its_behalf)
{
	const auto line = [](ktcp::connection &peer) -> ktcp::task_of<std::string> {
		auto received = co_await peer.read();

		if (!received)
			co_return errc::econnreset;
		co_return text(*received);
	};

	EXPECT_CALL(port, sock_recv(_, _, _))
		.WillOnce(Return(-EAGAIN))
		.WillOnce(receive("line"))
		.WillOnce(Return(0));
	serve([&](ktcp::connection &peer) -> task {
		for (;;) {
			auto each = co_await line(peer);

			if (!each)
				co_return;
			got += *each;
		}
	});
	EXPECT_EQ(peer->advance(), progress::waiting);
	EXPECT_EQ(port.fake.blocks(), 2u) << "the handler's frame and the child's";
	EXPECT_EQ(peer->advance(), progress::finished);
	EXPECT_EQ(got, "line");
}

TEST_F(connection_test, close_while_a_child_waits_frees_all_frames)
{
	const auto child = [](ktcp::connection &peer) -> task {
		static_cast<void>(co_await peer.read());
	};

	serve([&](ktcp::connection &peer) -> task { static_cast<void>(co_await child(peer)); });
	EXPECT_EQ(peer->advance(), progress::waiting);
	EXPECT_EQ(port.fake.blocks(), 2u);
	close();
	EXPECT_EQ(port.fake.blocks(), 0u);
}

TEST_F(connection_test, close_delivers)
{
	echo();
	EXPECT_EQ(peer->advance(), progress::waiting);

	InSequence order;

	EXPECT_CALL(port, sock_set_user_timeout(_, _)).Times(0);
	EXPECT_CALL(port, kfree(_)); /* the handler's frame */
	EXPECT_CALL(port, sock_hold_net(raw));
	EXPECT_CALL(port, sock_release(raw));
	close(); /* destroys it, too: its destructor must not release once more */
}

/* ---- ended -------------------------------------------------------------------------------------- */

TEST_F(connection_test, once_ended_every_operation_fails)
{
	EXPECT_CALL(port, sock_recv(_, _, _)).WillOnce(Return(-EAGAIN));
	EXPECT_CALL(port, sock_send(_, _, _, _)).Times(0);
	serve([this](ktcp::connection &peer) -> task {
		auto received = co_await peer.read();

		statuses.push_back(received.error().code());
		EXPECT_FALSE(received.end_of_stream());
		statuses.push_back((co_await peer.write("goodbye")).code());
	});
	EXPECT_EQ(peer->advance(), progress::waiting);
	peer->end(errc::eshutdown);
	EXPECT_EQ(peer->advance(), progress::finished);
	EXPECT_EQ(statuses, (std::vector<int>{ -ESHUTDOWN, -ESHUTDOWN }));
}

TEST_F(connection_test, the_first_reason_stands)
{
	collect();
	EXPECT_EQ(peer->advance(), progress::waiting);
	peer->end(errc::etimedout);
	peer->end(errc::eshutdown);
	EXPECT_EQ(peer->advance(), progress::finished);
	EXPECT_EQ(statuses, std::vector<int>{ -ETIMEDOUT });
}

TEST_F(connection_test, ended_before_it_began)
{
	EXPECT_CALL(port, sock_recv(_, _, _)).Times(0);
	collect();
	peer->end(errc::eshutdown);
	EXPECT_EQ(peer->advance(), progress::finished);
	EXPECT_EQ(statuses, std::vector<int>{ -ESHUTDOWN });
}

TEST_F(connection_test, ended_inside_a_read_that_brings_bytes)
{
	EXPECT_CALL(port, sock_recv(_, _, _))
		.WillOnce([this](auto sock, void *buffer, std::size_t size) {
			peer->end(errc::eshutdown);
			return receive("last")(sock, buffer, size);
		});
	collect();
	EXPECT_EQ(peer->advance(), progress::finished);
	EXPECT_EQ(got, "last") << "what had come is still handed over";
	EXPECT_EQ(statuses, std::vector<int>{ -ESHUTDOWN });
}

TEST_F(connection_test, ended_in_the_middle_of_a_write)
{
	EXPECT_CALL(port, sock_send(_, _, _, _)).WillOnce(Return(2)).WillOnce(Return(-EAGAIN));
	say("hello");
	EXPECT_EQ(peer->advance(), progress::waiting);
	peer->end(errc::etimedout);
	EXPECT_EQ(peer->advance(), progress::finished);
	EXPECT_EQ(statuses, std::vector<int>{ -ETIMEDOUT });
}

TEST_F(connection_test, a_handler_that_does_not_listen_is_told_sixteen_times)
{
	stubborn();
	EXPECT_EQ(peer->advance(), progress::waiting);
	peer->end(errc::eshutdown);
	EXPECT_EQ(peer->advance(), progress::finished);
	EXPECT_EQ(statuses, std::vector<int>(patience, -ESHUTDOWN));
	EXPECT_EQ(peer->advance(), progress::finished) << "and not once more";
	EXPECT_EQ(statuses.size(), static_cast<std::size_t>(patience));
	EXPECT_EQ(port.fake.blocks(), 1u);
	close();
	EXPECT_EQ(port.fake.blocks(), 0u);
}

TEST_F(connection_test, patience_is_not_renewed_by_another_turn)
{
	EXPECT_CALL(port, sock_recv(_, _, _)).WillRepeatedly(receive("x"));
	stubborn();
	EXPECT_EQ(peer->advance(), progress::yielded);
	peer->end(errc::eshutdown);
	statuses.clear();
	EXPECT_EQ(peer->advance(), progress::finished);
	EXPECT_EQ(statuses, std::vector<int>(patience, -ESHUTDOWN));
}

TEST_F(connection_test, a_deadline_that_is_over_is_not_told_for_ever)
{
	serve([this](ktcp::connection &peer) -> task {
		peer.expires_after(10);
		for (;;)
			statuses.push_back((co_await peer.read()).error().code());
	});
	EXPECT_EQ(peer->advance(), progress::waiting);
	EXPECT_TRUE(peer->expire(port.fake.now + 10));
	EXPECT_EQ(peer->advance(), progress::finished);
	EXPECT_EQ(statuses, std::vector<int>(patience, -ETIMEDOUT));
}

TEST_F(connection_test, another_deadline_is_told_afresh)
{
	serve([this](ktcp::connection &peer) -> task {
		for (;;) {
			peer.expires_after(10);
			for (int i = 0; i < patience; i++)
				statuses.push_back((co_await peer.read()).error().code());
		}
	});
	for (int i = 1; i <= 3; i++) {
		EXPECT_EQ(peer->advance(), progress::waiting);
		port.fake.now += 10;
		EXPECT_TRUE(peer->expire(port.fake.now));
		EXPECT_EQ(statuses.size(), static_cast<std::size_t>(patience * (i - 1)));
	}
}

/* However cheap the work in between: only its own peer pays for the first. */
TEST_F(connection_test, every_sleep_is_part_of_a_turns_share)
{
	unsigned int slept = 0;

	serve([&](ktcp::connection &peer) -> task {
		while (co_await peer.may_sleep())
			slept++;
	});
	EXPECT_EQ(peer->advance(), progress::asked_to_sleep);
	EXPECT_EQ(peer->advance(), progress::yielded);
	EXPECT_EQ(slept, operations_per_turn);
	EXPECT_TRUE(peer->asked_to_sleep()) << "and its next turn is where it may";
	EXPECT_EQ(peer->advance(), progress::yielded);
	EXPECT_EQ(slept, 2 * operations_per_turn);
}

/* While a handler waits for a disk, its connection does not wait for its peer. */
TEST_F(connection_test, waits_for_its_peer_only_while_it_waits)
{
	bool writing = true;

	serve([&](ktcp::connection &peer) -> task {
		EXPECT_TRUE(co_await peer.write("hello"));
		writing = static_cast<tested_connection &>(peer).writing();
	});
	EXPECT_CALL(port, sock_send(_, _, _, _)).WillOnce(Return(-EAGAIN)).WillOnce(Return(5));
	EXPECT_EQ(peer->advance(), progress::waiting);
	EXPECT_TRUE(peer->writing());
	EXPECT_EQ(peer->advance(), progress::finished);
	EXPECT_FALSE(writing);
}

TEST_F(connection_test, finishes_sending_in_process_context)
{
	serve([this](ktcp::connection &peer) -> task {
		statuses.push_back((co_await peer.finish_sending()).code());
	});
	EXPECT_CALL(port, sock_shutdown(raw, KTCP_SHUT_WR)).WillOnce(Return(-ENOTCONN));
	EXPECT_EQ(peer->advance(), progress::finished);
	EXPECT_EQ(statuses, std::vector<int>{ -ENOTCONN });
}

TEST_F(connection_test, an_ended_one_lingers_a_second)
{
	collect();
	EXPECT_EQ(peer->advance(), progress::waiting);
	peer->end(errc::eshutdown);
	EXPECT_EQ(peer->advance(), progress::finished);

	InSequence order;

	EXPECT_CALL(port, sock_set_user_timeout(raw, ended_linger_ms));
	EXPECT_CALL(port, sock_hold_net(raw));
	EXPECT_CALL(port, sock_release(raw));
	close();
}

/* ---- idleness ------------------------------------------------------------------------------------ */

TEST_F(connection_test, is_idle_while_no_byte_moves)
{
	std::string sent;

	EXPECT_CALL(port, sock_recv(_, _, _))
		.WillOnce(Return(-EAGAIN))
		.WillOnce(receive("a"))
		.WillRepeatedly(Return(-EAGAIN));
	EXPECT_CALL(port, sock_send(_, _, _, _)).WillOnce(Return(-EAGAIN)).WillOnce(take(sent, 1));
	port.fake.now = 5000;
	echo();
	EXPECT_EQ(peer->idle_ms(), 0u);
	port.fake.now = 6000;
	EXPECT_EQ(peer->advance(), progress::waiting);
	EXPECT_EQ(peer->idle_ms(), 1000u) << "looking is not moving";
	EXPECT_EQ(peer->advance(), progress::waiting);
	EXPECT_EQ(peer->idle_ms(), 0u) << "a byte came";
	port.fake.now = 7000;
	raw->takes = false;
	EXPECT_EQ(peer->idle_ms(), 1000u);
	EXPECT_EQ(peer->advance(), progress::waiting);
	EXPECT_EQ(peer->idle_ms(), 1000u) << "our buffer took a byte, the peer did not";
	raw->taken_ms = port.fake.now;
	EXPECT_EQ(peer->idle_ms(), 0u) << "a byte was acknowledged";
	port.fake.now = 8000;
	raw->has_unread = true;
	EXPECT_EQ(peer->idle_ms(), 0u) << "it waits for us to read";
}

/* It does not read what we write, so that we do not read what it writes. */
TEST_F(connection_test, is_idle_though_it_sent_more_than_we_can_answer)
{
	EXPECT_CALL(port, sock_recv(_, _, _)).WillOnce(receive("a"));
	EXPECT_CALL(port, sock_send(_, _, _, _)).WillOnce(Return(-EAGAIN));
	port.fake.now = 5000;
	echo();
	EXPECT_EQ(peer->advance(), progress::waiting);
	raw->has_unread = true;
	port.fake.now = 6000;
	EXPECT_EQ(peer->idle_ms(), 1000u);
	close();
}

TEST_F(connection_test, stalls_while_nothing_is_acknowledged)
{
	std::string sent;
	long room = 10;

	EXPECT_CALL(port, sock_recv(_, _, _)).WillRepeatedly(Return(-EAGAIN));
	EXPECT_CALL(port, sock_send(_, _, _, _)).WillRepeatedly([&](auto...) -> long {
		return room ? std::exchange(room, 0) : -EAGAIN;
	});
	serve([](ktcp::connection &peer) -> task {
		static_cast<void>(co_await peer.write(std::string_view("a text of some length")));
	});
	raw->takes = false;
	port.fake.now = 5000;
	EXPECT_EQ(peer->advance(), progress::waiting);
	EXPECT_TRUE(peer->writing());
	EXPECT_EQ(peer->stalled_ms(5000), 0u);
	EXPECT_EQ(peer->stalled_ms(4000), 0u) << "a clock read before the wait";
	EXPECT_EQ(peer->stalled_ms(5700), 700u);
	port.fake.now = 6000;
	EXPECT_EQ(peer->advance(), progress::waiting);
	EXPECT_EQ(peer->stalled_ms(6000), 1000u) << "another event's turn is no progress";
	raw->taken_ms = 6000;
	port.fake.now = 6500;
	EXPECT_EQ(peer->stalled_ms(6500), 500u) << "acknowledged, and no room yet";
	room = 1;
	port.fake.now = 9000;
	EXPECT_EQ(peer->advance(), progress::waiting);
	EXPECT_EQ(peer->stalled_ms(9000), 0u) << "there was room: a new wait";
	close();
}

TEST_F(connection_test, keeps_where_its_peer_was)
{
	collect();
	EXPECT_EQ(peer->remote(), ktcp::endpoint());
	peer->set_remote(ktcp::endpoint::ipv4(192, 0, 2, 1, 5));
	EXPECT_CALL(port, sock_remote(_, _)).Times(0);
	EXPECT_EQ(peer->remote(), ktcp::endpoint::ipv4(192, 0, 2, 1, 5));
}

TEST_F(connection_test, knows_its_age_and_its_cpu)
{
	port.fake.now = 5000;
	collect();
	raw->incoming_cpu = 3;
	EXPECT_EQ(peer->age_ms(5250), 250u);
	EXPECT_EQ(peer->incoming_cpu(), 3);
}

TEST_F(connection_test, says_why_it_was_ended)
{
	collect();
	EXPECT_TRUE(peer->why_ended());
	peer->end(errc::etimedout);
	EXPECT_EQ(peer->why_ended().error(), errc::etimedout);
}

TEST_F(connection_test, is_writing_while_it_waits_for_room)
{
	EXPECT_CALL(port, sock_recv(_, _, _)).WillOnce(receive("x")).WillOnce(Return(-EAGAIN));
	EXPECT_CALL(port, sock_send(_, _, _, _)).WillOnce(Return(-EAGAIN)).WillOnce(Return(1));
	echo();
	EXPECT_FALSE(peer->writing());
	EXPECT_EQ(peer->advance(), progress::waiting);
	EXPECT_TRUE(peer->writing());
	EXPECT_EQ(peer->advance(), progress::waiting);
	EXPECT_FALSE(peer->writing());
}

/* ---- numbers -------------------------------------------------------------------------------------- */

TEST_F(connection_test, counts_its_bytes)
{
	int reads = 0;
	std::string sent;

	EXPECT_CALL(port, sock_recv(_, _, _)).WillRepeatedly([&](auto *, void *buffer, auto) {
		*static_cast<char *>(buffer) = 'x';
		return ++reads <= 50 ? 1L : 0L;
	});
	EXPECT_CALL(port, sock_send(_, _, _, _)).WillRepeatedly(take(sent, 1));
	echo();
	EXPECT_EQ(peer->advance(), progress::yielded);
	EXPECT_EQ(peer->moved().exhausted, 1u);
	EXPECT_EQ(peer->advance(), progress::finished);

	const auto moved = peer->moved();

	EXPECT_EQ(moved.bytes_in, 50u);
	EXPECT_EQ(moved.bytes_out, 50u);
	EXPECT_EQ(moved.turns, 2u);
	EXPECT_EQ(moved.exhausted, 1u);
}

/* ---- deadlines ----------------------------------------------------------------------------- */

TEST_F(connection_test, a_deadline_is_at_most_24_days_away)
{
	serve([](ktcp::connection &peer) -> task {
		peer.expires_after(UINT_MAX);
		static_cast<void>(co_await peer.read());
	});
	EXPECT_EQ(peer->advance(), progress::waiting);
	EXPECT_FALSE(peer->expire(port.fake.now)) << "it is not over at once";
	EXPECT_EQ(peer->until_deadline_ms(port.fake.now), INT_MAX);
	EXPECT_FALSE(peer->expire(port.fake.now + INT_MAX - 1));
	EXPECT_TRUE(peer->expire(port.fake.now + INT_MAX));
}

TEST_F(connection_test, a_deadline_ends_operations_until_the_next)
{
	serve([this](ktcp::connection &peer) -> task {
		peer.expires_after(500);
		statuses.push_back((co_await peer.read()).error().code());
		statuses.push_back((co_await peer.write("no")).code());
		peer.expires_after(100);
		statuses.push_back((co_await peer.write("bye")).code());
	});
	EXPECT_EQ(peer->until_deadline_ms(port.fake.now), -1);
	EXPECT_FALSE(peer->expire(port.fake.now + 100'000)) << "none was set";
	EXPECT_EQ(peer->advance(), progress::waiting);
	EXPECT_EQ(peer->until_deadline_ms(port.fake.now), 500);
	port.fake.now += 499;
	EXPECT_FALSE(peer->expire(port.fake.now));
	port.fake.now += 1;
	EXPECT_TRUE(peer->expire(port.fake.now));
	EXPECT_FALSE(peer->expire(port.fake.now)) << "once";
	EXPECT_EQ(peer->until_deadline_ms(port.fake.now), 0);
	EXPECT_CALL(port, sock_send(raw, _, 3, _));
	EXPECT_EQ(peer->advance(), progress::finished);
	EXPECT_EQ(statuses, (std::vector{ -ETIMEDOUT, -ETIMEDOUT, 0 }));
	EXPECT_TRUE(peer->why_ended()) << "the handler has had its say";
}

TEST_F(connection_test, a_deadline_passes_by_the_values_that_mean_something_else)
{
	for (const std::uint64_t start : { 0xffff'ffffull - 99, 0xffff'ffffull - 98 }) {
		port.fake.now = start;
		serve([](ktcp::connection &peer) -> task {
			peer.expires_after(100);
			static_cast<void>(co_await peer.read());
		});
		EXPECT_EQ(peer->advance(), progress::waiting);
		port.fake.now = start + 99;
		EXPECT_FALSE(peer->expire(port.fake.now));
		port.fake.now = start + 102;
		EXPECT_TRUE(peer->expire(port.fake.now));
		close();
	}
}

TEST_F(connection_test, a_deadline_may_be_taken_back)
{
	serve([](ktcp::connection &peer) -> task {
		peer.expires_after(1);
		peer.expires_after(0);
		static_cast<void>(co_await peer.read());
	});
	EXPECT_EQ(peer->advance(), progress::waiting);
	EXPECT_FALSE(peer->expire(port.fake.now + 1000));
}

/* ---- sleeping ------------------------------------------------------------------------------ */

namespace
{

int code_of(const ktcp::result<ktcp::process_context> &asked)
{
	return asked ? 0 : asked.error().code();
}

} // namespace

TEST_F(connection_test, asks_for_a_place_to_sleep_and_goes_on_there)
{
	serve([this](ktcp::connection &peer) -> task {
		statuses.push_back(code_of(co_await peer.may_sleep()));
		statuses.push_back(code_of(co_await peer.may_sleep()));
		static_cast<void>(co_await peer.read());
		statuses.push_back(code_of(co_await peer.may_sleep()));
	});
	EXPECT_EQ(peer->advance(), progress::asked_to_sleep);
	EXPECT_TRUE(statuses.empty());
	EXPECT_EQ(peer->advance(), progress::waiting);
	EXPECT_EQ(statuses, (std::vector{ 0, 0 })) << "the second time it is there already";
	EXPECT_CALL(port, sock_recv(_, _, _)).WillOnce(receive("x"));
	EXPECT_TRUE(peer->asked_to_sleep());
	EXPECT_EQ(peer->advance(), progress::finished) << "the next turn is there from the start";
	EXPECT_EQ(statuses, (std::vector{ 0, 0, 0 }));
}

TEST_F(connection_test, a_handler_that_did_not_ask_in_a_turn_may_not_sleep_in_the_next)
{
	serve([this](ktcp::connection &peer) -> task {
		statuses.push_back(code_of(co_await peer.may_sleep()));
		static_cast<void>(co_await peer.read());
		static_cast<void>(co_await peer.read());
		statuses.push_back(code_of(co_await peer.may_sleep()));
	});
	EXPECT_EQ(peer->advance(), progress::asked_to_sleep);
	EXPECT_EQ(peer->advance(), progress::waiting);
	EXPECT_TRUE(peer->asked_to_sleep());
	EXPECT_CALL(port, sock_recv(_, _, _)).WillOnce(receive("x")).WillOnce(Return(-EAGAIN));
	EXPECT_EQ(peer->advance(), progress::waiting);
	EXPECT_FALSE(peer->asked_to_sleep());
	EXPECT_CALL(port, sock_recv(_, _, _)).WillOnce(receive("x"));
	EXPECT_EQ(peer->advance(), progress::asked_to_sleep);
	EXPECT_EQ(statuses, std::vector{ 0 });
	EXPECT_EQ(peer->advance(), progress::finished);
	EXPECT_EQ(statuses, (std::vector{ 0, 0 }));
}

TEST_F(connection_test, an_ended_connection_does_not_sleep)
{
	serve([this](ktcp::connection &peer) -> task {
		statuses.push_back(code_of(co_await peer.may_sleep()));
	});
	EXPECT_EQ(peer->advance(), progress::asked_to_sleep);
	peer->end(ktcp::errc::eshutdown);
	EXPECT_EQ(peer->advance(), progress::finished);
	EXPECT_EQ(statuses, std::vector{ -ESHUTDOWN });
}
