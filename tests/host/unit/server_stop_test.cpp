// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* ktcp/server.hpp: the order in which its parts stop, and that nothing is left. */
#include <ktcp/server.hpp>

#include <cerrno>
#include <set>
#include <string>

#include "tested_server.hpp"

using testing::_;
using testing::AnyNumber;
using testing::InSequence;
using testing::IsNull;
using testing::NotNull;
using testing::Return;
using namespace server_tests;

TEST_F(server_test, stops_in_this_order)
{
	ktcp::server<echo> server;

	EXPECT_TRUE(server.start(plain));
	connect(1);
	port.fake.run_all();

	auto *const queue = port.fake.queue("unit");
	auto *const control = port.fake.queue("unit_control");
	auto *const sleepers = port.fake.queue("unit_sleepers");
	auto *const crowded = port.fake.queue("unit_crowded");

	EXPECT_CALL(port, kfree(_)).Times(1); /* the handler's frame */
	EXPECT_CALL(port, proc_rmdir(IsNull())).Times(AnyNumber());

	InSequence order;

	/* nobody new … */
	EXPECT_CALL(port, cancel_work_sync(_)); /* accept: the listener is ours … */
	EXPECT_CALL(port, sock_unhook_listener(listener, NotNull()));
	EXPECT_CALL(port, sock_release(listener));
	/* … and it announced no more meanwhile */
	EXPECT_CALL(port, cancel_delayed_work_sync(_)).Times(2); /* what comes soon, what is lost */
	EXPECT_CALL(port, cancel_work_sync(_));
	/* … everybody out, before we wait for anything … */
	EXPECT_CALL(port, queue_work(_, queue, _));
	EXPECT_CALL(port, synchronize_rcu()).Times(1);
	EXPECT_CALL(port, cancel_delayed_work_sync(_)).Times(2); /* times, a CPU each */
	EXPECT_CALL(port, wait_for_completion(_));
	EXPECT_CALL(port, sock_unhook(accepted[0], NotNull()));
	EXPECT_CALL(port, sock_set_user_timeout(accepted[0], 1000));
	EXPECT_CALL(port, sock_hold_net(accepted[0]));
	EXPECT_CALL(port, sock_release(accepted[0]));
	EXPECT_CALL(port, complete(_));
	/* … the outgoing connections that are kept, which the last session could still leave … */
	EXPECT_CALL(port, cancel_delayed_work_sync(_));
	/* … the files, which showed whom it waited for … */
	EXPECT_CALL(port, proc_rmdir(NotNull()));
	/* … and the lights. */
	/* the shards, their list, and the shares of buffers */
	EXPECT_CALL(port, kfree(NotNull())).Times(4);
	EXPECT_CALL(port, destroy_workqueue(control));
	EXPECT_CALL(port, destroy_workqueue(crowded));
	EXPECT_CALL(port, destroy_workqueue(sleepers));
	EXPECT_CALL(port, destroy_workqueue(queue));
	EXPECT_CALL(port, page_pool_destroy(NotNull()));
	EXPECT_CALL(port, kmem_cache_destroy(port.fake.cache("unit_session")));
	EXPECT_CALL(port, kfree(NotNull()));

	server.stop();
	expect_nothing_left();
}

TEST_F(server_test, lets_connections_finish_before_it_ends_them)
{
	ktcp::server<echo> server;
	auto options = plain;
	std::string sent;

	options.drain_ms = 500;
	EXPECT_TRUE(server.start(options));
	connect(2);
	port.fake.run_all();
	/* Both are done within the time, so no connection is told that the server stops. */
	EXPECT_CALL(port, wait_for_completion_timeout(_, 500))
		.WillOnce([this](::completion *done, unsigned int ms) {
			EXPECT_CALL(port, sock_softirq_recv(_, _, _)).WillRepeatedly(Return(0));
			EXPECT_CALL(port, sock_set_user_timeout(_, _)).Times(0);
			for (auto *each : accepted)
				port.fake.announce(each, KTCP_SOCK_READABLE);
			return port.fake.wait_for_completion_timeout(done, ms);
		});
	server.stop();
	expect_nothing_left();
}

