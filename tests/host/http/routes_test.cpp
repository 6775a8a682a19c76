// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* ktcp/http/routes.hpp, parse/query.hpp, event_stream.hpp, and request::read_all(), pause(), left(). */
#include <ktcp/group.hpp>
#include <ktcp/http/event_stream.hpp>
#include <ktcp/http/routes.hpp>
#include <ktcp/http/service.hpp>
#include <ktcp/timer.hpp>

#include <string>
#include <string_view>
#include <vector>

#include "exchange.hpp"

namespace
{

using ktcp::http::method;
using ktcp::http::query_values;
using ktcp::http::route_values;

struct api {
	using route = ktcp::http::route<api>;
	using handled = ktcp::task_of<void>;

	handled operator()(ktcp::http::request &asked, ktcp::http::response &to) const
	{
		static constexpr route table[] = {
			{ method::get, "/", &api::root },
			{ method::get, "/items/{id}", &api::show },
			{ method::put, "/items/{id}", &api::store },
			{ method::del, "/items/{id}/parts/{part}", &api::show },
			{ method::options, "/items/{id}/parts/{part}", &api::preflight },
			{ method::get, "/sum", &api::sum },
			{ method::get, "/events", &api::events },
			{ method::get, "/watched", &api::watched },
			{ method::get, "/paused", &api::paused },
			{ method::get, "/long", &api::long_one },
			{ method::get, "/late", &api::late },
			{ method::put, "/late", &api::late },
			{ method::put, "/both/{bytes}", &api::both },
			{ method::put, "/impatient", &api::impatient },
			{ method::put, "/insistent", &api::insistent },
			{ method::put, "/flushing", &api::flushing },
			{ method::get, "/again", &api::again },
			{ method::get, "/mixed", &api::mixed },
			{ method::get, "/too-much", &api::too_much },
		};

		return ktcp::http::dispatch(table, *this, asked, to);
	}

	handled root(route::call of) const
	{
		of.to.status(200).reply("root");
		return {};
	}

	handled show(route::call of) const
	{
		char id[16], part[16];
		const auto text = of.values.text("id", id);
		const auto more = of.values.text("part", part);

		if (!text || !more) {
			of.to.refuse(400);
			co_return ktcp::result<void>();
		}
		co_return co_await of.to.send(std::string(*text) + "|" + std::string(*more));
	}

	handled preflight(route::call of) const
	{
		of.to.status(204).field("X-Part", of.values.raw("part")).reply({});
		return {};
	}

	handled store(route::call of) const
	{
		char memory[10];
		const auto body = co_await of.asked.read_all(memory);

		if (!body)
			co_return body.error();
		co_return co_await of.to.send(*body);
	}

	handled sum(route::call of) const
	{
		const query_values query(of.asked.query());
		const auto a = query.number("a"), b = query.number("b");

		if (!a || !b) {
			of.to.refuse(400);
			co_return ktcp::result<void>();
		}
		co_return co_await of.to.send(std::to_string(*a + *b));
	}

	handled events(route::call of) const
	{
		ktcp::http::event_stream to(of.asked, of.to);

		for (int i = 0;; i++) {
			if (const auto sent = co_await to.send("a\nb\r\n" + std::to_string(i),
							       i ? "" : "first", i ? "x" : "");
			    !sent)
				co_return sent;
			if (const auto waited = co_await of.asked.pause(1000); !waited)
				co_return waited;
		}
	}

