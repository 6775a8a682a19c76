// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* ktcp/kernel/socket.hpp: every call of the boundary, its success and its failure. */
#include <ktcp/kernel/socket.hpp>

#include <array>
#include <cerrno>
#include <type_traits>

#include "support.hpp"

using ktcp::endpoint;
using ktcp::errc;
using testing::_;
using testing::DoAll;
using testing::InSequence;
using testing::Mock;
using testing::NiceMock;
using testing::Pointee;
using testing::Return;
using testing::SetArgPointee;
using testing::StrictMock;

static_assert(!std::is_copy_constructible_v<ktcp::socket>);
static_assert(std::is_nothrow_move_constructible_v<ktcp::socket>);
static_assert(std::is_nothrow_move_assignable_v<ktcp::socket>);
static_assert(!std::is_convertible_v<ktcp::socket, bool>);
static_assert(!std::is_convertible_v<::socket *, ktcp::socket>, "taking over is said");
static_assert(static_cast<ktcp_family>(ktcp::family::inet) == KTCP_INET);
static_assert(static_cast<ktcp_family>(ktcp::family::inet6) == KTCP_INET6);

namespace
{

MATCHER_P(address_is, expected, "")
{
	return endpoint(arg) == expected;
}

class socket_call : public testing::Test {
    protected:
	/* Strict: an unexpected call is a failure. */
	StrictMock<mock::mock_port> port;
	::socket *const raw = port.fake.new_socket();
	ktcp::socket socket{ raw };

	void TearDown() override
	{
		Mock::VerifyAndClearExpectations(&port);
		EXPECT_CALL(port, sock_release(raw)).Times(1);
		socket = ktcp::socket();
	}
};

} // namespace

/* ---- life -------------------------------------------------------------------------------- */

TEST(socket, is_created_in_a_family_and_a_namespace)
{
	StrictMock<mock::mock_port> port;
	::net net;
	InSequence order;

	EXPECT_CALL(port, sock_create(nullptr, KTCP_INET, _));
	EXPECT_CALL(port, sock_release(_));
	EXPECT_CALL(port, sock_create(&net, KTCP_INET6, _));
	EXPECT_CALL(port, sock_release(_));

	{
		auto made = ktcp::socket::create(ktcp::family::inet);

		ASSERT_TRUE(made);
		EXPECT_TRUE(static_cast<bool>(*made));
		EXPECT_NE(made->raw(), nullptr);
	}
	EXPECT_TRUE(ktcp::socket::create(ktcp::family::inet6, &net));
}

TEST(socket, that_cannot_be_created_is_none)
{
	StrictMock<mock::mock_port> port;

	for (int why : { -EAFNOSUPPORT, -ENOMEM, -ENFILE }) {
		EXPECT_CALL(port, sock_create(_, _, _)).WillOnce(Return(why));
		EXPECT_EQ(ktcp::socket::create(ktcp::family::inet6).error().code(), why);
	}
}

TEST(socket, none_needs_no_port)
{
	ktcp::socket none;
	ktcp::socket other = std::move(none);

	none = std::move(other);
	EXPECT_FALSE(static_cast<bool>(none));
	EXPECT_EQ(none.raw(), nullptr);
}

TEST(socket, is_released_once_however_it_moves)
{
	StrictMock<mock::mock_port> port;
	::socket *const raw = port.fake.new_socket();

	EXPECT_CALL(port, sock_release(raw)).Times(1);

	ktcp::socket first(raw);
	ktcp::socket second(std::move(first));

	EXPECT_FALSE(static_cast<bool>(first));
	EXPECT_EQ(second.raw(), raw);
	first = std::move(second);
	EXPECT_EQ(first.raw(), raw);
	EXPECT_FALSE(static_cast<bool>(second));

	ktcp::socket &same = first;

	first = std::move(same);
	EXPECT_EQ(first.raw(), raw);
}

