// SPDX-License-Identifier: GPL-2.0-only OR MIT
//
// Kept connections (tests/vm/pooled): outgoing ones that go from one handler to the next, on a real kernel, in
// every model.
#include "fixture.hpp"
#include "origin.hpp"

namespace vm
{
namespace
{

constexpr server_under_test module = { "pooled", 7110 };

class pooled : public every_model {
    protected:
	pooled() : every_model(module)
	{
	}

	static client connect()
	{
		return client({ .address = "127.0.0.1", .port = module.port });
	}

	// The module's connections to the target that are there just now.
	static long kept()
	{
		return std::ranges::count_if(tcp_lines(), [](const tcp_line &each) {
			return each.local_port == origin_port && each.state == "01";
		});
	}

	// Echoes `answers` messages of a connection, and then does this to it.
	static origin::serve echoes(unsigned answers, std::function<void(client &)> then)
	{
		return [answers, then](client &peer) {
			for (unsigned i = 0; i < answers; ++i) {
				const bytes asked = peer.receive(1);
				if (asked.empty())
					return;
				peer.send(asked);
			}
			then(peer);
		};
	}

	static void ask(client &peer, unsigned count)
	{
		for (unsigned i = 0; i < count; ++i)
			ASSERT_EQ(echo(peer, std::string(1, static_cast<char>('a' + i % 26))), "")
				<< i;
	}
};
FOR_EVERY_MODEL(pooled);

// Each client has gone before the next one comes, and each question is answered before the next.
TEST_P(pooled, one_connection_serves_many_clients)
{
	load_model();
	origin at(echoes(1000, [](client &) {}));
	for (int i = 0; i < 20; ++i) {
		client peer = connect();
		ask(peer, 5);
	}
	// A question may come before the connection of the one before is back. Then there is one more.
	EXPECT_LT(at.accepted(), 10);
	EXPECT_EQ(kept(), at.accepted());
	unload();
	EXPECT_EQ(kept(), 0);
}

TEST_P(pooled, closes_one_whose_time_is_over)
{
	load_model("keep_ms=200");
	std::atomic<int> ended = 0;
	origin at([&](client &peer) {
		peer.send(peer.receive(1));
		ended += peer.receive(1).empty() && peer.error() == 0;
	});
	client peer = connect();
	ask(peer, 1);
	EXPECT_TRUE(eventually(30s, [&] { return ended == 1; }));
	ask(peer, 1);
	EXPECT_EQ(at.accepted(), 2);
}

TEST_P(pooled, keeps_none_where_that_is_not_wanted)
{
	load_model("keep_ms=0");
	origin at(echoes(1000, [](client &) {}));
	client peer = connect();
	ask(peer, 10);
	EXPECT_EQ(at.accepted(), 10);
}

// The target ends, resets, or says what it was not asked: each question has its answer.
TEST_P(pooled, every_question_is_answered_whatever_the_target_does)
{
	const std::function<void(client &)> deeds[] = {
		[](client &) {},
		[](client &peer) {
			peer.receive(1); // the next question, so that the last answer has come
			peer.reset();
		},
		[](client &peer) {
			peer.half_close();
			peer.receive_to_end();
		},
		[](client &peer) {
			std::this_thread::sleep_for(1ms);
			peer.half_close();
			peer.receive_to_end();
		},
	};
	for (const auto &each : deeds) {
		load_model();
		origin at(echoes(3, each));
		std::vector<std::thread> clients;
		for (int i = 0; i < 4; ++i)
			clients.emplace_back([] {
				client peer = connect();
				ask(peer, 60);
			});
		for (auto &one : clients)
			one.join();
		EXPECT_GE(at.accepted(), 80);
		unload(); /* ends the kept ones, which the target waits for */
	}
}

// The bytes are there when the next question comes.
TEST_P(pooled, an_unasked_byte_is_no_answer)
{
	load_model();
	origin at(echoes(1, [](client &peer) {
		peer.send("?");
		peer.receive_to_end();
	}));
	client peer = connect();
	for (int i = 0; i < 10; ++i) {
		ask(peer, 1);
		std::this_thread::sleep_for(50ms);
	}
	EXPECT_EQ(at.accepted(), 10);
	unload();
}

TEST_P(pooled, is_unloaded_while_clients_ask)
{
	for (int round = 0; round < 3; ++round) {
		load_model();
		origin at(echoes(1 << 30, [](client &) {}));
		std::vector<std::thread> clients;
		for (int i = 0; i < 8; ++i)
			clients.emplace_back([] {
				client peer = connect();
				while (echo(peer, "x").empty())
					;
			});
		std::this_thread::sleep_for(100ms + round * 30ms);
		unload();
		for (auto &one : clients)
			one.join();
		EXPECT_EQ(kept(), 0);
	}
}

} // namespace
} // namespace vm