TEST_F(server_test, ends_those_that_did_not_finish_in_time)
{
	ktcp::server<echo> server;
	auto options = plain;

	options.drain_ms = 500;
	EXPECT_TRUE(server.start(options));
	connect(2);
	port.fake.run_all();

	const auto before = port.fake.now;

	EXPECT_CALL(port, sock_set_user_timeout(_, 1000)).Times(2);
	server.stop();
	EXPECT_EQ(port.fake.now, before + 500);
	expect_nothing_left();
}

TEST_F(server_test, times_out_the_quiet_while_it_lets_others_finish)
{
	ktcp::server<echo> server;
	auto options = plain;

	options.drain_ms = 10'000;
	options.timeouts.idle_ms = 400;
	EXPECT_TRUE(server.start(options));
	connect(1);
	port.fake.run_all();

	const auto before = port.fake.now;

	server.stop();
	EXPECT_LE(port.fake.now, before + 500) << "times are looked at meanwhile";
	expect_nothing_left();
}

TEST_F(server_test, one_grace_period_for_any_number_of_connections)
{
	ktcp::server<echo> server;

	EXPECT_TRUE(server.start(plain));
	connect(50);
	port.fake.run_all();
	EXPECT_EQ(sessions(), 50u);
	EXPECT_CALL(port, synchronize_rcu()).Times(1);
	server.stop();
	expect_nothing_left();
}

TEST_F(server_test, stops_while_its_listener_is_lost)
{
	ktcp::server<echo> server;

	EXPECT_TRUE(server.start(plain));
	connect(1);
	port.fake.run_all();
	EXPECT_CALL(port, sock_listening(_)).WillOnce(Return(false));
	EXPECT_CALL(port, sock_bind(_, _)).WillOnce(Return(-EADDRINUSE));
	port.fake.announce(listener, KTCP_SOCK_STATE);
	port.fake.run_all();
	EXPECT_CALL(port, sock_unhook_listener(_, _)).Times(0);
	server.stop();
	expect_nothing_left();
}

TEST_F(server_test, stops_while_connections_wait_to_be_accepted)
{
	ktcp::server<echo> server;

	EXPECT_TRUE(server.start(plain));
	connect(3);
	EXPECT_CALL(port, sock_accept(_, _)).Times(0);
	server.stop();
	expect_nothing_left();
}

TEST_F(server_test, stops_while_accepting_waits_for_memory)
{
	ktcp::server<echo> server;

	EXPECT_TRUE(server.start(plain));
	EXPECT_CALL(port, sock_accept(_, _)).WillOnce(Return(-ENOMEM));
	connect(0);
	port.fake.run_all();
	EXPECT_EQ(port.fake.timers(), 1u);
	server.stop();
	expect_nothing_left();
}

TEST_F(server_test, stops_with_connections_that_have_not_yet_had_a_turn)
{
	ktcp::server<echo> server;

	EXPECT_TRUE(server.start(plain));
	connect(3);
	EXPECT_TRUE(port.fake.run_one());
	EXPECT_EQ(sessions(), 3u);
	server.stop();
	expect_nothing_left();
}

TEST_F(server_test, stops_in_the_work_model)
{
	server_of<ktcp::work_per_connection> server;

	/* Blocked in their work items until somebody pokes them. */
	std::set<::socket *> poked;
	ON_CALL(port, sock_poke(_)).WillByDefault([&](::socket *sock) { poked.insert(sock); });
	ON_CALL(port, sock_wait(_, _, _)).WillByDefault([&](::socket *sock, auto...) {
		EXPECT_TRUE(poked.contains(sock)) << "would sleep for ever";
		return 0;
	});
	EXPECT_TRUE(server.start(plain));
	connect(2);
	EXPECT_TRUE(port.fake.run_one());
	EXPECT_CALL(port, sock_shutdown(_, KTCP_SHUT_RDWR)).Times(0);
	server.stop();
	expect_nothing_left();
}

TEST_F(server_test, stops_in_the_thread_model)
{
	server_of<ktcp::thread_per_connection> server;

	EXPECT_TRUE(server.start(plain));
	connect(2);
	port.fake.run_all();
	EXPECT_CALL(port, sock_poke(_)).Times(2);
	EXPECT_CALL(port, kthread_stop(_)).Times(2);
	EXPECT_CALL(port, wait_for_completion(_)).WillOnce([this](::completion *done) {
		for (auto *each : port.fake.threads())
			port.fake.run_thread(*each);
		port.fake.wait_for_completion(done);
	});
	server.stop();
	expect_nothing_left();
}
