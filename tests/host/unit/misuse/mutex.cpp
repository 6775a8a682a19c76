// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * A mutex in a handler that runs in softirq: it says nothing of sleeping, so it has no ktcp::process_context.
 */
#include <ktcp/kernel/sync.hpp>
#include <ktcp/server.hpp>

struct handler {
#ifdef GOOD
	static constexpr bool may_sleep = true;
#endif
	ktcp::guarded<int> *count;

	ktcp::task operator()(ktcp::connection &peer) const
	{
		static_cast<void>(co_await peer.read());
		++*count->lock(ktcp::process_context(*this));
	}
};

ktcp::guarded<int> count;
ktcp::server<handler> server{ handler{ &count } };
