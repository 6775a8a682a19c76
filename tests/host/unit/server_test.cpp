// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* ktcp/server.hpp: the order in which its parts start, and that a start that fails anywhere leaves nothing. */
#include <ktcp/server.hpp>

#include <cerrno>
#include <string>
#include <string_view>
#include <type_traits>

#include "tested_server.hpp"

using ktcp::endpoint;
using ktcp::errc;
using ktcp::server_options;
using testing::_;
using testing::AllOf;
using testing::AnyNumber;
using testing::DoAll;
using testing::HasSubstr;
using testing::InSequence;
using testing::Mock;
using testing::Pointee;
using testing::Return;
using testing::SetArgPointee;
using namespace server_tests;

namespace
{

struct long_messages : echo {
	std::size_t bytes = 0;

	std::size_t buffer_bytes() const
	{
		return bytes;
	}
};

struct sleeps : echo {
	static constexpr bool may_sleep = true;
};

struct does_not_sleep : echo {
	static constexpr bool may_sleep = false;
};

struct not_a_coroutine {
	void operator()(ktcp::connection &) const
	{
	}
};

struct changes_itself {
	ktcp::task operator()(ktcp::connection &); /* not const */
};

struct takes_a_copy {
	ktcp::task operator()(ktcp::connection) const;
};

struct cannot_be_copied {
	cannot_be_copied(cannot_be_copied &&) = default;
	ktcp::task operator()(ktcp::connection &) const;
};

} // namespace

static_assert(ktcp::connection_handler<echo>);
static_assert(!ktcp::connection_handler<not_a_coroutine>);
static_assert(!ktcp::connection_handler<changes_itself>);
static_assert(!ktcp::connection_handler<takes_a_copy>);
static_assert(!ktcp::connection_handler<cannot_be_copied>);
static_assert(!ktcp::connection_handler<int>);
static_assert(ktcp::execution_model<ktcp::event_driven>);
static_assert(ktcp::execution_model<ktcp::softirq>);
static_assert(ktcp::execution_model<ktcp::work_per_connection>);
static_assert(ktcp::execution_model<ktcp::thread_per_connection>);
static_assert(!std::is_copy_constructible_v<ktcp::server<echo>>);
static_assert(!std::is_move_constructible_v<ktcp::server<echo>>);

/* ---- starting -------------------------------------------------------------------------------- */

TEST_F(server_test, starts_in_this_order)
{
	::net net;
	ktcp::server<echo> server;
	const server_options options = { .name = "unit",
					 .port = 4321,
					 .backlog = 77,
					 .placement = ktcp::placement::anywhere,
					 .user_timeout_ms = 5000,
					 .net = &net };
	{
		InSequence order;

		/* The server, the shares of buffers, and two shards. */
		EXPECT_CALL(port, kmalloc(_, KTCP_GFP_KERNEL)).Times(1 + 1 + 1 + 2);
		EXPECT_CALL(port, kmem_cache_create("unit_session",
						    ktcp::event_driven::table.session_size));
		EXPECT_CALL(port, page_pool_create(16384, 0));
		EXPECT_CALL(port, alloc_workqueue("unit", KTCP_WQ_UNBOUND, 0));
		EXPECT_CALL(port, alloc_workqueue("unit_sleepers", KTCP_WQ_UNBOUND, 512));
		EXPECT_CALL(port, alloc_workqueue("unit_crowded", KTCP_WQ_UNBOUND, 512));
		EXPECT_CALL(port, alloc_workqueue("unit_control", 0, 0));
		EXPECT_CALL(port, sock_create(&net, KTCP_INET6, _));
		EXPECT_CALL(port, sock_set_reuseaddr(_));
		EXPECT_CALL(port, sock_set_v6only(_, false));
		EXPECT_CALL(port, sock_set_nodelay(_));
		EXPECT_CALL(port, sock_set_keepalive(_));
		EXPECT_CALL(port, sock_set_user_timeout(_, 5000));
		EXPECT_CALL(port, sock_set_oobinline(_));
		EXPECT_CALL(port, sock_bind(_, Pointee(address_is(endpoint::any(4321)))));
		/* Hooked before it listens, so that no connection comes unannounced. */
		EXPECT_CALL(port, sock_hook_listener(_, _));
		EXPECT_CALL(port, sock_listen(_, 77));
		EXPECT_CALL(port, sock_set_quickack(_, false));
		/* Published last, when all of it is there. */
		EXPECT_CALL(port, proc_mkdir(&net, "unit", _));
		EXPECT_CALL(port, proc_create(_, "statistics", _));
		EXPECT_CALL(port, proc_create(_, "listeners", _));
		EXPECT_CALL(port, proc_create(_, "connections", _));
		EXPECT_TRUE(server.start(options));
	}
	Mock::VerifyAndClearExpectations(&port);
	server.stop();
	expect_nothing_left();
}

