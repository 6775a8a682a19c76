// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* ktcp/http/parse/head.hpp: which heads are accepted and which refused, however they were cut. */
#include <ktcp/http/parse/head.hpp>

#include <memory>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

using ktcp::http::framing;
using ktcp::http::head_limits;
using ktcp::http::head_parser;
using outcome = head_parser::outcome;

namespace
{

const head_limits limits{ .line_bytes = 64, .head_bytes = 256, .fields = 5, .body_bytes = 1000 };

/* 0: more is awaited, 200: complete, else the status. */
unsigned int status_of(const head_parser &parser, outcome what)
{
	return what == outcome::more ? 0 : what == outcome::complete ? 200 : parser.status();
}

/* A copy of exactly its size, so that the sanitizer sees a read beyond it. */
outcome feed(head_parser &parser, std::string_view text, std::unique_ptr<char[]> &keep)
{
	auto copy = std::make_unique<char[]>(text.size());

	text.copy(copy.get(), text.size());
	const outcome what = parser.parse({ copy.get(), text.size() });
	keep = std::move(copy);
	return what;
}

/* The result, and whether a refusal is to have no body. */
struct result {
	unsigned int status;
	bool head;
	bool operator==(const result &) const = default;
};

result in_steps(std::string_view text, std::size_t first, std::size_t step)
{
	head_parser parser(limits);
	std::unique_ptr<char[]> keep;
	outcome what = outcome::more;

	for (std::size_t size = first; what == outcome::more; size += step) {
		what = feed(parser, text.substr(0, size), keep);
		if (size >= text.size())
			break;
	}
	return { status_of(parser, what), parser.method() == ktcp::http::method::head };
}

/* In one piece, one byte at a time, and cut in two at every position. */
unsigned int status(std::string_view text)
{
	const result whole = in_steps(text, text.size(), 1);

	EXPECT_TRUE(in_steps(text, 1, 1) == whole) << text;
	for (std::size_t cut = 1; cut < text.size(); cut++)
		EXPECT_TRUE(in_steps(text, cut, text.size()) == whole) << text << " at " << cut;
	return whole.status;
}

std::string get(std::string_view fields)
{
	return "GET / HTTP/1.1\r\nHost: a\r\n" + std::string(fields) + "\r\n";
}

std::string post(std::string_view fields)
{
	return "POST / HTTP/1.1\r\nHost: a\r\n" + std::string(fields) + "\r\n";
}

std::string line(std::string_view request_line)
{
	return std::string(request_line) + "\r\nHost: a\r\n\r\n";
}

} // namespace

TEST(http_head, parts_of_a_request)
{
	const std::string text = "GET /a/b%20c?x=1&y HTTP/1.1\r\nHost: a:80\r\nX-One:  two \t\r\n"
				 "Empty:\r\n\r\nGET";
	head_parser parser(limits);

	ASSERT_EQ(parser.parse(text), outcome::complete);
	EXPECT_EQ(parser.length(), text.size() - 3);
	EXPECT_EQ(parser.method(), ktcp::http::method::get);
	EXPECT_EQ(parser.minor_version(), 1u);
	EXPECT_EQ(parser.target(), "/a/b%20c?x=1&y");
	EXPECT_EQ(parser.path(), "/a/b%20c");
	EXPECT_EQ(parser.query(), "x=1&y");
	EXPECT_EQ(parser.host(), "a:80");
	EXPECT_EQ(parser.find("x-one"), "two");
	EXPECT_EQ(parser.find("empty"), "");
	EXPECT_NE(parser.find("empty").data(), nullptr);
	EXPECT_EQ(parser.find("x-two").data(), nullptr);
	EXPECT_EQ(parser.body(), framing::none);
	EXPECT_TRUE(parser.keep_alive());

	std::size_t cursor = 0;

	EXPECT_EQ(parser.next_field(cursor).name, "Host");
	EXPECT_EQ(parser.next_field(cursor).name, "X-One");
	EXPECT_EQ(parser.next_field(cursor).name, "Empty");
	EXPECT_EQ(parser.next_field(cursor).name, "");
}

/* By their lengths: it may be wrong about what is there, and never about what is not. */
TEST(http_head, names_that_it_may_have)
{
	const std::string longest(40, 'x'), other(31, 'x');
	const std::string text = "GET / HTTP/1.1\r\nHost: a\r\nX-Four: 1\r\n" + longest +
				 ": 2\r\n\r\n";
	head_parser parser(limits);

	ASSERT_EQ(parser.parse(text), outcome::complete);
	EXPECT_TRUE(parser.may_have({ "host" }));
	EXPECT_TRUE(parser.may_have({ "range", "x-four" }));
	EXPECT_TRUE(parser.may_have({ "cookie" })) << "as long as another";
	EXPECT_TRUE(parser.may_have({ longest }));
	EXPECT_TRUE(parser.may_have({ other })) << "the longest are not told apart";
	EXPECT_FALSE(parser.may_have({ "range", "if-match" }));
	EXPECT_FALSE(parser.may_have({ other.substr(1) }));
	EXPECT_FALSE(parser.may_have({}));
	EXPECT_EQ(parser.find("x-four"), "1");
	EXPECT_EQ(parser.find(longest), "2");
	EXPECT_EQ(parser.find("cookie").data(), nullptr);
	EXPECT_EQ(parser.find(other).data(), nullptr);
	EXPECT_EQ(parser.find("range").data(), nullptr);
}

