// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * ktcp/connection.hpp: reading and writing through a socket that has nothing, has room for little,
 * fails or ends. Also a turn's share, and the end of a handler that does not listen.
 */
#include <ktcp/connection.hpp>

#include <ktcp/kernel/buffer.hpp>

#include <cerrno>
#include <climits>
#include <optional>
#include <string>
#include <vector>

#include "support.hpp"

using ktcp::errc;
using ktcp::task;
using testing::_;
using testing::InSequence;
using testing::Mock;
using testing::NiceMock;
using testing::Return;

namespace
{

/* Its documentation promises this. */
constexpr unsigned int operations_per_turn = 64;
constexpr int patience = 16;
constexpr unsigned int ended_linger_ms = 1000;

/* The engine's side, open to the tests. */
class tested_connection : public ktcp::connection {
    public:
	using connection::advance;
	using connection::advance_in_softirq;
	using connection::age_ms;
	using connection::asked_to_sleep;
	using connection::close;
	using connection::end;
	using connection::event_over;
	using connection::event_source;
	using connection::expire;
	using connection::idle_ms;
	using connection::incoming_cpu;
	using connection::interest;
	using connection::moved;
	using connection::progress;
	using connection::set_remote;
	using connection::stalled_ms;
	using connection::starved;
	using connection::until_deadline_ms;
	using connection::why_ended;
	using connection::writing;

	tested_connection(::socket *raw, ktcp::page_pool &buffers, const handler &handle)
		: connection(ktcp::socket(raw), buffers, call_handler, &handle)
	{
	}
};

using progress = tested_connection::progress;

constexpr std::uint32_t always = tested_connection::event_over | tested_connection::event_source |
				 KTCP_SOCK_STATE;

class connection_test : public testing::Test {
    protected:
	NiceMock<mock::mock_port> port;
	ktcp::page_pool pool = std::move(*ktcp::page_pool::create(4096));
	::socket *raw = nullptr;
	handler handle;
	std::optional<tested_connection> peer;
	std::string got;
	std::vector<int> statuses;

	/* A peer for this handler, not yet advanced. */
	void serve(handler how)
	{
		handle = std::move(how);
		raw = port.fake.new_socket();
		peer.emplace(raw, pool, handle);
	}

	void echo()
	{
		serve([](ktcp::connection &peer) -> task {
			while (auto received = co_await peer.read())
				if (!co_await peer.write(*received))
					break;
		});
	}

	/* Reads to the end; leaves the bytes in got and the last status in statuses. */
	void collect()
	{
		serve([this](ktcp::connection &peer) -> task {
			for (;;) {
				auto received = co_await peer.read();

				if (!received) {
					statuses.push_back(received.end_of_stream() ?
								   0 :
								   received.error().code());
					co_return;
				}
				got += text(*received);
			}
		});
	}

	/* Writes this, then leaves the status in statuses. */
	void say(std::string what, bool more = false)
	{
		serve([this, what, more](ktcp::connection &peer) -> task {
			statuses.push_back((co_await peer.write(what, more)).code());
		});
	}

	/* Never listens. */
	void stubborn()
	{
		serve([this](ktcp::connection &peer) -> task {
			for (;;) {
				auto received = co_await peer.read();

				statuses.push_back(received ? 1 : received.error().code());
			}
		});
	}

	/* As its model does with a finished one. */
	void close()
	{
		peer->close();
		peer.reset();
	}

	/* Bytes in the hands of the connection or its handler. */
	std::size_t buffers() const
	{
		return port.fake.pool_buffers();
	}

	void TearDown() override
	{
		Mock::VerifyAndClearExpectations(&port);
		if (peer)
			close();
		pool = ktcp::page_pool();
	}
};

} // namespace

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

/* ---- reading ------------------------------------------------------------------------------ */

TEST_F(connection_test, waits_for_the_first_bytes)
{
	collect();
	EXPECT_EQ(peer->advance(), progress::waiting);
	EXPECT_EQ(peer->interest(), KTCP_SOCK_READABLE | always);
	EXPECT_EQ(buffers(), 0u) << "an idle connection holds no buffer";
}