TEST_F(server_test, says_nothing_when_all_is_well)
{
	ktcp::server<echo> server;

	EXPECT_CALL(port, printk(_, _)).Times(0);
	EXPECT_CALL(port, printk_ratelimited(_, _)).Times(0);
	EXPECT_TRUE(server.start(plain));
	server.stop();
}

TEST_F(server_test, starts_once_and_again_after_a_stop)
{
	ktcp::server<echo> server;

	EXPECT_TRUE(server.start(plain));
	EXPECT_EQ(server.start(plain).error(), errc::ebusy);
	server.stop();
	server.stop();
	expect_nothing_left();
	EXPECT_TRUE(server.start(plain));
}

TEST_F(server_test, serves)
{
	ktcp::server<echo> server;
	std::string sent;

	EXPECT_CALL(port, sock_softirq_recv(_, _, 16384))
		.WillOnce(Return(-EAGAIN))
		.WillOnce(receive("ping"))
		.WillOnce(Return(0));
	EXPECT_CALL(port, sock_softirq_send(_, _, _, _, _)).WillOnce(take(sent, 4));
	EXPECT_TRUE(server.start(plain));
	connect(1);
	port.fake.run_all();
	port.fake.announce(accepted[0], KTCP_SOCK_READABLE);
	port.fake.run_all();
	EXPECT_EQ(sent, "ping");
	EXPECT_EQ(sessions(), 0u);
}

TEST_F(server_test, a_handler_keeps_its_state)
{
	struct greets {
		std::string greeting;

		ktcp::task operator()(ktcp::connection &peer) const
		{
			static_cast<void>(co_await peer.write(greeting));
		}
	};
	ktcp::server<greets> server(greets{ "welcome" });
	std::string sent;

	EXPECT_CALL(port, sock_softirq_send(_, _, _, _, _)).WillOnce(take(sent, 100));
	EXPECT_TRUE(server.start(plain));
	connect(1);
	port.fake.run_all();
	EXPECT_EQ(sent, "welcome");
}

TEST_F(server_test, is_stopped_by_its_destructor)
{
	{
		ktcp::server<echo> server;

		EXPECT_TRUE(server.start(plain));
		connect(3);
		port.fake.run_all();
		EXPECT_EQ(sessions(), 3u);
	}
	expect_nothing_left();
}