TEST(http_head, targets)
{
	EXPECT_EQ(status(line("OPTIONS * HTTP/1.1")), 200u);
	EXPECT_EQ(status(line("GET * HTTP/1.1")), 400u);
	EXPECT_EQ(status(line("GET a HTTP/1.1")), 400u);
	EXPECT_EQ(status(line("GET /a#b HTTP/1.1")), 400u);
	EXPECT_EQ(status(line("GET /\xc3\xbc?\x80 HTTP/1.1")), 200u); /* as clients send it */
	EXPECT_EQ(status(line("GET /\x7f HTTP/1.1")), 400u);
	EXPECT_EQ(status(line("GET ftp://a/ HTTP/1.1")), 400u);
	EXPECT_EQ(status(line("GET http:/// HTTP/1.1")), 400u);
	EXPECT_EQ(status(line("GET http://u@a/ HTTP/1.1")), 400u);

	const std::string text = line("GET HTTP://b:1?q HTTP/1.1");
	head_parser parser(limits);

	ASSERT_EQ(parser.parse(text), outcome::complete);
	EXPECT_EQ(parser.host(), "b:1");
	EXPECT_EQ(parser.path(), "/");
	EXPECT_EQ(parser.query(), "q");
}

TEST(http_head, request_lines)
{
	EXPECT_EQ(status("HEAD / HTTP/1.1\nHost: a\r\n\r\n"), 400u);
	EXPECT_EQ(status("\r\nHEAD /\nHost: a\r\n\r\n"), 400u);
	EXPECT_EQ(status(line("GET / HTTP/1.0")), 200u);
	EXPECT_EQ(status(line("\r\nGET / HTTP/1.1")), 200u);
	EXPECT_EQ(status(line("\r\n\r\nGET / HTTP/1.1")), 400u);
	for (const char *bad :
	     { "GET /", "GET  / HTTP/1.1", "GET /  HTTP/1.1", "GET / HTTP/1.1 ", " GET / HTTP/1.1",
	       "GET\t/ HTTP/1.1", "GET / http/1.1", "GET / HTTP/1", "GET / HTTP/11",
	       "G(T / HTTP/1.1", "GET /\r HTTP/1.1", "GET / HTTP/1.x" })
		EXPECT_EQ(status(line(bad)), 400u) << bad;
	EXPECT_EQ(status(line("GET / HTTP/2.0")), 505u);
	EXPECT_EQ(status(line("GET / HTTP/0.9")), 505u);
	EXPECT_EQ(status(line("TRACE / HTTP/1.1")), 501u);
	EXPECT_EQ(status(line("CONNECT a:1 HTTP/1.1")), 501u);
	EXPECT_EQ(status(line("get / HTTP/1.1")), 501u);
}

TEST(http_head, hosts)
{
	EXPECT_EQ(status("GET / HTTP/1.1\r\n\r\n"), 400u);
	EXPECT_EQ(status("GET / HTTP/1.0\r\n\r\n"), 200u);
	EXPECT_EQ(status(get("host: a\r\n")), 400u);
	for (const char *good : { "", "[::1]:80", "a.b:", "1.2.3.4", "[::ffff:1.2.3.4]",
				  "[1:2:3:4:5:6:7:8]:", "%41b", "a_b~c!", "[v1.a:b]", "[VF.~]:1" })
		EXPECT_EQ(status("GET / HTTP/1.1\r\nHost: " + std::string(good) + "\r\n\r\n"), 200u)
			<< good;
	for (const char *bad : { ":80",
				 ":",
				 "a b",
				 "a/b",
				 "u@a",
				 "a:b",
				 "[::1",
				 "[]",
				 "a, b",
				 "[xyz]",
				 "[1.2.3.4]",
				 "[::1::]",
				 "[1:2:3:4:5:6:7:8:9]",
				 "[fe80::1%eth0]",
				 "[fe80::1%25eth0]",
				 "[:::]",
				 "[12345::]",
				 "[v.a]",
				 "[v1.]",
				 "[vg.a]",
				 "[v1a]",
				 "%4",
				 "%zz",
				 "a%",
				 "[::1]a" })
		EXPECT_EQ(status("GET / HTTP/1.1\r\nHost: " + std::string(bad) + "\r\n\r\n"), 400u)
			<< bad;
}