TEST_F(connection_test, reads_the_received_bytes)
{
	InSequence order;

	EXPECT_CALL(port, sock_recv(_, _, 4096)).WillOnce(Return(-EAGAIN));
	EXPECT_CALL(port, sock_recv(_, _, 4096)).WillOnce(receive("one"));
	EXPECT_CALL(port, sock_recv(_, _, 4096)).WillOnce(receive(std::string("\0\xff", 2)));
	EXPECT_CALL(port, sock_recv(_, _, 4096)).WillOnce(Return(-EAGAIN));
	EXPECT_CALL(port, sock_recv(_, _, 4096)).WillOnce(Return(0));

	collect();
	EXPECT_EQ(peer->advance(), progress::waiting);
	EXPECT_EQ(peer->advance(), progress::waiting);
	EXPECT_EQ(got, std::string("one\0\xff", 5));
	EXPECT_EQ(buffers(), 0u);
	EXPECT_EQ(peer->advance(), progress::finished);
	EXPECT_EQ(statuses, std::vector<int>{ 0 });
	EXPECT_EQ(buffers(), 0u);
}

TEST_F(connection_test, a_spurious_advance_only_looks)
{
	collect();
	for (int i = 0; i < 5; i++) {
		EXPECT_CALL(port, sock_recv(_, _, _)).WillOnce(Return(-EAGAIN));
		EXPECT_EQ(peer->advance(), progress::waiting);
	}
	EXPECT_TRUE(statuses.empty());
}

TEST_F(connection_test, bytes_live_as_long_as_the_result_of_read)
{
	EXPECT_CALL(port, sock_recv(_, _, _))
		.WillOnce(receive("first"))
		.WillOnce(receive("second"))
		.WillRepeatedly(Return(-EAGAIN));
	serve([this](ktcp::connection &peer) -> task {
		auto first = co_await peer.read();
		auto second = co_await peer.read();

		EXPECT_EQ(buffers(), 2u);
		got = text(*first) + text(*second);

		auto moved = std::move(first);

		EXPECT_EQ(text(*moved), "first");
		second = std::move(moved); /* and the other way round, until it goes */
		EXPECT_EQ(buffers(), 2u);
		EXPECT_EQ(text(*second), "first");
		{
			const auto gone = std::move(second);
		}
		EXPECT_EQ(buffers(), 1u);
		static_cast<void>(co_await peer.read());
	});
	EXPECT_EQ(peer->advance(), progress::waiting);
	EXPECT_EQ(got, "firstsecond");
	EXPECT_EQ(buffers(), 1u);
	close();
	EXPECT_EQ(buffers(), 0u);
}

TEST_F(connection_test, a_moved_from_result_has_no_bytes)
{
	EXPECT_CALL(port, sock_recv(_, _, _)).WillOnce(receive("text"));
	serve([](ktcp::connection &peer) -> task {
		auto first = co_await peer.read();
		const auto second = std::move(first);

		EXPECT_FALSE(static_cast<bool>(first));
		EXPECT_TRUE(static_cast<bool>(second));
	});
	EXPECT_EQ(peer->advance(), progress::finished);
}

TEST_F(connection_test, a_read_fails)
{
	for (int why : { -ECONNRESET, -ETIMEDOUT, -EPIPE }) {
		EXPECT_CALL(port, sock_recv(_, _, _)).WillOnce(Return(why));
		collect();
		EXPECT_EQ(peer->advance(), progress::finished);
		EXPECT_EQ(statuses.back(), why);
		EXPECT_EQ(buffers(), 0u);
		close();
	}
}

TEST_F(connection_test, a_read_without_a_buffer_is_enomem)
{
	EXPECT_CALL(port, page_pool_get(_, KTCP_GFP_KERNEL)).WillOnce(Return(nullptr));
	EXPECT_CALL(port, sock_recv(_, _, _)).Times(0);
	collect();
	EXPECT_EQ(peer->advance(), progress::finished);
	EXPECT_EQ(statuses, std::vector<int>{ -ENOMEM });
}

TEST_F(connection_test, a_handler_may_go_on_after_enomem)
{
	EXPECT_CALL(port, page_pool_get(_, _))
		.WillOnce(Return(nullptr))
		.WillOnce([this](ktcp_page_pool *pool, ktcp_gfp gfp) {
			return port.fake.page_pool_get(pool, gfp);
		});
	EXPECT_CALL(port, sock_recv(_, _, _)).WillOnce(receive("after all"));
	serve([this](ktcp::connection &peer) -> task {
		auto none = co_await peer.read();
		auto some = co_await peer.read();

		EXPECT_EQ(none.error(), errc::enomem);
		EXPECT_FALSE(none.end_of_stream());
		got = text(*some);
	});
	EXPECT_EQ(peer->advance(), progress::finished);
	EXPECT_EQ(got, "after all");
}

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

