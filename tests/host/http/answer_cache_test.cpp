// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* ktcp/http/answer_cache.hpp: answers that are kept. */
#include <ktcp/http/answer_cache.hpp>

#include <cstring>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <unistd.h>

#include "served_files.hpp"

class http_cache : public http_files {
    protected:
	ktcp::http::answer_cache recent{ { .valid_ms = 1000, .most = 100'000 } };

	void SetUp() override
	{
		how.recent = &recent;
		http_files::SetUp();
	}

	std::string body(const std::string &target, const std::string &lines = "")
	{
		const std::string text = answer(*service, get(target, lines)).received;

		return text.substr(text.find("\r\n\r\n") + 4);
	}
};

/* A change is seen when the time is over, and not before. */
TEST_F(http_cache, lasts_as_long_as_it_is_told)
{
	expect({ { get("/a.txt"), "200 OK", hello_fields, hello } });
	write("a.txt", "changed");
	EXPECT_EQ(body("/a.txt"), hello);
	machine.now_ms += 999;
	EXPECT_EQ(body("/a.txt"), hello);
	machine.now_ms += 1;
	EXPECT_EQ(body("/a.txt"), "changed");
	write("a.txt", hello);
	machine.suspended_ms += 1000;
	EXPECT_EQ(body("/a.txt"), hello) << "time goes on while the machine sleeps";

	/* So is what becomes of it otherwise. */
	for (const auto &change : std::initializer_list<std::function<void()>>{
		     [&] { fs::resize_file(folder / "a.txt", 3); },
		     [&] { fs::rename(folder / "ten", folder / "a.txt"); },
		     [&] { fs::permissions(folder / "a.txt", fs::perms(geteuid() ? 0 : 0600)); },
		     [&] { fs::remove(folder / "a.txt"); } }) {
		const std::string before = answer(*service, get("/a.txt")).received;
		std::error_code ignored;

		change();
		EXPECT_EQ(answer(*service, get("/a.txt")).received, before);
		machine.now_ms += 1000;
		EXPECT_NE(answer(*service, get("/a.txt")).received, before);
		fs::permissions(folder / "a.txt", fs::perms(0644), ignored);
		machine.now_ms += 1000;
	}
	EXPECT_TRUE(answer(*service, get("/a.txt")).received.starts_with("HTTP/1.1 404"));
}

/* To the byte, for requests of every kind. */
TEST_F(http_cache, answers_as_without_it)
{
	const std::string tag = real(hello_fields).substr(hello_fields.find("ETag: ") + 6, 36);
	const std::string all[] = {
		get("/a.txt"),
		get("/a.txt?q"),
		request_of("HEAD", "/a.txt"),
		request_of("POST", "/a.txt", "Content-Length: 0\r\n"),
		get("/a.txt", "Range: bytes=1-3\r\n"),
		get("/a.txt", "Range: x\r\n"),
		get("/a.txt", "If-None-Match: \"x\", " + tag.substr(0, tag.find('\r')) + "\r\n"),
		get("/a.txt", "If-Match: \"x\"\r\n"),
		get("/a.txt", "If-Modified-Since: Tue, 14 Nov 2023 22:13:20 GMT\r\n"),
		get("/a.txt", "If-Unmodified-Since: Tue, 14 Nov 2000 22:13:20 GMT\r\n"),
		get("/page.html"),
		get("/page.html", "Accept-Encoding: gzip\r\n"),
		request_of("HEAD", "/page.html", "Accept-Encoding: gzip\r\n"),
		get("/page.html", "Accept-Encoding: gzip\r\nRange: bytes=2-5\r\n"),
		get("/site/"),
		get("/site"),
		get("/none"),
		get("/empty.txt"),
		get("/big.bin"),
		get("/a.txt", "Connection: close\r\n"),
		"GET /a.txt HTTP/1.0\r\n\r\n",
		get("/a.txt") + get("/page.html") + get("/a.txt"),
	};
	std::vector<outcome> plain;

	how.recent = nullptr;
	open();
	for (const std::string &each : all)
		plain.push_back(send_in_pieces(*service, { each }, each.size()));
	how.recent = &recent;
	open();
	for (int round = 0; round < 2; round++)
		for (std::size_t i = 0; i < std::size(all); i++)
			EXPECT_EQ(answer(*service, all[i]), plain[i]) << all[i];
}

/* Behind a hundred others, a body may have no room in the output. */
TEST_F(http_cache, answers_a_pipeline)
{
	write("k", std::string(8000, 'k'));

	std::string requests, expected;

	for (int i = 0; i < 100; i++) {
		requests += get("/k");
		expected += real(text_of({ "", "200 OK", described("application/octet-stream", 8000),
					   std::string(8000, 'k') }));
	}

	client one(*service);

	one.send(get("/k"));
	one.received().clear();
	one.take_at_most(700);
	one.send(requests);
	EXPECT_EQ(one.received(), expected);

	/* No memory for one of them is a 503. */
	requests.resize(5 * get("/k").size());
	for_each_failing_allocation(*service, [&](client &another) {
		another.send(requests);
		EXPECT_EQ(another.received().find("HTTP/1.1 500 "), std::string::npos);
	});
}

/* The oldest give way, and memory that is not there is nobody's loss. */
TEST_F(http_cache, stays_within_its_bounds)
{
	for (int i = 0; i < 300; i++)
		write("many/" + std::to_string(i), std::string(1000, 'm'));

	const std::size_t before = ktcp::test::machine.allocations;

	for (int i = 0; i < 300; i++)
		EXPECT_EQ(body("/many/" + std::to_string(i)).size(), 1000u);
	for (int i = 0; i < 300; i++)
		fs::remove(folder / ("many/" + std::to_string(i)));

	unsigned int kept = 0;

	for (int i = 0; i < 300; i++)
		kept += answer(*service, get("/many/" + std::to_string(i)))
				.received.starts_with("HTTP/1.1 200");
	EXPECT_GT(kept, 40u);
	EXPECT_LT(kept, 100u);
	EXPECT_GT(ktcp::test::machine.allocations, before);
}

/* Its bound is that of the memory: 8 KiB of a file and a few fields lie in 16. */
TEST_F(http_cache, takes_no_more_memory_than_it_is_given)
{
	for (const std::size_t size : { 1, 1000, 3000, 8192 }) {
		for (int i = 0; i < 50; i++)
			write("many/" + std::to_string(i), std::string(size, 'm'));

		const std::size_t before = machine.kmalloc_bytes;
		std::optional<ktcp::http::answer_cache> own;

		own.emplace(ktcp::http::answer_cache::options{ .valid_ms = 1000, .most = 100'000 });
		how.recent = &*own;
		open();
		for (int i = 0; i < 50; i++)
			send_in_pieces(*service, { get("/many/" + std::to_string(i)) }, 1000);
		EXPECT_LE(machine.kmalloc_bytes - before, 100'000u) << size;
		EXPECT_GT(machine.kmalloc_bytes - before, size < 1000 ? 5000u : 80'000u) << size;
		service.reset();
		own.reset();
	}
	how.recent = &recent;
	open();
}
