// SPDX-License-Identifier: GPL-2.0-only OR MIT
//
// khttpd unloads beside every client, in the midst of its work: the browser that keeps its
// connection made earlier ones fault.
#include "http.hpp"

#include <atomic>

namespace vm
{
namespace
{

class http_unloading : public http_test {
    protected:
	web_root root;
};
FOR_EVERY_HTTP_MODEL(http_unloading);

TEST_P(http_unloading, with_clients_in_every_state)
{
	root.file("large", content(30 << 20, 1));
	root.file("small", "small");
	load_root("backlog=512 max_body=1000000");
	std::vector<http_client> kept(40), silent(10), mid_head(10), mid_body(10), deaf;
	for (auto &each : kept)
		EXPECT_EQ(each.get("/small").status, 200);
	for (auto &each : mid_head)
		EXPECT_TRUE(each.send("GET / HTTP/1.1\r\nHost: gu"));
	for (auto &each : mid_body)
		EXPECT_TRUE(each.send(
			http_client::request("/small", "GET", "Content-Length: 100000\r\n") +
			"half"));
	for (int i = 0; i < 5; ++i) {
		deaf.emplace_back(options{ .receive_buffer = 16384 });
		deaf.back().send(http_client::request("/large"));
		EXPECT_TRUE(deaf.back().answered());
	}

	unload();

	// While they are all still there; the server's ends do not wait for them.
	expect_no_orphans();
	for (auto *group : { &kept, &silent, &mid_head, &mid_body, &deaf })
		for (auto &each : *group)
			EXPECT_TRUE(each.peer().ended()) << std::strerror(each.peer().error());
}

// The length tells that the rest is missing. A reset would take what TCP has for the client, too.
TEST_P(http_unloading, delivers_what_left_of_a_large_file)
{
	const std::string large = content(30 << 20, 3);
	root.file("large", large);
	load_root();
	http_client client({ .receive_buffer = 16384 });
	std::atomic<bool> unloaded = false;
	std::atomic<std::size_t> came = 0;
	client.send(http_client::request("/large"));
	std::thread reader([&] {
		// Its window never stays shut: TCP would give up on it, a second after the server has ended.
		while (!unloaded) {
			came += client.peer().receive(4096).size();
			std::this_thread::sleep_for(2ms);
		}
		const bytes rest = client.peer().receive_to_end();
		EXPECT_EQ(client.peer().error(), 0) << std::strerror(client.peer().error());
		EXPECT_LT(came + rest.size(), large.size());
		EXPECT_GT(rest.size(), 1u << 16);
		EXPECT_TRUE(large.find(std::string(rest.begin(), rest.end())) != large.npos);
	});
	EXPECT_TRUE(eventually(60s, [&] { return came > 1 << 18; }));
	unload();
	unloaded = true;
	reader.join();
}

TEST_P(http_unloading, again_and_again_under_traffic)
{
	root.file("large", content(300000, 2));
	const std::string large = content(300000, 2);
	std::atomic<bool> stop = false;
	std::atomic<int> served = 0;
	std::vector<std::thread> traffic;
	for (int thread = 0; thread < 3; ++thread)
		traffic.emplace_back([&, thread] {
			std::mt19937 random(thread);
			while (!stop) {
				http_client client;
				if (!client.peer().connected()) {
					// There is no listener at the moment.
					std::this_thread::sleep_for(1ms);
					continue;
				}
				for (int i = 0; i < 10 && !stop; ++i) {
					const reply got = client.get(random() % 2 ? "/large" :
										    "/nothing");
					if (!got.whole)
						break;
					ASSERT_TRUE(got.status == 404 || got.body == large);
					++served;
				}
				if (random() % 4 == 0)
					client.peer().reset();
			}
		});
	std::mt19937 random(3);
	int times = 0;
	for (; times < 4 && !HasFailure(); ++times) {
		load_root();
		// However slow the kernel: some are served, and then it goes at any moment.
		const int before = served;
		EXPECT_TRUE(eventually(60s, [&] { return served > before + 2; }));
		std::this_thread::sleep_for(std::chrono::milliseconds(random() % 100));
		unload();
	}
	stop = true;
	for (auto &each : traffic)
		each.join();
	EXPECT_EQ(times, 4);
	EXPECT_GT(served, 20);
}

} // namespace
} // namespace vm
