// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* ktcp/http/service.hpp and stream.hpp: the time that a client has for each part. */
#include <ktcp/http/service.hpp>

#include <cstdint>
#include <string>

#include "service_pages.hpp"

using ktcp::http::request;
using namespace service_tests;
using namespace std::string_literals;

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
	for (const std::string &asked :
	     { get("/") + get("/"), get("/big"), get("/big-pieces"), get("/reply-big"),
	       get("/") + get("/big"), "GET /pieces HTTP/1.0\r\n\r\n"s,
	       "GET /big-pieces HTTP/1.0\r\n\r\n"s }) {
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
