// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * ktcp/server_module.hpp: a module that is one server, from its parameters. This file is
 * such a module; see module_test.cpp for the names of its start and stop.
 */
#define ktcp_module_start unit_server_module_start
#define ktcp_module_stop unit_server_module_stop
#define ktcp_module_change unit_server_module_change
#define KTCP_MODULE_NAME "unit_server"
#define KTCP_MODULE_LIST "unit_server.module.h"

#include <ktcp/server_module.hpp>

#include <cerrno>
#include <string>

#include "support.hpp"

using testing::_;
using testing::AllOf;
using testing::DoAll;
using testing::HasSubstr;
using testing::Mock;
using testing::NiceMock;
using testing::Pointee;
using testing::Return;
using testing::SetArgPointee;

/* The generated C file makes this of the list. */
#define KTCP_MODULE(description, author, version)
#define KTCP_PARAM_INT(name_, initial_, least_, most_, text_) \
	struct ktcp_param_int ktcp_param_##name_ = { #name_, (initial_), (least_), (most_) };
#define KTCP_PARAM_STRING(name_, initial_, text_) \
	static char name_##_initial[] = initial_; \
	char *ktcp_param_##name_ = name_##_initial;
#include "unit_server.module.h"
#undef KTCP_MODULE
#undef KTCP_PARAM_INT
#undef KTCP_PARAM_STRING

namespace
{

struct silent {
	ktcp::task operator()(ktcp::connection &) const
	{
		co_return;
	}

	ktcp::server_file own_file() const noexcept
	{
		return own;
	}

	static inline ktcp::server_file own = {};
};

MATCHER_P(port_is, expected, "")
{
	return arg.port == expected;
}

class server_module_test : public testing::Test {
    protected:
	NiceMock<mock::mock_port> port;
};

} // namespace

KTCP_SERVER_MODULE(silent)

/* A server of the library's, without a choice: each of its options, by the name of its parameter. */
struct unconfigured : ktcp::server_options {
	std::int64_t unbound = placement == ktcp::placement::anywhere;
	std::int64_t spread = placement == ktcp::placement::spread;
	std::string_view allow = peers ? "some" : "", deny = peers ? "some" : "";
	std::string_view proxy_from = proxies ? "some" : "";
	std::int64_t idle_timeout_ms = timeouts.idle_ms, write_timeout_ms = timeouts.write_ms;
	std::int64_t netns_all = 0; /* a server is in one namespace */
	std::int64_t buffer_mb = static_cast<std::int64_t>(buffer_memory >> 20);
	std::int64_t memory_cgroup = 1; /* a program has none */
	std::string_view device = socket.device, congestion = socket.congestion;
	std::int64_t keepalive_idle_s = socket.keepalive_idle_s;
	std::int64_t keepalive_interval_s = socket.keepalive_interval_s;
	std::int64_t keepalive_probes = socket.keepalive_probes;
	std::int64_t mark = socket.mark, tos = socket.tos, fastopen = socket.fastopen;
	std::int64_t rcvbuf = socket.rcvbuf, sndbuf = socket.sndbuf;
};

/* A new parameter has to have an option, or a line above. */
TEST_F(server_module_test, has_the_defaults_of_a_server_without_a_module)
{
	const unconfigured options;

#define KTCP_PARAM_INT(name_, initial_, least_, most_, text_) \
	EXPECT_EQ(std::int64_t{ initial_ }, std::int64_t{ options.name_ }) << #name_;
#define KTCP_PARAM_STRING(name_, initial_, text_) \
	EXPECT_EQ(std::string_view(initial_), std::string_view(options.name_)) << #name_;
#include <ktcp/server_params.h>
#undef KTCP_PARAM_INT
#undef KTCP_PARAM_STRING
}

