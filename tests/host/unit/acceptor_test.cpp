// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* ktcp/engine/acceptor.hpp: accepting, and listeners that are lost. */
#include <ktcp/server.hpp>

#include <cerrno>
#include <string>

#include "tested_server.hpp"

using ktcp::endpoint;
using testing::_;
using testing::AnyNumber;
using testing::HasSubstr;
using testing::InSequence;
using testing::Mock;
using testing::NotNull;
using testing::Return;
using namespace server_tests;

namespace
{

struct greeter {
	static constexpr bool speaks_first = true;

	ktcp::task operator()(ktcp::connection &peer) const
	{
		static_cast<void>(co_await peer.write("welcome\n"));
	}
};

} // namespace

TEST_F(server_test, accepts_until_the_backlog_is_empty)
{
	ktcp::server<echo> server;

	EXPECT_TRUE(server.start(plain));
	EXPECT_CALL(port, sock_accept(listener, _)).Times(4);
	connect(3);
	port.fake.run_all();
	EXPECT_EQ(sessions(), 3u);
	EXPECT_EQ(port.fake.queued(), 0u);
	Mock::VerifyAndClearExpectations(&port);
}

TEST_F(server_test, accepts_on_the_control_queue)
{
	ktcp::server<echo> server;

	EXPECT_TRUE(server.start(plain));
	EXPECT_CALL(port, queue_work(_, port.fake.queue("unit_control"), _));
	to_accept = 1;
	port.fake.announce(listener, KTCP_SOCK_READABLE);
	Mock::VerifyAndClearExpectations(&port);
	port.fake.run_all();
	EXPECT_EQ(sessions(), 1u);
}

/* The first bytes of a connection are likely to come before it is accepted for want of them. */
TEST_F(server_test, a_silent_connection_is_accepted_a_little_later)
{
	ktcp::server<echo> server;

	EXPECT_TRUE(server.start(plain));
	port.fake.run_all();
	for (unsigned int clients = 1; clients <= 3; clients++) {
		to_accept = 1;
		EXPECT_CALL(port, mod_delayed_work(port.fake.queue("unit_control"), _, 2)).Times(1);
		port.fake.announce(listener, KTCP_SOCK_CONNECTED);
		port.fake.announce(listener, KTCP_SOCK_CONNECTED); /* it is waited for already */
		port.fake.run_all();
		port.fake.advance_ms(1);
		EXPECT_EQ(sessions(), clients - 1);
		port.fake.advance_ms(1);
		port.fake.run_all();
		EXPECT_EQ(sessions(), clients);
		Mock::VerifyAndClearExpectations(&port);
	}
}

TEST_F(server_test, first_bytes_have_it_accepted_at_once)
{
	ktcp::server<echo> server;

	EXPECT_TRUE(server.start(plain));
	to_accept = 2;
	port.fake.announce(listener, KTCP_SOCK_CONNECTED);
	port.fake.announce(listener, KTCP_SOCK_READABLE);
	port.fake.run_all();
	EXPECT_EQ(sessions(), 2u) << "and whoever waits with it";
}

TEST_F(server_test, the_listeners_connections_begin_without_acknowledgements_of_their_own)
{
	ktcp::server<echo> server;
	InSequence order;

	EXPECT_CALL(port, sock_listen(_, _));
	EXPECT_CALL(port, sock_set_quickack(NotNull(), false));
	EXPECT_TRUE(server.start(plain));
}

TEST_F(server_test, a_handler_that_speaks_first_does_not_wait_for_its_peer)
{
	ktcp::server<greeter> server;

	EXPECT_CALL(port, sock_set_quickack(_, _)).Times(0);
	EXPECT_TRUE(server.start(plain));
	to_accept = 1;
	port.fake.announce(listener, KTCP_SOCK_CONNECTED);
	port.fake.run_all();
	EXPECT_EQ(accepted.size(), 1u);
	Mock::VerifyAndClearExpectations(&port);
}

