// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* NAME: what one of its connections does. */
#include <ktcp/server_module.hpp>

namespace
{

struct handler {
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
