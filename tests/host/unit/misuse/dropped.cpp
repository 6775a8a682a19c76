// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* A step that the handler does not await. */
#include <ktcp/connection.hpp>

ktcp::task serve(ktcp::connection &peer)
{
#ifdef GOOD
	static_cast<void>(co_await peer.write("hello\n"));
#else
	peer.write("hello\n");
#endif
	static_cast<void>(co_await peer.read());
}