TEST_F(server_test, stops_while_a_silent_connection_waits)
{
	ktcp::server<echo> server;

	EXPECT_TRUE(server.start(plain));
	to_accept = 1;
	port.fake.announce(listener, KTCP_SOCK_CONNECTED);
	server.stop();
	EXPECT_EQ(accepted.size(), 0u);
	expect_nothing_left();
}

TEST_F(server_test, many_at_once_are_accepted_in_portions)
{
	ktcp::server<echo> server;

	EXPECT_TRUE(server.start(plain));
	connect(200);
	EXPECT_TRUE(port.fake.run_one());
	EXPECT_EQ(accepted.size(), 64u);
	port.fake.run_all();
	EXPECT_EQ(accepted.size(), 200u);
	EXPECT_EQ(sessions(), 200u);
}

TEST_F(server_test, an_aborted_connection_does_not_end_accepting)
{
	ktcp::server<echo> server;

	EXPECT_TRUE(server.start(plain));
	EXPECT_CALL(port, sock_accept(_, _))
		.WillOnce(Return(-ECONNABORTED))
		.WillOnce([this](::socket *, ::socket **out) {
			*out = port.fake.new_socket();
			return 0;
		})
		.WillOnce(Return(-EAGAIN));
	connect(0);
	port.fake.run_all();
	EXPECT_EQ(sessions(), 1u);
}

TEST_F(server_test, without_memory_accepting_is_tried_again)
{
	for (int why : { -ENOMEM, -ENFILE, -EMFILE, -ENOBUFS }) {
		ktcp::server<echo> server;

		EXPECT_TRUE(server.start(plain));
		EXPECT_CALL(port, sock_accept(_, _)).WillOnce(Return(why)).WillOnce(Return(-EAGAIN));
		EXPECT_CALL(port, mod_delayed_work(_, _, 20));
		connect(0);
		port.fake.run_all();
		port.fake.advance_ms(19);
		EXPECT_EQ(port.fake.queued(), 0u);
		port.fake.advance_ms(1);
		EXPECT_EQ(port.fake.run_all(), 2u);
		Mock::VerifyAndClearExpectations(&port);
	}
}

TEST_F(server_test, beyond_the_limit_connections_are_reset_at_once)
{
	ktcp::server<echo> server;
	auto options = plain;

	options.max_connections = 2;
	EXPECT_TRUE(server.start(options));
	count_resets();
	connect(5);
	port.fake.run_all();
	EXPECT_EQ(closed_with_reset, 3u);
	EXPECT_EQ(sessions(), 2u);
	/* One leaves, and there is room for one. */
	EXPECT_CALL(port, sock_softirq_recv(_, _, _)).WillRepeatedly(Return(-EAGAIN));
	EXPECT_CALL(port, sock_softirq_recv(accepted[0], _, _)).WillOnce(Return(0));
	port.fake.announce(accepted[0], KTCP_SOCK_READABLE);
	port.fake.run_all();
	EXPECT_EQ(sessions(), 1u);
	connect(2);
	port.fake.run_all();
	EXPECT_EQ(sessions(), 2u);
	EXPECT_EQ(closed_with_reset, 4u);
}

TEST_F(server_test, a_connection_without_memory_is_reset_and_others_go_on)
{
	ktcp::server<echo> server;

	EXPECT_TRUE(server.start(plain));
	count_resets();
	EXPECT_CALL(port, kmem_cache_alloc(_, _))
		.WillOnce(Return(nullptr))
		.WillRepeatedly([this](::kmem_cache *cache, ktcp_gfp gfp) {
			return port.fake.kmem_cache_alloc(cache, gfp);
		});
	connect(3);
	port.fake.run_all();
	EXPECT_EQ(closed_with_reset, 1u);
	EXPECT_EQ(sessions(), 2u);
}

