// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* ktcp/http/service.hpp and request.hpp: bodies of requests, however they were cut on their way. */
#include <ktcp/http/service.hpp>

#include <string>

#include "service_pages.hpp"

using ktcp::http::request;
using ktcp::http::response;
using namespace service_tests;
using namespace std::string_literals;

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
	expect_text(post("/", std::string(16'384, 'x')) + get("/"), ok("hello") + ok("hello"));
	/* Up to a length; then it is heard out, since a reset would overtake the answer. */
	expect({ last(post("/", std::string(16'385, 'x')), "hello"),
		 last(post("/", big), "hello") });

	client one(*service);

	one.send(post("/", big));
	EXPECT_TRUE(one.was_shut());
	EXPECT_FALSE(one.was_reset());
}

/* The head leaves before such a body has an end, and the cuts do not decide about it. */
TEST_F(http_service, tells_that_it_closes_before_chunks_that_the_handler_did_not_read)
{
	const std::string large = "7530\r\n" + std::string(30'000, 'x') + "\r\n0\r\n\r\n";

	for (const std::string &chunks : { "0\r\n\r\n"s, "3\r\nabc\r\n0\r\n\r\n"s, large }) {
		expect({ last(post_chunks("/", chunks), "hello"),
			 last(post_chunks("/reply", chunks), "at once") });
		expect_text(post_chunks("/reply", chunks) + get("/"), text_of(last("", "at once")));
	}
	/* One that it has begun is read over, however long it is. */
	expect_text(post_chunks("/reply-late", large) + get("/"), ok(big) + ok("hello"));
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
