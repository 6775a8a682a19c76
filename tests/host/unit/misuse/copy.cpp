// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* A coroutine that takes its connection by value: there is one, and it is not copied. */
#include <ktcp/connection.hpp>

#ifdef GOOD
ktcp::task_of<void> greet(ktcp::connection &peer)
#else
ktcp::task_of<void> greet(ktcp::connection peer)
#endif
{
	co_return co_await peer.write("hello\n");
}

ktcp::task serve(ktcp::connection &peer)
{
	static_cast<void>(co_await greet(peer));
}