/* ---- looking before receiving ------------------------------------------------------------------------ */

TEST_F(connection_test, does_not_receive_where_there_is_nothing)
{
	EXPECT_CALL(port, sock_readable(_)).WillOnce(Return(false));
	EXPECT_CALL(port, sock_recv(_, _, _)).Times(0);
	EXPECT_CALL(port, page_pool_get(_, _)).Times(0);
	collect();
	EXPECT_EQ(peer->advance(), progress::waiting);
	EXPECT_EQ(peer->interest(), KTCP_SOCK_READABLE | always);
	Mock::VerifyAndClearExpectations(&port);
	EXPECT_CALL(port, sock_recv(_, _, _)).WillOnce(receive("text")).WillOnce(Return(0));
	EXPECT_EQ(peer->advance(), progress::finished);
	EXPECT_EQ(got, "text");
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

		auto answer = ktcp::buffer::pages(4096);

		static_cast<void>(co_await peer.write(answer->bytes()));
	});
	EXPECT_EQ(peer->advance(), progress::finished);
}

/* ---- in softirq --------------------------------------------------------------------------------------- */

namespace
{

class connection_in_softirq : public connection_test {
    protected:
	ktcp::softirq_pages pages = std::move(*ktcp::softirq_pages::create());

	progress advance_here()
	{
		/* Nothing of process context. */
		EXPECT_CALL(port, sock_recv(_, _, _)).Times(0);
		EXPECT_CALL(port, sock_send(_, _, _, _)).Times(0);
		return peer->advance_in_softirq(pages);
	}

	void TearDown() override
	{
		connection_test::TearDown();
		pages = ktcp::softirq_pages();
	}
};

} // namespace

TEST_F(connection_in_softirq, receives_and_sends_there)
{
	std::string sent;

	echo();
	EXPECT_EQ(peer->advance(), progress::waiting);
	EXPECT_CALL(port, sock_softirq_recv(raw, _, 4096))
		.WillOnce(receive("ping"))
		.WillOnce(Return(-EAGAIN));
	EXPECT_CALL(port, sock_softirq_send(raw, _, 4, 0, pages.raw()))
		.WillOnce([&](auto *, const void *data, std::size_t size, auto...) {
			sent.assign(static_cast<const char *>(data), size);
			return static_cast<long>(size);
		});
	EXPECT_CALL(port, page_pool_get(_, KTCP_GFP_ATOMIC)).Times(2);
	EXPECT_EQ(advance_here(), progress::waiting);
	EXPECT_EQ(sent, "ping");
}

TEST_F(connection_in_softirq, allocates_atomically_there_and_only_there)
{
	const auto child = [](ktcp::connection &peer) -> task {
		static_cast<void>(co_await peer.read());
	};

	serve([&](ktcp::connection &peer) -> task {
		for (;;)
			static_cast<void>(co_await child(peer));
	});
	EXPECT_EQ(peer->advance(), progress::waiting);
	EXPECT_CALL(port, sock_softirq_recv(_, _, _))
		.WillOnce(receive("x"))
		.WillOnce(Return(-EAGAIN));
	EXPECT_CALL(port, kmalloc(_, KTCP_GFP_ATOMIC)).Times(1);
	EXPECT_EQ(advance_here(), progress::waiting);
	Mock::VerifyAndClearExpectations(&port);
	EXPECT_CALL(port, sock_recv(_, _, _)).WillOnce(receive("x")).WillOnce(Return(-EAGAIN));
	EXPECT_CALL(port, kmalloc(_, KTCP_GFP_KERNEL)).Times(1);
	EXPECT_EQ(peer->advance(), progress::waiting);
}

TEST_F(connection_in_softirq, has_a_smaller_share)
{
	int reads = 0;

	collect();
	EXPECT_EQ(peer->advance(), progress::waiting);
	EXPECT_CALL(port, sock_softirq_recv(_, _, _)).WillRepeatedly([&](auto *, void *buffer, auto) {
		reads++;
		*static_cast<char *>(buffer) = 'x';
		return 1L;
	});
	EXPECT_EQ(advance_here(), progress::yielded);
	EXPECT_EQ(reads, 8);
}

