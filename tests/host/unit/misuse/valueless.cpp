// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* A step that gives an outgoing connection. Where the step has no frame, it would be one of no connection. */
#include <ktcp/connect.hpp>

#ifdef GOOD
ktcp::task_of<void> open(ktcp::connection &peer, ktcp::outgoing &into)
{
	into = co_await ktcp::connect(peer, ktcp::endpoint::ipv4(127, 0, 0, 1, 7));
	co_return into ? ktcp::result<void>() : into.error();
}
#else
ktcp::task_of<ktcp::outgoing> open(ktcp::connection &peer)
{
	co_return co_await ktcp::connect(peer, ktcp::endpoint::ipv4(127, 0, 0, 1, 7));
}
#endif

ktcp::task serve(ktcp::connection &peer)
{
#ifdef GOOD
	ktcp::outgoing made(peer);

	static_cast<void>(co_await open(peer, made));
#else
	static_cast<void>(co_await open(peer));
#endif
}
