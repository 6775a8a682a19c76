// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* khttpd's answers without a root: a page about itself, and an echo. */
#ifndef KHTTPD_PAGES_HPP
#define KHTTPD_PAGES_HPP

#include <ktcp/http/response.hpp>

namespace khttpd
{

constexpr std::string_view front_page =
	"<!DOCTYPE html><title>khttpd</title>\n"
	"<p>khttpd: HTTP/1.1 from inside the kernel, an example of ktcp.\n"
	"<p>Load it with <code>root=/a/folder</code> to serve files, or POST to /echo.\n";

class pages {
    public:
	static ktcp::task_of<void> serve(ktcp::http::request &request,
					 ktcp::http::response &response)
	{
		if (request.path() == "/")
			return front(request, response);
		if (request.path() == "*")
			return other(request, response, "GET, HEAD, POST, OPTIONS");
		if (request.path() == "/echo" && request.method() != method::post)
			return other(request, response, "POST, OPTIONS");
		if (request.path() == "/echo")
			return echo(request, response);
		response.refuse(404);
		return {};
	}

    private:
	using method = ktcp::http::method;

	static ktcp::task_of<void> front(ktcp::http::request &request,
					 ktcp::http::response &response)
	{
		if (request.method() != method::get && request.method() != method::head)
			return other(request, response, "GET, HEAD, OPTIONS");
		response.status(200).field("Content-Type", "text/html").reply(front_page);
		return {};
	}

	static ktcp::task_of<void> other(ktcp::http::request &request,
					 ktcp::http::response &response, std::string_view allowed)
	{
		if (request.method() == method::options)
			response.status(204).field("Allow", allowed).reply({});
		else
			response.refuse(405, "Allow", allowed);
		return {};
	}

	static ktcp::task_of<void> echo(ktcp::http::request &request,
					ktcp::http::response &response)
	{
		response.status(200);

		const std::string_view type = request.find("content-type");

		response.field("Content-Type", type.empty() ? "application/octet-stream" : type);
		if (const auto length = request.body_length())
			response.length(*length);
		for (;;) {
			const auto piece = co_await request.read_body();

			if (!piece)
				co_return piece.error();
			if (piece->empty())
				co_return ktcp::result<void>();

			const auto written = co_await response.write(*piece);

			if (!written)
				co_return written;
		}
	}
};

} // namespace khttpd

#endif
