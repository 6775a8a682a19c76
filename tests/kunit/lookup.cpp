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

} // namespace

KTCP_SUITE(lookup,
	   { "a fatal signal leaves no reference", KTCP_CASE(a_signal_leaves_no_reference) });
