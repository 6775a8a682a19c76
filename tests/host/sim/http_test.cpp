/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * An HTTP server of files, over many schedules, and with every call made to fail: a response
 * that looks whole is the right one.
 */
#include <gtest/gtest.h>

#include <cstdlib>
#include <optional>
#include <string>

#include <ktcp/http/file_service.hpp>
#include <ktcp/http/service.hpp>
#include <ktcp/server.hpp>

#include <sim/client.hpp>
#include <sim/explore.hpp>
#include <sim/files.hpp>
#include <sim/world.hpp>

namespace
{

using sim::client;
using sim::options;
using sim::world;

constexpr uint16_t port = 80;

/* Files, but for POST, whose body comes back. */
class site {
    public:
	site(const ktcp::file_root &root, ktcp::http::shared_listings &listings) noexcept
		: files_(root, { .listings = &listings })
	{
	}

	ktcp::task_of<void> operator()(ktcp::http::request &asked, ktcp::http::response &to) const
	{
		return asked.method() == ktcp::http::method::post ? echo(asked, to) :
								    files_.serve(asked, to);
	}

    private:
	static ktcp::task_of<void> echo(ktcp::http::request &asked, ktcp::http::response &to)
	{
		to.status(200).field("Content-Type", "text/plain");
		for (;;) {
			const auto piece = co_await asked.read_body();

			if (!piece)
				co_return piece.error();
			if (piece->empty())
				co_return ktcp::result<void>();

			const auto written = co_await to.write(*piece);

			if (!written)
				co_return written;
		}
	}

	ktcp::http::file_service files_;
};

/* As a module: the root first, the server below it. */
class http_server {
    public:
	ktcp::result<void> start(const char *model)
	{
		ktcp::server_options with;

		KTCP_TRY(open());
		with.name = "http";
		with.port = port;
		with.model = model;
		/* HTTP's own bounds are tested here. */
		with.timeouts = { .idle_ms = 0, .write_ms = 0 };
		with.max_per_source = 0;
		return server_.start(with);
	}
	void stop()
	{
		server_.stop();
		root_ = ktcp::file_root();
	}

    private:
	ktcp::result<void> open()
	{
		auto opened = ktcp::file_root::open("/", {});

		if (!opened)
			return opened.error();
		root_ = std::move(*opened);
		return {};
	}

