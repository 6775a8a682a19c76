// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* ktcp/http/access_log.hpp: its lines, their bound, and what a reader gets. */
#include <ktcp/http/access_log.hpp>
#include <ktcp/http/service.hpp>

#include <cstdarg>
#include <string>
#include <vector>

#include "exchange.hpp"

namespace
{

using ktcp::http::access_log;

/* In user space nothing is printed, so the lines are looked at by their parts: see read(). */
struct logged {
	ktcp::task_of<void> operator()(ktcp::http::request &, ktcp::http::response &to) const
	{
		to.status(200).reply("hello");
		return {};
	}

	void done(const ktcp::http::request &asked,
		  const ktcp::http::response &answer) const noexcept
	{
		log.add(asked, answer);
	}

	access_log &log;
};

/* All that an opening finds. */
std::vector<std::string> read(access_log &log)
{
	std::vector<std::string> lines;
	access_log::reader reader(log);

	for (std::uint64_t i = 0; reader.at(i); i++)
		lines.push_back(std::string(reader.text()));
	return lines;
}

} // namespace

TEST(access_log, a_line_a_request)
{
	access_log log(10'000);
	const ktcp::http::service<logged> service{ logged{ log } };
	const std::string before = "- - - [01/Jan/2024:00:00:00 +0000] ";

	for (const std::string &each :
	     { get("/a?b=c"), request_of("HEAD", "/"), std::string("GET / HTTP/1.0\r\n\r\n"),
	       get("/\xc3\xbc\"\\"), std::string("nonsense\r\n\r\n"),
	       get("/" + std::string(9000, 'a')) })
		send_in_pieces(service, { each }, each.size());

	const std::vector<std::string> lines = read(log);

	ASSERT_EQ(lines.size(), 6u);
	EXPECT_EQ(lines[0], before + "\"GET /a?b=c HTTP/1.1\" 200 5");
	EXPECT_EQ(lines[1], before + "\"HEAD / HTTP/1.1\" 200 0");
	EXPECT_EQ(lines[2], before + "\"GET / HTTP/1.0\" 200 5");
	EXPECT_EQ(lines[3], before + "\"GET /%c3%bc%22%5c HTTP/1.1\" 200 5");
	EXPECT_TRUE(lines[4].starts_with(before + "\"-\" 400 ")) << lines[4];
	EXPECT_TRUE(lines[5].starts_with(before + "\"-\" 414 ")) << lines[5];
	EXPECT_TRUE(read(log).empty()) << "who reads them takes them out";
}

TEST(access_log, of_either_family)
{
	access_log log(10'000);
	ktcp_endpoint raw = {};

	raw.address[10] = raw.address[11] = 0xff;
	raw.address[12] = 192;
	raw.address[14] = 2;
	raw.address[15] = 7;
	raw.port = 0;
	log.add(ktcp::endpoint(raw), "GET", "/", 1, 304, 0);
	raw = {};
	raw.address[0] = 0xfe;
	raw.address[1] = 0x80;
	raw.address[15] = 1;
	raw.scope_id = 3;
	log.add(ktcp::endpoint(raw), "GET", "/", 1, 200, 18446744073709551615u);

	const std::vector<std::string> lines = read(log);

	ASSERT_EQ(lines.size(), 2u);
	EXPECT_TRUE(lines[0].starts_with("192.0.2.7 - - [")) << lines[0];
	EXPECT_TRUE(lines[1].starts_with("fe80::1%3 - - [")) << lines[1];
	EXPECT_TRUE(lines[1].ends_with(" 200 18446744073709551615")) << lines[1];
}

TEST(access_log, the_oldest_give_way_and_are_counted)
{
	access_log log(1000);

	for (int i = 0; i < 100; i++)
		log.add({}, "GET", "/" + std::to_string(i), 1, 200, 0);

	const std::vector<std::string> lines = read(log);

	ASSERT_GT(lines.size(), 3u);
	ASSERT_LT(lines.size(), 20u);
	EXPECT_EQ(lines[0], "# " + std::to_string(100 - (lines.size() - 1)) + " lines were lost");
	EXPECT_NE(lines.back().find("/99 "), std::string::npos);
	EXPECT_TRUE(read(log).empty());
}

/* Its bound is that of the memory, for lines of any length. */
TEST(access_log, takes_no_more_memory_than_it_is_given)
{
	const std::size_t before = machine.kmalloc_bytes;

	for (const std::size_t length : { 1, 30, 100, 300, 500 }) {
		access_log log(20'000);

		for (std::size_t i = 0; i < 1000; i++)
			log.add({}, "GET", "/" + std::string(i % length, 'x'), 1, 200, i);
		EXPECT_LE(machine.kmalloc_bytes - before, 20'000u) << length;
		EXPECT_GT(machine.kmalloc_bytes - before, 18'000u) << length;
	}
	EXPECT_EQ(machine.kmalloc_bytes, before);
}

/* A line is asked for once more, or the reader goes before it has printed it. */
TEST(access_log, a_reader_that_stops_leaves_the_rest)
{
	access_log log(10'000);

	for (int i = 0; i < 3; i++)
		log.add({}, "GET", "/" + std::to_string(i), 1, 200, 0);
	{
		access_log::reader reader(log);

		ASSERT_TRUE(reader.at(0));
		ASSERT_TRUE(reader.at(0));
		EXPECT_NE(reader.text().find("/0 "), std::string::npos);
		ASSERT_TRUE(reader.at(1));
	}
	EXPECT_EQ(read(log).size(), 2u);
}

TEST(access_log, without_memory_a_line_is_lost)
{
	access_log log(10'000), none(0);

	machine.failing = machine.allocations;
	log.add({}, "GET", "/", 1, 200, 0);
	none.add({}, "GET", "/", 1, 200, 0);
	machine.failing = SIZE_MAX;
	/* A reader that goes before it has printed that leaves it to the next. */
	EXPECT_TRUE(access_log::reader(log).at(0));
	EXPECT_EQ(read(log), std::vector<std::string>{ "# 1 line was lost" });
	EXPECT_TRUE(read(none).empty());
}
