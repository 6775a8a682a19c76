// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* ktcp/http/service.hpp and response.hpp: requests and their responses, to the byte. */
#include <ktcp/group.hpp>
#include <ktcp/http/own_fields.hpp>
#include <ktcp/http/service.hpp>

#include <string>
#include <string_view>
#include <tuple>
#include <utility>

#include "../../../examples/khttpd/pages.hpp"
#include "service_pages.hpp"

using ktcp::http::request;
using ktcp::http::response;
using namespace service_tests;
using namespace std::string_literals;

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

/* Its client knows at once that it is answered, though the body is long in coming. */
TEST_F(http_service, sends_a_head_that_is_flushed_before_its_body)
{
	const std::string head = head_of("200 OK") + "X: y\r\nTransfer-Encoding: chunked\r\n\r\n";
	client one(*service);

	one.send(request_of("POST", "/flush", "Content-Length: 1\r\n"));
	EXPECT_EQ(one.received(), head);
	one.send("b");
	EXPECT_EQ(one.received(), head + "5\r\nlater\r\n0\r\n\r\n");
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

	for (const char *path : { "/inject", "/overflow", "/interim", "/no-status", "/none",
				  "/short", "/abandon", "/length-unsaid", "/length-fail",
				  "/status-fail", "/pieces-fail", "/reply-late-again" })
		becomes(path, 500);
	/* Two parsers would look for the next response in two places. */
	for (const char *name : { "Content-Length", "TRANSFER-ENCODING", "connection", "Date",
				  "Keep-Alive", "Server", "Trailer" })
		becomes(("/framing?"s + name).c_str(), 500);
	expect({ { get("/framing?Age"), "200 OK", "Age: 5\r\n", "no" } });
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

/* The same, where the request's head is almost as long as a buffer is. */
TEST_F(http_service, has_room_in_a_buffer_for_a_head)
{
	constexpr std::size_t buffer = 16'384;

	how.head = { .line_bytes = buffer };
	open();

	const std::string z = "Z: " + std::string(1250, 'z') + "\r\n";
	const auto head = [&](const std::string &y) {
		return head_of("200 OK") + "Y: " + y + "\r\n" + z + z + z +
		       "Content-Length: 2\r\n\r\n";
	};
	const std::string fits(buffer - head("").size(), 'y');

	ASSERT_GT(fits.size() + ktcp::http::exchange::head_most, buffer)
		<< "the buffer is the limit";
	expect_text(get("/large-head?" + fits) + get("/"), head(fits) + "no" + ok("hello"));
	expect({ refused(get("/large-head?" + fits + "y"), 500) });
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
				 "Allow: GET",
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

/* The table of docs/http.md: the last that is served, and the first that is not. */
TEST(http_limits, are_those_of_the_page)
{
	const ktcp::http::service<pages> service{ pages() };
	const auto status = [&](const std::string &asked) {
		client one(service);

		one.send(asked);

		/* The last answer's: the first may be the echo's of a body that is refused later. */
		const std::size_t at = one.received().rfind("HTTP/1.1 ");

		return at == std::string::npos ? std::string("none") :
						 one.received().substr(at + 9, 3);
	};
	const auto line = [](std::size_t bytes) {
		return get("/" + std::string(bytes - sizeof("GET / HTTP/1.1\r"), 'x'));
	};
	const auto head = [](std::size_t bytes) {
		return get("/",
			   "A: " + std::string(bytes - get("/", "A: \r\n").size(), 'a') + "\r\n");
	};
	const auto fields = [](std::size_t count) {
		std::string all;

		for (std::size_t i = 1; i < count; i++) /* Host is one */
			all += "A: b\r\n";
		return get("/", all);
	};
	const auto length = [](std::size_t bytes) {
		return request_of("POST", "/late",
				  "Content-Length: " + std::to_string(bytes) + "\r\n");
	};
	const auto extension = [](std::size_t bytes) {
		return post_chunks("/late", "1;a" + std::string(bytes, 'a') + "\r\nx\r\n0\r\n\r\n");
	};

	EXPECT_EQ(status(line(8192)), "200");
	EXPECT_EQ(status(line(8193)), "414");
	EXPECT_EQ(status(std::string(8193, 'x')), "501");
	EXPECT_EQ(status(head(16384)), "200");
	EXPECT_EQ(status(head(16385)), "431");
	EXPECT_EQ(status(fields(100)), "200");
	EXPECT_EQ(status(fields(101)), "431");
	EXPECT_EQ(status(length(1 << 20)), "none") << "it is waited for";
	EXPECT_EQ(status(length((1 << 20) + 1)), "413");
	EXPECT_EQ(status(extension(16'000)), "200");
	EXPECT_EQ(status(extension(16'384)), "431");

	/* A body that the handler leaves. The connection goes on, or ends. */
	for (const std::size_t bytes : { 16'384, 16'385 }) {
		client one(service);

		one.send(post("/", std::string(bytes, 'x')));
		EXPECT_TRUE(one.received().starts_with("HTTP/1.1 200 ")) << bytes;
		EXPECT_EQ(one.was_shut(), bytes > 16'384) << bytes;
	}
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

/* An answer whose last byte has left is whole: it needs no memory behind that. */
TEST_F(http_service, resets_no_answer_that_is_whole)
{
	for_each_failing_allocation(*service, [](client &one) {
		one.send(get("/big"));
		EXPECT_FALSE(one.received().ends_with(big) && one.was_reset());
	});

	/* A chunked one without its last chunk is not. */
	for_each_failing_allocation(*service, [](client &one) {
		one.send(get("/big-pieces"));
		EXPECT_TRUE(!one.received().starts_with("HTTP/1.1 200 ") ||
			    one.received().ends_with("0\r\n\r\n") || one.was_reset());
	});
}

/* Behind a large piece, too. */
TEST_F(http_service, gathers_the_small_pieces_of_a_body)
{
	client one(*service);

	one.send(get("/length-mixed"));
	EXPECT_EQ(one.received(), ok(big + "cd"));
	EXPECT_EQ(one.sends().back(), 2u);
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

namespace
{

/* One page for each thing that a handler may wait for. */
struct awaiting : logging {
	static constexpr bool waits_for_others = true;

	static handled send_big(response &to)
	{
		co_return co_await to.send(big);
	}

	ktcp::task_of<void> operator()(request &asked, response &to) const
	{
		const std::string_view path = asked.path();
		char memory[100];

		if (path == "/body")
			KTCP_CO_CHECK(co_await asked.read_body());
		if (path == "/body") /* of which that was a piece */
			KTCP_CO_CHECK(co_await asked.read_body());
		if (path == "/all")
			KTCP_CO_CHECK(co_await asked.read_all(memory));
		if (path == "/said-404") {
			to.status(404);
			KTCP_CO_CHECK(co_await asked.read_all(memory));
		}
		if (path == "/queued") {
			KTCP_CO_CHECK(co_await to.write("first"));
			KTCP_CO_CHECK(co_await asked.left());
		}
		if (path == "/begun") {
			KTCP_CO_CHECK(co_await to.write("first"));
			KTCP_CO_CHECK(co_await to.flush());
			KTCP_CO_CHECK(co_await asked.left());
		}
		if (path == "/whole") {
			KTCP_CO_CHECK(co_await to.send("whole"));
			KTCP_CO_CHECK(co_await asked.left());
		}
		if (path == "/pause")
			KTCP_CO_CHECK(co_await asked.pause(100'000));
		if (path == "/left")
			KTCP_CO_CHECK(co_await asked.left());
		if (path == "/sleep")
			KTCP_CO_CHECK(co_await ktcp::sleep_for(asked.peer(), 100'000));
		if (path == "/does-not-look")
			static_cast<void>(co_await asked.left());
		if (path == "/does-not-hear")
			static_cast<void>(co_await ktcp::sleep_for(asked.peer(), 100'000));
		if (path == "/race") {
			static_cast<void>(co_await ktcp::race(asked.left(), send_big(to)));
			co_return asked.peer().check();
		}
		if (path == "/big" || path == "/does-not-hear")
			co_return co_await to.send(big);
		if (path == "/no-memory")
			co_return ktcp::errc::enomem;
		if (path == "/another-connection")
			co_return ktcp::errc::econnreset;
		if (path == "/does-not-look")
			co_return ktcp::result<void>();
		co_return co_await to.send("done");
	}
};

} // namespace

/* The table of docs/http.md. The log names the one who ended it: the client, its slowness, the server, the handler. */
TEST(http_done, hears_who_ended_each_wait_of_a_handler)
{
	const auto reset = [](client &one) { one.reset(); };
	const auto finish = [](client &one) { one.finish(); };
	const auto stop = [](client &one) { one.end(); };
	const auto idle = [](client &one) { one.end(ktcp::errc::etimedout); };
	const auto share = [](client &one) { one.end(ktcp::errc::edquot); };
	const auto wait = [](client &one) { one.wait_ms(200'000); };
	const struct {
		std::string asked;
		void (*what)(client &one);
		const char *log;
		const char *
			gets; /* the status, or less, and whether the server resets the connection */
		std::size_t reads = SIZE_MAX;
	} rows[] = {
		{ post("/body", "ab"), reset, "/body 499 0", "nothing" },
		{ post("/body", "ab"), finish, "/body 400 138", "400" },
		{ post("/body", "ab"), stop, "/body 503 0", "nothing" },
		{ post("/body", "ab"), share, "/body 503 0", "nothing" },
		{ post("/body", "ab"), idle, "/body 408 0", "nothing" },
		{ post("/body", "ab"), wait, "/body 408 61", "408" },
		{ post("/all", "ab"), reset, "/all 499 0", "nothing" },
		{ post("/all", "ab"), finish, "/all 400 138", "400" },
		{ post("/all", "ab"), stop, "/all 503 0", "nothing" },
		{ post("/all", "ab"), idle, "/all 408 0", "nothing" },
		{ post("/all", "ab"), wait, "/all 408 61", "408" },
		{ post("/said-404", "ab"), reset, "/said-404 499 0", "nothing" },
		{ post("/said-404", "ab"), stop, "/said-404 503 0", "nothing" },
		{ post("/skipped", "ab"), reset, "/skipped 200 4", "200" },
		{ get("/queued"), reset, "/queued 499 0", "nothing" },
		{ get("/queued"), finish, "/queued 499 0", "nothing" },
		{ get("/queued"), stop, "/queued 503 0", "nothing" },
		{ get("/queued"), idle, "/queued 503 0", "nothing" },
		/* A part of it has left. Where the server stops, the client has that, and sees that it is a part. */
		{ get("/begun"), reset, "/begun 200 5", "200, reset" },
		{ get("/begun"), finish, "/begun 200 5", "200, reset" },
		{ get("/begun"), stop, "/begun 200 5", "200" },
		{ get("/begun"), share, "/begun 200 5", "200, reset" },
		{ get("/begun"), idle, "/begun 200 5", "200, reset" },
		/* It is whole, though none of it has left. */
		{ get("/whole"), reset, "/whole 200 5", "nothing, reset" },
		{ get("/whole"), finish, "/whole 200 5", "200" },
		{ get("/pause"), reset, "/pause 499 0", "nothing" },
		{ get("/pause"), finish, "/pause 499 0", "nothing" },
		{ get("/pause"), stop, "/pause 503 0", "nothing" },
		{ get("/pause"), share, "/pause 503 0", "nothing" },
		{ get("/pause"), idle, "/pause 503 0", "nothing" },
		{ get("/pause"), wait, "/pause 200 4", "200" },
		{ get("/left"), reset, "/left 499 0", "nothing" },
		{ get("/left"), finish, "/left 499 0", "nothing" },
		{ get("/left"), stop, "/left 503 0", "nothing" },
		{ get("/left"), idle, "/left 503 0", "nothing" },
		{ get("/sleep"), reset, "/sleep 499 0", "nothing" },
		{ get("/sleep"), stop, "/sleep 503 0", "nothing" },
		{ get("/sleep"), idle, "/sleep 503 0", "nothing" },
		{ get("/sleep"), wait, "/sleep 200 4", "200" },
		{ get("/does-not-look"), reset, "/does-not-look 499 0", "nothing" },
		{ get("/does-not-look"), finish, "/does-not-look 499 0", "nothing" },
		{ get("/does-not-look"), stop, "/does-not-look 503 0", "nothing" },
		/* The client does not take it, or a part. */
		{ get("/does-not-hear"), reset, "/does-not-hear 499 0", "nothing, reset" },
		{ get("/big"), reset, "/big 499 0", "nothing, reset", 0 },
		{ get("/big"), stop, "/big 503 0", "nothing", 0 },
		{ get("/big"), share, "/big 503 0", "nothing, reset", 0 },
		{ get("/big"), idle, "/big 408 0", "nothing, reset", 0 },
		{ get("/big"), wait, "/big 408 0", "nothing, reset", 0 },
		{ get("/big"), reset, "/big 200 0", "a part, reset", 10 },
		{ get("/big"), stop, "/big 200 0", "a part", 10 },
		{ get("/race"), stop, "/race 200 0", "a part", 10 },
		/* Nor all of the answers before it. */
		{ get("/1") + get("/sleep"), reset, "/1 200 4\n/sleep 499 0", "a part, reset", 10 },
		{ get("/1") + get("/sleep"), stop, "/1 200 4\n/sleep 503 0", "a part", 10 },
		{ get("/1") + get("/sleep"), idle, "/1 200 4\n/sleep 408 0", "a part, reset", 10 },
		{ get("/1") + get("/sleep"), wait, "/1 200 4\n/sleep 408 0", "a part, reset", 10 },
		/* These end by themselves. */
		{ get("/no-memory"), wait, "/no-memory 503 52", "503" },
		{ get("/another-connection"), wait, "/another-connection 500 46", "500" },
	};

	for (const auto &each : rows) {
		std::string log, asked = each.asked;
		const ktcp::http::service<awaiting> service{ awaiting{ { {}, &log } } };
		client one(service);

		/* A body of which a part is missing. */
		if (const std::size_t at = asked.find("Length: 2"); at != asked.npos)
			asked.replace(at, 9, "Length: 9");
		one.read_only(each.reads);
		one.send(asked);
		each.what(one);
		one.go_on();
		EXPECT_EQ(log, each.log + "\n"s) << each.asked;

		const std::string got = one.received();
		const std::string gets = got.empty()	 ? "nothing" :
					 got.size() < 12 ? "a part" :
							   got.substr(9, 3);

		EXPECT_EQ(gets + (one.was_reset() ? ", reset" : ""), each.gets) << log;
	}
}

/* The statistics have it once, also if the handler waits for more than its write. */
TEST(http_done, counts_a_client_that_is_too_slow_once)
{
	using ktcp::http::wait;

	for (const std::string &asked : { get("/big"), get("/race"), get("/1") + get("/sleep") }) {
		std::string log;
		const ktcp::http::service<awaiting> service{ awaiting{ { {}, &log } } };
		client one(service);

		one.read_only(asked.find("/sleep") == asked.npos ? 0 : 10);
		one.send(asked);
		one.wait_ms(200'000);
		one.go_on();
		EXPECT_TRUE(one.over());
		EXPECT_EQ(one.counted(wait::send), 1u) << asked;
		for (const wait other : { wait::head, wait::body, wait::request, wait::end })
			EXPECT_EQ(one.counted(other), 0u) << asked;
	}
}

/* The wheel of another CPU finds the time over while TCP takes the last byte. */
TEST(http_done, a_client_that_takes_all_in_the_last_moment_is_not_too_slow)
{
	using ktcp::http::wait;

	std::string log;
	const ktcp::http::service<logging> service{ logging{ {}, &log } };
	client one(service);
	bool passed = false;

	machine.taken = [&] {
		if (one.received().size() > big.size() && !std::exchange(passed, true))
			one.pass_ms(200'000);
	};
	one.send(get("/big"));
	machine.taken = nullptr;
	EXPECT_TRUE(passed);
	one.send(get("/none"));
	EXPECT_NE(log.find("\n/none 500 "), log.npos) << log;
	EXPECT_EQ(one.counted(wait::send), 0u);
}

/* A 500 is one of the handler: of what it does without memory only its own coroutine is, which the page says. */
TEST(http_done, hears_503_where_there_is_no_memory)
{
	std::string log;
	const ktcp::http::service<awaiting> waits{ awaiting{ { {}, &log } } };
	const ktcp::http::service<logging> says{ logging{ {}, &log } };
	const auto try_all = [&](const auto &service, const char *path, std::size_t of_handler) {
		log.clear();
		for_each_failing_allocation(service, [&](client &one) {
			one.send(request_of("POST", path,
					    "Content-Length: 2\r\nExpect: 100-continue\r\n"));
			one.send("ab");
		});

		std::size_t failed = 0;

		for (std::size_t at = 0; (at = log.find(" 500 ", at)) != log.npos; at++)
			failed++;
		EXPECT_EQ(failed, of_handler) << log;
		EXPECT_NE(log.find(" 503 "), log.npos) << log;
		EXPECT_NE(log.find(" 200 "), log.npos) << log;
	};

	try_all(waits, "/all", 1);
	try_all(says, "/late", 1);
	try_all(says, "/echo", 1);
	try_all(says, "/reply-big", 0);
}

namespace
{

struct quick : awaiting {
	static constexpr bool waits_for_others = false;
};

} // namespace

/* An earlier answer of the pipeline is for a client that sends no more, and may read. */
TEST(http_done, what_a_client_that_has_finished_still_gets)
{
	std::string log;
	const ktcp::http::service<quick> service{ quick{ { { {}, &log } } } };
	client one(service);

	one.send(get("/1") + get("/left"));
	one.finish();
	EXPECT_EQ(log, "/1 200 4\n/left 499 0\n");
	EXPECT_EQ(one.received(), ok("done"));
	EXPECT_TRUE(one.over());
	EXPECT_FALSE(one.was_reset());
}

/* A request that has come as a whole is in the log, also where there is no room for its answer. */
TEST(http_done, hears_of_a_request_without_room_for_an_answer)
{
	const std::string long_one = get("/" + std::string(8000, 'l'));
	const auto reset = [](client &one) { one.reset(); };
	const auto stop = [](client &one) { one.end(); };
	const auto wait = [](client &one) { one.wait_ms(200'000); };

	for (const auto &[what, status] :
	     { std::pair<void (*)(client &), const char *>(reset, "499"),
	       { stop, "503" },
	       { wait, "408" } }) {
		std::string log, asked;
		const ktcp::http::service<logging> service{ logging{ {}, &log } };
		client one(service);

		/* Room for the answer's head goes by the request's. */
		for (int i = 0; i < 60; i++)
			asked += get("/");
		one.read_only(10);
		one.send(asked + long_one);
		EXPECT_TRUE(one.is_waited_for());
		what(one);
		one.go_on();
		EXPECT_TRUE(log.ends_with(std::string(100, 'l') + " " + status + " 0\n"))
			<< status << " " << log.substr(log.size() - 200);
		EXPECT_EQ(one.counted(ktcp::http::wait::send), status == "408"s) << status;
	}
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
			return pages.serve(asked, to);
		}

		khttpd::pages pages = {};
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
			    { get("/./"), "200 OK", html, std::string(khttpd::front_page) },
			    { get("/x/%2E./"), "200 OK", html, std::string(khttpd::front_page) },
			    words(get("/../"), 400, text),
			    { request_of("OPTIONS", "/"), "204 No Content",
			      "Allow: GET, HEAD, OPTIONS\r\n", "" },
			    { request_of("OPTIONS", "/echo"), "204 No Content",
			      "Allow: POST, OPTIONS\r\n", "" },
			    { request_of("OPTIONS", "*"), "204 No Content",
			      "Allow: GET, HEAD, POST, OPTIONS\r\n", "" },
			    words(post("/", "x"), 405, "Allow: GET, HEAD, OPTIONS\r\n" + text),
			    words(get("/echo"), 405, "Allow: POST, OPTIONS\r\n" + text),
			    words(get("/./echo"), 405, "Allow: POST, OPTIONS\r\n" + text),
			    words(get("/%65cho"), 405, "Allow: POST, OPTIONS\r\n" + text),
			    words(get("/x"), 404, text),
			    words(get("/echo/"), 404, text),
			    { post("/x/../echo", "ab"), "200 OK",
			      "Content-Type: application/octet-stream\r\n", "ab" },
			    { post("/echo", "a\0b"s), "200 OK",
			      "Content-Type: application/octet-stream\r\n", "a\0b"s },
			    { request_of("POST", "/echo",
					 "Content-Length: 2\r\nContent-Type: a/b\r\n", "ab"),
			      "200 OK", "Content-Type: a/b\r\n", "ab" },
		    });
}