TEST_F(server_test, one_peer_has_no_more_than_its_share)
{
	ktcp::server<echo> server;
	auto options = plain;

	options.max_per_source = 2;
	EXPECT_TRUE(server.start(options));
	count_resets();
	EXPECT_CALL(port, sock_remote(_, _)).WillRepeatedly([](auto *, ktcp_endpoint *out) {
		*out = endpoint::ipv4(192, 0, 2, 1, 1000).raw();
		return 0;
	});
	connect(5);
	port.fake.run_all();
	EXPECT_EQ(closed_with_reset, 3u);
	EXPECT_EQ(sessions(), 2u);
}

/* ---- options that change ------------------------------------------------------------------------ */

/* Only a changed user timeout is the connections', too. */
TEST_F(server_test, another_backlog_is_the_listeners_alone)
{
	ktcp::server<echo> server;
	auto options = plain;

	EXPECT_TRUE(server.start(options));
	connect(2);
	port.fake.run_all();
	EXPECT_CALL(port, sock_set_user_timeout(_, _)).Times(testing::AnyNumber());
	EXPECT_CALL(port, sock_set_user_timeout(accepted[0], _)).Times(0);
	EXPECT_CALL(port, sock_set_user_timeout(accepted[1], _)).Times(0);
	EXPECT_CALL(port, sock_listen(listener, 9)).Times(1);
	options.backlog = 9;
	EXPECT_TRUE(server.change(options));
	port.fake.run_all();
	testing::Mock::VerifyAndClearExpectations(&port);

	EXPECT_CALL(port, sock_set_user_timeout(_, 1234)).Times(testing::AnyNumber());
	EXPECT_CALL(port, sock_set_user_timeout(accepted[0], 1234)).Times(1);
	options.user_timeout_ms = 1234;
	EXPECT_TRUE(server.change(options));
	port.fake.run_all();
	testing::Mock::VerifyAndClearExpectations(&port);
}

/* ---- listeners that are lost -------------------------------------------------------------------- */

TEST_F(server_test, a_connection_that_bpf_took_is_refused_and_counted)
{
	ktcp::server<echo> server;

	EXPECT_TRUE(server.start(plain));
	EXPECT_CALL(port, printk_ratelimited(KTCP_LOG_WARNING, HasSubstr("sockmap")));
	EXPECT_CALL(port, sock_accept(_, _))
		.WillOnce(Return(-EBUSY))
		.WillOnce([this](::socket *, ::socket **out) {
			return *out = port.fake.new_socket(), 0;
		})
		.WillRepeatedly(Return(-EAGAIN));
	port.fake.announce(listener, KTCP_SOCK_READABLE);
	port.fake.run_all();
	EXPECT_EQ(sessions(), 1u) << "the next is served at once";
	EXPECT_THAT(read_statistics(), HasSubstr("refused_taken 1\n"));
	server.stop();
	expect_nothing_left();
}

TEST_F(server_test, a_listener_that_was_ended_is_replaced)
{
	ktcp::server<echo> server;

	EXPECT_TRUE(server.start(plain));
	connect(2);
	port.fake.run_all();

	::socket *const first = listener;

	EXPECT_CALL(port, sock_listening(_)).WillOnce(Return(false)).WillRepeatedly(Return(true));
	EXPECT_CALL(port,
		    printk_ratelimited(KTCP_LOG_WARNING, HasSubstr("was ended from outside")));
	{
		InSequence order;

		EXPECT_CALL(port, sock_unhook_listener(first, _));
		EXPECT_CALL(port, sock_release(first));
		EXPECT_CALL(port, sock_bind(_, _)).WillOnce([&](::socket *, const ktcp_endpoint *at) {
			EXPECT_EQ(at->port, plain.port);
			return 0;
		});
		EXPECT_CALL(port, sock_hook_listener(_, _));
		EXPECT_CALL(port, sock_listen(_, _));
	}
	port.fake.announce(first, KTCP_SOCK_STATE);
	port.fake.run_all();
	Mock::VerifyAndClearExpectations(&port);
	EXPECT_THAT(read_statistics(), HasSubstr("relistened 1\n"));
	EXPECT_EQ(sessions(), 2u) << "those inside stay";
	connect(1);
	port.fake.run_all();
	EXPECT_EQ(sessions(), 3u);
	server.stop();
	expect_nothing_left();
}

