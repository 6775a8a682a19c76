// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* The connections of a namespace, found in the kernel's own tables. */
#include <ktcp/kernel/tcp_lookup.hpp>

#include "../conformance/sockets.hpp"
#include "net.h"
#include "suites.hpp"

using ktcp::errc;
using ktcp::tcp_sock;

namespace
{

/* The signal comes when there is a reference in the batch, and buckets that have not been looked at. */
void a_signal_leaves_no_reference(ktcp_test::context &context)
{
	ktcp_test::pair both;

	KTCP_REQUIRE_EQ(both.connect(), 0);

	/* The one that no timer of its own refers to. */
	struct socket *const accepted = both.server.raw();
	const unsigned int before = ktcp_kunit_references(accepted);
	const unsigned int port = both.listener.port(), peer = both.client.port();
	unsigned int given = 0;
	const auto ended = ktcp::for_each_established(
		nullptr,
		[&](const ktcp_tcp_identity &each) {
			if (each.local.port != port || each.remote.port != peer)
				return false;
			ktcp_kunit_kill();
			return true;
		},
		[&](tcp_sock) {
			given++;
			return false;
		});

	ktcp_kunit_revive();
	KTCP_CHECK(!ended && ended.error() == errc::eintr);
	KTCP_CHECK_EQ(given, 1u);
	KTCP_CHECK_EQ(ktcp_kunit_references(accepted), before);
}

void time_wait_ends(ktcp_test::context &context)
{
	ktcp_test::pair both;
	char byte;

	KTCP_REQUIRE_EQ(both.connect(), 0);

	const unsigned int port = both.listener.port(), peer = both.client.port();
	/* How many there are; they are dropped. */
	const auto drop = [&] {
		int dropped = 0;

		KTCP_CHECK(ktcp::for_each_established(
			nullptr,
			[&](const ktcp_tcp_identity &each) {
				return each.state == KTCP_TCP_TIME_WAIT &&
				       each.local.port == peer && each.remote.port == port;
			},
			[&](tcp_sock found) {
				const bool gone = found.abort(errc::econnreset).has_value();

				dropped += gone;
				return gone;
			}));
		return dropped;
	};
	int dropped = 0;

	both.client.close();
	KTCP_CHECK_EQ(both.server.recv(&byte, 1), 0);
	both.server.close();
	for (int tries = 0; !dropped && tries < 100; tries++) {
		dropped = drop();
		if (!dropped)
			ktcp_msleep(10);
	}
	KTCP_CHECK_EQ(dropped, 1);
	KTCP_CHECK_EQ(drop(), 0);
}

void a_device_that_has_gone(ktcp_test::context &context)
{
	constexpr int device = 4711;
	ktcp_test::pair both;
	tcp_sock room[4];

	KTCP_REQUIRE_EQ(both.connect(), 0);

	ktcp_endpoint local = ktcp_test::loopback4(both.listener.port());
	const ktcp::endpoint remote(ktcp_test::loopback4(both.client.port()));
	const auto found = [&] {
		return ktcp::lookup_established(nullptr, ktcp::endpoint(local), remote, room).size();
	};

	KTCP_CHECK_EQ(found(), 1u);
	ktcp_kunit_bind_to_device(both.server.raw(), device);
	KTCP_CHECK_EQ(found(), 0u);
	local.scope_id = device;
	KTCP_CHECK_EQ(found(), 1u);
	local.scope_id = device + 1;
	KTCP_CHECK_EQ(found(), 0u);
	ktcp_kunit_bind_to_device(both.server.raw(), 0);
}

/* To the kernel, the one that is bound to none fits each device. It was made last, so it comes first. */
void one_that_is_bound_is_found_behind_one_that_is_not(ktcp_test::context &context)
{
	constexpr int loopback = 1, elsewhere = 4711;
	ktcp_test::pair both;
	ktcp_test::sock client, server;
	tcp_sock room[4];

	KTCP_REQUIRE_EQ(both.connect(), 0);

	ktcp_endpoint local = ktcp_test::loopback4(both.listener.port());
	const ktcp_endpoint remote = ktcp_test::loopback4(both.client.port());
	const auto found = [&] {
		return ktcp::lookup_established(nullptr, ktcp::endpoint(local),
						ktcp::endpoint(remote), room)
			.size();
	};

	/* The second one may have the same ends while the first is bound elsewhere. */
	ktcp_kunit_bind_to_device(both.server.raw(), elsewhere);
	ktcp_kunit_bind_to_device(both.client.raw(), elsewhere);
	ktcp_sock_set_reuseaddr(both.client.raw());
	KTCP_REQUIRE_EQ(client.create(KTCP_INET), 0);
	ktcp_sock_set_reuseaddr(client.raw());
	KTCP_REQUIRE_EQ(ktcp_sock_bind(client.raw(), &remote), 0);
	KTCP_REQUIRE_EQ(client.connected(ktcp_sock_connect(client.raw(), &local)), 0);
	KTCP_REQUIRE_EQ(server.accept(both.listener), 0);
	KTCP_CHECK_EQ(found(), 2u);
	ktcp_kunit_bind_to_device(both.server.raw(), loopback);
	KTCP_CHECK_EQ(found(), 2u);
	local.scope_id = loopback;
	KTCP_CHECK_EQ(found(), 1u);
	local.scope_id = elsewhere;
	KTCP_CHECK_EQ(found(), 0u);
	/* The end of one could reach the other of the same ends. */
	for (const ktcp_test::sock *each : { &both.server, &both.client, &server, &client })
		ktcp_sock_no_linger(each->raw());
}

/* A reset behind the peer's end is no loss. This is. */
void one_that_is_dropped_behind_its_peers_end_is_lost(ktcp_test::context &context)
{
	ktcp_test::pair both;
	char byte;

	KTCP_REQUIRE_EQ(both.connect(), 0);
	KTCP_CHECK_EQ(ktcp_sock_shutdown(both.client.raw(), KTCP_SHUT_WR), 0);
	KTCP_CHECK_EQ(both.server.recv(&byte, 1), 0);
	KTCP_CHECK(!ktcp_sock_is_lost(both.server.raw()));

	const unsigned int port = both.listener.port(), peer = both.client.port();

	KTCP_CHECK(ktcp::for_each_established(
		nullptr,
		[&](const ktcp_tcp_identity &each) {
			return each.local.port == port && each.remote.port == peer;
		},
		[&](tcp_sock found) { return found.abort(errc::econnreset).has_value(); }));
	KTCP_CHECK(ktcp_sock_is_lost(both.server.raw()));
}

} // namespace

KTCP_SUITE(lookup,
	   { "a fatal signal leaves no reference", KTCP_CASE(a_signal_leaves_no_reference) },
	   { "TIME-WAIT ends", KTCP_CASE(time_wait_ends) },
	   { "a socket is found by the number of a device that has gone",
	     KTCP_CASE(a_device_that_has_gone) },
	   { "a bound socket is found behind one of the same ends that is not",
	     KTCP_CASE(one_that_is_bound_is_found_behind_one_that_is_not) },
	   { "a socket that is dropped behind its peer's end is lost",
	     KTCP_CASE(one_that_is_dropped_behind_its_peers_end_is_lost) });
