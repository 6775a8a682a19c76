// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * A coroutine whose frame cannot be allocated, for it takes no connection: the compiler must say
 * what is missing. With GOOD defined it takes one.
 */
#include <ktcp/connection.hpp>

#ifdef GOOD
ktcp::task pause(ktcp::connection &peer, int)
{
	static_cast<void>(co_await peer.read());
}
#else
ktcp::task pause(int)
{
	co_return;
}
#endif
