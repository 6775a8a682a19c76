// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * ktcp/http/service.hpp, with request.hpp, response.hpp and stream.hpp: a client's answer, to the
 * byte, however its own bytes were cut on their way.
 */
#include <ktcp/http/own_fields.hpp>
#include <ktcp/http/service.hpp>

#include <optional>
#include <tuple>

#include "../../../examples/khttpd/pages.hpp"
#include "exchange.hpp"

using ktcp::http::method;
using ktcp::http::request;
using ktcp::http::response;
using namespace std::string_literals;

namespace
{

using handled = ktcp::task_of<void>;

const std::string big(40'000, 'b');

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
row ok(std::string request, std::string body)
{
	return { std::move(request), "200 OK", "", std::move(body) };
}

/* The same, and it is the last. */
row last(std::string request, std::string body)
{
	return { std::move(request), "200 OK", "Connection: close\r\n", std::move(body) };
}

row refused(std::string request, unsigned int status)
{
	return refusal(std::move(request), status, "", true);
}

std::string ok(std::string body)
{
	return text_of(ok("", std::move(body)));
}

std::string post(std::string_view path, std::string_view body)
{
	return request_of("POST", path, "Content-Length: " + std::to_string(body.size()) + "\r\n",
			  body);
}

std::string post_chunks(std::string_view path, std::string_view chunks)
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

} // namespace

static_assert(ktcp::http::request_handler<pages>);

/* ---- responses ------------------------------------------------------------------------------ */

TEST_F(http_service, frames_its_responses)
{
	const std::string chunked = "Transfer-Encoding: chunked\r\n\r\n";
	std::string pieces = head_of("200 OK") + chunked;

	for (int i = 0; i < 3; i++)
		pieces += "9c40\r\n" + big + "\r\n";
	expect({
		ok(get("/"), "hello"),
		ok(get("/reply"), "at once"),
		ok(get("/reply-big"), big),
		ok(get("/length"), "abcd"),
		ok(get("/big"), big),
		ok(get("/long"), "ab"), /* no more than was declared */
		{ get("/no-content"), "204 No Content", "", "" },
		{ get("/not-modified"), "304 Not Modified", "ETag: \"x\"\r\n", "" },
		{ get("/again"), "200 OK", "Y: kept\r\n", "y" },
	});
	expect_text(get("/pieces"),
		    head_of("200 OK") + chunked + "2\r\nab\r\n2\r\ncd\r\n0\r\n\r\n");
	expect_text(get("/big-pieces"), pieces + "0\r\n\r\n");
	expect_text(request_of("HEAD", "/"), head_of("200 OK") + "Content-Length: 5\r\n\r\n");
	expect_text(request_of("HEAD", "/pieces"), head_of("200 OK") + chunked);
	expect_text(request_of("HEAD", "/reply-big"),
		    head_of("200 OK") + "Content-Length: 40000\r\n\r\n");
	/* A client of HTTP/1.0 knows no chunks. */
	expect_text("GET /pieces HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
		    head_of("200 OK") + "Connection: close\r\n\r\nabcd");
}

TEST_F(http_service, head_and_small_body_leave_in_one_write)
{
	for (const char *path : { "/", "/length", "/pieces" }) {
		client one(*service);

		one.send(get(path));
		EXPECT_EQ(one.sends().size(), 1u) << path;
		EXPECT_EQ(machine.buffers, 0u) << "an idle connection holds a buffer";
	}
}

TEST_F(http_service, resets_an_incomplete_response)
{
	for (const char *path : { "/big-short", "/big-abandon", "/big-refuse" }) {
		const outcome got = answer(*service, get(path));

		EXPECT_TRUE(got.ended && got.reset) << path;
		EXPECT_FALSE(got.received.empty()) << path;
	}
}

/* As long as nothing of a response has left it can be said what is wrong with it. */
TEST_F(http_service, makes_a_500_of_a_response_that_cannot_be_sent)
{
	const auto becomes = [&](const char *path, unsigned int status) {
		expect({ refused(get(path), status) });
		/* Answers that were complete before it arrive, and nothing behind it. */
		expect_text(get("/") + get("/reply") + get(path) + get("/"),
			    ok("hello") + ok("at once") + text_of(refused("", status)));
	};

	for (const char *path :
	     { "/inject", "/overflow", "/none", "/short", "/abandon", "/length-unsaid",
	       "/length-fail", "/status-fail", "/pieces-fail", "/reply-late-again" })
		becomes(path, 500);
	/* Where it is for want of memory, the client may try again. */
	for (const char *path : { "/abandon-503", "/abandon-unsaid", "/refuse-late" })
		becomes(path, 503);
}

/* Beyond that, what a handler returns makes no difference: see request_handler. */
TEST_F(http_service, keeps_a_response_that_is_complete)
{
	expect({ { get("/not-found-fail"), "404 Not Found", "", "" },
		 ok(get("/refuse-whole"), "whole") });
	expect_text(get("/refuse-whole") + get("/"), ok("whole") + ok("hello"));
}

TEST_F(http_service, sends_all_of_a_reply_of_a_coroutine)
{
	for (const std::string path : { "/reply-late", "/reply-fail" }) {
		expect({ ok(get(path), big), ok(post(path, "x"), big) });
		expect_text(get("/") + get(path) + get("/"), ok("hello") + ok(big) + ok("hello"));
		expect_text(request_of("HEAD", path) + get("/"),
			    head_of("200 OK") + "Content-Length: 40000\r\n\r\n" + ok("hello"));
	}
}

TEST_F(http_service, gives_a_head_the_same_room_after_any_request)
{
	how.head = {};
	open();

	const std::string long_type(9000, 't'), z = "Z: " + std::string(1250, 'z') + "\r\n",
						fits = "/large-head?" + std::string(200, 'y');
	const auto typed = [&](std::string_view type) {
		return head_of("200 OK") + "Y: " + std::string(type) + "\r\n" + z + z + z +
		       "Content-Length: 2\r\n\r\nno";
	};

	for (int before : { 0, 1, 20, 40, 60, 100, 200 }) {
		std::string asked, expected;

		for (int i = 0; i < before; i++) {
			asked += get("/");
			expected += ok("hello");
		}
		/* The echoed part of the request fits, and a little of one's own. */
		expect_text(asked + get("/large-head?" + long_type.substr(0, 7000)) + get("/"),
			    expected + typed(long_type.substr(0, 7000)) + ok("hello"));
		expect_text(asked + get(fits) + get("/"),
			    expected + typed(std::string(200, 'y')) + ok("hello"));
		/* More does not, however much room there is. */
		expect_text(asked + get("/overflow") + get("/"),
			    expected + text_of(refused("", 500)));
	}
}

TEST_F(http_service, has_fields_of_ones_own_on_good_responses)
{
	const ktcp::http::own_fields own(" Cache-Control:no-cache |X-A:  b c;d, \"e\"|E:");

	ASSERT_TRUE(own);
	EXPECT_EQ(own.lines(), "Cache-Control: no-cache\r\nX-A: b c;d, \"e\"\r\nE: \r\n");
	how.fields = own.lines();
	open();

	const std::string all(own.lines());

	expect({ { get("/"), "200 OK", all, "hello" },
		 { get("/no-content"), "204 No Content", all, "" }, /* a preflight, say */
		 { get("/not-modified"), "304 Not Modified", all + "ETag: \"x\"\r\n", "" },
		 refused(get("/none"), 500),
		 refused("GET / HTTP/1.1\r\n\r\n", 400) });

	for (const char *bad : { "x",
				 ": y",
				 "a b: c",
				 "|",
				 "A: b||C: d",
				 "A: b\r\nC: d",
				 "Connection: close",
				 "A: b | content-LENGTH: 5",
				 "Date: now",
				 "Server: s",
				 "Transfer-Encoding: chunked",
				 "Content-Encoding: gzip",
				 "Content-Type: a/b",
				 "Content-Range: bytes 0-0/1",
				 "etag: \"x\"",
				 "Last-Modified: now",
				 "Location: /",
				 "Accept-Ranges: none",
				 "Keep-Alive: timeout=1",
				 "Trailer: A" })
		EXPECT_FALSE(ktcp::http::own_fields(bad)) << bad;
	EXPECT_TRUE(ktcp::http::own_fields("A: " + std::string(1019, 'b')));
	EXPECT_FALSE(ktcp::http::own_fields("A: " + std::string(1020, 'b')));
	EXPECT_TRUE(ktcp::http::own_fields("")) << "none";
	EXPECT_TRUE(ktcp::http::own_fields("Content-Language: en | Vary: Origin | Link: </a>"));
}

TEST_F(http_service, tells_how_long_a_connection_may_be_idle)
{
	how.keep_alive_hint = true;
	open();
	expect({ { get("/"), "200 OK", "Keep-Alive: timeout=60\r\n", "hello" },
		 last(get("/", "Connection: close\r\n"), "hello"),
		 refused(get("/none"), 500) });
	/* The server below ends it, if that is sooner; 0: it does not. */
	for (const auto &[keep_alive, idle, told] :
	     { std::tuple(60'000u, 5000u, "Keep-Alive: timeout=5\r\n"),
	       { 5000u, 60'000u, "Keep-Alive: timeout=5\r\n" },
	       { 0u, 600'000u, "Keep-Alive: timeout=600\r\n" },
	       { 7000u, 0u, "Keep-Alive: timeout=7\r\n" },
	       { 999u, 0u, "" },
	       { 0u, 0u, "" } }) {
		how.keep_alive_ms = keep_alive;
		how.idle_ms = idle;
		open();
		expect({ { get("/"), "200 OK", told, "hello" } });
	}
}

TEST_F(http_service, says_nothing_of_the_server_if_told_so)
{
	how.server = "";
	open();
	expect_text(get("/"), "HTTP/1.1 200 OK\r\nDate: Mon, 01 Jan 2024 00:00:00 GMT\r\n"
			      "Content-Length: 5\r\n\r\nhello");
}

/* ---- bodies --------------------------------------------------------------------------------- */

TEST_F(http_service, reads_bodies)
{
	expect({
		ok(post("/echo", "some text"), "some text"),
		ok(post("/echo", ""), ""),
		ok(post("/echo", big), big),
		/* A handler may say nothing until it has read all. */
		ok(post("/late", "some text"), "some text"),
		ok(post_chunks("/late", "5\r\nhello\r\n7;x=y\r\n, world\r\n0\r\nT: r\r\n\r\n"),
		   "hello, world"),
	});
	/* In chunks, as it comes. */
	EXPECT_EQ(send_in_pieces(*service,
				 { post_chunks("/echo", "2\r\nab\r\n1\r\nc\r\n0\r\n\r\n") }, 200)
			  .received,
		  head_of("200 OK") + "Transfer-Encoding: chunked\r\n\r\n"
				      "2\r\nab\r\n1\r\nc\r\n0\r\n\r\n");
}

TEST_F(http_service, passes_over_a_body_that_the_handler_did_not_read)
{
	expect_text(post("/", "ignored") + get("/"), ok("hello") + ok("hello"));
	expect_text(post_chunks("/", "3\r\nabc\r\n0\r\n\r\n") + get("/"),
		    ok("hello") + ok("hello"));
	/* Up to a length; then it is heard out, since a reset would overtake the answer. */
	expect({ last(post("/", big), "hello") });

	client one(*service);

	one.send(post("/", big));
	EXPECT_TRUE(one.was_shut());
	EXPECT_FALSE(one.was_reset());
}

/*
 * A handler leaves more or less of a body, as the cuts decide; they do not decide about the
 * connection.
 */
TEST_F(http_service, passes_over_the_rest_of_a_body_however_it_was_cut)
{
	const std::string body(30'000, 'x');

	for (const std::string &request :
	     { post("/reply-late", body),
	       post_chunks("/reply-late", "7530\r\n" + body + "\r\n0\r\n\r\n"),
	       post("/echo", body) }) {
		const outcome got = answer(*service, request + get("/"));

		EXPECT_TRUE(got.received.ends_with(ok("hello"))) << request.substr(0, 100);
		EXPECT_EQ(got.received.find("Connection: close"), got.received.npos);
		EXPECT_FALSE(got.ended);
	}
}

TEST_F(http_service, tells_a_waiting_client_to_continue)
{
	const std::string asked = "Content-Length: 2\r\nExpect: 100-continue\r\n";
	client one(*service);

	one.send(request_of("POST", "/echo", asked));
	EXPECT_EQ(one.received(), "HTTP/1.1 100 Continue\r\n\r\n");
	one.received().clear();
	one.send("ab");
	EXPECT_EQ(one.received(), ok("ab"));
	/* Nothing to wait for: the body is there. */
	expect({ ok(request_of("POST", "/echo", asked, "ab"), "ab") });
	/* One that is not going to be read is not asked for. */
	one.received().clear();
	one.send(request_of("POST", "/", asked));
	EXPECT_EQ(one.received(), text_of(last("", "hello")));
	/* HTTP/1.0 has no such thing. */
	expect({ last("POST /echo HTTP/1.0\r\nContent-Length: 2\r\nExpect: tea\r\n\r\nab", "ab"),
		 refused(request_of("POST", "/echo", "Content-Length: 2\r\nExpect: tea\r\n"), 417),
		 ok(get("/", "Expect: 100-continue\r\n"), "hello") });
}

/* An answer behind a part of the interim one would be no answer. */
TEST_F(http_service, resets_where_the_client_takes_a_part_of_the_interim_answer)
{
	client one(*service);

	one.read_only(10);
	one.send(request_of("POST", "/echo", "Content-Length: 2\r\nExpect: 100-continue\r\n"));
	EXPECT_TRUE(one.is_waited_for());
	one.wait_ms(200'000);
	EXPECT_TRUE(one.over());
	EXPECT_TRUE(one.was_reset());
	EXPECT_EQ(one.received(), "HTTP/1.1 1");
}

TEST_F(http_service, says_nothing_interim_within_a_response)
{
	const std::string begun = head_of("200 OK") +
				  "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
				  "6\r\nfirst \r\n";

	for (const std::string length :
	     { "Content-Length: 2\r\n", "Transfer-Encoding: chunked\r\n" }) {
		client one(*service);

		one.send(request_of("POST", "/before", length + "Expect: 100-continue\r\n"));
		EXPECT_EQ(one.received(), begun);
		one.send(length[0] == 'C' ? "ab" : "2\r\nab\r\n0\r\n\r\n");
		EXPECT_EQ(one.received(), begun + "2\r\nab\r\n0\r\n\r\n");
		EXPECT_FALSE(one.was_reset());
	}
}

TEST_F(http_service, refuses_a_malformed_body)
{
	for (const char *path : { "/echo", "/late" })
		expect({
			refused(post_chunks(path, "x\r\n"), 400),
			refused(post_chunks(path, "5 \r\n"), 400),
			refused(post_chunks(path, "5\nhello"), 400),
			refused(post_chunks(path, "+5\r\nhello"), 400),
			refused(post_chunks(path, "0x5\r\nhello"), 400),
			refused(post_chunks(path, "2;\n"), 400),
			refused(post_chunks(path, "ffffffffffffffff\r\n"), 413),
			refused(post_chunks(path, "1ffffffffffffffff\r\n"), 413),
			refused(post_chunks(path, "20000\r\n"), 413),
			refused(post_chunks(path, "1;" + std::string(20'000, 'x')), 431),
		});
	expect({
		refused(post_chunks("/late", "3\r\nabcd\r\n"), 400),
		refused(post_chunks("/late", "3\r\nabc\r\n0\r\nContent-Length: 3\r\n\r\n"), 400),
		refused(post_chunks("/late", "3\r\nabc\r\nffffff\r\n"), 413),
	});
	/* As long as nothing of the response has left, it is refused in words. */
	for (const auto &[good, bad] :
	     { std::pair("2\r\nab", "c"), { "5\r\nhello\r\n", "Z\r\n" } }) {
		const std::string first = get("/") + post_chunks("/echo", good), all = first + bad;

		EXPECT_EQ(send_in_pieces(*service, { all }, all.size()).received,
			  ok("hello") + text_of(refused("", 400)));

		/* Then it is too late: the client must not take for whole what it gets. */
		const outcome got = send_in_pieces(*service, { first, bad }, all.size());

		EXPECT_TRUE(got.received.starts_with(ok("hello") + head_of("200 OK")));
		EXPECT_TRUE(got.ended && got.reset);
		EXPECT_FALSE(got.received.ends_with("0\r\n\r\n"));
	}
}

/* Without a length or chunks the end of the connection would be the end of the body. */
TEST_F(http_service, resets_a_body_that_ends_with_the_connection_and_is_not_whole)
{
	client one(*service);

	one.send("POST /before HTTP/1.0\r\nContent-Length: 9\r\n\r\n1234");
	EXPECT_TRUE(one.received().ends_with("first 1234"));
	one.wait_ms(30'000);
	EXPECT_TRUE(one.over());
	EXPECT_TRUE(one.was_reset());
}

TEST_F(http_service, refuses_a_head_without_a_body_in_the_same_way)
{
	for (const std::string &asked :
	     { "HEAD / HTTP/1.1\r\n\r\n"s, "HEAD / HTTP/2.0\r\nHost: h\r\n\r\n"s,
	       "HEAD a HTTP/1.1\r\nHost: h\r\n\r\n"s, "HEAD /"s + std::string(3000, 'a'),
	       "HEAD / HTTP/1.1\r\nHost: h\r\nA: " + std::string(5000, 'a') }) {
		const outcome got = answer(*service, asked);

		EXPECT_TRUE(got.received.ends_with("\r\n\r\n")) << asked << got.received;
		EXPECT_EQ(got.received.find("Content-Length: 0\r\n"), std::string::npos);
		EXPECT_TRUE(got.ended);
	}

	client slow(*service);

	slow.send("HEAD / HTT");
	slow.wait_ms(10'000);
	EXPECT_TRUE(slow.received().starts_with(head_of("408 Request Timeout")));
	EXPECT_TRUE(slow.received().ends_with("\r\n\r\n"));
}

TEST_F(http_service, gives_up_on_a_client_that_leaves)
{
	for (const std::string &text : { request_of("POST", "/echo", "Content-Length: 5\r\n", "ab"),
					 post_chunks("/echo", "5\r\nab"), "GET / HT"s, ""s }) {
		client one(*service);

		one.send(text);
		one.finish();
		EXPECT_TRUE(one.over());
		EXPECT_EQ(one.received().find("0\r\n\r\n"), std::string::npos);
	}
}

/* ---- requests ------------------------------------------------------------------------------- */

TEST_F(http_service, answers_a_pipeline_in_order_and_together)
{
	const std::string five = get("/") + get("/length") + post("/echo", "x") + get("/reply") +
				 get("/");
	std::string asked, expected;

	expect_text(five, ok("hello") + ok("abcd") + ok("x") + ok("at once") + ok("hello"));
	{
		client one(*service);

		one.send(five);
		EXPECT_EQ(one.sends().size(), 1u);
	}
	/* More than fits in a buffer. */
	for (int i = 0; i < 500; i++) {
		asked += get("/");
		expected += ok("hello");
	}
	EXPECT_EQ(send_in_pieces(*service, { asked }, asked.size()).received, expected);
	/* Requests before a refused one are answered, and nothing behind it. */
	expect_text(get("/") + "nonsense\r\n\r\n" + get("/"),
		    ok("hello") + text_of(refused("", 400)));
	expect_text(get("/", "Connection: close\r\n") + get("/"), text_of(last("", "hello")));
}

TEST_F(http_service, closes_or_stays_as_it_is_asked_to)
{
	expect({
		last(get("/", "Connection: close\r\n"), "hello"),
		last("GET / HTTP/1.0\r\n\r\n", "hello"),
		last("GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n", "hello"),
	});
	expect_text("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
		    head_of("200 OK") + "Content-Length: 5\r\nConnection: keep-alive\r\n\r\nhello");
}

TEST_F(http_service, delivers_its_last_answer_though_more_came_behind_it)
{
	for (const char *path : { "/", "/big", "/big-pieces", "/no-content" }) {
		const std::string asked = get(path, "Connection: close\r\n");
		const std::string expected = answer(*service, asked).received;

		/* In the same buffer, and beyond it. */
		for (std::size_t behind : { 1, 10, 2000 }) {
			client one(*service);
			std::string all = asked;

			for (std::size_t i = 0; i < behind; i++)
				all += get("/");
			one.send(all);
			EXPECT_EQ(one.received(), expected) << path;
			EXPECT_TRUE(one.was_shut()) << path;
			one.finish();
			EXPECT_TRUE(one.over()) << path;
			EXPECT_FALSE(one.was_reset()) << path;
		}

		/* Nothing more is to come, so the server does not wait. */
		client one(*service);

		one.send(asked);
		EXPECT_TRUE(one.over()) << path;
		EXPECT_FALSE(one.was_shut()) << path;
	}
}

TEST_F(http_service, hears_a_refused_client_out_while_it_goes_on_sending)
{
	const std::string words = text_of(refused("", 413));
	client one(*service);

	/* More than a megabyte, and for longer than its words take to arrive. */
	one.send(request_of("POST", "/echo", "Content-Length: 100000000\r\n"));
	for (int i = 0; i < 7; i++) {
		EXPECT_EQ(one.received(), words) << i;
		EXPECT_FALSE(one.over()) << i;
		one.wait_ms(4000);
		one.send(std::string(1 << 20, 'x'));
	}
	one.wait_ms(1999);
	EXPECT_FALSE(one.over());
	one.wait_ms(1);
	EXPECT_TRUE(one.over()) << "not for ever";

	client silent(*service);

	silent.send(request_of("POST", "/echo", "Content-Length: 100000000\r\n"));
	silent.wait_ms(4999);
	EXPECT_FALSE(silent.over());
	silent.wait_ms(1);
	EXPECT_TRUE(silent.over()) << "a silent one has read what it is going to read";
}

TEST_F(http_service, refuses_with_the_proper_status_and_closes)
{
	const auto posted = [](std::string fields, unsigned int status) {
		return refused(request_of("POST", "/", fields), status);
	};
	std::string many;

	for (int i = 0; i < 20; i++)
		many += "X: y\r\n";
	expect({
		refused("GET / HTTP/1.1\r\n\r\n", 400), /* no Host */
		refused(get("/", "Host: h\r\n"), 400), /* two */
		refused("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400),
		refused("GET / HTTP/1.1\nHost: h\n\n", 400), /* bare LF */
		refused("GET / HTTP/1.1\r\nHost: h\n\r\n", 400),
		refused(get("/", "X: a\r\n b\r\n"), 400), /* obs-fold */
		refused(get("/", "X: a\r\n\tb\r\n"), 400),
		refused(get("/", "X : a\r\n"), 400),
		refused(get("/", "X\t: a\r\n"), 400),
		refused(get("/", "X: a\0b\r\n"s), 400),
		refused(get("/", "X: a\rb\r\n"), 400),
		refused(get("/\0"s), 400),
		refused("GET  / HTTP/1.1\r\nHost: h\r\n\r\n", 400),
		refused("GET / HTTP/1.1 \r\nHost: h\r\n\r\n", 400),
		refused("GET /\r\n\r\n", 400), /* HTTP/0.9 */
		posted("Content-Length: 1\r\nTransfer-Encoding: chunked\r\n", 400),
		posted("Transfer-Encoding: chunked\r\nContent-Length: 1\r\n", 400),
		posted("Content-Length: 1\r\nContent-Length: 2\r\n", 400),
		posted("Content-Length: 1\r\nContent-Length: 1\r\n", 400),
		posted("Content-Length: 1, 1\r\n", 400),
		posted("Content-Length: +5\r\n", 400),
		posted("Content-Length: -5\r\n", 400),
		posted("Content-Length: 0x5\r\n", 400),
		posted("Transfer-Encoding: chunked, chunked\r\n", 400),
		posted("Transfer-Encoding: xchunked\r\n", 400),
		posted("Transfer-Encoding: gzip, chunked\r\n", 501),
		posted("", 411),
		posted("Content-Length: 100001\r\n", 413),
		posted("Content-Length: 99999999999999999999\r\n", 413),
		refused(get("/", "Expect: a-miracle\r\n"), 417),
		refused(request_of("TRACE", "/"), 501),
		refused(request_of("CONNECT", "h:1"), 501),
		refused(request_of("BREW", "/"), 501),
		refused("GET / HTTP/2.0\r\nHost: h\r\n\r\n", 505),
		refused("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
		refused(get("/" + std::string(3000, 'x')), 414),
		refused(std::string(2001, 'x'), 501),
		refused(get("/", "X: " + std::string(5000, 'x') + "\r\n"), 431),
		ok(get("/", many.substr(6)), "hello"),
		refused(get("/", many), 431),
	});
}

TEST_F(http_service, passes_over_one_empty_line_before_a_request)
{
	expect({ ok("\r\n" + get("/"), "hello"), refused("\r\n\r\n" + get("/"), 400) });

	/* It is no request by itself, and gets no answer. */
	client one(*service);

	one.send(get("/") + "\r\n");
	one.wait_ms(10'000);
	EXPECT_TRUE(one.over());
	EXPECT_EQ(one.received(), ok("hello"));
}

/* ---- time ----------------------------------------------------------------------------------- */

TEST_F(http_service, gives_each_part_its_time)
{
	client one(*service);

	EXPECT_EQ(one.until_deadline_ms(), 10'000) << "for the first request";
	machine.now_ms += 9000;
	one.send("GET / HT");
	EXPECT_EQ(one.until_deadline_ms(), 10'000) << "for its head";
	machine.now_ms += 5000;
	one.send("TP/1.1\r\n");
	EXPECT_EQ(one.until_deadline_ms(), 5000) << "all of it, not each part";
	one.send("Host: h\r\n\r\n");
	EXPECT_EQ(one.received(), ok("hello"));
	EXPECT_EQ(one.until_deadline_ms(), 60'000) << "until the next request";
	one.send(request_of("POST", "/echo", "Content-Length: 9\r\n"));
	EXPECT_EQ(one.until_deadline_ms(), 20'000) << "for the body";
	machine.now_ms += 1000;
	one.send("12345");
	EXPECT_EQ(one.until_deadline_ms(), 19'010) << "and a little for each byte";
}

TEST_F(http_service, refuses_a_head_or_body_without_an_end)
{
	for (const std::string &begun :
	     { "G"s, "GET / HT"s, "GET / HTTP/1.1\r\nHost: h\r\n"s,
	       request_of("POST", "/late", "Content-Length: 5\r\n", "ab"),
	       post_chunks("/late", "5\r\nab") }) {
		client one(*service);

		one.send(begun);
		EXPECT_FALSE(one.was_shut());
		one.wait_ms(20'100);
		EXPECT_EQ(one.received(), text_of(refused("", 408))) << begun;
		EXPECT_TRUE(one.was_shut());
		EXPECT_FALSE(one.was_reset());
		one.wait_ms(5000); /* it is not heard out for ever */
		EXPECT_TRUE(one.over());
	}

	/* A body that no handler reads. */
	client one(*service);

	one.send(request_of("POST", "/", "Content-Length: 9\r\n"));
	EXPECT_EQ(one.received(), ok("hello"));
	one.wait_ms(20'000);
	EXPECT_EQ(one.received(), ok("hello"));
	EXPECT_TRUE(one.was_shut());
}

TEST_F(http_service, lets_an_idle_client_go_without_a_word)
{
	client one(*service), none(*service);

	one.send(get("/"));
	machine.now_ms += 50'000;
	none.wait_ms(0);
	EXPECT_TRUE(none.over());
	EXPECT_EQ(none.received(), "");
	one.wait_ms(9999);
	EXPECT_FALSE(one.over());
	one.wait_ms(1);
	EXPECT_TRUE(one.over());
	EXPECT_EQ(one.received(), ok("hello"));
}

TEST_F(http_service, gives_up_on_a_client_that_does_not_read)
{
	client one(*service);

	one.read_only(0);
	one.send(get("/big"));
	EXPECT_TRUE(one.is_waited_for());
	EXPECT_GT(one.until_deadline_ms(), 30'000);
	one.wait_ms(200'000);
	EXPECT_TRUE(one.over());
}

/* The end of the connection would be the end of the body, and a part be taken for the whole. */
TEST_F(http_service, resets_an_answer_whose_end_the_client_does_not_take)
{
	const std::string head = head_of("200 OK") + "Connection: close\r\n\r\n";

	for (const std::string &asked :
	     { "GET /pieces HTTP/1.0\r\n\r\n"s, get("/"), get("/") + get("/") + "GET",
	       get("/", "Connection: close\r\n") }) {
		client one(*service);

		one.read_only(asked.ends_with("1.0\r\n\r\n") ? head.size() + 2 : 10);
		one.send(asked);
		EXPECT_TRUE(one.is_waited_for()) << asked;
		one.wait_ms(200'000);
		EXPECT_TRUE(one.over()) << asked;
		EXPECT_TRUE(one.was_reset()) << asked;
	}

	/* A server that stops resets nothing that the client may still read, if the client sees what is missing. */
	for (const std::string &asked : { get("/") + get("/"), "GET /pieces HTTP/1.0\r\n\r\n"s }) {
		client one(*service);

		one.read_only(10);
		one.send(asked);
		EXPECT_TRUE(one.is_waited_for()) << asked;
		one.end();
		one.go_on();
		EXPECT_TRUE(one.over()) << asked;
		EXPECT_EQ(one.was_reset(), asked.ends_with("1.0\r\n\r\n")) << asked;
	}

	/* An idle connection has nothing that could be cut. */
	client one(*service);

	one.send(get("/"));
	one.end();
	one.go_on();
	EXPECT_TRUE(one.over());
	EXPECT_FALSE(one.was_reset());
}

/* Bytes that come while the last answer has to wait: closing beside them would reset it. */
TEST_F(http_service, hears_a_client_out_that_sent_more_while_its_answer_waited)
{
	client one(*service);

	one.read_only(10);
	one.send(get("/", "Connection: close\r\n"));
	EXPECT_TRUE(one.is_waited_for());
	one.send("x");
	one.read_on();
	EXPECT_EQ(one.received(), text_of(last("", "hello")));
	EXPECT_TRUE(one.was_shut());
	one.finish();
	EXPECT_TRUE(one.over());
	EXPECT_FALSE(one.was_reset());
}

/* TCP holds a megabyte for the client, which the new bytes wait behind. */
TEST_F(http_service, gives_a_client_time_for_all_that_it_has_to_read)
{
	client one(*service);

	one.read_only(0);
	one.be_behind(1'000'000);
	one.send(get("/big"));
	EXPECT_TRUE(one.is_waited_for());
	EXPECT_GE(one.until_deadline_ms(), 30'000 + 2'000'000 + 80'000) << "by 500 bytes a second";
	one.wait_ms(2'100'000);
	EXPECT_FALSE(one.over());
	one.wait_ms(100'000);
	EXPECT_TRUE(one.over());
}

/* The answer is in our buffer at once; the client reads it for long, and has its minute after that. */
TEST_F(http_service, is_kept_for_a_minute_after_the_answer_was_taken)
{
	client one(*service);

	one.send(get("/"));
	for (std::uint32_t left = 60'000; left; left -= 20'000) {
		one.be_behind(left);
		one.wait_ms(59'999);
		EXPECT_FALSE(one.over());
	}
	one.be_behind(0);
	one.wait_ms(59'900);
	EXPECT_FALSE(one.over());
	one.send(get("/"));
	EXPECT_EQ(one.received(), ok("hello") + ok("hello"));
	one.wait_ms(60'000);
	EXPECT_TRUE(one.over());
}

/* One that acknowledges a byte now and then holds its place for so long, and no longer. */
TEST_F(http_service, is_not_kept_for_ever_by_a_trickle)
{
	client one(*service);

	one.send(get("/"));
	for (int i = 0; i < 100 && !one.over(); i++) {
		one.be_behind(10'000);
		one.wait_ms(30'000);
	}
	EXPECT_TRUE(one.over());
}

/* The last word is there, and the client still reads: closing now could reset what it has to read. */
TEST_F(http_service, listens_to_a_client_that_still_reads)
{
	client one(*service);

	one.be_behind(50'000);
	one.send("GET /" + std::string(9000, 'x') + " HTTP/1.1\r\nHost: h\r\n\r\n");
	EXPECT_TRUE(one.was_shut());
	for (std::uint32_t left = 50'000; left; left -= 1000) {
		one.be_behind(left);
		one.wait_ms(2000);
		EXPECT_FALSE(one.over()) << left;
	}
	one.be_behind(0);
	one.wait_ms(4900);
	EXPECT_FALSE(one.over());
	one.wait_ms(200);
	EXPECT_TRUE(one.over());
	EXPECT_FALSE(one.was_reset());
}

/* Time in which it has to read our answer is not taken from the time for its body. */
TEST_F(http_service, counts_the_time_of_a_body_while_it_waits_for_it)
{
	client one(*service);

	one.send(request_of("POST", "/echo", "Content-Length: 40005\r\n"));
	one.read_only(0);
	one.send(big);
	EXPECT_TRUE(one.is_waited_for());
	one.wait_ms(50'000);
	one.read_on();
	EXPECT_EQ(one.until_deadline_ms(), 20'000 + 80'000);
	one.send("12345");
	EXPECT_EQ(one.received().substr(one.received().size() - 5), "12345");
}

TEST_F(http_service, sends_as_there_is_room)
{
	client one(*service);

	one.take_at_most(1000);
	one.send(get("/big-pieces"));
	EXPECT_EQ(one.received(), answer(*service, get("/big-pieces")).received);
}

/* ---- memory --------------------------------------------------------------------------------- */

TEST_F(http_service, survives_every_allocation_that_fails)
{
	const std::string asked = get("/") + post("/echo", big) +
				  post_chunks("/late", "1\r\na\r\n") + get("/big-pieces");
	bool all_came = false;

	for (std::size_t nth = 0; nth < 200 && !all_came; nth++) {
		machine.allocations = 0;
		machine.failing = nth;
		{
			client one(*service);

			one.send(asked.substr(0, 100));
			one.send(asked.substr(100));
		}
		machine.failing = SIZE_MAX;
		all_came = machine.allocations <= nth;
	}
	EXPECT_TRUE(all_came) << "there are more allocations than were tried";
}

/* ---- the log -------------------------------------------------------------------------------- */

namespace
{

struct logging : pages {
	std::string *log;

	void done(const request &asked, const response &given) const
	{
		*log += std::string(asked.target()) + " " + std::to_string(given.status()) + " " +
			std::to_string(given.sent()) + "\n";
	}
};

} // namespace

/* Its buffer may have been exchanged for another, and be anyone's by then. */
TEST(http_done, hears_of_an_unfinished_head_as_it_came)
{
	const std::string part = "GET /an/unfinished/one HTTP/1.1\r\nHost: h\r\n";

	for (std::size_t short_of_end : { 0, 1 }) {
		std::string log, asked;
		const ktcp::http::service<logging> service{ logging{ {}, &log } };

		/* It ends where the buffer does. */
		while (asked.size() + 2 * get("/").size() + part.size() < 16384)
			asked += get("/");
		asked += get("/?" + std::string(16384 - short_of_end - asked.size() - part.size() -
							get("/?").size(),
						'q'));
		ASSERT_EQ(asked.size() + part.size(), 16384 - short_of_end);

		client one(service);

		one.send(asked + part);
		one.seem_readable();
		log.clear();
		one.wait_ms(10'000);
		EXPECT_EQ(log, "/an/unfinished/one 408 61\n");
	}
}

namespace
{

struct waiting : logging {
	ktcp::task_of<void> operator()(request &asked, response &) const
	{
		co_return co_await ktcp::sleep_for(asked.peer(), 100'000);
	}
};

} // namespace

/* The handler did not fail. Its client has gone. */
TEST(http_done, hears_that_a_client_left_while_its_handler_waited)
{
	std::string log;
	const ktcp::http::service<waiting> service{ waiting{ { {}, &log } } };
	client one(service);

	one.send(get("/late"));
	one.reset();
	one.go_on();
	EXPECT_TRUE(one.over());
	EXPECT_EQ(log, "/late 499 0\n");
}

TEST(http_done, hears_of_every_response)
{
	std::string log;
	const ktcp::http::service<logging> service{ logging{ {}, &log } };

	for (const std::string &asked :
	     { get("/?q"), request_of("HEAD", "/"), get("/big"), post("/echo", "abc"),
	       get("/short"), get("/none"), get("/no-content"), get("/x", "Host: h\r\n"),
	       "BREW /y HTTP/1.1\r\n"s, post_chunks("/late", "x") })
		send_in_pieces(service, { asked }, asked.size());
	EXPECT_EQ(log, "/?q 200 5\n"
		       "/ 200 0\n"
		       "/big 200 40000\n"
		       "/echo 200 3\n"
		       "/short 500 46\n"
		       "/none 500 46\n"
		       "/no-content 204 0\n"
		       "/x 400 138\n"
		       " 501 137\n"
		       "/late 400 138\n");
}

/* ---- khttpd without a root ------------------------------------------------------------------ */

TEST(khttpd_pages, what_they_answer)
{
	struct site {
		handled operator()(request &asked, response &to) const
		{
			return khttpd::pages::serve(asked, to);
		}
	};
	const ktcp::http::service<site> service{ site() };
	const std::string html = "Content-Type: text/html\r\n",
			  text = "Content-Type: text/plain; charset=utf-8\r\n";
	const auto words = [](std::string asked, unsigned int status, std::string fields) {
		row made = refusal(std::move(asked), status);

		made.fields = std::move(fields);
		return made;
	};

	expect_rows(service,
		    {
			    { get("/"), "200 OK", html, std::string(khttpd::front_page) },
			    { get("/?q"), "200 OK", html, std::string(khttpd::front_page) },
			    { get("http://h"), "200 OK", html, std::string(khttpd::front_page) },
			    { request_of("OPTIONS", "/"), "204 No Content",
			      "Allow: GET, HEAD, OPTIONS\r\n", "" },
			    { request_of("OPTIONS", "/echo"), "204 No Content",
			      "Allow: POST, OPTIONS\r\n", "" },
			    { request_of("OPTIONS", "*"), "204 No Content",
			      "Allow: GET, HEAD, POST, OPTIONS\r\n", "" },
			    words(post("/", "x"), 405, "Allow: GET, HEAD, OPTIONS\r\n" + text),
			    words(get("/echo"), 405, "Allow: POST, OPTIONS\r\n" + text),
			    words(get("/x"), 404, text),
			    words(get("/echo/"), 404, text),
			    { post("/echo", "a\0b"s), "200 OK",
			      "Content-Type: application/octet-stream\r\n", "a\0b"s },
			    { request_of("POST", "/echo",
					 "Content-Length: 2\r\nContent-Type: a/b\r\n", "ab"),
			      "200 OK", "Content-Type: a/b\r\n", "ab" },
		    });
}