/* Its end may be told before listen() has returned. */
TEST_F(server_test, a_listener_that_ends_at_once_is_replaced)
{
	ktcp::server<echo> server;

	EXPECT_CALL(port, sock_listening(_))
		.WillOnce(Return(false))
		.WillOnce(Return(false))
		.WillRepeatedly(Return(true));
	EXPECT_CALL(port,
		    printk_ratelimited(KTCP_LOG_WARNING, HasSubstr("was ended from outside")));
	EXPECT_CALL(port, sock_listen(_, _))
		.WillOnce([this](::socket *ended, int) {
			port.fake.announce(ended, KTCP_SOCK_STATE);
			port.fake.run_all();
			return 0;
		})
		.WillOnce(Return(0));
	EXPECT_TRUE(server.start(plain));
	port.fake.run_all();
	EXPECT_THAT(read_statistics(), HasSubstr("relistened 1\n"));
	server.stop();
	expect_nothing_left();
}

/* The accept work may run on another CPU before listen() has returned: it has to find the listener. */
TEST_F(server_test, accepts_while_it_begins_to_listen)
{
	ktcp::server<echo> server;

	EXPECT_CALL(port, sock_create(_, _, _)).Times(1);
	EXPECT_CALL(port, sock_hook_listener(_, _)).Times(1);
	EXPECT_CALL(port, sock_listen(_, _)).WillOnce([this](::socket *, int) {
		connect(1);
		port.fake.run_all();
		return 0;
	});
	EXPECT_TRUE(server.start(plain));
	EXPECT_EQ(sessions(), 1u);
	EXPECT_THAT(read_statistics(), HasSubstr("relistened 0\n"));
	EXPECT_CALL(port, sock_unhook_listener(listener, _)).Times(1);
	server.stop();
	expect_nothing_left();
}

TEST_F(server_test, a_listener_is_replaced_once_its_port_is_free)
{
	ktcp::server<echo> server;

	EXPECT_TRUE(server.start(plain));

	::socket *const first = listener;

	EXPECT_CALL(port, sock_listening(_)).WillOnce(Return(false)).WillRepeatedly(Return(true));
	EXPECT_CALL(port,
		    printk_ratelimited(KTCP_LOG_WARNING, HasSubstr("was ended from outside")));
	EXPECT_CALL(port, printk_ratelimited(KTCP_LOG_WARNING, HasSubstr("in use"))).Times(1);
	EXPECT_CALL(port, printk_ratelimited(KTCP_LOG_INFO, HasSubstr("again"))).Times(1);
	EXPECT_CALL(port, sock_bind(_, _))
		.Times(3)
		.WillOnce(Return(-EADDRINUSE))
		.WillOnce(Return(-EADDRINUSE))
		.WillOnce(Return(0));
	EXPECT_CALL(port, mod_delayed_work(_, _, _)).Times(AnyNumber());

	InSequence order;

	EXPECT_CALL(port, mod_delayed_work(_, _, 20));
	EXPECT_CALL(port, mod_delayed_work(_, _, 40));
	port.fake.announce(first, KTCP_SOCK_STATE);
	for (int i = 0; i < 3; i++) {
		port.fake.run_all();
		port.fake.advance_ms(50);
	}
	EXPECT_THAT(read_statistics(), HasSubstr("relistened 1\n"));
	server.stop();
	expect_nothing_left();
}

