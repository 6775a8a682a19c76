// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* A mutex is taken, and nothing says that the caller may sleep. */
#include <ktcp/connection.hpp>
#include <ktcp/kernel/sync.hpp>

ktcp::task_of<int> next(ktcp::connection &peer, ktcp::guarded<int> &count)
{
	KTCP_CO_TRY(const ktcp::process_context here, co_await peer.may_sleep());
#ifdef GOOD
	co_return ++*count.lock(here);
#else
	static_cast<void>(here);
	co_return ++*count.lock();
#endif
}
