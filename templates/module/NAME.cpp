// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* NAME: the work of one of its connections. */
#include <ktcp/server_module.hpp>

namespace
{

struct handler {
	/* It writes before it reads: a connection is accepted before its peer sends anything. */
	static constexpr bool speaks_first = true;

	ktcp::task operator()(ktcp::connection &peer) const
	{
		if (!co_await peer.write("hello from NAME\n"))
			co_return;
		while (auto received = co_await peer.read())
			if (!co_await peer.write(*received))
				break;
	}
};

} // namespace

KTCP_SERVER_MODULE(handler)