	ktcp::file_root root_;
	ktcp::http::shared_listings listings_{ {} };
	ktcp::server<ktcp::http::service<site>, ktcp::any_model> server_{ ktcp::http::service<site>(
		site(root_, listings_)) };
};

/* The first response in the text, and what follows it; nothing if it is cut short. */
struct answer {
	int status;
	std::string body;
};

std::optional<answer> take_answer(std::string &text)
{
	const size_t head = text.find("\r\n\r\n");

	if (head == std::string::npos || !text.starts_with("HTTP/1.1 "))
		return {};

	const std::string fields = text.substr(0, head + 2);
	answer a{ std::atoi(text.c_str() + 9), "" };

	if (const size_t at = fields.find("\r\nContent-Length: "); at != std::string::npos) {
		const size_t length = std::strtoul(fields.c_str() + at + 18, nullptr, 10);

		if (text.size() < head + 4 + length)
			return {};
		a.body = text.substr(head + 4, length);
		text.erase(0, head + 4 + length);
		return a;
	}
	if (fields.find("\r\nTransfer-Encoding: chunked") == std::string::npos) {
		text.erase(0, head + 4);
		return a;
	}
	for (size_t at = head + 4;;) {
		const size_t line = text.find("\r\n", at);

		if (line == std::string::npos)
			return {};

		const size_t size = std::strtoul(text.c_str() + at, nullptr, 16);

		if (text.size() < line + 2 + size + 2)
			return {};
		a.body += text.substr(line + 2, size);
		at = line + 2 + size + 2;
		if (!size) {
			text.erase(0, at);
			return a;
		}
	}
}

class Http : public testing::TestWithParam<const char *> {};

INSTANTIATE_TEST_SUITE_P(Model, Http, testing::Values("event", "work", "thread"),
			 [](const auto &info) { return std::string(info.param); });

/*
 * Requests of several kinds, one behind the other, and the answer that each must get. All must come
 * unless something fails, or memory is scarce, or the server stops meanwhile.
 */
void browse(world &w, bool promised = true)
{
	static const struct {
		const char *request;
		int status;
		std::string body;
	} kinds[] = {
		{ "GET /small.txt HTTP/1.1\r\nHost: a\r\n\r\n", 200, sim::files().at("small.txt") },
		{ "GET /large.txt HTTP/1.1\r\nHost: a\r\n\r\n", 200, sim::files().at("large.txt") },
		{ "GET /large.txt HTTP/1.1\r\nHost: a\r\nRange: bytes=5000-5099\r\n\r\n", 206,
		  sim::files().at("large.txt").substr(5000, 100) },
		{ "GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n", 404, "" },
		{ "GET /folder HTTP/1.1\r\nHost: a\r\n\r\n", 301, "" },
		{ "GET /folder/ HTTP/1.1\r\nHost: a\r\n\r\n", 200, "" },
		{ "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello", 200, "hello" },
		{ "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
		  "2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
		  200, "hello" },
	};
	unsigned asked[3];
	std::string text;
	client c;

	for (unsigned &each : asked)
		text += kinds[each = w.chance().below(8)].request;
	if (c.connect(sim::v4_loopback(port)))
		return;

	std::string back = c.exchange(text);

	for (unsigned each : asked) {
		const auto got = take_answer(back);

		if (promised && !w.injected())
			SIM_EXPECT(w, got);
		if (!got)
			return;
		if (promised && !w.injected())
			SIM_EXPECT_EQ(w, got->status, kinds[each].status);
		if (got->status == kinds[each].status && !kinds[each].body.empty())
			SIM_EXPECT(w, got->body == kinds[each].body);
	}
}

TEST_P(Http, Serves)
{
	options how;

	how.buffer_bytes = 3000;
	how.time_limit_ms = 60000;
	sim::explore(300, how, [](world &w) {
		http_server server;

		SIM_EXPECT(w, server.start(GetParam()));
		for (unsigned i = 0; i < 2; i++)
			w.spawn("client", [&w] { browse(w); });
		w.join();
		server.stop();
		w.unload();
	});
}

void fail_each_call(unsigned seeds, const char *model)
{
	options how;

	how.buffer_bytes = 3000;
	how.time_limit_ms = 60000;
	sim::explore_failures(seeds, how, [model](world &w) {
		http_server server;

		if (!server.start(model)) {
			SIM_EXPECT(w, w.injected());
			server.stop();
			w.unload();
			return;
		}
		client idle;

		for (unsigned i = 0; i < 2; i++)
			w.spawn("client", [&w] { browse(w); });
		idle.connect(sim::v4_loopback(port)); /* and stays */
		w.join();
		server.stop();
		w.unload();
	});
}

/*
 * Clients who ask for a folder at once share a reading of it. But each is shown all that was there when it asked, so
 * none may share one that had begun before.
 */
TEST_P(Http, ReadsAFolderOnceForMany)
{
	constexpr unsigned many = 5;
	const uint64_t before = sim::listed();
	uint64_t runs = 0, answers = 0;
	options how;

	how.buffer_bytes = 3000;
	how.time_limit_ms = 60000;
	sim::explore(200, how, [&runs, &answers](world &w) {
		http_server server;
		const uint64_t at_first = sim::listed();

		runs++;
		sim::forget_files();
		for (unsigned i = 0; i < 200; i++) /* so that a reading takes its time */
			sim::make_file("folder/old-" + std::to_string(i));
		SIM_EXPECT(w, server.start(GetParam()));
		for (unsigned i = 0; i < many; i++)
			w.spawn("client", [&w, &answers, at_first, i] {
				const std::string own = "new-" + std::to_string(i);
				client c;

				if (c.connect(sim::v4_loopback(port)))
					return;
				/* Every other one asks while a reading goes on. */
				c.send("GET /folder/ HTTP/1.1\r\nHost: a\r\n\r", 100);
				for (unsigned n = 0; i % 2 && sim::listed() == at_first && n < 2000;
				     n++)
					w.point();
				sim::make_file("folder/" + own);

				std::string back = c.exchange("\n");
				const auto got = take_answer(back);

				SIM_EXPECT(w, got);
				SIM_EXPECT_EQ(w, got->status, 200);
				for (const std::string &name : { std::string("one"), own })
					SIM_EXPECT(w, got->body.find("\"" + name + "\"") !=
							      std::string::npos);
				answers++;
			});
		w.join();
		server.stop();
		w.unload();
	});
	sim::forget_files();

	EXPECT_GE(answers, runs * many / 2);
	EXPECT_LT(sim::listed() - before, answers * 9 / 10);
}

TEST_P(Http, SurvivesEveryFailure)
{
	fail_each_call(6, GetParam());
}

/* Of the boundary's functions, none that can fail and that a server calls is left out. */
TEST(Injection, ReachesEveryCallThatCanFail)
{
	/* Softirq's calls are of this model alone, and not each seed comes to a send there. */
	fail_each_call(80, "event");
	for (const char *model : { "work", "thread" })
		fail_each_call(40, model);
	for (const char *call : { "ktcp_kmalloc",	    "ktcp_kmem_cache_create",
				  "ktcp_kmem_cache_alloc",  "ktcp_alloc_pages",
				  "ktcp_alloc_workqueue",   "ktcp_kthread_run",
				  "ktcp_proc_mkdir",	    "ktcp_proc_create",
				  "ktcp_sock_create",	    "ktcp_sock_bind",
				  "ktcp_sock_listen",	    "ktcp_sock_accept",
				  "ktcp_sock_remote",	    "ktcp_sock_recv",
				  "ktcp_sock_send",	    "ktcp_sock_send, for good",
				  "ktcp_sock_softirq_recv", "ktcp_sock_softirq_send",
				  "ktcp_turns_get",	    "ktcp_sock_hold_net",
				  "ktcp_file_root_open",    "ktcp_file_open",
				  "ktcp_file_stat",	    "ktcp_file_restat",
				  "ktcp_file_read",	    "ktcp_file_read_pages",
				  "ktcp_file_list" })
		EXPECT_TRUE(sim::injections().contains(call)) << call << " never failed";
}

TEST_P(Http, SurvivesManyFailures)
{
	options how;

	how.fail_chance = 1500;
	how.scarce_memory = true;
	how.hasty_time = true;
	how.buffer_bytes = 3000;
	how.time_limit_ms = 60000;
	sim::explore(500, how, [](world &w) {
		http_server server;

		if (server.start(GetParam())) {
			for (unsigned i = 0; i < 3; i++)
				w.spawn("client", [&w] {
					client c;

					if (w.chance().coin())
						return browse(w, false);
					if (!c.connect(sim::v4_loopback(port))) {
						c.send("GET /large.txt HTTP/1.1\r\nHost: a\r\n\r\n",
						       100);
						w.sleep_ms(w.chance().below(50));
						c.reset();
					}
				});
			w.sleep_ms(w.chance().below(300));
		}
		server.stop();
		w.unload();
		w.join();
	});
}

} // namespace
