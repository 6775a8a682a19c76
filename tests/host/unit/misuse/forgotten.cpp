// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* A step that is named and never awaited. */
#include <ktcp/connection.hpp>

ktcp::task serve(ktcp::connection &peer)
{
#ifdef GOOD
	auto done = peer.write("hello\n");

	static_cast<void>(co_await done);
#else
	auto done = peer.write("hello\n");
#endif
	static_cast<void>(co_await peer.read());
}