TEST(socket, assigning_another_releases_the_old_one)
{
	StrictMock<mock::mock_port> port;
	::socket *const old = port.fake.new_socket();
	::socket *const young = port.fake.new_socket();
	ktcp::socket socket(old);

	EXPECT_CALL(port, sock_release(old)).Times(1);
	socket = ktcp::socket(young);
	Mock::VerifyAndClearExpectations(&port);
	EXPECT_EQ(socket.raw(), young);
	EXPECT_CALL(port, sock_release(young)).Times(1);
}

/* ---- closing ------------------------------------------------------------------------------- */

TEST(socket_close, holds_the_namespace_before_the_release)
{
	StrictMock<mock::mock_port> port;
	::socket *const raw = port.fake.new_socket();
	ktcp::socket socket(raw);
	InSequence order;

	EXPECT_CALL(port, sock_hold_net(raw)).WillOnce(Return(0));
	EXPECT_CALL(port, sock_release(raw));
	socket.close();
	EXPECT_FALSE(static_cast<bool>(socket));
}

TEST(socket_close, within_a_time_sets_the_limit_first)
{
	StrictMock<mock::mock_port> port;
	::socket *const raw = port.fake.new_socket();
	ktcp::socket socket(raw);
	InSequence order;

	EXPECT_CALL(port, sock_set_user_timeout(raw, 1500));
	EXPECT_CALL(port, sock_hold_net(raw)).WillOnce(Return(0));
	EXPECT_CALL(port, sock_release(raw));
	socket.close(1500);
}

TEST(socket_close, within_any_time_is_no_time_that_is_over)
{
	NiceMock<mock::mock_port> port;
	::socket *const raw = port.fake.new_socket();
	ktcp::socket socket(raw);

	EXPECT_CALL(port, sock_set_user_timeout(raw, INT32_MAX));
	socket.close(UINT32_MAX);
}

TEST(socket_close, resets_where_the_namespace_is_going_away)
{
	StrictMock<mock::mock_port> port;
	::socket *const raw = port.fake.new_socket();
	ktcp::socket socket(raw);
	InSequence order;

	EXPECT_CALL(port, sock_hold_net(raw)).WillOnce(Return(-ENONET));
	EXPECT_CALL(port, sock_no_linger(raw));
	EXPECT_CALL(port, sock_release(raw));
	socket.close();
	EXPECT_FALSE(static_cast<bool>(socket));
}

TEST(socket_close, abort_resets)
{
	StrictMock<mock::mock_port> port;
	::socket *const raw = port.fake.new_socket();
	ktcp::socket socket(raw);
	InSequence order;

	EXPECT_CALL(port, sock_no_linger(raw));
	EXPECT_CALL(port, sock_release(raw));
	socket.abort();
	EXPECT_FALSE(static_cast<bool>(socket));
}

/* ---- setting up ----------------------------------------------------------------------------- */

TEST_F(socket_call, bind)
{
	const auto where = endpoint::ipv4(10, 1, 2, 3, 80);

	EXPECT_CALL(port, sock_bind(raw, Pointee(address_is(where))))
		.WillOnce(Return(0))
		.WillOnce(Return(-EADDRINUSE));
	EXPECT_TRUE(socket.bind(where));
	EXPECT_EQ(socket.bind(where).error(), errc::eaddrinuse);
}

TEST_F(socket_call, listen)
{
	EXPECT_CALL(port, sock_listen(raw, 128)).WillOnce(Return(0)).WillOnce(Return(-EADDRINUSE));
	EXPECT_TRUE(socket.listen(128));
	EXPECT_EQ(socket.listen(128).error(), errc::eaddrinuse);
}

TEST_F(socket_call, accept)
{
	::socket *const child = port.fake.new_socket();

	EXPECT_CALL(port, sock_accept(raw, _)).WillOnce(DoAll(SetArgPointee<1>(child), Return(0)));
	EXPECT_CALL(port, sock_release(child));

	auto accepted = socket.accept();

	ASSERT_TRUE(accepted);
	EXPECT_EQ(accepted->raw(), child);
}

