// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * A service with a page for each thing that a handler may do, for the tests of service.hpp.
 */
#ifndef KTCP_TESTS_HOST_HTTP_SERVICE_PAGES_HPP
#define KTCP_TESTS_HOST_HTTP_SERVICE_PAGES_HPP

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <ktcp/http/service.hpp>

#include "exchange.hpp"

namespace service_tests
{

using namespace std::string_literals;
using ktcp::http::request;
using ktcp::http::response;

using handled = ktcp::task_of<void>;

inline const std::string big(40'000, 'b');

/* One page for each thing that a handler may do. */
struct pages {
	static constexpr bool waits_for_others = false;

	static handled echo(request &asked, response &to)
	{
		to.status(200);
		if (const auto length = asked.body_length())
			to.length(*length);
		for (;;) {
			const auto piece = co_await asked.read_body();

			if (!piece)
				co_return piece.error();
			if (piece->empty())
				co_return ktcp::result<void>();
			if (!co_await to.write(*piece))
				co_return ktcp::errc::epipe;
		}
	}

	handled operator()(request &asked, response &to) const
	{
		const std::string_view path = asked.path();

		if (path == "/reply") {
			to.status(200).reply("at once");
			return {};
		}
		if (path == "/reply-big") {
			to.status(200).reply(big);
			return {};
		}
		if (path == "/none")
			return {};
		if (path == "/echo")
			return echo(asked, to);
		if (path == "/before")
			return before(asked, to);
		if (path == "/reply-late" || path == "/reply-fail")
			return reply_late(asked, to);
		if (path == "/late")
			return late(asked, to);
		return other(asked, to);
	}

	/* Does not wait for the body with its first words. */
	static handled before(request &asked, response &to)
	{
		to.status(200);
		static_cast<void>(co_await to.write("first "));
		co_return co_await echo(asked, to);
	}

	/* A reply from a coroutine, which then reports that it failed. */
	static handled reply_late(request &asked, response &to)
	{
		static_cast<void>(co_await asked.read_body());
		to.status(200).reply(big);
		co_return asked.path() == "/reply-fail" ? ktcp::errc::eio : ktcp::result<void>();
	}

	/* Says nothing until it has read all. */
	static handled late(request &asked, response &to)
	{
		std::string all;

		for (;;) {
			const auto piece = co_await asked.read_body();

			if (!piece)
				co_return piece.error();
			if (piece->empty())
				break;
			all.append(reinterpret_cast<const char *>(piece->data()), piece->size());
		}
		to.status(200);
		co_return co_await to.send(all);
	}

	static handled other(request &asked, response &to)
	{
		const std::string_view path = asked.path();

		if (path == "/pieces") {
			to.status(200);
			static_cast<void>(co_await to.write("ab"));
			static_cast<void>(co_await to.write(""));
			co_return co_await to.write("cd");
		}
		if (path == "/length") {
			to.status(200).length(4);
			static_cast<void>(co_await to.write("ab"));
			co_return co_await to.write("cd");
		}
		if (path == "/length-mixed") {
			to.status(200).length(big.size() + 2);
			static_cast<void>(co_await to.write(big));
			static_cast<void>(co_await to.write("c"));
			co_return co_await to.write("d");
		}
		if (path == "/short") {
			to.status(200).length(4);
			co_return co_await to.write("ab");
		}
		if (path == "/long") {
			to.status(200).length(2);
			EXPECT_EQ((co_await to.write("abc")).error(), ktcp::errc::emsgsize);
			co_return co_await to.write("ab");
		}
		if (path == "/big-short") {
			to.status(200).length(50'000);
			co_return co_await to.write(big);
		}
		if (path == "/big-abandon") {
			to.status(200);
			static_cast<void>(co_await to.write(big));
			to.abandon();
			co_return co_await to.write("cd");
		}
		if (path == "/abandon-503") {
			to.status(200).length(4);
			to.abandon(503);
			to.abandon();
			co_return ktcp::errc::enomem;
		}
		if (path == "/abandon-unsaid") {
			to.status(200).length(4);
			to.abandon(503);
			co_return ktcp::result<void>();
		}
		if (path == "/length-unsaid") {
			to.status(200).length(4);
			co_return ktcp::result<void>();
		}
		if (path == "/length-fail") {
			to.status(404).length(4);
			co_return ktcp::errc::eio;
		}
		if (path == "/status-fail" || path == "/not-found-fail") {
			to.status(path == "/status-fail" ? 200 : 404);
			co_return ktcp::errc::eio;
		}
		if (path == "/pieces-fail") {
			to.status(200);
			static_cast<void>(co_await to.write("ab"));
			co_return ktcp::errc::eio;
		}
		if (path == "/refuse-late" || path == "/reply-late-again" ||
		    path == "/big-refuse") {
			to.status(200);
			static_cast<void>(co_await to.write(
				path == "/big-refuse" ? std::string_view(big) : "ab"));
			if (path == "/reply-late-again")
				to.status(404).reply("cd");
			else
				to.refuse(503);
			co_return ktcp::result<void>();
		}
		if (path == "/refuse-whole") {
			static_cast<void>(co_await to.status(200).send("whole"));
			to.refuse(503);
			to.reply("more");
			co_return ktcp::result<void>();
		}
		if (path == "/abandon") {
			to.status(200);
			static_cast<void>(co_await to.write("ab"));
			to.abandon();
			co_return co_await to.write("cd");
		}
		if (path == "/big") {
			to.status(200);
			co_return co_await to.send(big);
		}
		if (path == "/big-pieces") {
			to.status(200);
			for (int i = 0; i < 3; i++)
				static_cast<void>(co_await to.write(big));
			co_return ktcp::result<void>();
		}
		if (path == "/no-content") {
			to.status(204);
			co_return co_await to.send("not to be seen");
		}
		if (path == "/not-modified") {
			to.status(304).field("ETag", "\"x\"");
			co_return co_await to.send("not to be seen");
		}
		if (path == "/inject") {
			to.status(200).field("X", std::string_view("a\r\nY: b"));
			static_cast<void>(co_await to.send("no"));
			co_return ktcp::result<void>();
		}
		if (path == "/framing") {
			to.status(200).field(asked.query(), "5");
			co_return co_await to.send("no");
		}
		if (path == "/interim" || path == "/no-status") {
			to.status(path == "/interim" ? 103 : 600).field("Link", "</a>");
			co_return co_await to.send("no");
		}
		if (path == "/flush") {
			to.status(200).field("X", "y");
			KTCP_CO_CHECK(co_await to.flush());
			KTCP_CO_CHECK(co_await asked.read_body());
			co_return co_await to.write("later");
		}
		if (path == "/overflow") {
			to.status(200);
			for (int i = 0; i < 2000; i++)
				to.field("Some-Field", "some value");
			co_return co_await to.send("no");
		}
		if (path == "/large-head") {
			to.status(200).field("Y", asked.query());
			for (int i = 0; i < 3; i++)
				to.field("Z", std::string(1250, 'z'));
			co_return co_await to.send("no");
		}
		if (path == "/again") {
			to.status(404).field("X", "forgotten");
			to.status(200).field("Y", "kept");
			co_return co_await to.send("y");
		}
		to.status(200);
		co_return co_await to.send("hello");
	}
};

/* Answered with a body, and the connection stays. */
inline row ok(std::string request, std::string body)
{
	return { std::move(request), "200 OK", "", std::move(body) };
}

/* The same, and it is the last. */
inline row last(std::string request, std::string body)
{
	return { std::move(request), "200 OK", "Connection: close\r\n", std::move(body) };
}

inline row refused(std::string request, unsigned int status)
{
	return refusal(std::move(request), status, "", true);
}

inline std::string ok(std::string body)
{
	return text_of(ok("", std::move(body)));
}

inline std::string post(std::string_view path, std::string_view body)
{
	return request_of("POST", path, "Content-Length: " + std::to_string(body.size()) + "\r\n",
			  body);
}

inline std::string post_chunks(std::string_view path, std::string_view chunks)
{
	return request_of("POST", path, "Transfer-Encoding: chunked\r\n", chunks);
}

class http_service : public testing::Test {
    protected:
	ktcp::http::options how{ .head = { .line_bytes = 2000,
					   .head_bytes = 4000,
					   .fields = 20,
					   .body_bytes = 100'000 } };
	std::optional<ktcp::http::service<pages>> service;

	void SetUp() override
	{
		open();
	}

	void open()
	{
		service.emplace(pages(), how);
	}

	void expect(std::initializer_list<row> rows)
	{
		expect_rows(*service, rows);
	}

	/* To the byte, where a row cannot say it. */
	void expect_text(const std::string &request, const std::string &text)
	{
		EXPECT_EQ(answer(*service, request).received, text) << request;
	}
};

} // namespace service_tests

#endif
