// SPDX-License-Identifier: GPL-2.0-only OR MIT
//
// The cache of lines (tests/vm/kvd) tries read_line() and spin_guarded<T> on a real kernel.
#include "fixture.hpp"

#include <atomic>

namespace vm
{
namespace
{

constexpr server_under_test kvd = { "kvd", 7000 };

class cache : public every_model {
    protected:
	cache() : every_model(kvd)
	{
	}

	static client connect()
	{
		return client({ .port = kvd.port });
	}

	static std::string text_of(const bytes &got)
	{
		return { got.begin(), got.end() };
	}

	// All that comes back for what is sent in these pieces.
	static std::string ask(const std::vector<std::string> &pieces)
	{
		client peer = connect();
		for (const auto &piece : pieces) {
			EXPECT_TRUE(peer.send(piece));
			// A segment of its own, as TCP_NODELAY has it; it may still be read with the next.
			std::this_thread::yield();
		}
		peer.half_close();
		return text_of(peer.receive_to_end());
	}
};
FOR_EVERY_MODEL(cache);

TEST_P(cache, answers_the_same_wherever_lines_are_cut)
{
	load_model();
	const std::string lines = "set colour dark green\nget colour\r\ndel colour\nget colour\n";
	const std::string answers = "ok\nvalue dark green\nok\nnone\n";
	for (std::size_t i = 0; i < lines.size(); i++)
		ASSERT_EQ(ask({ lines.substr(0, i), lines.substr(i) }), answers) << "cut at " << i;
	std::vector<std::string> single;
	for (const char each : lines)
		single.emplace_back(1, each);
	EXPECT_EQ(ask(single), answers);
	std::string many, expected;
	for (int i = 0; i < 2000; i++) {
		many += lines;
		expected += answers;
	}
	// More than all buffers hold.
	client peer = connect();
	std::thread sender([&] {
		EXPECT_TRUE(peer.send(many));
		peer.half_close();
	});
	EXPECT_EQ(text_of(peer.receive_to_end()), expected);
	sender.join();
}

TEST_P(cache, ends_with_a_line_that_is_too_long)
{
	load_model();
	client peer = connect();
	ASSERT_TRUE(peer.send("get a\n" + std::string(300, 'x')));
	EXPECT_EQ(text_of(peer.receive_to_end()), "none\n");
	EXPECT_EQ(ask({ "get a\nget" }), "none\n") << "a line without an end is none";
}

// Everybody writes, and every answer is one that somebody could have got.
TEST_P(cache, is_shared_by_its_connections)
{
	load_model();
	constexpr int clients = 8, rounds = 200;
	std::atomic<int> wrong{ 0 };
	std::vector<std::thread> threads;
	for (int number = 0; number < clients; number++)
		threads.emplace_back([&, number] {
			client peer = connect();
			const std::string value(static_cast<std::size_t>(100 + number),
						char('a' + number));
			for (int i = 0; i < rounds; i++) {
				const std::string line = "set shared " + value + "\nget shared\n";
				if (!peer.send(line) || text_of(peer.receive(3)) != "ok\n") {
					wrong++;
					return;
				}
				std::string answer = text_of(peer.receive(7));
				while (answer.size() < 200 && answer.back() != '\n')
					answer += text_of(peer.receive(1));
				// One value whole, never parts of two.
				const char letter = answer[6];
				const std::size_t length =
					static_cast<std::size_t>(100 + letter - 'a');
				wrong += letter < 'a' || letter >= 'a' + clients ||
					 answer != "value " + std::string(length, letter) + "\n";
			}
		});
	for (auto &each : threads)
		each.join();
	EXPECT_EQ(wrong, 0);
}

TEST_P(cache, is_unloaded_with_clients_in_the_midst_of_a_line)
{
	load_model();
	std::vector<client> peers;
	for (int i = 0; i < 20; i++) {
		peers.push_back(connect());
		ASSERT_TRUE(peers.back().send(i % 2 ? "get a\nget" : "se"));
		if (i % 2) {
			ASSERT_EQ(text_of(peers.back().receive(5)), "none\n");
		}
	}
	unload();
}

} // namespace
} // namespace vm
