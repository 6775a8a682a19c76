// SPDX-License-Identifier: GPL-2.0-only OR MIT
//
// A module that answers over HTTP itself (tests/vm/api): routes, bodies, and events that other requests
// cause, with the clients that people use.
#include "http.hpp"
#include "output.hpp"

namespace vm
{
namespace
{

constexpr server_under_test module = { "api", 7003 };

class http_api : public every_model {
    protected:
	http_api() : every_model(module)
	{
	}

	static http_client connect(const options &with = {})
	{
		return http_client(with, module.port);
	}

	static reply put(http_client &client, int number, const std::string &body)
	{
		client.send(http_client::request("/notes/" + std::to_string(number), "PUT",
						 "Content-Length: " + std::to_string(body.size()) +
							 "\r\n") +
			    body);
		return client.read();
	}

	// One that hears of the changes from here on.
	static client watcher(const options &with = {})
	{
		options to = with;
		to.port = module.port;
		client peer(to);
		EXPECT_TRUE(peer.send(http_client::request("/changes")));
		EXPECT_NE(until(peer, "\r\n\r\n").find("text/event-stream"), std::string::npos);
		EXPECT_EQ(event(peer), "data: watching\n\n");
		return peer;
	}

	// The next event, out of its chunks.
	static std::string event(client &from)
	{
		std::string text;
		while (!text.ends_with("\n\n")) {
			const std::string size = until(from, "\r\n");
			const bytes chunk = from.receive(std::strtoul(size.c_str(), nullptr, 16));
			if (chunk.empty() || until(from, "\r\n") != "\r\n")
				return text + "[the end]";
			text.append(chunk.begin(), chunk.end());
		}
		return text;
	}

	static std::string changed(int number)
	{
		return "event: changed\ndata: " + std::to_string(number) + "\n\n";
	}

	static std::string until(client &from, const std::string &end)
	{
		std::string all;
		while (!all.ends_with(end)) {
			const bytes one = from.receive(1);
			if (one.empty())
				return all + "[the end]";
			all += static_cast<char>(one[0]);
		}
		return all;
	}

