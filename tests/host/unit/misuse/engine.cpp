// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* A handler that takes a turn of its own connection: that is the engine's. */
#include <ktcp/server.hpp>

struct eager {
	ktcp::task operator()(ktcp::connection &peer) const
	{
		static_cast<void>(co_await peer.read());
#ifndef GOOD
		peer.run();
#endif
	}
};

template class ktcp::server<eager>;
