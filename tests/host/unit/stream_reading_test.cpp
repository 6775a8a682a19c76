// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* ktcp/stream.hpp: reading, by a socket that has nothing, fails or ends. */
#include <ktcp/stream.hpp>

#include <cerrno>
#include <string>
#include <vector>

#include "connection_fixture.hpp"

using ktcp::errc;
using ktcp::task;
using testing::_;
using testing::InSequence;
using testing::Mock;
using testing::Return;
using namespace connection_tests;

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