	const std::string at = "http://127.0.0.1:7003";
};
FOR_EVERY_HTTP_MODEL(http_api);

TEST_P(http_api, curl)
{
	load_model();
	const std::string curl = "cd /tmp && /sbin/curl -sS --max-time 60 ";
	const std::string code = "-o /dev/null -w '%{http_code} %{num_connects}\n' ";
	EXPECT_EQ(output_of(curl + code + "-X PUT -d 'buy milk' " + at + "/notes/5"), "204 1\n");
	EXPECT_EQ(output_of(curl + at + "/notes/5"), "buy milk");
	EXPECT_EQ(output_of(curl + "http://[::1]:7003/notes/%35"), "buy milk");
	// Chunked, and with a client that waits for 100.
	ASSERT_TRUE(write_file("/tmp/note", std::string(256, 'n')));
	for (const char *how :
	     { "", "-H 'Transfer-Encoding: chunked' ", "-H 'Expect: 100-continue' " }) {
		EXPECT_EQ(output_of(curl + code + how + "-T note " + at + "/notes/6"), "204 1\n");
		EXPECT_EQ(output_of(curl + at + "/notes/6"), std::string(256, 'n'));
		EXPECT_EQ(output_of(curl + code + "-X PUT -d '' " + at + "/notes/6"), "204 1\n");
	}
	ASSERT_TRUE(write_file("/tmp/note", std::string(257, 'n')));
	EXPECT_EQ(output_of(curl + code + "-T note " + at + "/notes/6"), "413 1\n");
	EXPECT_EQ(output_of(curl + code + at + "/notes/6 " + code + at + "/notes/x " + code + at +
			    "/notes/100 " + code + at + "/notes " + code + "-I " + at + "/notes/5"),
		  "404 1\n404 0\n404 0\n404 0\n200 0\n");
	EXPECT_EQ(output_of(curl + code + "-X PUT -d x " + at + "/notes/100"), "404 1\n");
	EXPECT_NE(output_of(curl + "-X PUT -d x " + at + "/notes/100"), "") << "in words";
	EXPECT_EQ(output_of(curl + code + "-X DELETE " + at + "/notes/5"), "405 1\n");
	EXPECT_NE(output_of(curl + "-i -X OPTIONS " + at + "/notes/5").find("Allow: GET, HEAD, PUT"),
		  std::string::npos);
}

TEST_P(http_api, ab)
{
	load_model();
	ASSERT_TRUE(write_file("/tmp/note", "a note of ab's"));
	for (const char *how : { "-u /tmp/note ", "-k -u /tmp/note ", "", "-k " }) {
		const std::string said =
			output_of(std::string("/sbin/ab -q -c 8 -n 200 ") + how + at + "/notes/9");
		EXPECT_TRUE(expression("Complete requests: +200\n").in(said)) << said;
		EXPECT_TRUE(expression("Failed requests: +0\n").in(said)) << said;
		EXPECT_EQ(said.find("Non-2xx"), std::string::npos) << said;
	}
}

// As a browser's EventSource: curl prints what comes as it comes.
TEST_P(http_api, curl_hears_of_changes)
{
	load_model();
	FILE *const events = ::popen(("/sbin/curl -sSN --max-time 60 " + at + "/changes").c_str(),
				     "r");
	char line[100];
	ASSERT_TRUE(std::fgets(line, sizeof line, events));
	EXPECT_STREQ(line, "data: watching\n");
	ASSERT_TRUE(std::fgets(line, sizeof line, events));
	http_client writer = connect();
	for (const int number : { 7, 0, 99 }) {
		EXPECT_EQ(put(writer, number, "x").status, 204);
		std::string said;
		for (int i = 0; i < 3 && std::fgets(line, sizeof line, events); ++i)
			said += line;
		EXPECT_EQ(said, changed(number));
	}
	unload();
	EXPECT_EQ(std::fgets(line, sizeof line, events), nullptr) << line;
	::pclose(events);
}

// All hear of all changes, but one that does not read. It holds none of them up.
TEST_P(http_api, many_watch)
{
	load_model("sndbuf=4608");
	std::vector<client> watchers;
	for (int i = 0; i < 20; ++i)
		watchers.push_back(watcher());
	client deaf = watcher({ .receive_buffer = 2048 });
	http_client writer = connect();
	for (int i = 0; i < 200; ++i) {
		ASSERT_EQ(put(writer, i % 100, std::to_string(i)).status, 204);
		for (auto &each : watchers)
			ASSERT_EQ(event(each), changed(i % 100)) << i;
	}
	// One leaves, and the others go on; the next request of another ends its events.
	watchers.pop_back();
	ASSERT_TRUE(watchers.back().send(http_client::request("/notes/1")));
	EXPECT_NE(until(watchers.back(), "101").find("0\r\n\r\nHTTP/1.1 200 OK"),
		  std::string::npos);
	watchers.pop_back();
	ASSERT_EQ(put(writer, 1, "farewell").status, 204);
	for (auto &each : watchers)
		ASSERT_EQ(event(each), changed(1));
}

TEST_P(http_api, is_unloaded_at_every_step)
{
	for (int round = 0; round < 5 && !HasFailure(); ++round) {
		load_model();
		std::vector<client> peers;
		for (int i = 0; i < 20; ++i) {
			if (i % 3 == 0) {
				peers.push_back(watcher());
				continue;
			}
			peers.emplace_back(options{ .port = module.port });
			const std::string whole =
				http_client::request("/notes/" + std::to_string(i), "PUT",
						     "Content-Length: 100\r\n") +
				std::string(100, 'x') + http_client::request("/notes/1");
			ASSERT_TRUE(peers.back().send(whole.substr(0, whole.size() * i / 20)));
		}
		std::this_thread::sleep_for(round * 10ms);
		unload();
		for (auto &each : peers)
			EXPECT_TRUE(each.ended());
	}
}

} // namespace
} // namespace vm