TEST_F(server_module_test, serves_with_its_defaults_and_says_where)
{
	EXPECT_CALL(port, kmem_cache_create("unit_server_session", _));
	EXPECT_CALL(port, alloc_workqueue("unit_server", 0, 0));
	EXPECT_CALL(port, alloc_workqueue("unit_server_sleepers", KTCP_WQ_UNBOUND, 512));
	EXPECT_CALL(port, alloc_workqueue("unit_server_crowded", KTCP_WQ_UNBOUND, 512));
	EXPECT_CALL(port, alloc_workqueue("unit_server_control", 0, 0));
	EXPECT_CALL(port, sock_bind(_, Pointee(port_is(4321))));
	EXPECT_CALL(port, sock_listen(_, 1024));
	EXPECT_CALL(port, sock_local(_, _))
		.WillOnce(DoAll(SetArgPointee<1>(ktcp::endpoint::any(4321).raw()), Return(0)));
	EXPECT_CALL(port,
		    printk(KTCP_LOG_INFO, AllOf(HasSubstr("port 4321"), HasSubstr("model event"),
						HasSubstr("65536 connections"))));
	EXPECT_EQ(ktcp_module_start(), 0);
	Mock::VerifyAndClearExpectations(&port);
	ktcp_module_stop();
}

/* A user who loads it in another namespace would look for it there. */
TEST_F(server_module_test, says_where_it_listens_if_that_is_not_where_it_is_loaded)
{
	for (const bool first : { true, false }) {
		EXPECT_CALL(port, is_in_init_net()).WillRepeatedly(Return(first));
		EXPECT_CALL(port, printk(_, _)).Times(testing::AnyNumber());
		EXPECT_CALL(port, printk(KTCP_LOG_INFO, HasSubstr("the first network namespace")))
			.Times(first ? 0 : 1);
		EXPECT_EQ(ktcp_module_start(), 0);
		Mock::VerifyAndClearExpectations(&port);
		ktcp_module_stop();
	}
}

