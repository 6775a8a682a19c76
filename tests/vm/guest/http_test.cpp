// SPDX-License-Identifier: GPL-2.0-only OR MIT
//
// khttpd's own pages over real sockets: whole requests, parts of them, and what are none.
#include "http.hpp"

#include <sched.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <atomic>

namespace vm
{
namespace
{

class http_pages : public http_test {};
FOR_EVERY_HTTP_MODEL(http_pages);

TEST_P(http_pages, the_front_page_the_echo_and_nothing_else)
{
	load_model();
	for (const char *address : { "127.0.0.1", "::1" }) {
		http_client client({ .address = address });
		const reply front = client.get("/");
		EXPECT_EQ(front.status, 200) << front.trouble;
		EXPECT_NE(front.body.find("khttpd"), std::string::npos) << front.body;
		EXPECT_EQ(front.field("server"), "khttpd");
		EXPECT_EQ(front.field("content-type").rfind("text/html", 0), 0u);
		EXPECT_TRUE(
			expression(
				"[A-Z][a-z]{2}, \\d\\d [A-Z][a-z]{2} \\d{4} \\d\\d:\\d\\d:\\d\\d GMT")
				.is(front.field("date")));

		client.send(http_client::request("/", "HEAD"));
		const reply head = client.read(true);
		EXPECT_EQ(head.status, 200) << head.trouble;
		EXPECT_EQ(head.field("content-length"), front.field("content-length"));

		EXPECT_EQ(client.get("/nothing").status, 404);
		EXPECT_EQ(client.post("/echo", "hello").body, "hello");
		EXPECT_EQ(client.post("/echo", "").status, 200);
		const reply other = client.get("/echo");
		EXPECT_EQ(other.status, 405);
		EXPECT_EQ(other.field("allow"), "POST, OPTIONS");
		client.send(http_client::request("/", "OPTIONS"));
		EXPECT_EQ(client.read().status, 204);
		EXPECT_EQ(client.get("/").body, front.body) << "still the same connection";
	}
}

TEST_P(http_pages, bodies_of_every_size_come_back)
{
	load_model("max_body=100000000");
	http_client client;
	for (const std::size_t size : { 1, 4096, 16384, 16385, 300000, 2000000 }) {
		const std::string body = content(size, size);
		std::string chunked;
		for (std::size_t at = 0, i = 0; at < size; ++i) {
			const std::size_t part = std::min<std::size_t>(size - at, 1 + i * i * 7);
			char line[20];
			std::snprintf(line, sizeof line, "%zx\r\n", part);
			chunked += line + body.substr(at, part) + "\r\n";
			at += part;
		}
		chunked += "0\r\nTrailer: unread\r\n\r\n";
		for (const bool in_chunks : { false, true }) {
			const std::string text =
				http_client::request(
					"/echo", "POST",
					in_chunks ? "Transfer-Encoding: chunked\r\n" :
						    "Content-Length: " + std::to_string(size) +
							    "\r\n") +
				(in_chunks ? chunked : body);
			// The echo is read while the rest is sent, or both would wait.
			std::thread sender([&] { client.send(text); });
			const reply got = client.read();
			sender.join();
			ASSERT_EQ(got.status, 200) << size << " " << got.trouble;
			ASSERT_EQ(got.trouble, "") << size;
			ASSERT_TRUE(got.body == body) << size << (in_chunks ? " chunked" : "");
			EXPECT_EQ(got.fields.count("transfer-encoding"), in_chunks);
		}
	}
}

TEST_P(http_pages, a_pipeline_is_answered_in_order)
{
	load_model();
	http_client client;
	std::string all;
	for (int i = 0; i < 200; ++i) {
		const std::string body = "number " + std::to_string(i);
		all += http_client::request("/echo", "POST",
					    "Content-Length: " + std::to_string(body.size()) +
						    "\r\n") +
		       body;
	}
	ASSERT_TRUE(client.send(all));
	for (int i = 0; i < 200; ++i) {
		const reply got = client.read();
		ASSERT_EQ(got.status, 200) << i << got.trouble;
		ASSERT_EQ(got.body, "number " + std::to_string(i));
	}
}

TEST_P(http_pages, a_long_head_behind_others_is_answered_as_if_alone)
{
	load_model();
	const std::string type(9000, 't');
	std::string all;
	for (int i = 0; i < 40; ++i)
		all += http_client::request("/");
	all += http_client::request("/echo", "POST",
				    "Content-Length: 2\r\nContent-Type: " + type + "\r\n") +
	       "ab" + http_client::request("/");
	http_client client;
	ASSERT_TRUE(client.send(all));
	for (int i = 0; i < 42; ++i) {
		const reply got = client.read();
		ASSERT_EQ(got.status, 200) << i << got.trouble;
		if (i == 40) {
			EXPECT_EQ(got.field("content-type"), type);
			EXPECT_EQ(got.body, "ab");
		}
	}
}

TEST_P(http_pages, a_last_answer_is_not_cut_by_bytes_behind_its_request)
{
	web_root root;
	load_root();
	for (const std::size_t size : { 8000, 4 << 20 }) {
		const std::string body = content(size, size);
		root.file("last", body);
		// More than the server's buffer holds, and small buffers: the end is there before
		// the answer has been read.
		std::string all = http_client::request("/last", "GET", "Connection: close\r\n");
		for (int i = 0; i < 2000; ++i)
			all += http_client::request("/last");
		http_client client({ .receive_buffer = 4096 });
		client.send(all);
		std::this_thread::sleep_for(100ms);
		const reply got = client.read();
		EXPECT_EQ(got.status, 200) << got.trouble;
		EXPECT_TRUE(got.whole) << size << " " << got.trouble;
		EXPECT_TRUE(got.body == body) << size << " " << got.body.size();
	}
	unload();
}

TEST_P(http_pages, a_refusal_is_read_though_its_client_goes_on_sending)
{
	load_model("max_body=1000");
	http_client client;
	const std::string part(1 << 20, 'x');
	client.send(http_client::request("/echo", "POST", "Content-Length: 8388608\r\n"));
	for (int i = 0; i < 8; ++i)
		EXPECT_TRUE(client.send(part)) << i << " MiB: " << std::strerror(errno);
	const reply got = client.read();
	EXPECT_EQ(got.status, 413) << got.trouble;
	EXPECT_TRUE(got.whole) << got.trouble;
	EXPECT_TRUE(client.ended());
}

TEST_P(http_pages, a_byte_a_segment_makes_no_difference)
{
	load_model();
	http_client client;
	const std::string text = "POST /echo HTTP/1.1\r\nHost: guest\r\nTransfer-Encoding: chunked"
				 "\r\n\r\n5\r\nhello\r\n6;x=\"y\"\r\n world\r\n0\r\nA: b\r\n\r\n";
	for (int round = 0; round < 3; ++round) {
		for (const char byte : text) {
			ASSERT_TRUE(client.send(std::string(1, byte)));
			std::this_thread::sleep_for(200us);
		}
		const reply got = client.read();
		EXPECT_EQ(got.status, 200) << got.trouble;
		EXPECT_EQ(got.body, "hello world");
	}
}

TEST_P(http_pages, a_client_that_expects_it_is_told_to_continue)
{
	load_model("max_body=10");
	http_client client;
	client.send(http_client::request("/echo", "POST",
					 "Content-Length: 5\r\nExpect: 100-continue\r\n"));
	EXPECT_EQ(client.read().status, 100);
	client.send("hello");
	const reply got = client.read();
	EXPECT_EQ(got.status, 200) << got.trouble;
	EXPECT_EQ(got.body, "hello");
	// Refused before it is sent, or because of what is expected.
	client.send(http_client::request("/echo", "POST",
					 "Content-Length: 11\r\nExpect: 100-continue\r\n"));
	EXPECT_EQ(client.read().status, 413);
	EXPECT_TRUE(client.ended());
	EXPECT_EQ(get("/", "Expect: a miracle\r\n").status, 417);
}

TEST_P(http_pages, HTTP_1_0)
{
	load_model();
	http_client once;
	once.send("GET / HTTP/1.0\r\n\r\n");
	reply got = once.read();
	EXPECT_EQ(got.status, 200) << got.trouble;
	EXPECT_EQ(got.field("connection"), "close");
	EXPECT_TRUE(once.ended());

	http_client kept;
	for (int i = 0; i < 3; ++i) {
		kept.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
		got = kept.read();
		EXPECT_EQ(got.status, 200) << got.trouble;
		EXPECT_EQ(got.field("connection"), "keep-alive");
	}
	kept.send("POST /echo HTTP/1.0\r\nContent-Length: 5\r\n\r\nhello");
	got = kept.read();
	EXPECT_EQ(got.body, "hello") << got.trouble;
	EXPECT_TRUE(kept.ended());
}

struct bad_request {
	const char *name;
	std::string text;
	int status;
};

// The main ones; the whole table is the unit tests'.
const std::vector<bad_request> &bad_requests()
{
	static const std::string host = "Host: g\r\n";
	static const std::vector<bad_request> all = {
		{ "no host", "GET / HTTP/1.1\r\n\r\n", 400 },
		{ "two hosts", "GET / HTTP/1.1\r\n" + host + host + "\r\n", 400 },
		{ "length and coding",
		  "POST /echo HTTP/1.1\r\n" + host +
			  "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		  400 },
		{ "two lengths",
		  "POST /echo HTTP/1.1\r\n" + host +
			  "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
		  400 },
		{ "a signed length",
		  "POST /echo HTTP/1.1\r\n" + host + "Content-Length: +3\r\n\r\nabc", 400 },
		{ "an endless length",
		  "POST /echo HTTP/1.1\r\n" + host + "Content-Length: " + std::string(30, '9') +
			  "\r\n\r\n",
		  413 },
		{ "bare LF", "GET / HTTP/1.1\nHost: g\n\n", 400 },
		{ "bare CR", "GET / HTTP/1.1\r\nHost: g\rX: y\r\n\r\n", 400 },
		{ "folded", "GET / HTTP/1.1\r\n" + host + "A: b\r\n c\r\n\r\n", 400 },
		{ "space before the colon", "GET / HTTP/1.1\r\nHost : g\r\n\r\n", 400 },
		{ "NUL", "GET / HTTP/1.1\r\n" + host + std::string("A: \0\r\n\r\n", 8), 400 },
		{ "NUL in the target", std::string("GET /\0 HTTP/1.1\r\n", 18) + host + "\r\n",
		  400 },
		{ "no HTTP", "\x16\x03\x01\x02\x05hello\r\n\r\n", 400 },
		{ "HTTP/0.9", "GET /\r\n\r\n", 400 },
		{ "HTTP/2.0", "GET / HTTP/2.0\r\n" + host + "\r\n", 505 },
		{ "HTTP/2's preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505 },
		{ "an unknown coding",
		  "POST /echo HTTP/1.1\r\n" + host + "Transfer-Encoding: gzip, chunked\r\n\r\n",
		  501 },
		{ "an unknown method", "BREW / HTTP/1.1\r\n" + host + "\r\n", 501 },
		{ "a chunk of no size",
		  "POST /echo HTTP/1.1\r\n" + host +
			  "Transfer-Encoding: chunked\r\n\r\nxyz\r\nabc\r\n0\r\n\r\n",
		  400 },
		{ "a chunk without its end",
		  "POST /echo HTTP/1.1\r\n" + host +
			  "Transfer-Encoding: chunked\r\n\r\n0x3\r\nabc\r\n0\r\n\r\n",
		  400 },
		{ "a long line",
		  "GET /" + std::string(20000, 'a') + " HTTP/1.1\r\n" + host + "\r\n", 414 },
		{ "a long head",
		  "GET / HTTP/1.1\r\n" + host + "A: " + std::string(20000, 'a') + "\r\n\r\n", 431 },
		{ "many fields",
		  "GET / HTTP/1.1\r\n" + host +
			  [] {
				  std::string lines;
				  for (int i = 0; i < 200; ++i)
					  lines += "A: b\r\n";
				  return lines;
			  }() +
			  "\r\n",
		  431 },
		{ "a long body",
		  "POST /echo HTTP/1.1\r\n" + host + "Content-Length: 100000000\r\n\r\n", 413 },
	};
	return all;
}

TEST_P(http_pages, a_malformed_request_gets_its_status_and_the_end)
{
	load_model();
	for (const auto &each : bad_requests()) {
		// At once, and in pieces that come one by one.
		for (const std::size_t piece : { each.text.size(), each.text.size() / 3 + 1 }) {
			http_client client;
			for (std::size_t at = 0; at < each.text.size(); at += piece) {
				// It may have been refused already.
				client.send(each.text.substr(at, piece));
				std::this_thread::sleep_for(1ms);
			}
			const reply got = client.read();
			EXPECT_EQ(got.status, each.status)
				<< each.name << ", " << piece << " bytes at once: " << got.trouble;
			EXPECT_EQ(got.field("connection"), "close") << each.name;
			EXPECT_TRUE(client.ended()) << each.name;
		}
	}
	EXPECT_EQ(get("/").status, 200);
}

TEST_P(http_pages, refused_methods)
{
	load_model();
	http_client client;
	for (const char *method : { "PUT", "DELETE", "PATCH" }) {
		client.send(http_client::request("/", method, "Content-Length: 0\r\n"));
		const reply got = client.read();
		EXPECT_EQ(got.status, 405) << method << got.trouble;
		EXPECT_EQ(got.field("allow"), "GET, HEAD, OPTIONS");
	}
	http_client endless;
	endless.send(http_client::request("/echo", "POST"));
	EXPECT_EQ(endless.read().status, 411);
	EXPECT_TRUE(endless.ended());
	for (const char *line : { "TRACE / HTTP/1.1\r\n", "CONNECT guest:80 HTTP/1.1\r\n" }) {
		http_client other;
		other.send(std::string(line) + "Host: guest:80\r\n\r\n");
		EXPECT_EQ(other.read().status, 501) << line;
		EXPECT_TRUE(other.ended());
	}
}

class http_limits : public http_test {};
FOR_EVERY_HTTP_MODEL(http_limits);

TEST_P(http_limits, are_parameters)
{
	load_model("max_line=100 max_head=200 max_fields=5 max_body=50 server=");
	const std::string exactly(100 - sizeof("GET / HTTP/1.1\r") - 0, 'a');
	EXPECT_EQ(get("/" + exactly).status, 404) << "a line of just so many bytes";
	EXPECT_EQ(get("/" + exactly + "a").status, 414);
	EXPECT_EQ(get("/", "A: " + std::string(200, 'a') + "\r\n").status, 431);
	EXPECT_EQ(get("/", "A: b\r\nA: b\r\nA: b\r\nA: b\r\n").status, 200);
	EXPECT_EQ(get("/", "A: b\r\nA: b\r\nA: b\r\nA: b\r\nA: b\r\n").status, 431);
	EXPECT_EQ(http_client().post("/echo", std::string(50, 'x')).status, 200);
	EXPECT_EQ(http_client().post("/echo", std::string(51, 'x')).status, 413);
	EXPECT_EQ(get("/").fields.count("server"), 0u);
}

// A head lies in one buffer, which is larger where a larger head is allowed.
TEST_P(http_limits, allow_heads_of_sixty_four_kibibytes)
{
	load_model("max_line=65535 max_head=65535 max_fields=200");
	const std::string plain = http_client::request("/", "GET", "");
	// All that is allowed, one byte more, and as fields of a proxy's or of a browser's cookies.
	const std::string room(65535 - plain.size() - sizeof("A: \r\n") + 1, 'a');
	EXPECT_EQ(get("/", "A: " + room + "\r\n").status, 200);
	EXPECT_EQ(get("/", "A: " + room + "a\r\n").status, 431);
	EXPECT_EQ(get("/?" + std::string(60000, 'q')).status, 200);
	std::string cookies;
	for (int i = 0; i < 150; ++i)
		cookies += "Cookie: " + std::string(400, 'c') + "\r\n";
	EXPECT_EQ(get("/", cookies).status, 200);
	// One after the other on one connection, cut anywhere, with a body behind.
	http_client pipe;
	const std::string body = "POST /echo HTTP/1.1\r\nHost: g\r\nContent-Length: 9\r\n" +
				 cookies + "\r\nsome text";
	for (const std::size_t cut : { 1, 16384, 16385, 50000, 60000 }) {
		ASSERT_TRUE(pipe.send(body.substr(0, cut)));
		std::this_thread::sleep_for(5ms);
		ASSERT_TRUE(pipe.send(body.substr(cut)));
		const reply got = pipe.read();
		EXPECT_EQ(got.status, 200) << cut;
		EXPECT_EQ(got.body, "some text") << cut;
	}
	ASSERT_TRUE(pipe.send(body + body + body));
	for (int i = 0; i < 3; ++i)
		EXPECT_EQ(pipe.read().body, "some text") << i;
}

TEST_P(http_limits, of_time)
{
	load_model(
		"head_timeout_ms=2000 body_timeout_ms=2000 keep_alive_timeout_ms=2500 min_rate=0");
	http_client kept, silent, head, body, chunked;
	EXPECT_EQ(kept.get("/").status, 200);
	head.send("GET / HTTP/1.1\r\nHost: g\r\n");
	body.send(http_client::request("/echo", "POST", "Content-Length: 5\r\n") + "he");
	chunked.send(http_client::request("/echo", "POST", "Transfer-Encoding: chunked\r\n") +
		     "5\r\nhel");
	// Others are served until the last of them has been told.
	std::atomic<bool> over = false;
	std::atomic<int> served = 0;
	std::thread others([&] {
		while (!over) {
			EXPECT_EQ(get("/").status, 200);
			++served;
			std::this_thread::sleep_for(10ms);
		}
	});
	EXPECT_TRUE(kept.ended());
	EXPECT_TRUE(silent.ended()) << "who never asked is told nothing";
	EXPECT_EQ(head.read().status, 408);
	EXPECT_TRUE(head.ended());
	// Of the echo the head has gone out already, with what had come of the body.
	for (http_client *each : { &body, &chunked }) {
		const reply got = each->read();
		EXPECT_EQ(got.status, 200) << got.trouble;
		EXPECT_FALSE(got.whole) << "cut short, and that shows";
		EXPECT_TRUE(each->ended());
	}
	over = true;
	others.join();
	EXPECT_GT(served, 10);
	EXPECT_EQ(get("/").status, 200);
	// Each is counted by its own name. The one that was told, and does not close, has five seconds more.
	auto now = khttpd_statistics();
	EXPECT_EQ(now["timed_out_keep_alive"], 1u);
	EXPECT_EQ(now["timed_out_head"], 2u);
	EXPECT_EQ(now["timed_out_body"], 2u);
	EXPECT_TRUE(eventually(30s, [] { return khttpd_statistics()["timed_out_end"] == 1u; }));
}

TEST_P(http_limits, a_client_that_reads_nothing_is_given_up)
{
	web_root root;
	root.file("large", content(24 << 20, 1));
	// A server's buffer that does not grow: it is full at once, and stays so.
	const kept_setting buffers("/proc/sys/net/ipv4/tcp_wmem");
	buffers.set("4096 65536 65536");
	load_root("send_timeout_ms=600 min_rate=0");
	http_client deaf({ .receive_buffer = 16384 });
	deaf.send(http_client::request("/large"));
	ASSERT_TRUE(deaf.answered());
	pollfd reset{ deaf.peer().descriptor(), 0, 0 };
	EXPECT_EQ(::poll(&reset, 1, patience_seconds * 1000), 1);
	EXPECT_TRUE(reset.revents & POLLERR) << reset.revents;
	EXPECT_FALSE(deaf.read().whole);
	EXPECT_EQ(get("/").status, 200);
	unload();
}

TEST_P(http_limits, one_connection_too_many)
{
	load_model("max_connections=3");
	std::vector<http_client> peers(3);
	for (auto &each : peers)
		EXPECT_EQ(each.get("/").status, 200);
	http_client extra;
	EXPECT_EQ(extra.get("/").status, 0);
	for (auto &each : peers)
		EXPECT_EQ(each.get("/").status, 200);
}

class http_log : public http_test {};
FOR_EVENT_MODELS(http_log);

TEST_P(http_log, a_line_a_request)
{
	load_model("access_log=1");
	EXPECT_EQ(get("/?q=1").status, 200);
	EXPECT_EQ(get("/nothing").status, 404);
	EXPECT_EQ(http_client().post("/echo", "hello").status, 200);
	http_client bad;
	bad.send("GET /\x1b[31m\x07 HTTP/1.1\r\nHost: g\r\n\r\n");
	EXPECT_EQ(bad.read().status, 400);
	http_client long_one;
	long_one.send("GET /" + std::string(9000, 'a') + " HTTP/1.1\r\nHost: g\r\n\r\n");
	EXPECT_EQ(long_one.read().status, 414);

	EXPECT_EQ(logged("\"GET /\\?q=1\" 200 ").size(), 1u) << text(logged("."));
	EXPECT_EQ(logged("\"GET /nothing\" 404 ").size(), 1u) << text(logged("."));
	EXPECT_EQ(logged("\"POST /echo\" 200 5$").size(), 1u) << text(logged("."));
	EXPECT_EQ(logged(" 400 ").size(), 1u) << text(logged("."));
	EXPECT_EQ(logged(" 414 ").size(), 1u) << text(logged("."));
	for (const auto &line : log.lines())
		EXPECT_TRUE(std::all_of(line.text.begin(), line.text.end(), [](char c) {
			return c >= ' ' && c <= '~';
		})) << line.text;
}

// The table of docs/http.md, as far as a client can have it: it resets, or finishes, within a body.
TEST_P(http_log, names_who_ended_a_request)
{
	load_model("access_log=1");
	for (const bool reset : { true, false }) {
		http_client client;
		client.send(http_client::request(
			std::string("/echo?") + (reset ? "reset" : "finished"), "POST",
			"Content-Length: 5\r\nExpect: 100-continue\r\n"));
		ASSERT_EQ(client.read().status, 100);
		if (reset) {
			client.peer().reset();
		} else {
			client.peer().half_close();
			EXPECT_EQ(client.read().status, 400);
		}
		const std::string line = reset ? "\"POST /echo\\?reset\" 499 0$" :
						 "\"POST /echo\\?finished\" 400 ";
		EXPECT_TRUE(eventually(10s, [&] { return logged(line).size() == 1; }))
			<< text(logged("."));
	}
}

TEST_P(http_log, does_not_flood)
{
	allow_other("khttpd.*callbacks suppressed");
	load_model("access_log=1");
	http_client client;
	for (int i = 0; i < 100; ++i)
		ASSERT_EQ(client.get("/").status, 200);
	const std::size_t lines = logged("\"GET /\" 200").size();
	EXPECT_GT(lines, 0u);
	EXPECT_LT(lines, 60u);
}

// A file in /proc that who reads it empties.
TEST_P(http_log, in_a_file)
{
	const std::string file = "/proc/net/khttpd/access_log";
	load_model("access_log=2 access_log_kb=4");
	EXPECT_EQ(get("/?q=1").status, 200);
	EXPECT_EQ(get("/nothing").status, 404);
	EXPECT_EQ(http_client().post("/echo", "hello").status, 200);
	http_client bad;
	bad.send("GET /\x1b[31m\x07 HTTP/1.1\r\nHost: g\r\n\r\n");
	EXPECT_EQ(bad.read().status, 400);
	const std::string lines = read_file(file);
	const std::string begin =
		"(::1|127\\.0\\.0\\.1) - - \\[[0-9]{2}/[A-Z][a-z]{2}/[0-9]{4}(:[0-9]{2}){3} \\+0000\\] ";
	EXPECT_TRUE(expression(begin + "\"GET /\\?q=1 HTTP/1\\.1\" 200 [0-9]+\n" + begin +
			       "\"GET /nothing HTTP/1\\.1\" 404 [0-9]+\n" + begin +
			       "\"POST /echo HTTP/1\\.1\" 200 5\n" + begin + "\"-\" 400 [0-9]+\n")
			    .is(lines))
		<< lines;
	EXPECT_EQ(read_file(file), "");
	EXPECT_EQ(logged("GET|200").size(), 0u);

	http_client client;
	for (int i = 0; i < 200; ++i)
		ASSERT_EQ(client.get("/" + std::to_string(i)).status, 404);
	const std::string last = read_file(file);
	EXPECT_TRUE(expression("^# 1[0-9]{2} lines were lost\n").in(last)) << last;
	EXPECT_NE(last.find("/199 HTTP/1.1\" 404 "), std::string::npos) << last;
	EXPECT_LT(last.size(), 4096u);

	// Root's, and one group's.
	struct stat status = {};
	ASSERT_EQ(::stat(file.c_str(), &status), 0);
	EXPECT_EQ(status.st_mode & 07777, 0440u);
	// With a reader in it.
	std::ifstream open(file);
	EXPECT_EQ(client.get("/").status, 200);
	unload();
	EXPECT_FALSE(std::filesystem::exists(file));
}

// A user who makes a namespace may read what is in its folder, and the log tells of all of them.
TEST_P(http_log, is_not_for_other_namespaces)
{
	constexpr uid_t user = 1000;
	const std::string folder = "/proc/net/khttpd/";
	load_model("netns_all=1 access_log=2");
	EXPECT_EQ(get("/?outside").status, 200);
	const pid_t child = ::fork();
	ASSERT_GE(child, 0);
	if (!child) {
		if (::setgid(user) || ::setuid(user) || ::prctl(PR_SET_DUMPABLE, 1))
			::_exit(1);
		if (::unshare(CLONE_NEWUSER | CLONE_NEWNET))
			::_exit(2);
		if (::access((folder + "statistics").c_str(), R_OK))
			::_exit(3);
		::_exit(::open((folder + "access_log").c_str(), O_RDONLY) < 0 && errno == ENOENT ?
				0 :
				4);
	}
	int status = -1;
	ASSERT_EQ(::waitpid(child, &status, 0), child);
	EXPECT_TRUE(WIFEXITED(status));
	EXPECT_EQ(WEXITSTATUS(status), 0);
	const std::string lines = read_file(folder + "access_log");
	EXPECT_NE(lines.find("\"GET /?outside HTTP/1.1\" 200 "), std::string::npos) << lines;
}

TEST_P(http_log, is_off_by_default)
{
	load_model();
	EXPECT_EQ(get("/").status, 200);
	EXPECT_EQ(logged("GET|200").size(), 0u);
	EXPECT_FALSE(std::filesystem::exists("/proc/net/khttpd/access_log"));
}

class http_loading : public http_test {};
FOR_EVENT_MODELS(http_loading);

TEST_P(http_loading, twice_and_on_a_port_in_use)
{
	allow_log("8081");
	web_root root;
	load_root();
	EXPECT_EQ(load_module("port=8082", object_file.c_str()), EEXIST);
	EXPECT_EQ(get("/").status, 200);
	unload();

	const int taken = ::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const int yes = 1;
	::setsockopt(taken, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
	sockaddr_in6 at{};
	at.sin6_family = AF_INET6;
	at.sin6_port = htons(khttpd.port);
	ASSERT_EQ(::bind(taken, reinterpret_cast<sockaddr *>(&at), sizeof at), 0);
	ASSERT_EQ(::listen(taken, 1), 0);
	EXPECT_EQ(load_module(std::string("root=") + root.path, object_file.c_str()), EADDRINUSE);
	EXPECT_EQ(logged("8081.*in use|in use.*8081|port 8081").size(), 2u) << text(logged("."));
	EXPECT_EQ(text(module_leftovers(khttpd.name)), "");
	::close(taken);
	// And it let go of its root.
	root.unmount();
}

TEST_P(http_loading, a_root_that_is_none_is_refused_with_a_line_that_helps)
{
	allow_log("root=|[ug]id");
	web_root root;
	const std::string file_root = root.file("file", "no folder");
	const auto load_with = [&](const std::string &parameters) {
		return load_module(std::string("model=") + GetParam() + " " + parameters,
				   object_file.c_str());
	};
	EXPECT_EQ(load_with("root=/tmp/www/nothing"), EINVAL);
	EXPECT_EQ(logged("root=/tmp/www/nothing.*folder").size(), 1u) << text(logged("."));
	EXPECT_EQ(load_with("root=" + file_root), ENOTDIR);
	EXPECT_EQ(logged("root=/tmp/www/file.*folder").size(), 1u) << text(logged("."));
	EXPECT_EQ(load_with("uid=-1 root=/tmp/www"), EINVAL);
	EXPECT_EQ(logged("uid=-1.*0 to 2147483647").size(), 1u) << text(logged("."));
	EXPECT_EQ(load_with("gid=nobody root=/tmp/www"), EINVAL);
	EXPECT_FALSE(module_loaded(khttpd.name));
	EXPECT_EQ(text(module_leftovers(khttpd.name)), "");
	// An empty one is none.
	EXPECT_EQ(load_with("root="), 0);
	EXPECT_NE(get("/").body.find("khttpd"), std::string::npos);
	unload();
	root.unmount();
}

} // namespace
} // namespace vm
