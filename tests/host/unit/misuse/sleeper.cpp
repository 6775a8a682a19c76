// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * A handler that says it may sleep, in the model that must not: the compiler says so. With
 * GOOD defined it says that it does not.
 */
#include <ktcp/server.hpp>

struct handler {
#ifdef GOOD
	static constexpr bool may_sleep = false;
#else
	static constexpr bool may_sleep = true;
#endif

	ktcp::task operator()(ktcp::connection &peer) const
	{
		static_cast<void>(co_await peer.read());
	}
};

ktcp::server<handler, ktcp::softirq> server;