TEST(http_head, malformed_fields)
{
	using namespace std::string_view_literals;

	EXPECT_EQ(status("GET / HTTP/1.1\nHost: a\n\n"), 400u);
	EXPECT_EQ(status("GET / HTTP/1.1\r\nHost: a\n\r\n"), 400u);
	EXPECT_EQ(status("GET / HTTP/1.1\r\nHost: a\r\n\n"), 400u);
	for (std::string_view bad :
	     { "A: b\r\n c\r\n"sv, "A : b\r\n"sv, ": b\r\n"sv, "A\r\n"sv, "A: \0\r\n"sv,
	       "A\0: b\r\n"sv, "A: b\rc\r\n"sv, "A: \x7f\r\n"sv, " A: b\r\n"sv, "A\x80: b\r\n"sv })
		EXPECT_EQ(status(get(bad)), 400u) << bad;
	EXPECT_EQ(status(get("A: \xc3\xa4\tb\r\n")), 200u);
}

TEST(http_head, lengths)
{
	EXPECT_EQ(status(post("Content-Length: 1000\r\n")), 200u);
	EXPECT_EQ(status(post("Content-Length: 1001\r\n")), 413u);
	EXPECT_EQ(status(post("Content-Length: 18446744073709551617\r\n")), 413u);
	EXPECT_EQ(status(post("")), 411u);
	for (const char *bad : { "+5", "-1", "5, 5", "5 5", "0x5", "", "5;", "5\t", "\t5" })
		EXPECT_EQ(status(post("Content-Length: " + std::string(bad) + "\r\n")), 400u)
			<< bad;
	EXPECT_EQ(status(post("Content-Length: 5\r\nContent-Length: 5\r\n")), 400u);
}

TEST(http_head, codings)
{
	EXPECT_EQ(status(post("Transfer-Encoding: Chunked\r\n")), 200u);
	EXPECT_EQ(status(post("Transfer-Encoding: gzip, chunked\r\n")), 501u);
	EXPECT_EQ(status(post("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n")), 501u);
	for (const char *bad :
	     { "", "gzip", "chunked, gzip", "chunked, chunked", "x chunked", "identity", ",chunked",
	       "\vchunked", "chunked,", "chunked ,\t", "chunked\t", "\tchunked" })
		EXPECT_EQ(status(post("Transfer-Encoding: " + std::string(bad) + "\r\n")), 400u)
			<< bad;
	EXPECT_EQ(status(post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n")),
		  400u);
	EXPECT_EQ(status(post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n")), 400u);
	EXPECT_EQ(status("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"), 400u);
}

TEST(http_head, limits)
{
	EXPECT_EQ(status(line("GET /" + std::string(48, 'a') + " HTTP/1.1")), 200u);
	EXPECT_EQ(status(line("GET /" + std::string(49, 'a') + " HTTP/1.1")), 414u);
	/* The status fits what is too long, however much has come. */
	for (std::size_t more : { 0, 1, 100 }) {
		EXPECT_EQ(status(std::string(65 + more, 'a')), 501u);
		EXPECT_EQ(status("GET " + std::string(61 + more, 'a')), 414u);
		EXPECT_EQ(status("BREW " + std::string(60 + more, 'a')), 501u);
		EXPECT_EQ(status("a(" + std::string(63 + more, 'a')), 400u);
		EXPECT_EQ(status(std::string(65 + more, ' ')), 400u);
	}
	EXPECT_EQ(status(get("A: " + std::string(300, 'a') + "\r\n")), 431u);
	EXPECT_EQ(status(get("a:\r\nb:\r\nc:\r\nd:\r\n")), 200u);
	EXPECT_EQ(status(get("a:\r\nb:\r\nc:\r\nd:\r\ne:\r\n")), 431u);
	EXPECT_EQ(status("GET / HTTP/1.1\r\nHost: a\r\n"), 0u);
}

TEST(http_head, expectations_and_connection)
{
	const auto parsed = [](const std::string &text, auto &&check) {
		head_parser parser(limits);

		ASSERT_EQ(parser.parse(text), outcome::complete) << text;
		check(parser);
	};

	parsed(get("Expect: 100-Continue\r\n"),
	       [](head_parser &it) { EXPECT_TRUE(it.expects_continue()); });
	parsed(get("Expect: , 100-continue,,\r\nExpect: 100-continue\r\n"),
	       [](head_parser &it) { EXPECT_TRUE(it.expects_continue()); });
	EXPECT_EQ(status(get("Expect: tea\r\n")), 417u);
	EXPECT_EQ(status(get("Expect: 100-continue, tea\r\n")), 417u);
	parsed("GET / HTTP/1.0\r\nExpect: tea\r\n\r\n",
	       [](head_parser &it) { EXPECT_FALSE(it.expects_continue() || it.keep_alive()); });
	parsed("GET / HTTP/1.0\r\nConnection: x, Keep-Alive\r\n\r\n",
	       [](head_parser &it) { EXPECT_TRUE(it.keep_alive()); });
	parsed(get("Connection: keep-alive ,CLOSE\r\n"),
	       [](head_parser &it) { EXPECT_FALSE(it.keep_alive()); });
	EXPECT_EQ(status(get("Connection: ,, a ,\r\n")), 200u);
	EXPECT_EQ(status(get("Connection: keep alive\r\n")), 400u);
	EXPECT_EQ(status(get("Connection: close; x\r\n")), 400u);
}