TEST_F(socket_call, accept_fails)
{
	for (int why : { -EAGAIN, -ENOMEM, -ENFILE, -ECONNABORTED }) {
		EXPECT_CALL(port, sock_accept(raw, _)).WillOnce(Return(why));
		EXPECT_EQ(socket.accept().error().code(), why);
	}
}

TEST_F(socket_call, connect)
{
	const auto where = endpoint::ipv6_loopback(443);

	EXPECT_CALL(port, sock_connect(raw, Pointee(address_is(where))))
		.WillOnce(Return(0))
		.WillOnce(Return(-ENETUNREACH));
	EXPECT_TRUE(socket.connect(where));
	EXPECT_EQ(socket.connect(where).error(), errc::enetunreach);
}

TEST_F(socket_call, connect_sleeps_until_the_outcome)
{
	const auto where = endpoint::ipv6_loopback(443);

	EXPECT_CALL(port, sock_connect(raw, _)).WillOnce(Return(-EINPROGRESS));
	EXPECT_CALL(port, sock_wait(raw, KTCP_SOCK_WRITABLE, -1)).Times(2).WillRepeatedly(Return(0));
	EXPECT_CALL(port, sock_connected(raw))
		.WillOnce(Return(-EINPROGRESS))
		.WillOnce(Return(-ECONNREFUSED));
	EXPECT_EQ(socket.connect(where).error(), errc::econnrefused);
}

TEST_F(socket_call, connect_has_its_own_deadline)
{
	const auto where = endpoint::ipv6_loopback(443);
	InSequence order;

	EXPECT_CALL(port, now_ms()).WillOnce(Return(1000));
	EXPECT_CALL(port, sock_connect(raw, _)).WillOnce(Return(-EINPROGRESS));
	EXPECT_CALL(port, sock_wait(raw, KTCP_SOCK_WRITABLE, 50)).WillOnce(Return(0));
	EXPECT_CALL(port, sock_connected(raw)).WillOnce(Return(-EINPROGRESS));
	EXPECT_CALL(port, now_ms()).WillOnce(Return(1020));
	EXPECT_CALL(port, sock_wait(raw, KTCP_SOCK_WRITABLE, 30)).WillOnce(Return(0));
	EXPECT_CALL(port, sock_connected(raw)).WillOnce(Return(-EINPROGRESS));
	EXPECT_CALL(port, now_ms()).WillOnce(Return(1060));
	EXPECT_CALL(port, sock_wait(raw, KTCP_SOCK_WRITABLE, 0)).WillOnce(Return(-ETIMEDOUT));
	EXPECT_EQ(socket.connect(where, 50).error(), errc::etimedout);
}

