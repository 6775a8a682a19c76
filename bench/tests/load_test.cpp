// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* The load against servers in the same process: good ones, and ones that misbehave. */
#include "load.hpp"

#include <unistd.h>

#include <gtest/gtest.h>

#include <atomic>
#include <optional>
#include <thread>

#include "server.hpp"

namespace load
{
volatile std::sig_atomic_t interrupted;
}

namespace
{

using load::now;

void echo(int fd)
{
	char buffer[4096];

	for (ssize_t got; (got = recv(fd, buffer, sizeof buffer, 0)) > 0;)
		if (send(fd, buffer, static_cast<size_t>(got), MSG_NOSIGNAL) != got)
			return;
}

/* One worker with those options against the server. */
std::unique_ptr<load::worker> run(const server &at, const std::vector<std::string> &arguments)
{
	/* Workers refer to these. */
	static std::vector<unsigned char> pattern;
	static load::options options;
	static std::optional<load::endpoint> endpoint;
	const load::command_line asked = load::parse(arguments);

	EXPECT_EQ(asked.error, "");
	options = asked.values;
	options.port = at.port();
	endpoint = load::endpoint::create(options.host, options.port, options.source_addresses());
	pattern.resize(options.largest() + load::worker::offsets);
	for (size_t i = 0; i < pattern.size(); i++)
		pattern[i] = static_cast<unsigned char>(i * 7 + (i >> 8));

	auto result = std::make_unique<load::worker>(options, *endpoint, pattern.data(), 0);
	load::window when;

	EXPECT_TRUE(result->connect());
	when.begin = now();
	when.start = when.begin + options.warmup;
	when.end = when.start + options.duration;
	result->run(when, [](int64_t) {});
	return result;
}

TEST(Load, CountsRequestsInTheClosedLoop)
{
	const server good(echo);
	const auto done = run(good, { "--connections", "4", "--requests", "1000" });

	EXPECT_EQ(done->failures().all(), 0u);
	EXPECT_GE(done->latencies().count(), 1000u);
	EXPECT_EQ(done->bytes(), 64 * done->latencies().count());
}

TEST(Load, SendsMoreThanSocketBuffersHold)
{
	const server good(echo);
	const auto done = run(good,
			      { "--connections", "2", "--requests", "6", "--size", "8M,3:1" });

	EXPECT_EQ(done->failures().all(), 0u);
	EXPECT_GE(done->latencies().count(), 6u);
}

TEST(Load, OpensAConnectionForEachRequest)
{
	std::atomic<unsigned> connections = 0;
	const server good([&connections](int fd) {
		connections++;
		echo(fd);
	});
	const auto done = run(good, { "--connections", "3", "--requests", "100", "--per-request" });

	EXPECT_EQ(done->failures().all(), 0u);
	EXPECT_GE(connections, 100u);
}

TEST(Load, PausesBetweenRequests)
{
	const server good(echo);
	const int64_t start = now();
	const auto done = run(good, { "--requests", "20", "--think", "5ms" });

	EXPECT_EQ(done->latencies().count(), 20u);
	EXPECT_GE(now() - start, 19 * 5'000'000);
}

TEST(Load, KeepsItsRateInTheOpenLoop)
{
	const server good(echo);
	const auto done = run(good,
			      { "--connections", "8", "--rate", "1000", "--duration", "500ms" });

	EXPECT_EQ(done->failures().all(), 0u);
	EXPECT_EQ(done->latencies().count(), 500u);
}

/* A server that stands still for 400 ms of a second. In the open loop, two of five requests were
 * due in that time, however few could be sent. */
TEST(Load, CountsWhatAStallKeptFromBeingSent)
{
	const auto stalls = [](int fd) {
		const int64_t start = now();
		bool stalled = false;
		char buffer[4096];

		for (ssize_t got; (got = recv(fd, buffer, sizeof buffer, 0)) > 0;) {
			if (!stalled && now() - start > 300'000'000) {
				stalled = true;
				usleep(400'000);
			}
			if (send(fd, buffer, static_cast<size_t>(got), MSG_NOSIGNAL) != got)
				return;
		}
	};
	const server open_server(stalls), closed_server(stalls);
	const auto open = run(open_server, { "--rate", "1000", "--duration", "1s" });
	const auto closed = run(closed_server, { "--duration", "1s" });

	EXPECT_EQ(open->latencies().count(), 1000u);
	EXPECT_GE(open->latencies().percentile(80), 150'000'000u);
	EXPECT_GE(open->latencies().most(), 400'000'000u);
	EXPECT_LT(closed->latencies().percentile(80), 100'000'000u);
}

TEST(Load, FindsWrongBytes)
{
	const server bad([](int fd) {
		char buffer[4096];

		for (ssize_t got; (got = recv(fd, buffer, sizeof buffer, 0)) > 0;) {
			buffer[got - 1] ^= 1;
			if (send(fd, buffer, static_cast<size_t>(got), MSG_NOSIGNAL) != got)
				return;
		}
	});
	const auto done = run(bad, { "--duration", "500ms" });

	EXPECT_EQ(done->latencies().count(), 0u);
	EXPECT_GE(done->failures().wrong, 2u) << "it tries again";
	EXPECT_EQ(done->failures().all(), done->failures().wrong);
}

TEST(Load, FindsMoreBytesThanWereSent)
{
	const server bad([](int fd) {
		char buffer[4096] = {};

		for (ssize_t got; (got = recv(fd, buffer, sizeof buffer - 1, 0)) > 0;)
			if (send(fd, buffer, static_cast<size_t>(got) + 1, MSG_NOSIGNAL) < 0)
				return;
	});
	const auto done = run(bad, { "--duration", "500ms" });

	EXPECT_GE(done->failures().wrong, 1u);
}

TEST(Load, CountsConnectionsThatTheServerEnds)
{
	const server bad([](int fd) {
		char buffer[4096];

		recv(fd, buffer, sizeof buffer, 0);
	});
	const auto done = run(bad, { "--connections", "2", "--duration", "250ms" });

	EXPECT_EQ(done->latencies().count(), 0u);
	EXPECT_GE(done->failures().closed, 2u);
}

TEST(Load, GoesOnWhenTheServerIsGone)
{
	std::atomic<bool> busy = false;
	std::optional<server> leaving(std::in_place, [&](int fd) {
		char buffer[4096];

		recv(fd, buffer, sizeof buffer, 0);
		busy = true;
		busy.notify_one();
	});
	std::thread end([&] {
		busy.wait(false);
		leaving.reset();
	});
	/* A message that is in the midst of being sent when the connection breaks. */
	const auto done = run(*leaving,
			      { "--connections", "2", "--duration", "1s", "--size", "8M" });

	end.join();
	EXPECT_EQ(done->latencies().count(), 0u);
	EXPECT_GE(done->failures().closed + done->failures().connect, 4u);
	EXPECT_LE(done->failures().all(), 100u);
}

TEST(Load, DoesNotWaitForeverForAReply)
{
	const server silent([](int fd) {
		char buffer[4096];

		while (recv(fd, buffer, sizeof buffer, 0) > 0)
			;
	});
	const auto closed = run(silent, { "--duration", "2500ms", "--timeout", "500ms" });
	const auto open = run(silent,
			      { "--rate", "100", "--duration", "200ms", "--timeout", "300ms" });

	EXPECT_GE(closed->failures().timeout, 1u);
	EXPECT_EQ(open->failures().timeout, 20u);
}

/* Whose requests are all under way when the time is up, but for those of one connection. */
TEST(Load, CountsTheRequestsThatHangAtTheEnd)
{
	std::atomic<unsigned> connections = 0;
	const server one_of_sixteen([&connections](int fd) {
		char buffer[4096];

		if (connections++ % 16 == 0)
			echo(fd);
		else
			while (recv(fd, buffer, sizeof buffer, 0) > 0)
				;
	});
	const auto done = run(one_of_sixteen,
			      { "--connections", "16", "--duration", "300ms", "--timeout", "1s" });

	EXPECT_EQ(done->failures().timeout, 15u);
	EXPECT_EQ(done->failures().all(), 15u);
	EXPECT_GE(done->latencies().count(), 1u);
}

TEST(Load, ReportsInEachForm)
{
	const load::command_line asked = load::parse({ "--label", "a.b", "--size", "64:1,1K:2" });
	load::options options = asked.values;
	load::outcome outcome;

	outcome.latencies.record(1000);
	outcome.seconds = 1;
	outcome.memory.push_back({ "fresh", 1, 2, 3, { { "TCP", 4 } } });
	EXPECT_NE(load::report(options, outcome).find("1 requests in 1.000 s"), std::string::npos);
	options.output = load::format::csv;

	const std::string csv = load::report(options, outcome);
	const size_t end = csv.find('\n');

	EXPECT_EQ(std::count(csv.begin(), csv.begin() + static_cast<long>(end), ','),
		  std::count(csv.begin() + static_cast<long>(end), csv.end(), ','));
	options.header = false;
	EXPECT_EQ(load::report(options, outcome), csv.substr(end + 1));
	options.output = load::format::json;
	EXPECT_NE(load::report(options, outcome).find("\"caches\": {\"TCP\": 4.0}"),
		  std::string::npos);
}

} // namespace