TEST_F(server_module_test, takes_every_parameter)
{
	char work[] = "work";
	char *const model_before = ktcp_param_model;

	ktcp_param_port.value = 65535;
	ktcp_param_backlog.value = 7;
	ktcp_param_model = work;
	ktcp_param_unbound.value = 1;
	ktcp_param_max_connections.value = 2;
	ktcp_param_idle_timeout_ms.value = 2000;
	ktcp_param_user_timeout_ms.value = 30'000;

	EXPECT_CALL(port, alloc_workqueue("unit_server", KTCP_WQ_UNBOUND, 512));
	EXPECT_CALL(port, alloc_workqueue("unit_server_sleepers", KTCP_WQ_UNBOUND, 512));
	EXPECT_CALL(port, alloc_workqueue("unit_server_crowded", KTCP_WQ_UNBOUND, 512));
	EXPECT_CALL(port, alloc_workqueue("unit_server_control", 0, 0));
	::socket *listener = nullptr;

	EXPECT_CALL(port, sock_hook_listener(_, _)).WillOnce([&](::socket *sock, auto *hook) {
		listener = sock;
		return port.fake.sock_hook_listener(sock, hook);
	});
	EXPECT_CALL(port, sock_bind(_, Pointee(port_is(65535))));
	EXPECT_CALL(port, sock_set_user_timeout(_, 30'000));
	EXPECT_CALL(port, sock_listen(_, 7));
	EXPECT_CALL(port, mod_delayed_work(_, _, _)).Times(testing::AnyNumber());
	EXPECT_CALL(port, printk(KTCP_LOG_INFO, AllOf(HasSubstr("model work"), HasSubstr("up to "
											 "2 "))));
	EXPECT_EQ(ktcp_module_start(), 0);
	Mock::VerifyAndClearExpectations(&port);

	/* max_connections, too: of three one is reset. */
	int waiting = 3;

	EXPECT_CALL(port, sock_accept(_, _)).WillRepeatedly([&](::socket *, ::socket **out) {
		return waiting-- > 0 ? (*out = port.fake.new_socket(), 0) : -EAGAIN;
	});
	EXPECT_CALL(port, sock_no_linger(_)).Times(1);

	port.fake.announce(listener, KTCP_SOCK_READABLE);
	port.fake.run_all();
	ktcp_module_stop();

	ktcp_param_port.value = 4321;
	ktcp_param_backlog.value = 1024;
	ktcp_param_model = model_before;
	ktcp_param_unbound.value = 0;
	ktcp_param_max_connections.value = 65536;
	ktcp_param_idle_timeout_ms.value = ktcp::defaults::idle_timeout_ms;
	ktcp_param_user_timeout_ms.value = 0;
}

/* A module is told; its server heeds them. */
TEST_F(server_module_test, heeds_changed_parameters)
{
	::socket *listener = nullptr;
	int waiting = 0;

	EXPECT_CALL(port, sock_hook_listener(_, _)).WillOnce([&](::socket *sock, auto *hook) {
		listener = sock;
		return port.fake.sock_hook_listener(sock, hook);
	});
	EXPECT_CALL(port, sock_accept(_, _)).WillRepeatedly([&](::socket *, ::socket **out) {
		return waiting-- > 0 ? (*out = port.fake.new_socket(), 0) : -EAGAIN;
	});
	EXPECT_CALL(port, sock_listen(_, 1024)).Times(1);
	EXPECT_EQ(ktcp_module_start(), 0);
	port.fake.run_all();

	EXPECT_CALL(port, sock_listen(_, _)).Times(0);
	ktcp_param_max_connections.value = 2;
	EXPECT_EQ(ktcp_module_change(), 0);
	port.fake.run_all();
	/* Of three one is reset. */
	waiting = 3;
	EXPECT_CALL(port, sock_no_linger(_)).Times(1);
	port.fake.announce(listener, KTCP_SOCK_READABLE);
	port.fake.run_all();
	Mock::VerifyAndClearExpectations(&port);

	/* One waits in the backlog: it has what the listener had when it came. */
	::socket *waited = nullptr;
	EXPECT_CALL(port, sock_accept(_, _))
		.WillOnce([&](::socket *, ::socket **out) {
			*out = waited = port.fake.new_socket();
			return 0;
		})
		.WillRepeatedly(Return(-EAGAIN));
	ktcp_param_max_connections.value = 3;
	ktcp_param_backlog.value = 7;
	ktcp_param_user_timeout_ms.value = 30'000;
	EXPECT_CALL(port, sock_set_user_timeout(_, 30'000)).Times(testing::AnyNumber());
	EXPECT_CALL(port, sock_set_user_timeout(listener, 30'000)).Times(1);
	EXPECT_CALL(port,
		    sock_set_user_timeout(
			    testing::Truly([&](::socket *sock) { return sock == waited; }), 30'000))
		.Times(1);
	EXPECT_CALL(port, sock_listen(listener, 7)).Times(1);
	EXPECT_EQ(ktcp_module_change(), 0);
	port.fake.run_all();
	Mock::VerifyAndClearExpectations(&port);

	EXPECT_CALL(port, sock_accept(_, _)).WillRepeatedly(Return(-EAGAIN));
	ktcp_param_drain_ms.value = 250;
	EXPECT_EQ(ktcp_module_change(), 0);
	EXPECT_CALL(port, wait_for_completion_timeout(_, 250)).Times(1);
	ktcp_module_stop();
	EXPECT_EQ(ktcp_module_change(), 0) << "there is no server to hear of it";

	ktcp_param_max_connections.value = 65536;
	ktcp_param_backlog.value = 1024;
	ktcp_param_user_timeout_ms.value = 0;
	ktcp_param_drain_ms.value = 0;
}

TEST_F(server_module_test, spreads_and_drains_and_limits_each_peer)
{
	::socket *listener = nullptr;
	int waiting = 3;

	ktcp_param_spread.value = 1;
	ktcp_param_drain_ms.value = 250;
	ktcp_param_max_per_source.value = 2;
	ktcp_param_write_timeout_ms.value = 2000;

	EXPECT_CALL(port, mod_delayed_work(_, _, _)).Times(testing::AnyNumber());
	EXPECT_CALL(port, sock_hook_listener(_, _)).WillOnce([&](::socket *sock, auto *hook) {
		listener = sock;
		return port.fake.sock_hook_listener(sock, hook);
	});
	EXPECT_CALL(port, sock_accept(_, _)).WillRepeatedly([&](::socket *, ::socket **out) {
		return waiting-- > 0 ? (*out = port.fake.new_socket(), 0) : -EAGAIN;
	});
	EXPECT_CALL(port, next_online_cpu(_, false)).Times(3);
	EXPECT_CALL(port, sock_no_linger(_)).Times(1);
	EXPECT_CALL(port, wait_for_completion_timeout(_, 250)).Times(1);

	EXPECT_EQ(ktcp_module_start(), 0);
	port.fake.announce(listener, KTCP_SOCK_READABLE);
	port.fake.run_all();
	ktcp_module_stop();

	ktcp_param_spread.value = 0;
	ktcp_param_drain_ms.value = 0;
	ktcp_param_max_per_source.value = ktcp::defaults::max_per_source;
	ktcp_param_write_timeout_ms.value = ktcp::defaults::write_timeout_ms;
}

TEST_F(server_module_test, says_which_parameters_have_no_effect)
{
	char thread[] = "thread";
	char *const model_before = ktcp_param_model;

	EXPECT_CALL(port, printk_ratelimited(_, _)).Times(0);
	EXPECT_EQ(ktcp_module_start(), 0);
	ktcp_module_stop();
	Mock::VerifyAndClearExpectations(&port);

	ktcp_param_spread.value = 1;
	ktcp_param_unbound.value = 1;
	ktcp_param_keepalive_idle_s.value = 600;
	EXPECT_CALL(port, printk_ratelimited(KTCP_LOG_INFO, HasSubstr("spread=1 has no effect")))
		.Times(1);
	EXPECT_CALL(port, printk_ratelimited(KTCP_LOG_INFO,
					     HasSubstr("keepalive_idle_s=600 has no effect")))
		.Times(1);
	EXPECT_EQ(ktcp_module_start(), 0);
	ktcp_module_stop();
	Mock::VerifyAndClearExpectations(&port);

	ktcp_param_model = thread;
	ktcp_param_keepalive_idle_s.value = 599;
	EXPECT_CALL(port, printk_ratelimited(KTCP_LOG_INFO, HasSubstr("unbound=1 has no effect")))
		.Times(1);
	EXPECT_EQ(ktcp_module_start(), 0);
	ktcp_module_stop();

	ktcp_param_model = model_before;
	ktcp_param_spread.value = 0;
	ktcp_param_unbound.value = 0;
	Mock::VerifyAndClearExpectations(&port);

	/* A timeout may come later. Once for each. */
	ktcp_param_idle_timeout_ms.value = 0;
	ktcp_param_keepalive_idle_s.value = 600;
	EXPECT_CALL(port, printk_ratelimited(_, _)).Times(0);
	EXPECT_EQ(ktcp_module_start(), 0);
	Mock::VerifyAndClearExpectations(&port);
	ktcp_param_idle_timeout_ms.value = 600'000;
	EXPECT_CALL(port, printk_ratelimited(KTCP_LOG_INFO,
					     HasSubstr("keepalive_idle_s=600 has no effect")))
		.Times(1);
	EXPECT_EQ(ktcp_module_change(), 0);
	EXPECT_EQ(ktcp_module_change(), 0);
	ktcp_module_stop();

	ktcp_param_idle_timeout_ms.value = ktcp::defaults::idle_timeout_ms;
	ktcp_param_keepalive_idle_s.value = 0;
}

TEST_F(server_module_test, a_port_in_use_fails_the_load)
{
	EXPECT_CALL(port, sock_bind(_, _)).WillOnce(Return(-EADDRINUSE));
	EXPECT_CALL(port, printk_ratelimited(KTCP_LOG_ERROR, HasSubstr("in use"))).Times(1);
	EXPECT_EQ(ktcp_module_start(), -EADDRINUSE);
}

TEST_F(server_module_test, an_unknown_model_fails_the_load)
{
	char fibre[] = "fibre";
	char *const before = ktcp_param_model;

	ktcp_param_model = fibre;
	EXPECT_CALL(port,
		    printk_ratelimited(KTCP_LOG_ERROR, HasSubstr("event, softirq, work or thread")))
		.Times(1);
	EXPECT_EQ(ktcp_module_start(), -EINVAL);
	ktcp_param_model = before;
}

TEST(namespace_name, leaves_room_for_a_servers_suffixes)
{
	EXPECT_STREQ(ktcp::detail::namespace_name("kecho", 4026532281).c_str(), "kecho-4026532281");
	EXPECT_STREQ(ktcp::detail::namespace_name("kecho", 0).c_str(), "kecho-0");
	EXPECT_STREQ(ktcp::detail::joined_name(
			     ktcp::detail::namespace_name("a-name-that-is-long", 4294967295).c_str(),
			     "_sleepers")
			     .c_str(),
		     "a-name-that-4294967295_sleepers");
}

class server_in_each_namespace : public server_module_test {
    protected:
	::net one{ 4026532001 }, two{ 4026532002 };

	server_in_each_namespace()
	{
		ktcp_param_netns_all.value = 1;
	}

	~server_in_each_namespace() override
	{
		ktcp_param_netns_all.value = 0;
	}
};

TEST_F(server_in_each_namespace, with_names_of_its_own)
{
	EXPECT_EQ(port.fake.add_net(one), 0);
	EXPECT_CALL(port, sock_create(nullptr, _, _)).Times(1);
	EXPECT_CALL(port, sock_create(&one, _, _)).Times(1);
	EXPECT_CALL(port, printk(KTCP_LOG_INFO, HasSubstr("in every network namespace"))).Times(1);
	EXPECT_EQ(ktcp_module_start(), 0);
	EXPECT_NE(port.fake.folder("unit_server"), nullptr);
	EXPECT_NE(port.fake.folder("unit_server", &one), nullptr);
	EXPECT_NE(port.fake.cache("unit_server_session"), nullptr);
	EXPECT_NE(port.fake.cache("unit_server-4026532001_session"), nullptr);
	EXPECT_CALL(port, sock_create(&two, _, _)).Times(1);
	EXPECT_EQ(port.fake.add_net(two), 0);
	EXPECT_NE(port.fake.queue("unit_server-4026532002_control"), nullptr);
	port.fake.remove_net(one);
	EXPECT_EQ(port.fake.folder("unit_server", &one), nullptr);
	EXPECT_EQ(port.fake.cache("unit_server-4026532001_session"), nullptr);
	EXPECT_NE(port.fake.folder("unit_server", &two), nullptr);
	ktcp_module_stop();
	EXPECT_EQ(port.fake.sockets(), 0u);
	port.fake.remove_net(two);
}

/* The handler is one for all namespaces, and the user who made a namespace may read its folder. */
TEST_F(server_in_each_namespace, shows_the_handlers_file_in_the_first_alone)
{
	struct nothing {
		void show(struct seq_file *) const noexcept
		{
		}
	} owner;
	ktcp::proc_file<nothing> file(owner);

	silent::own = { "own", &file };
	EXPECT_EQ(port.fake.add_net(one), 0);
	EXPECT_EQ(ktcp_module_start(), 0);
	EXPECT_EQ(port.fake.add_net(two), 0);
	EXPECT_TRUE(port.fake.folder("unit_server")->files.contains("own"));
	for (::net *each : { &one, &two }) {
		EXPECT_TRUE(port.fake.folder("unit_server", each)->files.contains("statistics"));
		EXPECT_FALSE(port.fake.folder("unit_server", each)->files.contains("own"));
	}
	ktcp_module_stop();
	silent::own = {};
	port.fake.remove_net(one);
	port.fake.remove_net(two);
}

TEST_F(server_in_each_namespace, one_that_cannot_listen_keeps_no_namespace_from_being_made)
{
	EXPECT_EQ(port.fake.add_net(one), 0);
	EXPECT_CALL(port, sock_bind(_, _))
		.WillOnce(Return(0))
		.WillOnce(Return(-EADDRINUSE))
		.WillRepeatedly(Return(-ENOBUFS));
	EXPECT_CALL(port, printk(KTCP_LOG_INFO, _)).Times(testing::AnyNumber());
	EXPECT_CALL(port, printk_ratelimited(KTCP_LOG_ERROR, _)).Times(2);
	EXPECT_CALL(port, printk_ratelimited(KTCP_LOG_WARNING, HasSubstr("4026532001"))).Times(1);
	EXPECT_CALL(port, printk_ratelimited(KTCP_LOG_WARNING, HasSubstr("4026532002"))).Times(1);
	EXPECT_EQ(ktcp_module_start(), 0);
	EXPECT_EQ(port.fake.add_net(two), 0);
	port.fake.remove_net(one);
	ktcp_module_stop();
	port.fake.remove_net(two);
}

TEST_F(server_in_each_namespace, all_heed_changed_parameters)
{
	EXPECT_EQ(port.fake.add_net(one), 0);
	EXPECT_EQ(ktcp_module_start(), 0);
	EXPECT_EQ(port.fake.add_net(two), 0);
	port.fake.run_all();
	EXPECT_CALL(port, sock_listen(_, 9)).Times(3);
	ktcp_param_backlog.value = 9;
	EXPECT_EQ(ktcp_module_change(), 0);
	port.fake.run_all();
	port.fake.remove_net(one);
	EXPECT_CALL(port, sock_listen(_, 8)).Times(2);
	ktcp_param_backlog.value = 8;
	EXPECT_EQ(ktcp_module_change(), 0);
	port.fake.run_all();
	ktcp_module_stop();
	ktcp_param_backlog.value = 1024;
	port.fake.remove_net(two);
}

/* A parameter is written while a namespace ends: nothing is queued for the server that is stopping. */
TEST_F(server_in_each_namespace, one_that_stops_heeds_no_change)
{
	unsigned int queued = 0, of_change = 0;

	EXPECT_EQ(port.fake.add_net(one), 0);
	EXPECT_EQ(ktcp_module_start(), 0);
	port.fake.run_all();
	ON_CALL(port, queue_work(_, _, _)).WillByDefault([&](int cpu, auto *queue, auto *work) {
		queued++;
		return port.fake.queue_work(cpu, queue, work);
	});
	EXPECT_CALL(port, sock_unhook_listener(_, _)).WillOnce([&](::socket *sock, auto *hook) {
		queued = 0;
		EXPECT_EQ(ktcp_module_change(), 0);
		of_change = queued;
		port.fake.sock_unhook_listener(sock, hook);
	});
	port.fake.remove_net(one);
	EXPECT_EQ(of_change, 1u) << "the initial namespace's accept work";
	Mock::VerifyAndClearExpectations(&port);
	ktcp_module_stop();
}

TEST_F(server_in_each_namespace, the_initial_one_that_cannot_fails_the_load)
{
	EXPECT_CALL(port, sock_bind(_, _)).WillOnce(Return(-EADDRINUSE));
	EXPECT_EQ(ktcp_module_start(), -EADDRINUSE);
}

TEST_F(server_in_each_namespace, all_stop_listening_before_any_is_waited_for)
{
	testing::Sequence order;

	EXPECT_EQ(port.fake.add_net(one), 0);
	EXPECT_EQ(ktcp_module_start(), 0);
	EXPECT_CALL(port, sock_unhook_listener(_, _)).Times(2).InSequence(order);
	EXPECT_CALL(port, wait_for_completion(_)).Times(2).InSequence(order);
	/* The grace period is the namespaces', one for all. */
	EXPECT_CALL(port, synchronize_rcu()).Times(0);
	/* And no connection is given time to finish. */
	EXPECT_CALL(port, wait_for_completion_timeout(_, _)).Times(0);
	ktcp_param_drain_ms.value = 1000;
	ktcp_module_stop();
	ktcp_param_drain_ms.value = 0;
	port.fake.remove_net(one);
}