	static handled tick(ktcp::http::event_stream &to, ktcp::connection &peer)
	{
		for (int i = 0;; i++) {
			KTCP_CO_CHECK(co_await to.send(std::to_string(i)));
			KTCP_CO_CHECK(co_await ktcp::sleep_for(peer, 20'000));
		}
	}

	handled watched(route::call of) const
	{
		ktcp::http::event_stream to(of.asked, of.to);

		static_cast<void>(co_await ktcp::race(of.asked.left(), tick(to, of.asked.peer())));
		co_return ktcp::result<void>();
	}

	static handled wait_long(ktcp::http::request &asked)
	{
		ktcp::result<void> waited;

		while (waited)
			waited = co_await asked.pause(5000);
		co_return waited;
	}

	handled paused(route::call of) const
	{
		ktcp::http::event_stream to(of.asked, of.to);

		static_cast<void>(
			co_await ktcp::race(wait_long(of.asked), tick(to, of.asked.peer())));
		co_return ktcp::result<void>();
	}

	/* Longer than the client would have for a head or a body. */
	handled late(route::call of) const
	{
		char memory[10];
		const auto body = co_await of.asked.read_all(memory);

		KTCP_CO_CHECK(co_await ktcp::sleep_for(of.asked.peer(), 100'000));
		co_return co_await of.to.send(body ? *body : "");
	}

	/* More than the output holds. */
	static handled write_long(ktcp::http::response &to)
	{
		const std::string text(40'000, 'x');

		co_return co_await to.write(text);
	}

	static handled read_all_of(ktcp::http::request &asked)
	{
		char memory[100];
		const auto body = co_await asked.read_all(memory);

		if (!body)
			co_return body.error();
		co_return ktcp::result<void>();
	}

	static handled write_bytes(ktcp::http::response &to, std::size_t bytes)
	{
		const std::string text(bytes, 'x');

		co_return co_await to.write(text);
	}

	/* Reads and writes at once: a first piece, which stays in the output, and then so many bytes. */
	handled both(route::call of) const
	{
		const auto bytes = of.values.number("bytes");

		of.to.status(200).length(5 + *bytes);
		KTCP_CO_CHECK(co_await of.to.write("first"));

		const auto [body, written] = co_await ktcp::all(read_all_of(of.asked),
								write_bytes(of.to, *bytes));

		co_return !body ? body : written;
	}

	/* Does not wait for a body for longer than a second. */
	handled impatient(route::call of) const
	{
		of.to.status(200).length(5);
		KTCP_CO_CHECK(co_await of.to.write("first"));
		static_cast<void>(
			co_await ktcp::within(of.asked.peer(), 1000, read_all_of(of.asked)));
		KTCP_CO_CHECK(co_await ktcp::sleep_for(of.asked.peer(), 100'000));
		co_return ktcp::result<void>();
	}

	/* The same, and then waits for it all the same. */
	handled insistent(route::call of) const
	{
		of.to.status(200).length(5);
		KTCP_CO_CHECK(co_await of.to.write("first"));
		static_cast<void>(
			co_await ktcp::within(of.asked.peer(), 1000, read_all_of(of.asked)));
		co_return co_await read_all_of(of.asked);
	}

	/* Reads a body while another coroutine sends the answers before this one. */
	handled flushing(route::call of) const
	{
		const auto [flushed, body] = co_await ktcp::all(of.to.flush(),
								read_all_of(of.asked));

		KTCP_CO_CHECK(flushed);
		KTCP_CO_CHECK(body);
		co_return co_await of.to.send("read");
	}

	/* Gives a write up in its midst, and tries once more. */
	handled again(route::call of) const
	{
		of.to.status(200).length(10);
		KTCP_CO_CHECK(co_await of.to.write("0123456789"));
		static_cast<void>(co_await ktcp::within(of.asked.peer(), 1000, of.to.flush()));
		static_cast<void>(co_await of.to.flush());
		co_return ktcp::result<void>();
	}

	/* Two coroutines write one response, in chunks. */
	handled mixed(route::call of) const
	{
		of.to.status(200);

		const auto [large, small] = co_await ktcp::all(write_bytes(of.to, 40'000),
							       write_bytes(of.to, 5));

		KTCP_CO_CHECK(large);
		co_return small;
	}

	/* Each fits, but not both. */
	handled too_much(route::call of) const
	{
		of.to.status(200).length(60'000);

		const auto [one, other] = co_await ktcp::all(write_bytes(of.to, 40'000),
							     write_bytes(of.to, 40'000));

		EXPECT_TRUE(one);
		EXPECT_EQ(other.error(), ktcp::errc::emsgsize);
		co_return ktcp::result<void>();
	}

	handled long_one(route::call of) const
	{
		static_cast<void>(co_await ktcp::race(of.asked.left(), write_long(of.to)));
		co_return ktcp::result<void>();
	}
};

const ktcp::http::service<api> service{ api() };

row text(std::string request, std::string body)
{
	return { std::move(request), "200 OK", "", std::move(body) };
}

} // namespace

TEST(http_routes, by_path_and_method)
{
	expect_rows(
		service,
		{
			text(get("/"), "root"),
			text(get("/items/5"), "5|"),
			text(get("/%69tems/a%2fb%20c?x"), "a/b c|"),
			text(request_of("DELETE", "/items/5/parts/%25"), "5|%"),
			text(request_of("PUT", "/items/5", "Content-Length: 3\r\n", "abc"), "abc"),
			text(request_of("PUT", "/items/5", "Transfer-Encoding: chunked\r\n",
					"3\r\nabc\r\n7\r\n1234567\r\n0\r\n\r\n"),
			     "abc1234567"),
			refusal(get("/items/"), 404),
			refusal(get("/items"), 404),
			refusal(get("/items/5/"), 404),
			refusal(get("/items/5/parts"), 404),
			refusal(get("/Items/5"), 404),
			refusal(get("//"), 404),
			refusal(get("/items/%zz"), 400),
			refusal(get("/items/" + std::string(17, 'a')), 400),
			refusal(get("/it%zms/5"), 404),
			refusal(request_of("DELETE", "/items/5"), 405,
				"Allow: GET, HEAD, PUT, OPTIONS\r\n"),
			refusal(get("/items/5/parts/6"), 405, "Allow: DELETE, OPTIONS\r\n"),
			refusal(request_of("DELETE", "/"), 405, "Allow: GET, HEAD, OPTIONS\r\n"),
			{ request_of("OPTIONS", "/items/5"), "204 No Content",
			  "Allow: GET, HEAD, PUT, OPTIONS\r\n", "" },
			{ request_of("OPTIONS", "*"), "204 No Content",
			  "Allow: GET, HEAD, PUT, DELETE, OPTIONS\r\n", "" },
			refusal(request_of("OPTIONS", "/none"), 404),
			/* A route's own answer, which is not that of the whole server. */
			{ request_of("OPTIONS", "/items/5/parts/6"), "204 No Content",
			  "X-Part: 6\r\n", "" },
		});

	const outcome head = answer(service, request_of("HEAD", "/items/5"));

	EXPECT_EQ(head.received, head_of("200 OK") + "Content-Length: 2\r\n\r\n");
}

/* As files have them: RFC 3986, section 5.2.4. */
TEST(http_routes, dot_segments_are_resolved)
{
	for (const char *path : { "/./items/5", "/items/./5", "/items/x/../5", "/items/%2e/5",
				  "/x/y/.%2E/%2e./items/5", "http://h/./items/5", "//../items/5" })
		expect_row(service, text(get(path), "5|"));
	for (const char *path : { "/.", "/./", "/x/..", "/x/../", "/x/y/../../", "/%2e?q=/../.." })
		expect_row(service, text(get(path), "root"));
	for (const char *path : { "/..", "/../items/5", "/items/../../items/5", "/.%2e/" })
		expect_row(service, refusal(get(path), 400));
	/* They end as a folder does, and three dots are a name. An encoded slash is part of a value. */
	expect_rows(service, {
				     refusal(get("/items/5/."), 404),
				     refusal(get("/items/5/x/.."), 404),
				     refusal(get("/items//5"), 404),
				     text(get("/items/..."), "...|"),
				     text(get("/items/.%2f.."), "./..|"),
				     text(get("/items/%252e"), "%2e|"),
			     });
	expect_row(service, { request_of("OPTIONS", "/./items/5"), "204 No Content",
			      "Allow: GET, HEAD, PUT, OPTIONS\r\n", "" });
}

TEST(http_routes, a_body_that_is_too_long)
{
	/* Said beforehand, or found out in its midst. */
	expect_rows(service,
		    {
			    refusal(request_of("PUT", "/items/5", "Content-Length: 11\r\n",
					       "12345678901"),
				    413, "", true),
			    refusal(request_of("PUT", "/items/5", "Transfer-Encoding: chunked\r\n",
					       "3\r\nabc\r\n8\r\n12345678\r\n0\r\n\r\n"),
				    413, "", true),
			    /* Its client does not send it. */
			    refusal(request_of("PUT", "/items/5",
					       "Content-Length: 11\r\nExpect: 100-continue\r\n"),
				    413, "", true),
		    });

	client one(service);

	one.send(request_of("PUT", "/items/5", "Content-Length: 11\r\nExpect: 100-continue\r\n"));
	EXPECT_TRUE(one.received().starts_with("HTTP/1.1 413 ")) << one.received();
}

TEST(http_routes, patterns)
{
	for (const char *good :
	     { "/", "/a", "/a/", "/{a}", "/{a}/b/{c}", "/a//b", "/{a}/{b}/{c}/{d}/{e}" })
		EXPECT_TRUE(route_values::is_pattern(good)) << good;
	for (const char *bad : { "", "a", "/{}", "/{a", "/a}", "/x{a}", "/{a}x", "/{a{b}}" })
		EXPECT_FALSE(route_values::is_pattern(bad)) << bad;

	route_values values;

	EXPECT_TRUE(values.match("/{a}/{b}", "/1/2"));
	EXPECT_EQ(values.raw("a"), "1");
	EXPECT_EQ(values.raw("b"), "2");
	EXPECT_EQ(values.raw("c"), "");
	EXPECT_EQ(values.number("c").error(), ktcp::errc::einval);
	EXPECT_EQ(*values.number("b"), 2u);
	EXPECT_TRUE(values.match("/{a}/{b}/{c}/{d}/{e}", "/1/2/3/4/5"));
	EXPECT_EQ(values.raw("e"), "5");
	EXPECT_TRUE(values.match("/{a}/{a}", "/1/2"));
	EXPECT_EQ(values.raw("a"), "1") << "the first of two";
	EXPECT_TRUE(values.match("/{a}/c d/", "/%7Ba%7D/c%20d/"));
	EXPECT_EQ(values.raw("a"), "%7Ba%7D");
	EXPECT_TRUE(values.match("/100%", "/100%25"));
	EXPECT_TRUE(values.match("/a//b", "/%61//b"));

	struct {
		const char *pattern, *path;
	} others[] = {
		{ "/{a}", "/" },	{ "/{a}", "/1/" },	{ "/{a}", "/1/2" },
		{ "/{a}/", "/1" },	{ "/{a}/b", "//b" },	{ "/{a}/b", "/1/" },
		{ "/{a}/b", "/1/bc" },	{ "/", "/1" },		{ "/a", "/" },
		{ "/a", "/a/" },	{ "/a/", "/a" },	{ "/a/b", "/a%2fb" },
		{ "/a/{b}", "/a%2F1" }, { "/{a}/b", "/1%2fb" }, { "/a//b", "/a/b" },
		{ "/100%", "/100%" },	{ "/a", "/%6" },	{ "/a", "/A" },
		{ "/%61", "/a" },	{ "/%61", "/%61" },
	};

	for (const auto &each : others) {
		EXPECT_TRUE(values.match("/{a}", "/1"));
		EXPECT_FALSE(values.match(each.pattern, each.path))
			<< each.pattern << ' ' << each.path;
		EXPECT_EQ(values.raw("a"), "") << "of a path that does not fit";
	}
	/* match() reads another text to its end alone: AddressSanitizer looks. */
	for (const std::string_view bad : { "/{", "/{a", "/{a/b", "/x{" }) {
		const std::vector<char> exact(bad.begin(), bad.end());

		static_cast<void>(values.match({ exact.data(), exact.size() }, "/x1/2/3"));
		EXPECT_EQ(values.raw("c"), "") << bad;
	}
}

TEST(http_query, values)
{
	char memory[8];
	const auto text = [&](std::string_view query, std::string_view name) {
		const auto got = query_values(query).text(name, memory);

		return got ? std::string(*got) : "(" + std::to_string(got.error().code()) + ")";
	};

	EXPECT_EQ(text("a=1&b=two+word", "b"), "two word");
	EXPECT_EQ(text("a=1&b=2", "a"), "1");
	EXPECT_EQ(text("a=1&b=2", "b"), "2");
	EXPECT_EQ(text("b=%32%2b+", "b"), "2+ ");
	EXPECT_EQ(text("%62=x", "b"), "x");
	EXPECT_EQ(text("a+b=x", "a b"), "x");
	EXPECT_EQ(text("a=1&a=2", "a"), "1");
	EXPECT_EQ(text("a", "a"), "");
	EXPECT_EQ(text("a=", "a"), "");
	EXPECT_EQ(text("a=b=c", "a"), "b=c");
	EXPECT_EQ(text("&&a=1&&", "a"), "1");
	EXPECT_EQ(text("=1", ""), "1");
	EXPECT_EQ(text("", "a"), "(-2)");
	EXPECT_EQ(text("aa=1", "a"), "(-2)");
	EXPECT_EQ(text("a=%", "a"), "(-22)");
	EXPECT_EQ(text("a=%4", "a"), "(-22)");
	EXPECT_EQ(text("a=%4g", "a"), "(-22)");
	EXPECT_EQ(text("%4g=1", "Jg"), "(-2)");
	EXPECT_EQ(text("a=12345678", "a"), "12345678");
	EXPECT_EQ(text("a=123456789", "a"), "(-90)");

	EXPECT_EQ(*query_values("n=18446744073709551615").number("n"), UINT64_MAX);
	EXPECT_EQ(*query_values("n=%31%320").number("n"), 120u);
	EXPECT_EQ(query_values("n=18446744073709551616").number("n").error(), ktcp::errc::erange);
	for (const char *bad : { "n=", "n", "n=-1", "n=1x", "n=+1", "n=0x1", "n=%3", "n=%41" })
		EXPECT_EQ(query_values(bad).number("n").error(), ktcp::errc::einval) << bad;
}

/* The client's deadlines are those of what it sends and reads, not of the handler's own work. */
TEST(http_routes, a_handler_that_works_for_long)
{
	for (const std::string &asked : {
		     get("/late"),
		     get("/") + get("/late"),
		     request_of("PUT", "/late", "Content-Length: 3\r\n", "abc"),
	     }) {
		client one(service);
		const std::string body = asked.ends_with("abc") ? "abc" : "";

		one.send(asked.substr(0, asked.size() - 1));
		one.send(asked.substr(asked.size() - 1));
		for (int i = 0; i < 10; i++) {
			EXPECT_FALSE(one.over()) << asked;
			one.wait_ms(10'500);
		}
		EXPECT_TRUE(one.received().ends_with(
			"Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body))
			<< asked << one.received();
		EXPECT_FALSE(one.over()) << asked;
	}
}

/* The answer to an earlier request does not wait for what a later one waits for. */
TEST(http_routes, an_earlier_answer_leaves_before_a_handler_that_waits)
{
	client one(service);

	one.send(get("/") + get("/late"));
	EXPECT_TRUE(one.received().ends_with("root")) << one.received();
	one.wait_ms(100'000);
	EXPECT_TRUE(one.received().ends_with("Content-Length: 0\r\n\r\n")) << one.received();
}

namespace
{

struct lonely : api {
	static constexpr bool waits_for_others = false;
};

} // namespace

/* One send for all, where the handler says that it waits for its client alone. */
TEST(http_routes, a_pipeline_leaves_together)
{
	const std::string asked = get("/") + get("/items/5");
	const ktcp::http::service<lonely> together{ lonely() };
	client one(service), other(together);

	one.send(asked);
	other.send(asked);
	EXPECT_EQ(one.received(), other.received());
	EXPECT_EQ(one.sends().size(), 2u);
	EXPECT_EQ(other.sends().size(), 1u);
}

static std::string put_both(std::size_t bytes)
{
	return request_of("PUT", "/both/" + std::to_string(bytes), "Content-Length: 4\r\n");
}

static std::string answer_of_both(std::size_t bytes)
{
	return head_of("200 OK") + "Content-Length: " + std::to_string(5 + bytes) +
	       "\r\n\r\nfirst" + std::string(bytes, 'x');
}

/* The client may send its body before it reads the answer, or read the answer first. */
TEST(http_both_ways, a_body_and_an_answer_at_once)
{
	for (const std::size_t bytes : { 3, 40'000 }) {
		const std::string all = answer_of_both(bytes);

		for (const std::size_t reads :
		     { std::size_t{ 0 }, std::size_t{ 10 }, all.size() - 1 }) {
			client one(service);

			one.read_only(reads);
			one.send(put_both(bytes));
			EXPECT_TRUE(one.is_waited_for()) << bytes << ' ' << reads;
			one.send("ab");
			one.send("cd");
			EXPECT_FALSE(one.over());
			one.read_on();
			EXPECT_EQ(one.received(), all) << bytes << ' ' << reads;
			EXPECT_FALSE(one.is_waited_for());
			one.send(get("/"));
			EXPECT_TRUE(one.received().ends_with("root")) << bytes << ' ' << reads;
		}

		client first(service);

		first.send(put_both(bytes));
		EXPECT_EQ(first.received(), all);
		first.send("abcd" + get("/"));
		EXPECT_TRUE(first.received().ends_with("root"));
	}
}

/* Each way has its time: that of the one neither ends nor prolongs that of the other. */
TEST(http_both_ways, each_has_its_time)
{
	const std::size_t head_and_little = answer_of_both(40'000).size() - 39'990;
	client one(service);

	one.read_only(head_and_little);
	one.send(put_both(40'000));
	ASSERT_TRUE(one.is_waited_for());
	EXPECT_EQ(one.until_deadline_ms(), 20'000) << "the body's, which is earlier";
	machine.now_ms += 15'000;
	one.read_on();
	EXPECT_EQ(one.received(), answer_of_both(40'000));
	EXPECT_EQ(one.until_deadline_ms(), 5000) << "the write is over, and the body's time is not";
	one.wait_ms(5000);
	EXPECT_TRUE(one.was_shut() || one.over()) << "its body did not come";

	client other(service);

	other.read_only(head_and_little);
	other.send(put_both(40'000));
	machine.now_ms += 15'000;
	other.send("abcd");
	EXPECT_TRUE(other.is_waited_for());
	EXPECT_EQ(other.until_deadline_ms(), 30'000 + 80'000 - 15'000)
		<< "the body has come, and the client has time to read";
	other.wait_ms(120'000);
	EXPECT_TRUE(other.over());
	EXPECT_TRUE(other.was_reset()) << "some of the answer is missing";
}

/* A wait for a body that was given up leaves neither a deadline nor half of the output. */
TEST(http_both_ways, a_body_that_is_waited_for_no_longer)
{
	client one(service);

	one.send(request_of("PUT", "/impatient", "Content-Length: 4\r\n"));
	EXPECT_EQ(one.until_deadline_ms(), 20'000);
	one.wait_ms(1000);
	EXPECT_EQ(one.until_deadline_ms(), -1);
	one.wait_ms(90'000);
	EXPECT_FALSE(one.over());

	client half(service);

	half.read_only(50);
	half.send(request_of("PUT", "/impatient", "Content-Length: 4\r\n"));
	ASSERT_TRUE(half.is_waited_for());
	half.wait_ms(1000);
	half.read_on();
	half.wait_ms(100'000);
	EXPECT_TRUE(half.over());
	EXPECT_TRUE(half.was_reset());
	EXPECT_EQ(half.received().size(), 50u) << "nothing of it is sent twice";
}

/* The body behind a head, without the sizes of its chunks. */
static std::string chunks_of(client &one, const std::string &head)
{
	const std::string chunks = one.received();
	std::string all;

	EXPECT_TRUE(chunks.starts_with(head)) << chunks;
	for (std::size_t at = head.size(); at < chunks.size();) {
		const std::size_t size = std::stoul(chunks.substr(at), nullptr, 16);

		at = chunks.find("\r\n", at) + 2;
		all += chunks.substr(at, size);
		at += size + 2;
		EXPECT_EQ(chunks.substr(at - 2, 2), "\r\n");
	}
	return all;
}

/* A response that two coroutines write, one of which waits for the client to read. */
TEST(http_both_ways, two_write_one_response)
{
	const std::string head = head_of("200 OK") + "Transfer-Encoding: chunked\r\n\r\n";

	for (const std::size_t reads :
	     { std::size_t{ 0 }, head.size() + 3, std::size_t{ 20'000 } }) {
		client one(service);

		one.read_only(reads);
		one.send(get("/mixed"));
		ASSERT_TRUE(one.is_waited_for());
		one.read_on();
		EXPECT_EQ(chunks_of(one, head), std::string(40'005, 'x')) << reads;
		EXPECT_FALSE(one.over());
	}

	client much(service);

	much.read_only(100);
	much.send(get("/too-much"));
	much.read_on();
	EXPECT_TRUE(much.over());
	EXPECT_TRUE(much.was_reset()) << "some of it is missing";
	EXPECT_EQ(much.received(),
		  head_of("200 OK") + "Content-Length: 60000\r\n\r\n" + std::string(40'000, 'x'));
}

/* Nothing follows a write that was given up in its midst: the client could not tell. */
TEST(http_both_ways, nothing_is_sent_twice)
{
	for (const std::string &asked :
	     { get("/again"), request_of("PUT", "/insistent", "Content-Length: 4\r\n") }) {
		client one(service);

		one.read_only(50);
		one.send(asked);
		ASSERT_TRUE(one.is_waited_for()) << asked;
		one.wait_ms(1000);
		one.read_on();
		one.send("abcd");
		EXPECT_TRUE(one.over()) << asked;
		EXPECT_TRUE(one.was_reset()) << asked;
		EXPECT_EQ(one.received().size(), 50u) << asked;
	}

	/* A body that no handler reads, of a client that does not read what it is told. */
	client one(service);

	one.read_only(10);
	one.send(request_of("PUT", "/", "Content-Length: 4\r\n"));
	EXPECT_TRUE(one.is_waited_for());
	one.wait_ms(40'000);
	EXPECT_TRUE(one.over());
	EXPECT_TRUE(one.was_reset());
}

/* A client that waits to be told is told, whichever coroutine writes just then. */
TEST(http_both_ways, a_client_is_told_to_continue)
{
	const ktcp::http::service<lonely> together{ lonely() };
	client one(together);

	one.read_only(10);
	one.send(get("/") +
		 request_of("PUT", "/flushing", "Content-Length: 4\r\nExpect: 100-continue\r\n"));
	ASSERT_TRUE(one.is_waited_for());
	one.read_on();
	EXPECT_TRUE(one.received().ends_with("rootHTTP/1.1 100 Continue\r\n\r\n"))
		<< one.received();
	one.send("abcd");
	EXPECT_TRUE(one.received().ends_with("read")) << one.received();
}

/* As of ktcp::connection: a time that is too long is the longest. */
TEST(http_both_ways, a_time_for_ever)
{
	const ktcp::http::service<api> patient{ api(), { .keep_alive_ms = UINT32_MAX } };
	client one(patient);

	one.send(get("/"));
	EXPECT_EQ(one.until_deadline_ms(), INT32_MAX);
	one.wait_ms(1000);
	EXPECT_FALSE(one.over());
}

/* Events as they came. */
static std::string events_of(client &one)
{
	return chunks_of(one,
			 head_of("200 OK") +
				 "Content-Type: text/event-stream\r\nCache-Control: no-store\r\n"
				 "Transfer-Encoding: chunked\r\n\r\n");
}

TEST(http_events, leave_at_once_and_end_with_the_client)
{
	client one(service);
	const auto text = [&] { return events_of(one); };

	one.send(get("/events"));
	EXPECT_EQ(text(), "event: first\ndata: a\ndata: b\ndata: 0\n\n");
	EXPECT_EQ(machine.buffers, 1u) << "that of the request's head";
	one.wait_ms(500);
	EXPECT_EQ(text(), "event: first\ndata: a\ndata: b\ndata: 0\n\n");
	one.wait_ms(600);
	EXPECT_EQ(text(),
		  "event: first\ndata: a\ndata: b\ndata: 0\n\nid: x\ndata: a\ndata: b\ndata: 1\n\n");
	for (int i = 0; i < 10; i++)
		one.wait_ms(1100);
	EXPECT_TRUE(text().ends_with("data: 11\n\n")) << text();
	one.finish();
	EXPECT_TRUE(one.over());
}

TEST(http_events, end_when_the_client_asks_for_more)
{
	client one(service);

	one.send(get("/events"));
	one.send(get("/"));
	EXPECT_TRUE(one.was_reset()) << "this handler takes it for a failure";

	const outcome head = answer(service, request_of("HEAD", "/events") + get("/"));

	EXPECT_TRUE(head.received.ends_with("root")) << head;
}

/* The deadlines of its writes do not end the response. */
TEST(http_events, go_on_until_the_client_leaves)
{
	client one(service);
	std::string expected = "data: 0\n\n";

	one.send(get("/watched"));
	EXPECT_EQ(events_of(one), expected);
	for (int i = 1; i < 20; i++) {
		one.wait_ms(10'500);
		one.wait_ms(10'500);
		expected += "data: " + std::to_string(i) + "\n\n";
		EXPECT_EQ(events_of(one), expected);
		EXPECT_FALSE(one.over());
	}
	one.finish();
	EXPECT_TRUE(one.over());
	EXPECT_FALSE(one.was_reset());
}

TEST(http_events, leave_for_the_next_request)
{
	client one(service);

	one.send(get("/watched"));
	EXPECT_FALSE(one.over());
	one.send(get("/"));
	EXPECT_TRUE(one.received().ends_with("root")) << one.received();
	EXPECT_FALSE(one.over());
}

/* The deadline is that of the write, whichever coroutine waits beside it. */
TEST(http_events, end_when_the_client_does_not_read)
{
	for (const char *target : { "/watched", "/paused" })
		for (const std::size_t taken : { 0, 100 }) {
			client one(service);

			one.read_only(taken);
			one.send(get(target));
			ASSERT_TRUE(one.is_waited_for()) << target;
			one.wait_ms(29'000);
			EXPECT_FALSE(one.over()) << target;
			one.wait_ms(20'000);
			EXPECT_TRUE(one.over()) << target;
			EXPECT_TRUE(one.was_reset()) << target << ": some of it is missing";
		}
}

/* A coroutine that is destroyed in the midst of a write leaves no part of it behind. */
TEST(http_events, cut_short_in_the_midst_of_a_write)
{
	for (const char *target : { "/long", "/watched" }) {
		client one(service);

		one.read_only(100);
		one.send(get(target));
		ASSERT_TRUE(one.is_waited_for()) << target;
		one.send(get("/"));
		one.read_on();
		EXPECT_TRUE(one.over()) << target;
		EXPECT_TRUE(one.was_reset()) << target;
		EXPECT_LE(one.received().size(), 100u) << target;
	}
}