TEST_F(connection_in_softirq, a_read_that_needs_process_context_is_left_to_the_work_item)
{
	collect();
	EXPECT_EQ(peer->advance(), progress::waiting);
	EXPECT_CALL(port, sock_softirq_recv(_, _, _)).WillOnce(Return(-EINPROGRESS));
	EXPECT_EQ(advance_here(), progress::needs_process);
	EXPECT_EQ(buffers(), 0u);
	Mock::VerifyAndClearExpectations(&port);
	EXPECT_CALL(port, sock_recv(_, _, _)).WillOnce(receive("!")).WillOnce(Return(0));
	EXPECT_EQ(peer->advance(), progress::finished);
	EXPECT_EQ(got, "!");
}

TEST_F(connection_in_softirq, a_write_that_needs_process_context_is_left_to_the_work_item)
{
	std::string sent;

	echo();
	EXPECT_EQ(peer->advance(), progress::waiting);
	EXPECT_CALL(port, sock_softirq_recv(_, _, _)).WillOnce(receive("text"));
	EXPECT_CALL(port, sock_softirq_send(_, _, _, _, _))
		.WillOnce(Return(1))
		.WillOnce(Return(-EINPROGRESS));
	EXPECT_EQ(advance_here(), progress::needs_process);
	Mock::VerifyAndClearExpectations(&port);
	EXPECT_CALL(port, sock_recv(_, _, _)).WillOnce(Return(0));
	EXPECT_CALL(port, sock_send(_, _, 3, 0)).WillOnce(take(sent, 3));
	EXPECT_EQ(peer->advance(), progress::finished);
	EXPECT_EQ(sent, "ext");
}

TEST_F(connection_in_softirq, the_end_is_told_and_nothing_is_freed_there)
{
	collect();
	EXPECT_EQ(peer->advance(), progress::waiting);
	EXPECT_CALL(port, sock_softirq_recv(_, _, _)).WillOnce(Return(0));
	EXPECT_CALL(port, kfree(_)).Times(0);
	EXPECT_CALL(port, sock_release(_)).Times(0);
	EXPECT_EQ(advance_here(), progress::finished);
	EXPECT_EQ(advance_here(), progress::finished);
	EXPECT_EQ(peer->advance(), progress::finished) << "the work item finds it so";
}

/* ---- reading on ---------------------------------------------------------------------------- */

TEST_F(connection_test, reads_on_behind_the_held_bytes)
{
	serve([this](ktcp::connection &peer) -> task {
		auto held = co_await peer.read();
		const auto more = co_await peer.read_more(held);

		statuses.push_back(more ? static_cast<int>(*more) : more.error().code());
		got = text(*held);
		held.remove_prefix(2);
		got += '|' + std::string(text(*held));
	});
	EXPECT_CALL(port, sock_recv(raw, _, 4096)).WillOnce(receive("abc"));
	EXPECT_CALL(port, sock_recv(raw, _, 4093)).WillOnce(Return(-EAGAIN)).WillOnce(receive("de"));
	EXPECT_EQ(peer->advance(), progress::waiting);
	EXPECT_EQ(buffers(), 1u) << "it holds bytes";
	EXPECT_EQ(peer->advance(), progress::finished);
	EXPECT_EQ(statuses, std::vector{ 2 });
	EXPECT_EQ(got, "abcde|cde");
}

TEST_F(connection_test, reading_on_moves_the_rest_where_there_is_room)
{
	serve([this](ktcp::connection &peer) -> task {
		auto held = co_await peer.read();
		const std::byte *const before = (*held).data();

		held.remove_prefix(4090);
		statuses.push_back(static_cast<int>(*co_await peer.read_more(held)));
		EXPECT_NE((*held).data(), before) << "TCP may still be sending from there";
		got = text(*held);
	});
	EXPECT_CALL(port, sock_recv(raw, _, 4096))
		.WillOnce(receive(std::string(4090, 'x') + "123456"));
	EXPECT_CALL(port, sock_recv(raw, _, 4090)).WillOnce(receive("789"));
	EXPECT_EQ(peer->advance(), progress::finished);
	EXPECT_EQ(statuses, std::vector{ 3 });
	EXPECT_EQ(got, "123456789");
	EXPECT_EQ(buffers(), 0u);
}

