// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* Answers of HTTP servers: measured, learnt, compared to the byte. */
#include "http.hpp"

#include <gtest/gtest.h>

#include <cstdio>
#include <filesystem>
#include <fstream>

#include "load.hpp"
#include "server.hpp"

namespace
{

using load::measure;

std::string answer(const std::string &body, const std::string &date)
{
	return "HTTP/1.1 200 OK\r\nDate: " + date +
	       "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

/* Answers each request with what the function makes of its number. */
std::function<void(int)> answering(std::function<std::string(unsigned)> make)
{
	return [make](int fd) {
		char buffer[4096];
		std::string waiting;
		unsigned number = 0;

		for (ssize_t got; (got = recv(fd, buffer, sizeof buffer, 0)) > 0;) {
			waiting.append(buffer, static_cast<size_t>(got));
			for (size_t end; (end = waiting.find("\r\n\r\n")) != waiting.npos;) {
				waiting.erase(0, end + 4);
				const std::string all = make(number++);

				if (send(fd, all.data(), all.size(), MSG_NOSIGNAL) < 0)
					return;
			}
		}
	};
}

/* A load of these pages; the first answers must outlive it. */
std::unique_ptr<load::worker> run(const server &at, const std::vector<std::string> &arguments,
				  std::string *error = nullptr)
{
	static load::options options;
	static std::optional<load::endpoint> endpoint;
	static load::pages known;
	const load::command_line asked = load::parse(arguments);
	std::vector<load::message> messages;
	load::window when;

	EXPECT_EQ(asked.error, "");
	options = asked.values;
	options.port = at.port();
	endpoint = load::endpoint::create(options.host, options.port, 1);
	known = load::learn(options, *endpoint);
	if (error)
		*error = known.error;
	else
		EXPECT_EQ(known.error, "");
	for (const load::page &each : known.all)
		messages.push_back(each.as_message());

	auto result = std::make_unique<load::worker>(options, *endpoint, nullptr, 0, messages);

	if (!known.error.empty())
		return result;
	EXPECT_TRUE(result->connect());
	when.begin = when.start = load::now();
	when.end = when.start + options.duration;
	result->run(when, [](int64_t) {});
	return result;
}

TEST(Http, MeasuresAnswers)
{
	EXPECT_EQ(measure("HTTP/1.1 200 OK\r\nContent-Le").length, 0u);
	for (const std::string head : { "HTTP/1.1 200 OK\r\nContent-Length:5\r\n\r\n",
					"HTTP/1.0 200 OK\r\nX: y\r\ncontent-length:  5 \r\n\r\n" })
		EXPECT_EQ(measure(head + "ab").length, head.size() + 5);
	EXPECT_NE(measure("HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n").error, "");
	EXPECT_NE(measure("HTTP/1.1 200 OK\r\nContent-Length: 5x\r\n\r\n").error, "");
	EXPECT_EQ(measure("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n").error,
		  "it says 'HTTP/1.1 404 Not Found', not 200");
	EXPECT_NE(measure("HTTP/1.1 200 OK\r\n\r\n").error, "");
	EXPECT_NE(measure(std::string(70'000, 'x')).error, "");
}

TEST(Http, AsksForEachPathInTurn)
{
	const server good(answering([](unsigned) { return answer("hello", "x"); }));
	const auto done = run(good,
			      { "--http", "/,/a", "--connections", "4", "--requests", "100" });

	EXPECT_EQ(done->failures().all(), 0u);
	EXPECT_GE(done->latencies().count(), 100u);
}

TEST(Http, DoesNotCompareTheDate)
{
	const server good(answering(
		[](unsigned number) { return answer("hello", std::to_string(number % 10)); }));
	const auto done = run(good, { "--http", "/", "--requests", "100" });

	EXPECT_EQ(done->failures().all(), 0u);
}

TEST(Http, FindsAnotherBody)
{
	std::atomic<unsigned> all = 0;
	const server bad(answering(
		[&all](unsigned) { return answer(++all % 50 ? "hello" : "hellO", "x"); }));
	const auto done = run(bad, { "--http", "/", "--duration", "300ms" });

	EXPECT_GE(done->failures().wrong, 1u);
	EXPECT_EQ(done->failures().all(), done->failures().wrong);
}

TEST(Http, FindsAnAnswerTooMany)
{
	std::atomic<unsigned> all = 0;
	const server bad(answering([&all](unsigned) {
		const std::string one = answer("hello", "x");

		return ++all == 1 ? one : one + one;
	}));
	const auto done = run(bad, { "--http", "/", "--duration", "300ms" });

	EXPECT_GE(done->failures().wrong, 1u);
}

TEST(Http, ComparesWithFiles)
{
	char folder[] = "/tmp/ktcp-http-test.XXXXXX";

	ASSERT_TRUE(mkdtemp(folder));
	std::ofstream(std::string(folder) + "/a") << "hello";

	const server good(answering([](unsigned) { return answer("hello", "x"); }));
	const server bad(answering([](unsigned) { return answer("hullo", "x"); }));
	std::string error;

	run(good, { "--http", "/a", "--files", folder, "--requests", "1" }, &error);
	EXPECT_EQ(error, "");
	run(bad, { "--http", "/a", "--files", folder, "--requests", "1" }, &error);
	EXPECT_NE(error.find("/a: the answer is not what the file"), std::string::npos);
	run(good, { "--http", "/b", "--files", folder, "--requests", "1" }, &error);
	EXPECT_NE(error.find("there is no file"), std::string::npos);
	std::filesystem::remove_all(folder);
}

TEST(Http, OpensAConnectionForEachRequest)
{
	std::atomic<unsigned> connections = 0;
	const auto serve = answering([](unsigned) { return answer("hello", "x"); });
	const server good([&](int fd) {
		connections++;
		serve(fd);
	});
	const auto done = run(good, { "--http", "/", "--per-request", "--requests", "50" });

	EXPECT_EQ(done->failures().all(), 0u);
	EXPECT_GE(connections, 51u);
}

TEST(Message, ComparesAroundTheHole)
{
	const auto bytes = [](const char *text) {
		return reinterpret_cast<const unsigned char *>(text);
	};
	load::message whole;

	whole.reply = bytes("0123456789");
	whole.reply_size = 10;
	whole.hole_begin = 3;
	whole.hole_end = 6;
	EXPECT_TRUE(whole.has(0, bytes("012xyz6789"), 10));
	EXPECT_TRUE(whole.has(0, bytes("012"), 3));
	EXPECT_TRUE(whole.has(4, bytes("xx"), 2));
	EXPECT_TRUE(whole.has(4, bytes("xx67"), 4));
	EXPECT_TRUE(whole.has(2, bytes("2xxx6"), 5));
	EXPECT_TRUE(whole.has(6, bytes("6789"), 4));
	EXPECT_FALSE(whole.has(0,
			       bytes("01"
				     "x"),
			       3));
	EXPECT_FALSE(whole.has(2, bytes("xxxx6"), 5));
	EXPECT_FALSE(whole.has(4, bytes("xxx7"), 4));
	EXPECT_FALSE(whole.has(6, bytes("678x"), 4));
}

} // namespace
