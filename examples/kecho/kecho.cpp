// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* kecho sends back each byte that a client sends. */
#include <ktcp/server_module.hpp>

namespace
{

struct echo {
	ktcp::task operator()(ktcp::connection &peer) const
	{
		while (auto received = co_await peer.read())
			if (!co_await peer.write(*received))
				break;
	}
};

} // namespace

KTCP_SERVER_MODULE(echo)
