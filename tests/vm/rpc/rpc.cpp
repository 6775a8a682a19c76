// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * rpc: several calls of a connection are at work at once, each with a deadline of its own.
 * A call: SIZE ID METHOD MILLISECONDS, and SIZE bytes. An answer: SIZE ID ERRNO, and SIZE bytes. The
 * numbers are of 32 bits, the high byte first.
 */
#include <ktcp/base/big_endian.hpp>
#include <ktcp/base/bounded_text.hpp>
#include <ktcp/exact_timer.hpp>
#include <ktcp/kernel/per_cpu.hpp>
#include <ktcp/port/time.h>
#include <ktcp/run_blocking.hpp>
#include <ktcp/scope.hpp>
#include <ktcp/server_module.hpp>
#include <ktcp/strand_lock.hpp>
#include <ktcp/timer.hpp>

namespace
{

constexpr std::size_t most_at_once = 16; /* of one connection */

using number = std::uint32_t;
using text = ktcp::bounded_text<128>;
enum method : number { echo, pause, note, notes, block, pause_us };

struct handler {
	ktcp::per_cpu<ktcp::tally> *noted;

	ktcp::task operator()(ktcp::connection &peer) const
	{
		ktcp::strand_lock pen(peer);
		ktcp::scope calls(peer);

		while (auto head = co_await peer.read_exactly(16)) {
			const auto body = co_await peer.read_exactly(ktcp::get_be32(*head));

			if (!body || body.text().size() > text::longest)
				break;
			if (!calls.spawn(call(peer, pen, ktcp::get_be32(*head, 4),
					      ktcp::get_be32(*head, 8), ktcp::get_be32(*head, 12),
					      text(*body))))
				break;
			static_cast<void>(co_await calls.join(most_at_once - 1));
		}
		static_cast<void>(co_await calls.join());
	}

	/* One call: the work, its answer, and what goes on behind the answer. */
	ktcp::task call(ktcp::connection &peer, ktcp::strand_lock &pen, number id, number what,
			number ms, text body) const
	{
		const auto done = co_await ktcp::within(peer, ms, work(peer, what, body));
		const std::string_view said = done ? done->text() : "";
		const auto head = ktcp::be32_bytes(said.size(), id,
						   done ? 0 : -done.error().code());
		{
			ktcp::strand_lock::guard alone(pen);

			if (co_await alone.wait())
				static_cast<void>(co_await peer.write(head, said));
		}
		if (done && what == note) {
			static_cast<void>(co_await ktcp::sleep_for(peer, 20));
			noted->here()->add(1);
		}
	}

	ktcp::task_of<text> work(ktcp::connection &peer, number what, text body) const
	{
		if (what > pause_us)
			co_return ktcp::errc::eopnotsupp;
		if (what == pause)
			KTCP_CO_CHECK(co_await ktcp::sleep_for(peer, ktcp::get_be32(body)));
		if (what == pause_us)
			KTCP_CO_CHECK(co_await ktcp::sleep_exactly(peer, ktcp::get_be32(body)));
		if (what == block) {
			const auto sleeps = [ms = ktcp::get_be32(body)] { ktcp_msleep(ms); };

			KTCP_CO_CHECK(co_await ktcp::run_blocking(peer, sleeps));
		}
		if (what == notes)
			body = text(ktcp::number_text(noted->sum()).text());
		co_return body;
	}
};

struct rpc {
	ktcp::per_cpu<ktcp::tally> noted;
	ktcp::server_module<handler> server{ handler{ &noted } };

	ktcp::result<void> start() noexcept
	{
		noted = KTCP_TRY(ktcp::per_cpu<ktcp::tally>::create());
		return server.start();
	}
};

} // namespace

KTCP_MODULE_OBJECT(rpc)
