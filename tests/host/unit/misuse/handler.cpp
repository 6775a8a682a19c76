// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * A handler that does not fit: the compiler must say so in terms of connection_handler.
 * With GOOD defined it fits, which shows that nothing else is wrong here.
 */
#include <ktcp/server.hpp>

struct handler {
#ifdef GOOD
	ktcp::task operator()(ktcp::connection &peer) const
	{
		while (auto received = co_await peer.read())
			if (!co_await peer.write(*received))
				break;
	}
#else
	void operator()(ktcp::connection &) const
	{
	}
#endif
};

ktcp::server<handler> server;
