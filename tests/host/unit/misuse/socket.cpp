// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* A handler in softirq that takes the socket's lock, which TCP holds there. */
#include <ktcp/server.hpp>

struct curious {
	ktcp::task operator()(ktcp::connection &peer) const
	{
		static_cast<void>(co_await peer.read());
#ifdef GOOD
		static_cast<void>(peer.remote());
#else
		static_cast<void>(peer.socket().remote());
#endif
	}
};

template class ktcp::server<curious>;
