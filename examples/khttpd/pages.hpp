// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* khttpd's answers without a root: a page about itself, and an echo. */
#ifndef KHTTPD_PAGES_HPP
#define KHTTPD_PAGES_HPP

#include <ktcp/http/routes.hpp>

namespace khttpd
{

constexpr std::string_view front_page =
	"<!DOCTYPE html><title>khttpd</title>\n"
	"<p>khttpd: HTTP/1.1 from inside the kernel, an example of ktcp.\n"
	"<p>Load it with <code>root=/a/folder</code> to serve files, or POST to /echo.\n";

class pages {
	using route = ktcp::http::route<pages>;
	using method = ktcp::http::method;

    public:
	ktcp::task_of<void> serve(ktcp::http::request &request,
				  ktcp::http::response &response) const
	{
		static constexpr route table[] = {
			{ method::get, "/", &pages::front },
			{ method::post, "/echo", &pages::echo },
		};

		return ktcp::http::dispatch(table, *this, request, response);
	}

    private:
	ktcp::task_of<void> front(route::call of) const
	{
		of.to.status(200).field("Content-Type", "text/html").reply(front_page);
		return {};
	}

	ktcp::task_of<void> echo(route::call of) const
	{
		of.to.status(200);

		const std::string_view type = of.asked.find("content-type");

		of.to.field("Content-Type", type.empty() ? "application/octet-stream" : type);
		if (const auto length = of.asked.body_length())
			of.to.length(*length);
		for (;;) {
			const auto piece = co_await of.asked.read_body();

			if (!piece)
				co_return piece.error();
			if (piece->empty())
				co_return ktcp::result<void>();

			const auto written = co_await of.to.write(*piece);

			if (!written)
				co_return written;
		}
	}
};

} // namespace khttpd

#endif