TEST_F(server_test, knows_its_port)
{
	ktcp::server<echo> server;

	EXPECT_EQ(server.port(), 0);
	EXPECT_CALL(port, sock_local(_, _))
		.WillOnce(DoAll(SetArgPointee<1>(endpoint::any(50'123).raw()), Return(0)));
	EXPECT_TRUE(server.start({ .name = "unit" }));
	EXPECT_EQ(server.port(), 50'123);
	server.stop();
	EXPECT_EQ(server.port(), 0);
}

TEST_F(server_test, long_names_are_cut_not_run_over)
{
	ktcp::server<echo> server;
	const std::string name(100, 'n');

	EXPECT_CALL(port, kmem_cache_create(std::string(23, 'n') + "_session", _));
	EXPECT_CALL(port, alloc_workqueue(name, _, _));
	EXPECT_CALL(port, alloc_workqueue(std::string(22, 'n') + "_sleepers", _, _));
	EXPECT_CALL(port, alloc_workqueue(std::string(23, 'n') + "_crowded", _, _));
	EXPECT_CALL(port, alloc_workqueue(std::string(23, 'n') + "_control", _, _));
	EXPECT_TRUE(server.start({ .name = name.c_str() }));
	server.stop();
}

TEST_F(server_test, where_ipv6_is_off_it_listens_on_ipv4_alone_and_says_so)
{
	for (int why : { -EAFNOSUPPORT, -EADDRNOTAVAIL }) {
		ktcp::server<echo> server;

		if (why == -EAFNOSUPPORT) {
			EXPECT_CALL(port, sock_create(_, KTCP_INET6, _)).WillOnce(Return(why));
			EXPECT_CALL(port, sock_bind(_, _)).Times(1);
		} else {
			EXPECT_CALL(port, sock_create(_, KTCP_INET6, _)).Times(1);
			EXPECT_CALL(port, sock_bind(_, _)).WillOnce(Return(why)).WillOnce(Return(0));
		}
		EXPECT_CALL(port, sock_create(_, KTCP_INET, _)).Times(1);
		EXPECT_CALL(port, sock_set_v6only(_, _)).Times(why == -EADDRNOTAVAIL);
		EXPECT_CALL(port, printk_ratelimited(KTCP_LOG_INFO, HasSubstr("IPv4 alone")));
		EXPECT_TRUE(server.start(plain));
		Mock::VerifyAndClearExpectations(&port);
		EXPECT_EQ(port.fake.sockets(), 1u);
	}
}

TEST_F(server_test, a_name_that_is_taken_is_said)
{
	ktcp::server<echo> first, second;
	auto options = plain;

	/* Caches of the same name are the fake port's complaint, not this test's. */
	EXPECT_TRUE(first.start(plain));
	EXPECT_CALL(port, kmem_cache_create(_, _)).WillOnce([this](auto, std::size_t size) {
		return port.fake.kmem_cache_create("other", size);
	});
	EXPECT_CALL(port, printk_ratelimited(KTCP_LOG_ERROR,
					     HasSubstr("/proc/net/unit (error -17): it is there")));
	EXPECT_EQ(second.start(options).error(), errc::eexist);
	EXPECT_EQ(port.fake.sockets(), 1u);
	EXPECT_NE(port.fake.folder("unit"), nullptr) << "the first server's stays";
}

TEST_F(server_test, a_port_in_use_is_said)
{
	ktcp::server<echo> server;

	EXPECT_CALL(port, sock_bind(_, _)).WillOnce(Return(-EADDRINUSE));
	EXPECT_CALL(port, printk_ratelimited(KTCP_LOG_ERROR,
					     AllOf(HasSubstr("4321"), HasSubstr("in use"))));
	EXPECT_EQ(server.start(plain).error(), errc::eaddrinuse);
	expect_nothing_left();
}

TEST_F(server_test, a_port_taken_at_the_last_moment_is_said)
{
	ktcp::server<echo> server;
	InSequence order;

	EXPECT_CALL(port, sock_listen(_, _)).WillOnce(Return(-EADDRINUSE));
	EXPECT_CALL(port, sock_unhook_listener(_, _));
	EXPECT_CALL(port, sock_release(_));
	EXPECT_CALL(port, printk_ratelimited(KTCP_LOG_ERROR, HasSubstr("in use")));
	EXPECT_EQ(server.start(plain).error(), errc::eaddrinuse);
	expect_nothing_left();
}

TEST_F(server_test, other_reasons_are_said_with_their_number)
{
	ktcp::server<echo> server;

	EXPECT_CALL(port, sock_bind(_, _)).WillOnce(Return(-EACCES));
	EXPECT_CALL(port, printk_ratelimited(KTCP_LOG_ERROR, HasSubstr("-13")));
	EXPECT_EQ(server.start(plain).code(), -EACCES);
	expect_nothing_left();
}

/* Each thing that a start needs fails in turn, in every model. */
template <class Model>
class server_start : public server_test {
};

using all_models = testing::Types<ktcp::event_driven, ktcp::softirq, ktcp::work_per_connection,
				  ktcp::thread_per_connection, ktcp::any_model>;

TYPED_TEST_SUITE(server_start, all_models);

TYPED_TEST(server_start, that_fails_anywhere_leaves_nothing)
{
	auto &port = this->port;

	for (int nth = 0; nth < 15; nth++) {
		server_of<TypeParam> server;
		int expected = -ENOMEM;

		if ((nth == 3 || nth == 13) &&
		    (std::is_same_v<TypeParam, ktcp::work_per_connection> ||
		     std::is_same_v<TypeParam, ktcp::thread_per_connection>))
			continue;
		EXPECT_CALL(port, alloc_workqueue(_, _, _)).Times(AnyNumber());
		EXPECT_CALL(port, proc_create(_, _, _)).Times(AnyNumber());
		switch (nth) {
		case 0:
			EXPECT_CALL(port, kmalloc(_, _)).WillOnce(Return(nullptr));
			break;
		case 1:
			EXPECT_CALL(port, kmem_cache_create("unit_session", _))
				.WillOnce(Return(nullptr));
			break;
		case 2:
			EXPECT_CALL(port, page_pool_create(_, _)).WillOnce(Return(nullptr));
			break;
		case 3:
			EXPECT_CALL(port, softirq_pages_create()).WillOnce(Return(nullptr));
			break;
		case 4:
		case 5:
			EXPECT_CALL(port, alloc_workqueue(nth == 4 ? "unit" : "unit_control", _, _))
				.WillOnce(Return(nullptr));
			break;
		case 6:
			EXPECT_CALL(port, sock_create(_, _, _)).WillOnce(Return(-ENOMEM));
			break;
		case 7:
			EXPECT_CALL(port, sock_bind(_, _)).WillOnce(Return(expected = -EACCES));
			break;
		case 8:
			EXPECT_CALL(port, sock_listen(_, _)).WillOnce(Return(expected = -EINVAL));
			break;
		case 9:
			EXPECT_CALL(port, proc_mkdir(_, _, _)).WillOnce(Return(-ENOMEM));
			break;
		case 12:
		case 14:
			EXPECT_CALL(port,
				    alloc_workqueue(nth == 12 ? "unit_sleepers" : "unit_crowded", _,
						    _))
				.WillOnce(Return(nullptr));
			break;
		case 13:
			EXPECT_CALL(port, turns_get(_, _, _)).WillOnce(Return(-ENOMEM));
			break;
		case 10:
		case 11:
			EXPECT_CALL(port,
				    proc_create(_, nth == 10 ? "statistics" : "connections", _))
				.WillOnce(Return(-ENOMEM));
			break;
		}
		EXPECT_CALL(port, printk_ratelimited(KTCP_LOG_ERROR, _)).Times(1);
		EXPECT_EQ(server.start(plain).code(), expected) << "failure " << nth;
		Mock::VerifyAndClearExpectations(&port);
		this->expect_nothing_left();
		EXPECT_EQ(server.port(), 0);
		/* It is as it was before: another attempt may succeed. */
		EXPECT_TRUE(server.start(plain));
		server.stop();
		this->expect_nothing_left();
	}
}

TYPED_TEST(server_start, stops_without_a_connection)
{
	server_of<TypeParam> server;

	EXPECT_TRUE(server.start(plain));
	server.stop();
	this->expect_nothing_left();
}

/* ---- models ------------------------------------------------------------------------------------- */

TEST_F(server_test, any_model_is_chosen_by_name)
{
	for (const struct ktcp::model *each : ktcp::any_model::all) {
		server_of<ktcp::any_model> server;
		auto options = plain;

		options.model = each->name;
		EXPECT_CALL(port, alloc_workqueue("unit_sleepers", KTCP_WQ_UNBOUND, 512));
		EXPECT_CALL(port, alloc_workqueue("unit_crowded", KTCP_WQ_UNBOUND, 512));
		EXPECT_CALL(port, alloc_workqueue("unit_control", 0, 0));
		EXPECT_CALL(port, alloc_workqueue("unit", 0, each->blocks ? 512 : 0));
		EXPECT_CALL(port, kmem_cache_create("unit_session", each->session_size));
		EXPECT_CALL(port, softirq_pages_create()).Times(each->in_softirq);
		EXPECT_TRUE(server.start(options));
		Mock::VerifyAndClearExpectations(&port);
	}
}

TEST_F(server_test, an_unknown_model_is_refused_with_the_allowed_ones)
{
	server_of<ktcp::any_model> server;
	auto options = plain;

	options.model = "fibre";
	EXPECT_CALL(port, kmalloc(_, _)).Times(0);
	EXPECT_CALL(port, printk_ratelimited(KTCP_LOG_ERROR,
					     AllOf(HasSubstr("fibre"),
						   HasSubstr("event, softirq, work or thread"))));
	EXPECT_EQ(server.start(options).error(), errc::einval);
	for (std::string_view close_to_one : { "", "even", "events", "Event", "work " }) {
		EXPECT_CALL(port, printk_ratelimited(KTCP_LOG_ERROR, _));
		options.model = close_to_one;
		EXPECT_EQ(server.start(options).error(), errc::einval) << close_to_one;
	}
}

TEST_F(server_test, buffers_are_as_large_as_the_options_and_the_handler_ask)
{
	/* In memory each takes a power of two. */
	for (const auto &[chosen, asked, made] : { std::array<std::size_t, 3>{ 16384, 0, 16384 },
						   { 16384, 16384, 16384 },
						   { 16384, 65535, 65536 },
						   { 20000, 1000, 32768 } }) {
		long_messages handler;
		auto options = plain;

		handler.bytes = asked;
		options.buffer_bytes = chosen;
		EXPECT_CALL(port, page_pool_create(made, _));

		ktcp::server<long_messages> server(handler);

		EXPECT_TRUE(server.start(options));
		server.stop();
		Mock::VerifyAndClearExpectations(&port);
	}
}

TEST_F(server_test, a_size_of_buffers_that_cannot_be_is_refused_with_the_allowed_ones)
{
	for (const std::size_t bytes : { 0, 16383, 65536, 1 << 20 }) {
		ktcp::server<echo> server;
		auto options = plain;

		options.buffer_bytes = bytes;
		EXPECT_CALL(port, kmalloc(_, _)).Times(0);
		EXPECT_CALL(port, printk_ratelimited(KTCP_LOG_ERROR,
						     HasSubstr("must be 16384 to 65535")));
		EXPECT_EQ(server.start(options).error(), errc::einval) << bytes;
		Mock::VerifyAndClearExpectations(&port);
	}
}

TEST_F(server_test, a_handler_that_may_sleep_is_not_run_in_softirq)
{
	ktcp::server<sleeps, ktcp::any_model> sleeping;
	ktcp::server<does_not_sleep, ktcp::any_model> waking;
	auto options = plain;

	options.model = "softirq";
	EXPECT_CALL(port, printk_ratelimited(KTCP_LOG_ERROR, _)).Times(1);
	EXPECT_EQ(sleeping.start(options).error(), errc::einval);
	EXPECT_TRUE(waking.start(options));
	waking.stop();
	options.model = "event";
	EXPECT_CALL(port, turns_get(_, _, _)).Times(0);
	EXPECT_TRUE(sleeping.start(options));
}

/* A server that asks for another CPU than the packets' gets it. */
TEST_F(server_test, turns_are_not_taken_in_softirq_where_another_place_was_asked_for)
{
	for (const auto placement : { ktcp::placement::spread, ktcp::placement::anywhere }) {
		ktcp::server<echo> server;
		auto options = plain;

		options.placement = placement;
		EXPECT_CALL(port, turns_get(_, _, _)).Times(0);
		EXPECT_TRUE(server.start(options));
	}
}

TEST_F(server_test, where_softirqs_do_not_exclude_each_other_work_items_serve)
{
	ktcp::server<echo> server;

	EXPECT_CALL(port, turns_get(_, _, _)).WillOnce(Return(-EOPNOTSUPP));
	EXPECT_CALL(port, printk_ratelimited(KTCP_LOG_INFO, HasSubstr("work items")));
	EXPECT_CALL(port, softirq_pages_create()).Times(0);
	EXPECT_TRUE(server.start(plain));
	Mock::VerifyAndClearExpectations(&port);
	EXPECT_CALL(port, sock_recv(_, _, _)).WillOnce(Return(0));
	connect(1);
	port.fake.run_all();
	EXPECT_EQ(sessions(), 0u);
}

TEST_F(server_test, one_model_alone_needs_no_name)
{
	server_of<ktcp::work_per_connection> server;
	auto options = plain;

	options.model = "whatever";
	EXPECT_TRUE(server.start(options));
}

TEST_F(server_test, more_connections_than_can_block_are_not_promised)
{
	server_of<ktcp::work_per_connection> server;
	auto options = plain;

	ON_CALL(port, wq_max_active()).WillByDefault(Return(2));
	options.max_connections = 3;
	EXPECT_EQ(server.max_connections(), 0u) << "it does not run yet";
	EXPECT_TRUE(server.start(options));
	EXPECT_EQ(server.max_connections(), 2u);
	count_resets();
	connect(3);
	EXPECT_TRUE(port.fake.run_one()); /* accept, before the connections' own work */
	EXPECT_EQ(accepted.size(), 3u);
	EXPECT_EQ(closed_with_reset, 1u);
	EXPECT_EQ(sessions(), 2u);
	EXPECT_CALL(port, sock_recv(_, _, _)).WillRepeatedly(Return(0));
}

TEST_F(server_test, the_limit_is_kept_where_the_model_can_serve_it)
{
	server_of<ktcp::work_per_connection> working;
	server_of<ktcp::thread_per_connection> threaded;
	auto options = plain;

	options.max_connections = 512;
	EXPECT_TRUE(working.start(options));
	EXPECT_EQ(working.max_connections(), 512u);
	working.stop();
	options.max_connections = 100'000;
	EXPECT_TRUE(threaded.start(options));
	EXPECT_EQ(threaded.max_connections(), 16384u) << "half of the threads that there can be";
}

/* 0 says that this is meant. */
TEST_F(server_test, says_once_that_one_source_may_have_all)
{
	ktcp::server<echo> server;
	auto options = plain;

	options.max_connections = 100;
	options.max_per_source = 100;
	EXPECT_CALL(port,
		    printk_ratelimited(KTCP_LOG_INFO, AllOf(HasSubstr("max_per_source=100"),
							    HasSubstr("max_connections=100"))))
		.Times(1);
	EXPECT_TRUE(server.start(options));
	options.drain_ms = 1;
	EXPECT_TRUE(server.change(options));
	Mock::VerifyAndClearExpectations(&port);

	EXPECT_CALL(port, printk_ratelimited(_, _)).Times(0);
	options.max_per_source = 99;
	EXPECT_TRUE(server.change(options));
	options.max_per_source = 0;
	EXPECT_TRUE(server.change(options));
	Mock::VerifyAndClearExpectations(&port);

	EXPECT_CALL(port, printk_ratelimited(KTCP_LOG_INFO, HasSubstr("max_connections=98")))
		.Times(1);
	options.max_connections = 98;
	options.max_per_source = 99;
	EXPECT_TRUE(server.change(options));
}

/* ---- time ----------------------------------------------------------------------------------------- */

TEST_F(server_test, idle_connections_are_closed)
{
	ktcp::server<echo> server;
	auto options = plain;

	options.timeouts.idle_ms = 400;
	EXPECT_TRUE(server.start(options));
	connect(1);
	port.fake.run_all();
	for (int i = 0; i < 3; i++) {
		port.fake.advance_ms(100);
		port.fake.run_all();
	}
	EXPECT_EQ(sessions(), 1u);
	port.fake.advance_ms(164);
	port.fake.run_all();
	EXPECT_EQ(sessions(), 0u);
}
