// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* A handler whose operator() is not const: the first line says so. */
#include <ktcp/server.hpp>

struct handler {
#ifdef GOOD
	ktcp::task operator()(ktcp::connection &peer) const
#else
	ktcp::task operator()(ktcp::connection &peer)
#endif
	{
		static_cast<void>(co_await peer.read());
	}
};

ktcp::server<handler> server;
