// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* api: notes that clients store and read over HTTP, and a stream of events that says which changed. */
#include <array>

#include <ktcp/base/bounded_text.hpp>
#include <ktcp/broadcast.hpp>
#include <ktcp/group.hpp>
#include <ktcp/http/event_stream.hpp>
#include <ktcp/http/routes.hpp>
#include <ktcp/http/service.hpp>
#include <ktcp/server_module.hpp>

namespace
{

using note = ktcp::bounded_text<256>;
using inbox = ktcp::channel<std::size_t>;
using answered = ktcp::task_of<void>;

struct board {
	ktcp::spin_guarded<std::array<note, 100>> notes;
	ktcp::broadcast<std::size_t> changes;
};

struct handler {
	board *all;
	using route = ktcp::http::route<handler>;

	answered operator()(ktcp::http::request &asked, ktcp::http::response &to) const
	{
		static constexpr route table[] = {
			{ ktcp::http::method::get, "/notes/{number}", &handler::show },
			{ ktcp::http::method::put, "/notes/{number}", &handler::store },
			{ ktcp::http::method::get, "/changes", &handler::changes },
		};

		return ktcp::http::dispatch(table, *this, asked, to);
	}

	answered show(route::call of) const
	{
		const auto number = of.values.number("number");
		const note found = number && *number < 100 ? (*all->notes.lock())[*number] : note();

		if (!found.text().empty())
			co_return co_await of.to.send(found.text());
		of.to.refuse(404);
		co_return ktcp::result<void>();
	}

	answered store(route::call of) const
	{
		const auto number = of.values.number("number");
		char memory[note::longest];

		KTCP_CO_TRY(const auto body, co_await of.asked.read_all(memory));
		if (!number || *number >= 100) {
			of.to.refuse(404);
			co_return ktcp::result<void>();
		}
		(*all->notes.lock())[*number] = note(body);
		static_cast<void>(all->changes.send(of.asked.peer(), *number));
		of.to.status(204);
		co_return ktcp::result<void>();
	}

	answered changes(route::call of) const
	{
		KTCP_CO_TRY(auto mine, inbox::create(of.asked.peer(), 16));
		ktcp::http::event_stream stream(of.asked, of.to);
		const ktcp::broadcast<std::size_t>::subscription here(all->changes, mine);

		static_cast<void>(co_await ktcp::race(of.asked.left(), tell(stream, mine)));
		co_return ktcp::result<void>();
	}

	static answered tell(ktcp::http::event_stream &to, inbox &from)
	{
		KTCP_CO_CHECK(co_await to.send("watching"));
		for (;;) {
			KTCP_CO_TRY(const auto number, co_await from.receive());
			KTCP_CO_CHECK(co_await to.send(ktcp::number_text(number).text(), "changed"));
		}
	}
};

struct api {
	board all;
	ktcp::server_module<ktcp::http::service<handler>> server{ ktcp::http::service<handler>(
		{ &all }) };

	ktcp::result<void> start() noexcept
	{
		return server.start();
	}
};

} // namespace

KTCP_MODULE_OBJECT(api)
