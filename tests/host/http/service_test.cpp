// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * ktcp/http/service.hpp, with request.hpp, response.hpp and stream.hpp: what a client gets back,
 * to the byte, however its own bytes were cut on their way.
 */
#include <ktcp/http/service.hpp>

#include <cerrno>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "support.hpp"

using ktcp::http::method;
using ktcp::http::request;
using ktcp::http::response;
using testing::_;
using testing::Mock;
using testing::NiceMock;
using namespace std::string_literals;

namespace
{

using answer = ktcp::task_of<void>;

const std::string big(40'000, 'b');

/* One page for each thing that a handler may do. */
struct pages {
	static answer echo(request &asked, response &to)
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

	answer operator()(request &asked, response &to) const
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
		if (path == "/late")
			return late(asked, to);
		return other(asked, to);
	}

	/* Says nothing until it has read all. */
	static answer late(request &asked, response &to)
	{
		std::string all;

		for (;;) {
			const auto piece = co_await asked.read_body();

			if (!piece)
				co_return piece.error();
			if (piece->empty())
				break;
			all += text(*piece);
		}
		to.status(200);
		co_return co_await to.send(all);
	}

	static answer other(request &asked, response &to)
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
			to.status(200).field("X", "a\r\nY: b");
			static_cast<void>(co_await to.send("no"));
			co_return ktcp::result<void>();
		}
		if (path == "/overflow") {
			to.status(200);
			for (int i = 0; i < 2000; i++)
				to.field("Some-Field", "some value");
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

/* The engine's side, open to the tests. */
class tested_connection : public ktcp::connection {
    public:
	using connection::advance;
	using connection::close;
	using connection::expire;
	using connection::progress;
	using connection::until_deadline_ms;

	tested_connection(::socket *raw, ktcp::page_pool &buffers, handler_function handle,
			  const void *handler)
		: connection(ktcp::socket(raw), buffers, handle, handler)
	{
	}
};

using progress = tested_connection::progress;

std::string head(std::string_view status)
{
	return "HTTP/1.1 " + std::string(status) +
	       "\r\nDate: Mon, 01 Jan 2024 00:00:00 GMT\r\nServer: test\r\n";
}

std::string ok(std::string_view body)
{
	return head("200 OK") + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
	       std::string(body);
}

std::string refused(unsigned int status)
{
	const std::string words(ktcp::http::advice_for(status));

	return head(std::to_string(status) + " " + std::string(ktcp::http::reason_of(status))) +
	       "Content-Type: text/plain; charset=utf-8\r\nContent-Length: " +
	       std::to_string(words.size()) + "\r\nConnection: close\r\n\r\n" + words;
}

class http_service : public testing::Test {
    protected:
	NiceMock<mock::mock_port> port;
	ktcp::page_pool pool = std::move(*ktcp::page_pool::create(16384));
	ktcp::http::options how{ .head = { .line_bytes = 2000,
					   .head_bytes = 4000,
					   .fields = 20,
					   .body_bytes = 100'000 },
				 .server = "test" };
	std::optional<ktcp::http::service<pages>> service;
	std::optional<tested_connection> peer;
	::socket *raw = nullptr;

	std::deque<std::string> arriving; /* an empty one: the client has finished sending */
	std::string sent;
	long room = 1 << 30; /* what a send takes at most */
	std::vector<std::size_t> sends;
	bool reset = false, shut = false;

	static ktcp::task handle(const void *service, ktcp::connection &peer)
	{
		return (*static_cast<const ktcp::http::service<pages> *>(service))(peer);
	}

	void connect()
	{
		arriving.clear();
		sent.clear();
		sends.clear();
		reset = shut = false;
		service.emplace(pages(), how);
		raw = port.fake.new_socket();
		peer.emplace(raw, pool, handle, &*service);
		ON_CALL(port, sock_recv(raw, _, _))
			.WillByDefault([this](auto *, void *to, std::size_t size) -> long {
				if (arriving.empty())
					return -EAGAIN;
				std::string &next = arriving.front();
				const std::size_t taken = next.copy(static_cast<char *>(to), size);

				if (taken < next.size()) {
					next.erase(0, taken);
				} else if (taken) {
					arriving.pop_front();
				}
				return static_cast<long>(taken);
			});
		ON_CALL(port, sock_send(raw, _, _, _))
			.WillByDefault(
				[this](auto *, const void *data, std::size_t size, auto) -> long {
					const auto taken = std::min(static_cast<long>(size), room);

					if (!taken)
						return -EAGAIN;
					sends.push_back(static_cast<std::size_t>(taken));
					sent.append(static_cast<const char *>(data),
						    static_cast<std::size_t>(taken));
					return taken;
				});
		ON_CALL(port, sock_no_linger(raw)).WillByDefault([this](auto...) { reset = true; });
		ON_CALL(port, sock_shutdown(raw, KTCP_SHUT_WR)).WillByDefault([this](auto...) {
			shut = true;
			return 0;
		});
	}

	/* Advance until it waits or is over; true: it is over. */
	bool run()
	{
		for (int turns = 0; turns < 100'000; turns++) {
			switch (peer->advance()) {
			case progress::waiting:
				return false;
			case progress::finished:
				peer->close();
				peer.reset();
				EXPECT_EQ(port.fake.pool_buffers(), 0u) << "a buffer was kept";
				return true;
			default:
				break;
			}
		}
		ADD_FAILURE() << "it does not come to rest";
		return true;
	}

	/* Send these pieces, each when the last was dealt with, then nothing; is it over? */
	bool exchange(const std::vector<std::string> &pieces)
	{
		bool over = false;

		if (peer)
			leave();
		connect();
		for (const std::string &each : pieces) {
			if (over)
				break;
			arriving.push_back(each);
			over = run();
		}
		return over;
	}

	/* The client finishes sending, and the server lets go. */
	void leave()
	{
		arriving.push_back("");
		EXPECT_TRUE(run());
	}

	/*
	 * The answer to @p asked in one piece; the same must come if it arrives byte by byte, or cut
	 * at any place.
	 */
	std::string answers(const std::string &asked, bool *over = nullptr)
	{
		const bool whole_over = exchange({ asked });
		const std::string whole = sent;
		const bool whole_reset = reset;

		if (over)
			*over = whole_over;
		if (asked.size() > 1200)
			return whole;

		std::vector<std::string> each;

		for (char c : asked)
			each.emplace_back(1, c);
		EXPECT_EQ(exchange(each), whole_over) << asked;
		EXPECT_EQ(sent, whole) << "byte by byte: " << asked;
		EXPECT_EQ(reset, whole_reset);
		for (std::size_t cut = 1; cut < asked.size(); cut++) {
			EXPECT_EQ(exchange({ asked.substr(0, cut), asked.substr(cut) }), whole_over)
				<< asked << " cut at " << cut;
			EXPECT_EQ(sent, whole) << asked << " cut at " << cut;
		}
		return whole;
	}

	void TearDown() override
	{
		if (peer)
			leave();
		pool = ktcp::page_pool();
	}
};

std::string get(std::string_view path, std::string_view more = "")
{
	return "GET " + std::string(path) + " HTTP/1.1\r\nHost: h\r\n" + std::string(more) + "\r\n";
}

std::string post(std::string_view path, std::string_view body)
{
	return "POST " + std::string(path) +
	       " HTTP/1.1\r\nHost: h\r\nContent-Length: " + std::to_string(body.size()) +
	       "\r\n\r\n" + std::string(body);
}

const std::string chunked_head =
	"POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";

} // namespace

static_assert(ktcp::http::request_handler<pages>);

/* ---- responses ------------------------------------------------------------------------------ */

TEST_F(http_service, answers_and_stays)
{
	bool over = true;

	EXPECT_EQ(answers(get("/"), &over), ok("hello"));
	EXPECT_FALSE(over);
	EXPECT_EQ(port.fake.pool_buffers(), 0u) << "an idle connection holds a buffer";
}

TEST_F(http_service, head_and_small_body_leave_in_one_write)
{
	exchange({ get("/") });
	EXPECT_EQ(sends.size(), 1u);
	exchange({ get("/length") });
	EXPECT_EQ(sends.size(), 1u);
	exchange({ get("/pieces") });
	EXPECT_EQ(sends.size(), 1u);
}

TEST_F(http_service, replies_without_a_coroutine)
{
	EXPECT_EQ(answers(get("/reply")), ok("at once"));
	EXPECT_EQ(answers(get("/reply-big")), ok(big));
}

TEST_F(http_service, frames_a_body_of_known_length)
{
	EXPECT_EQ(answers(get("/length")), ok("abcd"));
	EXPECT_EQ(answers(get("/big")), ok(big));
}

TEST_F(http_service, frames_a_body_in_chunks)
{
	EXPECT_EQ(answers(get("/pieces")), head("200 OK") + "Transfer-Encoding: chunked\r\n\r\n"
							    "2\r\nab\r\n2\r\ncd\r\n0\r\n\r\n");

	std::string all = head("200 OK") + "Transfer-Encoding: chunked\r\n\r\n";

	for (int i = 0; i < 3; i++)
		all += "9c40\r\n" + big + "\r\n";
	EXPECT_EQ(answers(get("/big-pieces")), all + "0\r\n\r\n");
}

TEST_F(http_service, ends_an_unframed_body_with_the_connection_for_a_client_of_1_0)
{
	bool over = false;

	EXPECT_EQ(answers("GET /pieces HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", &over),
		  head("200 OK") + "Connection: close\r\n\r\nabcd");
	EXPECT_TRUE(over);
	EXPECT_FALSE(reset);
}

TEST_F(http_service, sends_no_body_where_there_is_none)
{
	EXPECT_EQ(answers("HEAD / HTTP/1.1\r\nHost: h\r\n\r\n"),
		  head("200 OK") + "Content-Length: 5\r\n\r\n");
	EXPECT_EQ(answers("HEAD /pieces HTTP/1.1\r\nHost: h\r\n\r\n"),
		  head("200 OK") + "Transfer-Encoding: chunked\r\n\r\n");
	EXPECT_EQ(answers("HEAD /reply-big HTTP/1.1\r\nHost: h\r\n\r\n"),
		  head("200 OK") + "Content-Length: 40000\r\n\r\n");
	EXPECT_EQ(answers(get("/no-content")), head("204 No Content") + "\r\n");
	EXPECT_EQ(answers(get("/not-modified")), head("304 Not Modified") + "ETag: \"x\"\r\n\r\n");
}

TEST_F(http_service, resets_what_is_not_complete)
{
	for (const char *path : { "/short", "/abandon" }) {
		EXPECT_TRUE(exchange({ get(path) })) << path;
		EXPECT_TRUE(reset) << path;
	}
}

TEST_F(http_service, does_not_send_more_than_was_declared)
{
	EXPECT_EQ(answers(get("/long")), ok("ab"));
}

TEST_F(http_service, makes_a_500_of_what_cannot_be_sent)
{
	const std::string failure = head("500 Internal Server Error") +
				    "Content-Length: 0\r\nConnection: close\r\n\r\n";
	bool over = false;

	for (const char *path : { "/inject", "/overflow", "/none" }) {
		EXPECT_EQ(answers(get(path), &over), failure) << path;
		EXPECT_TRUE(over) << path;
	}
}

TEST_F(http_service, a_second_status_begins_anew)
{
	EXPECT_EQ(answers(get("/again")), head("200 OK") + "Y: kept\r\nContent-Length: 1\r\n\r\ny");
}

TEST_F(http_service, says_nothing_of_the_server_if_told_so)
{
	how.server = "";
	exchange({ get("/") });
	EXPECT_EQ(sent, "HTTP/1.1 200 OK\r\nDate: Mon, 01 Jan 2024 00:00:00 GMT\r\n"
			"Content-Length: 5\r\n\r\nhello");
}

/* ---- bodies --------------------------------------------------------------------------------- */

TEST_F(http_service, reads_a_body_of_known_length)
{
	EXPECT_EQ(answers(post("/echo", "some text")), ok("some text"));
	EXPECT_EQ(answers(post("/echo", "")), ok(""));
	EXPECT_EQ(answers(post("/echo", big)), ok(big));
}

TEST_F(http_service, reads_a_chunked_body)
{
	exchange({ chunked_head + "5\r\nhello\r\n7;x=y\r\n, world\r\n0\r\nT: r\r\n\r\n" });

	std::string body;

	for (std::size_t at = sent.find("\r\n\r\n") + 4; at < sent.size();) {
		const auto size = std::stoul(sent.substr(at), nullptr, 16);

		at = sent.find("\r\n", at) + 2;
		body += sent.substr(at, size);
		at += size + 2;
	}
	EXPECT_EQ(body, "hello, world");
	EXPECT_TRUE(sent.ends_with("\r\n0\r\n\r\n"));
}

TEST_F(http_service, answers_after_the_body)
{
	EXPECT_EQ(answers(post("/late", "some text")), ok("some text"));
	EXPECT_EQ(answers("POST /late HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
			  "3\r\nabc\r\n1;x\r\nd\r\n0\r\n\r\n"),
		  ok("abcd"));
	/* There is still a status for what is wrong with it. */
	EXPECT_EQ(answers("POST /late HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
			  "3\r\nabc\r\n0\r\nContent-Length: 3\r\n\r\n"),
		  refused(400));
	leave();
	EXPECT_EQ(answers("POST /late HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
			  "3\r\nabc\r\nffffff\r\n"),
		  refused(413));
	leave();
}

TEST_F(http_service, passes_over_a_body_that_nobody_read)
{
	bool over = true;

	EXPECT_EQ(answers(post("/", "ignored") + get("/"), &over), ok("hello") + ok("hello"));
	EXPECT_FALSE(over);
	EXPECT_EQ(answers("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
			  "3\r\nabc\r\n0\r\n\r\n" +
				  get("/"),
			  &over),
		  ok("hello") + ok("hello"));
	EXPECT_FALSE(over);
}

TEST_F(http_service, closes_rather_than_pass_over_a_long_one)
{
	EXPECT_TRUE(exchange({ post("/", big), "" }));
	EXPECT_EQ(sent, head("200 OK") + "Content-Length: 5\r\nConnection: close\r\n\r\nhello");
	EXPECT_TRUE(shut) << "a reset would overtake the answer";
	EXPECT_FALSE(reset);
}

TEST_F(http_service, tells_who_waits_to_continue)
{
	const std::string asked = "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n"
				  "Expect: 100-continue\r\n\r\n";

	EXPECT_FALSE(exchange({ asked }));
	EXPECT_EQ(sent, "HTTP/1.1 100 Continue\r\n\r\n");
	sent.clear();
	arriving.push_back("ab");
	EXPECT_FALSE(run());
	EXPECT_EQ(sent, ok("ab"));
	/* Nothing to wait for: the body is there. */
	exchange({ asked + "ab" });
	EXPECT_EQ(sent, ok("ab"));
}

TEST_F(http_service, does_not_have_a_body_sent_that_it_does_not_read)
{
	EXPECT_TRUE(exchange({ "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n"
			       "Expect: 100-continue\r\n\r\n",
			       "" }));
	EXPECT_EQ(sent, head("200 OK") + "Content-Length: 5\r\nConnection: close\r\n\r\nhello");
}

TEST_F(http_service, refuses_a_malformed_body)
{
	for (const auto &[body, status] :
	     { std::pair("x\r\n", 400u), std::pair("5 \r\n", 400u), std::pair("5\nhello", 400u),
	       std::pair("-1\r\n", 400u), std::pair("2;\n", 400u),
	       std::pair("ffffffffffffffff\r\n", 413u), std::pair("1ffffffffffffffff\r\n", 413u),
	       std::pair("20000\r\n", 413u) }) {
		bool over = false;

		EXPECT_EQ(answers(chunked_head + body, &over), refused(status)) << body;
		leave();
	}
	/* Too late for a status: the client must not take for whole what it gets. */
	EXPECT_TRUE(exchange({ chunked_head + "2\r\nabc" }));
	EXPECT_TRUE(reset);
	EXPECT_FALSE(sent.ends_with("0\r\n\r\n"));
}

TEST_F(http_service, gives_up_on_a_client_that_leaves_in_its_body)
{
	EXPECT_TRUE(
		exchange({ "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nab", "" }));
	EXPECT_FALSE(sent.find("\r\n\r\nab\r\n") != sent.npos);
}

/* ---- requests ------------------------------------------------------------------------------- */

TEST_F(http_service, answers_a_pipeline_in_order_and_together)
{
	const std::string five = get("/") + get("/length") + post("/echo", "x") + get("/reply") +
				 get("/");

	EXPECT_EQ(answers(five), ok("hello") + ok("abcd") + ok("x") + ok("at once") + ok("hello"));
	exchange({ five });
	EXPECT_EQ(sends.size(), 1u);
}

TEST_F(http_service, answers_more_than_fits_in_a_buffer)
{
	std::string asked, expected;

	for (int i = 0; i < 500; i++) {
		asked += get("/");
		expected += ok("hello");
	}
	exchange({ asked });
	EXPECT_EQ(sent, expected);
}

TEST_F(http_service, closes_when_asked_to)
{
	bool over = false;
	const std::string last = head("200 OK") +
				 "Content-Length: 5\r\nConnection: close\r\n\r\nhello";

	EXPECT_EQ(answers(get("/", "Connection: close\r\n"), &over), last);
	EXPECT_TRUE(over);
	EXPECT_EQ(answers("GET / HTTP/1.0\r\n\r\n", &over), last);
	EXPECT_TRUE(over);
	/* What comes behind it is not looked at. */
	exchange({ get("/", "Connection: close\r\n") + get("/") });
	EXPECT_EQ(sent, last);
}

TEST_F(http_service, stays_with_a_client_of_1_0_that_asks_for_it)
{
	bool over = true;

	EXPECT_EQ(answers("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", &over),
		  head("200 OK") + "Content-Length: 5\r\nConnection: keep-alive\r\n\r\nhello");
	EXPECT_FALSE(over);
}

TEST_F(http_service, refuses_with_the_proper_status_and_closes)
{
	const std::pair<std::string, unsigned int> rows[] = {
		{ "GET / HTTP/1.1\r\n\r\n", 400 }, /* no Host */
		{ "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400 },
		{ "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400 },
		{ "GET / HTTP/1.1\nHost: h\n\n", 400 }, /* bare LF */
		{ "GET / HTTP/1.1\r\nHost: h\r\nX: a\r\n b\r\n\r\n", 400 }, /* obs-fold */
		{ "GET / HTTP/1.1\r\nHost : h\r\n\r\n", 400 },
		{ "GET / HTTP/1.1\r\nHost: h\r\nX: a\0b\r\n\r\n"s, 400 },
		{ "GET  / HTTP/1.1\r\nHost: h\r\n\r\n", 400 },
		{ "GET / HTTP/1.1 \r\nHost: h\r\n\r\n", 400 },
		{ "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n"
		  "Transfer-Encoding: chunked\r\n\r\n",
		  400 },
		{ "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
		  400 },
		{ "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: +5\r\n\r\n", 400 },
		{ "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked, chunked\r\n\r\n", 400 },
		{ "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501 },
		{ "POST / HTTP/1.1\r\nHost: h\r\n\r\n", 411 },
		{ "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100001\r\n\r\n", 413 },
		{ "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999999999999\r\n\r\n",
		  413 },
		{ "GET / HTTP/1.1\r\nHost: h\r\nExpect: a-miracle\r\n\r\n", 417 },
		{ "TRACE / HTTP/1.1\r\nHost: h\r\n\r\n", 501 },
		{ "CONNECT h:1 HTTP/1.1\r\nHost: h\r\n\r\n", 501 },
		{ "BREW / HTTP/1.1\r\nHost: h\r\n\r\n", 501 },
		{ "GET / HTTP/2.0\r\nHost: h\r\n\r\n", 505 },
		{ "GET /" + std::string(3000, 'x') + " HTTP/1.1\r\nHost: h\r\n\r\n", 414 },
		{ get("/", "X: " + std::string(5000, 'x') + "\r\n"), 431 },
	};

	for (const auto &[asked, status] : rows) {
		bool over = true;

		EXPECT_EQ(answers(asked, &over), refused(status)) << asked;
		EXPECT_FALSE(over) << "the client is heard out";
		EXPECT_TRUE(shut) << asked;
		EXPECT_FALSE(reset) << asked;
		leave();
	}

	std::string many;

	for (int i = 0; i < 21; i++)
		many += "X: y\r\n";
	EXPECT_EQ(answers(get("/", many)), refused(431));
}

TEST_F(http_service, answers_what_came_before_a_refused_one)
{
	EXPECT_EQ(answers(get("/") + "nonsense\r\n\r\n"), ok("hello") + refused(400));
}

TEST_F(http_service, passes_over_one_empty_line_before_a_request)
{
	EXPECT_EQ(answers("\r\n" + get("/")), ok("hello"));
	EXPECT_EQ(answers("\r\n\r\n" + get("/")), refused(400));
}

/* ---- time ----------------------------------------------------------------------------------- */

TEST_F(http_service, gives_each_part_its_time)
{
	exchange({});
	run();
	EXPECT_EQ(peer->until_deadline_ms(port.fake.now), 10'000) << "for the first request";
	arriving.push_back("GET / HT");
	port.fake.now += 9000;
	EXPECT_FALSE(run());
	EXPECT_EQ(peer->until_deadline_ms(port.fake.now), 10'000) << "for its head";
	port.fake.now += 5000;
	arriving.push_back("TP/1.1\r\n");
	EXPECT_FALSE(run());
	EXPECT_EQ(peer->until_deadline_ms(port.fake.now), 5000) << "all of it, not each part";
	arriving.push_back("Host: h\r\n\r\n");
	EXPECT_FALSE(run());
	EXPECT_EQ(sent, ok("hello"));
	EXPECT_EQ(peer->until_deadline_ms(port.fake.now), 60'000) << "until the next request";
	arriving.push_back("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\n");
	EXPECT_FALSE(run());
	EXPECT_EQ(peer->until_deadline_ms(port.fake.now), 20'000) << "for the body";
	port.fake.now += 1000;
	arriving.push_back("12345");
	EXPECT_FALSE(run());
	EXPECT_EQ(peer->until_deadline_ms(port.fake.now), 19'010) << "and a little for each byte";
}

TEST_F(http_service, refuses_a_head_that_does_not_end)
{
	exchange({ "GET / HT" });
	port.fake.now += 10'000;
	EXPECT_TRUE(peer->expire(port.fake.now));
	EXPECT_FALSE(run());
	EXPECT_EQ(sent, refused(408));
	EXPECT_TRUE(shut);
	port.fake.now += 2000;
	EXPECT_TRUE(peer->expire(port.fake.now)) << "it is not heard out for ever";
	EXPECT_TRUE(run());
}

TEST_F(http_service, refuses_a_body_that_does_not_come)
{
	exchange({ "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\n" });
	EXPECT_EQ(sent, ok("hello"));
	EXPECT_FALSE(shut);
	port.fake.now += 20'000;
	EXPECT_TRUE(peer->expire(port.fake.now));
	EXPECT_FALSE(run());
	EXPECT_EQ(sent, ok("hello"));
	EXPECT_TRUE(shut);
	leave();
}

TEST_F(http_service, lets_an_idle_client_go_without_a_word)
{
	exchange({ get("/") });
	sent.clear();
	port.fake.now += 60'000;
	EXPECT_TRUE(peer->expire(port.fake.now));
	EXPECT_TRUE(run());
	EXPECT_EQ(sent, "");
}

TEST_F(http_service, gives_up_on_a_client_that_does_not_read)
{
	connect();
	room = 0;
	arriving.push_back(get("/big"));
	EXPECT_FALSE(run());
	EXPECT_GT(peer->until_deadline_ms(port.fake.now), 30'000);
	port.fake.now += 200'000;
	EXPECT_TRUE(peer->expire(port.fake.now));
	EXPECT_TRUE(run());
	room = 1 << 30;
}

TEST_F(http_service, sends_as_there_is_room)
{
	connect();
	room = 1000;
	arriving.push_back(get("/big-pieces"));
	EXPECT_FALSE(run());
	EXPECT_EQ(sent.size(), head("200 OK").size() + 28 + 2 + 3 * (6 + big.size() + 2) + 5);
}

/* ---- memory --------------------------------------------------------------------------------- */

TEST_F(http_service, survives_every_allocation_that_fails)
{
	const std::string asked = get("/") + post("/echo", big) + get("/big-pieces");

	for (int nth = 0; nth < 40; nth++) {
		int calls = 0;

		connect();
		ON_CALL(port, kmalloc(_, _)).WillByDefault([&](std::size_t size, ktcp_gfp gfp) {
			return calls++ == nth ? nullptr : port.fake.kmalloc(size, gfp);
		});
		ON_CALL(port, page_pool_get(_, _)).WillByDefault([&](auto *from, ktcp_gfp gfp) {
			return calls++ == nth ? nullptr : port.fake.page_pool_get(from, gfp);
		});
		arriving.push_back(asked);
		if (!run())
			leave();
		EXPECT_EQ(port.fake.pool_buffers(), 0u);
	}
}