/* Where it listens may be missing for long: one line says why, and nothing is tried before a device changes. */
TEST_F(server_test, a_listener_waits_for_its_device_without_a_word)
{
	ktcp::server<echo> server;
	auto options = plain;

	options.address = "fe80::1%v0";
	options.socket.device = "v0";
	port.fake.devices["v0"] = 7;
	EXPECT_TRUE(server.start(options));
	EXPECT_CALL(port, sock_create(_, _, _)).Times(0);
	port.fake.devices["other"] = 6;
	port.fake.devices_changed();
	port.fake.run_all();
	EXPECT_CALL(port, printk_ratelimited(KTCP_LOG_ERROR, _)).Times(0);
	EXPECT_CALL(port,
		    printk_ratelimited(KTCP_LOG_WARNING, HasSubstr("was ended from outside")));
	EXPECT_CALL(port,
		    printk_ratelimited(KTCP_LOG_WARNING, HasSubstr("there is no such device")));
	EXPECT_CALL(port, mod_delayed_work(_, _, _)).Times(0);
	port.fake.devices.erase("v0");
	port.fake.devices_changed();
	port.fake.run_all();
	port.fake.devices["v0"] = 8;
	port.fake.advance_ms(60'000);
	port.fake.run_all();
	/* It is there, and goes between the two. */
	EXPECT_CALL(port, sock_create(_, _, _)).Times(2);
	EXPECT_CALL(port, sock_set_option(_, KTCP_SOCK_DEVICE, _))
		.WillOnce(Return(-ENODEV))
		.WillRepeatedly(Return(0));
	EXPECT_CALL(port, sock_bind(_, _)).WillOnce([](::socket *, const ktcp_endpoint *at) {
		EXPECT_EQ(at->scope_id, 8u);
		return 0;
	});
	EXPECT_CALL(port, printk_ratelimited(KTCP_LOG_INFO, HasSubstr("again")));
	for (int i = 0; i < 2; i++) {
		port.fake.devices_changed();
		port.fake.run_all();
	}
	EXPECT_THAT(read_statistics(), HasSubstr("relistened 1\n"));
	server.stop();
	expect_nothing_left();
}

/* As in a namespace that begins without its devices. */
TEST_F(server_test, one_that_awaits_its_device_starts_without)
{
	ktcp::server<echo> server;
	auto options = plain;

	options.address = "fe80::1%v0";
	EXPECT_CALL(port, sock_listen(_, _)).Times(0);
	EXPECT_EQ(server.start(options).error(), ktcp::errc::enodev);
	options.awaits_device = true;
	EXPECT_CALL(port, printk_ratelimited(_, _)).Times(0);
	ASSERT_TRUE(server.start(options));
	port.fake.run_all();
	EXPECT_CALL(port, sock_listen(_, _)).Times(1);
	port.fake.devices["v0"] = 8;
	port.fake.devices_changed();
	port.fake.run_all();
	EXPECT_THAT(read_statistics(), HasSubstr("relistened 0\n"));
	server.stop();
	expect_nothing_left();
}

/* The beginning of such a name may be another's. */
TEST_F(server_test, a_name_that_the_kernel_would_cut_is_refused)
{
	for (const char *ktcp::socket_options::*which :
	     { &ktcp::socket_options::device, &ktcp::socket_options::congestion }) {
		ktcp::server<echo> server;
		auto options = plain;

		options.socket.*which = "fifteen-letters";
		EXPECT_TRUE(server.start(options));
		server.stop();
		options.socket.*which = "fifteen-letters.";
		EXPECT_CALL(port, sock_set_option(_, _, _)).Times(0);
		EXPECT_CALL(port, printk_ratelimited(_, _)).Times(AnyNumber());
		EXPECT_CALL(port,
			    printk_ratelimited(KTCP_LOG_ERROR, HasSubstr("at most 15 characters")));
		EXPECT_EQ(server.start(options).error(), ktcp::errc::einval);
		Mock::VerifyAndClearExpectations(&port);
	}
	expect_nothing_left();
}
