// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* A step's outcome that is asked for before it is awaited. */
#include <ktcp/connection.hpp>

ktcp::task_of<void> greet(ktcp::connection &peer)
{
	co_return co_await peer.write("hello\n");
}

ktcp::task serve(ktcp::connection &peer)
{
#ifdef GOOD
	if (!co_await greet(peer))
		co_return;
#else
	if (!greet(peer))
		co_return;
#endif
	static_cast<void>(co_await peer.read());
}
