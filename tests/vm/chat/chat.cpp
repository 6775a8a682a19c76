// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* chat: a line of one member's goes to all. A slow reader misses lines. */
#include <ktcp/base/bounded_text.hpp>
#include <ktcp/broadcast.hpp>
#include <ktcp/channel.hpp>
#include <ktcp/group.hpp>
#include <ktcp/server_module.hpp>

namespace
{

using words = ktcp::bounded_text<128>;
using room = ktcp::broadcast<words>;
using inbox = ktcp::channel<words>;

ktcp::task listen(ktcp::connection &peer, room &all)
{
	while (auto said = co_await peer.read_line(128))
		static_cast<void>(all.send(peer, words(*said)));
}

ktcp::task deliver(ktcp::connection &peer, inbox &from)
{
	while (auto next = co_await from.receive())
		if (!co_await peer.write(next->text(), "\n"))
			break;
}

struct handler {
	room *all;

	ktcp::task operator()(ktcp::connection &peer) const
	{
		auto mine = inbox::create(peer, 16);

		if (!mine)
			co_return;

		const room::subscription here(*all, *mine);

		static_cast<void>(co_await ktcp::race(listen(peer, *all), deliver(peer, *mine)));
	}
};

struct chat {
	room all;
	ktcp::server_module<handler> server{ handler{ &all } };

	ktcp::result<void> start() noexcept
	{
		return server.start();
	}
};

} // namespace

KTCP_MODULE_OBJECT(chat)