TEST_F(connection_test, reading_on_stops_at_a_buffer_the_end_and_an_error)
{
	serve([this](ktcp::connection &peer) -> task {
		auto held = co_await peer.read();

		statuses.push_back(static_cast<int>(*co_await peer.read_more(held)));
		statuses.push_back((co_await peer.read_more(held)).error().code());
		held.remove_prefix(1);
		statuses.push_back((co_await peer.read_more(held)).error().code());
		statuses.push_back(static_cast<int>((*held).size()));
	});
	EXPECT_CALL(port, sock_recv(raw, _, 4096)).WillOnce(receive(std::string(4095, 'x')));
	EXPECT_CALL(port, sock_recv(raw, _, 1)).WillOnce(receive("y")).WillOnce(Return(-ECONNRESET));
	EXPECT_EQ(peer->advance(), progress::finished);
	EXPECT_EQ(statuses, (std::vector{ 1, -ENOBUFS, -ECONNRESET, 4095 }));

	close();
	statuses.clear();
	serve([this](ktcp::connection &peer) -> task {
		auto held = co_await peer.read();

		statuses.push_back(static_cast<int>(*co_await peer.read_more(held)));
		got = text(*held);
	});
	EXPECT_CALL(port, sock_recv(raw, _, _)).WillOnce(receive("z")).WillOnce(Return(0));
	EXPECT_EQ(peer->advance(), progress::finished);
	EXPECT_EQ(statuses, std::vector{ 0 });
	EXPECT_EQ(got, "z");
}

/* ---- handlers whose arithmetic is wrong ---------------------------------------------------- */

TEST_F(connection_test, no_more_is_removed_than_was_read)
{
	serve([this](ktcp::connection &peer) -> task {
		auto held = co_await peer.read();

		held.remove_prefix(5);
		EXPECT_FALSE(held);
		EXPECT_TRUE((*held).empty());
		held.remove_prefix(std::size_t{ 1 } << 32); /* not 0 either */
		statuses.push_back((co_await peer.write(*held)).code());

		auto whole = co_await peer.read();

		whole.remove_prefix(65536 + 1); /* nor 1 */
		EXPECT_TRUE((*whole).empty());
	});
	EXPECT_CALL(port, warn(_)).Times(1);
	EXPECT_CALL(port, sock_send(_, _, _, _)).Times(0);
	EXPECT_CALL(port, sock_recv(raw, _, _)).WillOnce(receive("abc")).WillOnce(receive("abc"));
	EXPECT_EQ(peer->advance(), progress::finished);
	EXPECT_EQ(statuses, std::vector{ 0 });
}

TEST_F(connection_test, reading_on_wants_the_result_of_a_read)
{
	serve([this](ktcp::connection &peer) -> task {
		ktcp::received none;

		statuses.push_back((co_await peer.read_more(none)).error().code());

		auto held = co_await peer.read();
		auto taken = std::move(held);

		statuses.push_back((co_await peer.read_more(held)).error().code());
		EXPECT_EQ(text(*taken), "abc");

		auto end = co_await peer.read();

		statuses.push_back((co_await peer.read_more(end)).error().code());
	});
	EXPECT_CALL(port, warn(_)).Times(1);
	EXPECT_CALL(port, sock_recv(raw, _, 4096)).WillOnce(receive("abc")).WillOnce(Return(0));
	EXPECT_EQ(peer->advance(), progress::finished);
	EXPECT_EQ(statuses, (std::vector{ -EINVAL, -EINVAL, -EINVAL }));
	EXPECT_EQ(buffers(), 0u);
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

TEST_F(connection_test, asks_for_a_place_to_sleep_and_goes_on_there)
{
	serve([this](ktcp::connection &peer) -> task {
		statuses.push_back((co_await peer.may_sleep()).code());
		statuses.push_back((co_await peer.may_sleep()).code());
		static_cast<void>(co_await peer.read());
		statuses.push_back((co_await peer.may_sleep()).code());
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
		statuses.push_back((co_await peer.may_sleep()).code());
		static_cast<void>(co_await peer.read());
		static_cast<void>(co_await peer.read());
		statuses.push_back((co_await peer.may_sleep()).code());
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
		statuses.push_back((co_await peer.may_sleep()).code());
	});
	EXPECT_EQ(peer->advance(), progress::asked_to_sleep);
	peer->end(ktcp::errc::eshutdown);
	EXPECT_EQ(peer->advance(), progress::finished);
	EXPECT_EQ(statuses, std::vector{ -ESHUTDOWN });
}