TEST_F(socket_call, options)
{
	InSequence order;

	EXPECT_CALL(port, sock_set_reuseaddr(raw));
	EXPECT_CALL(port, sock_set_v6only(raw, true));
	EXPECT_CALL(port, sock_set_v6only(raw, false));
	EXPECT_CALL(port, sock_set_nodelay(raw));
	EXPECT_CALL(port, sock_set_keepalive(raw));
	EXPECT_CALL(port, sock_set_oobinline(raw));
	EXPECT_CALL(port, sock_set_user_timeout(raw, 30'000));
	socket.set_reuseaddr();
	socket.set_v6only(true);
	socket.set_v6only(false);
	socket.set_nodelay();
	socket.set_keepalive();
	socket.set_oobinline();
	socket.set_user_timeout(30'000);
	/* TCP would take more for a time that is over. */
	EXPECT_CALL(port, sock_set_user_timeout(raw, INT32_MAX)).Times(2);
	socket.set_user_timeout(INT32_MAX + 1u);
	socket.set_user_timeout(UINT32_MAX);
	EXPECT_CALL(port, sock_set_user_timeout(raw, 0));
	socket.set_user_timeout(0);
}

TEST_F(socket_call, addresses)
{
	const auto mine = endpoint::ipv6_loopback(80);
	const auto theirs = endpoint::ipv4(10, 0, 0, 1, 50'000);

	EXPECT_CALL(port, sock_local(raw, _))
		.WillOnce(DoAll(SetArgPointee<1>(mine.raw()), Return(0)))
		.WillOnce(Return(-EINVAL));
	EXPECT_CALL(port, sock_remote(raw, _))
		.WillOnce(DoAll(SetArgPointee<1>(theirs.raw()), Return(0)))
		.WillOnce(Return(-ENOTCONN));
	EXPECT_EQ(*socket.local(), mine);
	EXPECT_EQ(socket.local().error(), errc::einval);
	EXPECT_EQ(*socket.remote(), theirs);
	EXPECT_EQ(socket.remote().error(), errc::enotconn);
}

TEST_F(socket_call, incoming_cpu)
{
	EXPECT_CALL(port, sock_incoming_cpu(raw)).WillOnce(Return(-1)).WillOnce(Return(5));

	const ktcp::socket &unchanging = socket;

	EXPECT_EQ(unchanging.incoming_cpu(), -1);
	EXPECT_EQ(unchanging.incoming_cpu(), 5);
}

TEST_F(socket_call, shutdown)
{
	InSequence order;

	EXPECT_CALL(port, sock_shutdown(raw, KTCP_SHUT_RD)).WillOnce(Return(0));
	EXPECT_CALL(port, sock_shutdown(raw, KTCP_SHUT_WR)).WillOnce(Return(0));
	EXPECT_CALL(port, sock_shutdown(raw, KTCP_SHUT_RDWR)).WillOnce(Return(-ENOTCONN));
	EXPECT_TRUE(socket.shutdown(ktcp::shutdown_how::rd));
	EXPECT_TRUE(socket.shutdown(ktcp::shutdown_how::wr));
	EXPECT_EQ(socket.shutdown(ktcp::shutdown_how::rdwr).error(), errc::enotconn);
}

/* ---- data ---------------------------------------------------------------------------------- */

TEST_F(socket_call, try_recv)
{
	std::array<std::byte, 100> into;

	EXPECT_CALL(port, sock_recv(raw, into.data(), 100))
		.WillOnce(receive(std::string("a\0b", 3)))
		.WillOnce(Return(0))
		.WillOnce(Return(-EAGAIN))
		.WillOnce(Return(-ECONNRESET));
	ASSERT_EQ(*socket.try_recv(into), 3u);
	EXPECT_EQ(text(std::span(into).first(3)), std::string("a\0b", 3));
	EXPECT_EQ(*socket.try_recv(into), 0u);
	EXPECT_EQ(socket.try_recv(into).error(), errc::eagain);
	EXPECT_EQ(socket.try_recv(into).error(), errc::econnreset);
}

TEST_F(socket_call, try_send)
{
	const auto data = bytes("hello");
	InSequence order;

	EXPECT_CALL(port, sock_send(raw, data.data(), 5, 0)).WillOnce(Return(5));
	EXPECT_CALL(port, sock_send(raw, data.data(), 5, KTCP_SEND_MORE | KTCP_SEND_PAGES))
		.WillOnce(Return(2));
	EXPECT_CALL(port, sock_send(raw, data.data(), 5, 0)).WillOnce(Return(-EAGAIN));
	EXPECT_CALL(port, sock_send(raw, data.data(), 5, 0)).WillOnce(Return(-ENOBUFS));
	EXPECT_CALL(port, sock_send(raw, data.data(), 5, 0)).WillOnce(Return(-EPIPE));
	EXPECT_EQ(*socket.try_send(data), 5u);
	EXPECT_EQ(*socket.try_send(data, KTCP_SEND_MORE | KTCP_SEND_PAGES), 2u);
	EXPECT_EQ(socket.try_send(data).error(), errc::eagain);
	EXPECT_EQ(socket.try_send(data).error(), errc::enobufs);
	EXPECT_EQ(socket.try_send(data).error(), errc::epipe);
}

TEST_F(socket_call, readable)
{
	EXPECT_CALL(port, sock_readable(raw)).WillOnce(Return(false)).WillOnce(Return(true));

	const ktcp::socket &unchanging = socket;

	EXPECT_FALSE(unchanging.readable());
	EXPECT_TRUE(unchanging.readable());
}

TEST_F(socket_call, softirq_recv)
{
	std::array<std::byte, 100> into;

	EXPECT_CALL(port, sock_softirq_recv(raw, into.data(), 100))
		.WillOnce(receive("abc"))
		.WillOnce(Return(0))
		.WillOnce(Return(-EINPROGRESS));
	EXPECT_EQ(*socket.softirq_recv(into), 3u);
	EXPECT_EQ(*socket.softirq_recv(into), 0u);
	EXPECT_EQ(socket.softirq_recv(into).error(), errc::einprogress);
}

TEST_F(socket_call, softirq_send)
{
	EXPECT_CALL(port, softirq_pages_create()).WillOnce(Return(nullptr));
	EXPECT_CALL(port, softirq_pages_destroy(nullptr)).Times(testing::AnyNumber());
	EXPECT_EQ(ktcp::softirq_pages::create().error(), errc::enomem);
	Mock::VerifyAndClearExpectations(&port);

	EXPECT_CALL(port, softirq_pages_create());
	EXPECT_CALL(port, softirq_pages_destroy(nullptr)).Times(testing::AnyNumber());
	EXPECT_CALL(port, softirq_pages_destroy(testing::NotNull())).Times(1);

	ktcp::softirq_pages pages;

	pages = std::move(*ktcp::softirq_pages::create());
	ASSERT_NE(pages.raw(), nullptr);
	EXPECT_CALL(port, sock_softirq_send(raw, _, 5, KTCP_SEND_MORE, pages.raw()))
		.WillOnce(Return(4))
		.WillOnce(Return(-EINPROGRESS));
	EXPECT_EQ(*socket.softirq_send(bytes("hello"), KTCP_SEND_MORE, pages), 4u);
	EXPECT_EQ(socket.softirq_send(bytes("hello"), KTCP_SEND_MORE, pages).error(),
		  errc::einprogress);
}

TEST_F(socket_call, more_than_an_int_is_counted_whole)
{
	constexpr long much = 3L << 31;

	EXPECT_CALL(port, sock_send(raw, _, _, _)).WillOnce(Return(much));
	EXPECT_EQ(*socket.try_send(bytes("x")), static_cast<std::size_t>(much));
}

TEST_F(socket_call, wait)
{
	InSequence order;

	EXPECT_CALL(port, sock_wait(raw, KTCP_SOCK_READABLE, -1)).WillOnce(Return(0));
	EXPECT_CALL(port, sock_wait(raw, KTCP_SOCK_WRITABLE, 250)).WillOnce(Return(-ETIMEDOUT));
	EXPECT_TRUE(socket.wait(KTCP_SOCK_READABLE));
	EXPECT_EQ(socket.wait(KTCP_SOCK_WRITABLE, 250).error(), errc::etimedout);
}

TEST_F(socket_call, recv_sleeps_until_there_is_something)
{
	std::array<std::byte, 8> into;
	InSequence order;

	EXPECT_CALL(port, sock_recv(raw, _, 8)).WillOnce(Return(-EAGAIN));
	EXPECT_CALL(port, sock_wait(raw, KTCP_SOCK_READABLE, -1)).WillOnce(Return(0));
	EXPECT_CALL(port, sock_recv(raw, _, 8)).WillOnce(Return(-EAGAIN));
	EXPECT_CALL(port, sock_wait(raw, KTCP_SOCK_READABLE, -1)).WillOnce(Return(0));
	EXPECT_CALL(port, sock_recv(raw, _, 8)).WillOnce(receive("late"));
	EXPECT_EQ(*socket.recv(into), 4u);
	EXPECT_EQ(text(std::span(into).first(4)), "late");
}

TEST_F(socket_call, recv_comes_back_with_the_end_or_an_error)
{
	std::array<std::byte, 8> into;

	EXPECT_CALL(port, sock_recv(raw, _, _))
		.WillOnce(Return(0))
		.WillOnce(Return(-ECONNRESET))
		.WillOnce(Return(-EAGAIN));
	EXPECT_CALL(port, sock_wait(raw, _, _)).WillOnce(Return(-EINTR));
	EXPECT_EQ(*socket.recv(into), 0u);
	EXPECT_EQ(socket.recv(into).error(), errc::econnreset);
	EXPECT_EQ(socket.recv(into).error(), errc::eintr);
}

TEST_F(socket_call, send_all_goes_on_until_everything_is_taken)
{
	std::string sent;
	InSequence order;

	EXPECT_CALL(port, sock_send(raw, _, 11, 0)).WillOnce(take(sent, 4));
	EXPECT_CALL(port, sock_send(raw, _, 7, 0)).WillOnce(Return(-EAGAIN));
	EXPECT_CALL(port, sock_wait(raw, KTCP_SOCK_WRITABLE, -1)).WillOnce(Return(0));
	EXPECT_CALL(port, sock_send(raw, _, 7, 0)).WillOnce(take(sent, 1));
	EXPECT_CALL(port, sock_send(raw, _, 6, 0)).WillOnce(take(sent, 6));
	EXPECT_TRUE(socket.send_all(bytes("hello world")));
	EXPECT_EQ(sent, "hello world");
}

/* At the limit of TCP's memory a socket says again and again that there is room. */
TEST_F(socket_call, send_all_sleeps_where_a_socket_with_room_takes_nothing)
{
	std::string sent;
	InSequence order;

	EXPECT_CALL(port, sock_send(raw, _, 5, 0)).WillOnce(Return(-EAGAIN));
	EXPECT_CALL(port, sock_wait(raw, KTCP_SOCK_WRITABLE, -1)).WillOnce(Return(0));
	for (int i = 0; i < 2; i++) {
		EXPECT_CALL(port, sock_send(raw, _, 5, 0)).WillOnce(Return(-EAGAIN));
		EXPECT_CALL(port, fatal_signal_pending()).WillOnce(Return(false));
		EXPECT_CALL(port, msleep(10));
	}
	EXPECT_CALL(port, sock_send(raw, _, 5, 0)).WillOnce(take(sent, 2));
	EXPECT_CALL(port, sock_send(raw, _, 3, 0)).WillOnce(Return(-EAGAIN));
	EXPECT_CALL(port, sock_wait(raw, KTCP_SOCK_WRITABLE, -1)).WillOnce(Return(0));
	EXPECT_CALL(port, sock_send(raw, _, 3, 0)).WillOnce(Return(-EAGAIN));
	EXPECT_CALL(port, fatal_signal_pending()).WillOnce(Return(true));
	EXPECT_EQ(socket.send_all(bytes("hello")).error(), errc::eintr);
	EXPECT_EQ(sent, "he");
}

TEST_F(socket_call, send_all_of_no_bytes_makes_no_call)
{
	EXPECT_TRUE(socket.send_all({}));
}

TEST_F(socket_call, send_all_fails)
{
	EXPECT_CALL(port, sock_send(raw, _, _, _))
		.WillOnce(Return(1))
		.WillOnce(Return(-EPIPE))
		.WillOnce(Return(-ENOBUFS))
		.WillOnce(Return(-EAGAIN));
	EXPECT_CALL(port, sock_wait(raw, _, _)).WillOnce(Return(-EINTR));
	EXPECT_EQ(socket.send_all(bytes("hello")).error(), errc::epipe);
	EXPECT_EQ(socket.send_all(bytes("hello")).error(), errc::enobufs);
	EXPECT_EQ(socket.send_all(bytes("hello")).error(), errc::eintr);
}
