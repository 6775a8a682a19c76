// SPDX-License-Identifier: GPL-2.0-only OR MIT
//
// Every byte comes back, in order, from every kind of client.
#include "fixture.hpp"

#include <algorithm>
#include <atomic>
#include <numeric>

namespace vm
{
namespace
{

class echoes : public every_model {};
FOR_EVERY_MODEL(echoes);

TEST_P(echoes, bytes_of_every_value)
{
	load_model();
	bytes all(256);
	std::iota(all.begin(), all.end(), 0);
	client peer;
	EXPECT_EQ(echo(peer, all), "");
	for (const auto byte : all) {
		const bytes one{ byte };
		ASSERT_EQ(echo(peer, one), "") << "byte " << int(byte);
	}
}

TEST_P(echoes, messages_of_1_byte_to_1_megabyte)
{
	load_model();
	client peer;
	for (const std::size_t size : { 1, 2, 63, 1000, 4095, 4096, 4097, 8192, 16383, 16384, 16385,
					32768, 65535, 65536, 65537, 100000, 262144, 1 << 20 }) {
		ASSERT_EQ(echo(peer, pattern(size, size), size), "") << size << " bytes";
	}
}

TEST_P(echoes, pipelined_messages)
{
	load_model();
	client peer;
	// Many messages before the first reply is read, all within the buffers.
	const bytes whole = pattern(64 * 500, 3);
	for (std::size_t at = 0; at < whole.size(); at += 500)
		ASSERT_TRUE(peer.send(std::span(whole).subspan(at, 500)));
	EXPECT_EQ(peer.receive(whole.size()), whole);
}

TEST_P(echoes, everything_after_a_half_close)
{
	load_model();
	for (const std::size_t size : { 0, 1, 5000, 300000 }) {
		client peer;
		ASSERT_TRUE(peer.connected());
		const bytes data = pattern(size, size);
		bool sent = false;
		std::thread sender([&] {
			sent = peer.send_in_chunks(data, size);
			peer.half_close();
		});
		const bytes back = peer.receive_to_end();
		const int error = peer.error();
		sender.join();
		EXPECT_TRUE(sent);
		EXPECT_EQ(error, 0) << std::strerror(error);
		EXPECT_TRUE(back == data) << back.size() << " of " << size << " bytes, or others";
	}
}

TEST_P(echoes, urgent_data_in_line)
{
	load_model();
	client peer;
	ASSERT_TRUE(peer.send("a"));
	ASSERT_TRUE(peer.send("b", MSG_OOB));
	ASSERT_TRUE(peer.send("c"));
	const bytes back = peer.receive(3);
	EXPECT_EQ(std::string(back.begin(), back.end()), "abc");
	EXPECT_EQ(echo(peer, "and it goes on"), "");

	// In the middle of much, and as the last byte before the end.
	const bytes data = pattern(200000, 8);
	std::thread sender([&] {
		for (std::size_t at = 0; at < data.size(); at += 10000) {
			EXPECT_TRUE(peer.send(std::span(data).subspan(at, 9999)));
			EXPECT_TRUE(peer.send(std::span(data).subspan(at + 9999, 1), MSG_OOB));
		}
		peer.half_close();
	});
	const bytes all = peer.receive_to_end();
	sender.join();
	EXPECT_TRUE(all == data) << all.size() << " of " << data.size() << " bytes, or others";
}

TEST_P(echoes, four_hundred_at_once)
{
	load_model("backlog=512 max_per_source=0");
	std::vector<client> peers;
	for (int i = 0; i < 400; ++i) {
		peers.emplace_back();
		ASSERT_TRUE(peers.back().connected())
			<< i << ": " << std::strerror(peers.back().error());
	}
	for (int round = 0; round < 3; ++round)
		for (std::size_t i = 0; i < peers.size(); ++i)
			ASSERT_EQ(echo(peers[i], pattern(200, i)), "") << "connection " << i;
	// All with a message on its way at the same time.
	for (std::size_t i = 0; i < peers.size(); ++i)
		ASSERT_TRUE(peers[i].send(pattern(2000, i)));
	for (std::size_t i = 0; i < peers.size(); ++i)
		ASSERT_TRUE(peers[i].receive(2000) == pattern(2000, i)) << "connection " << i;
}

TEST_P(echoes, two_thousand_in_turn)
{
	load_model();
	for (int i = 0; i < 2000; ++i) {
		client peer;
		ASSERT_EQ(echo(peer, "connection " + std::to_string(i)), "") << i;
	}
	// They are given back as they end, not at unloading: 2,000 of them are far
	// more than may linger for a moment.
	EXPECT_TRUE(eventually(5s, [&] { return tcp_sockstat("alloc") < sockets_before + 50; }))
		<< tcp_sockstat("alloc") << " TCP sockets exist, before it was " << sockets_before;
}

TEST_P(echoes, others_while_some_reset)
{
	load_model();
	std::atomic<bool> stop = false;
	std::vector<std::thread> resetting;
	for (int thread = 0; thread < 2; ++thread)
		resetting.emplace_back([&, thread] {
			std::mt19937 random(thread);
			const bytes much = pattern(100000, thread);
			while (!stop) {
				client peer;
				switch (random() % 3) {
				case 0:
					break; // before a byte
				case 1:
					peer.send("half a mess");
					break;
				case 2:
					peer.send_until_blocked(
						std::span(much).first(random() % much.size()));
					break;
				}
				peer.reset();
			}
		});
	std::vector<std::thread> echoing;
	for (int thread = 0; thread < 4; ++thread)
		echoing.emplace_back([thread] {
			client peer;
			for (int i = 0; i < 100; ++i)
				ASSERT_EQ(echo(peer, pattern(1 + i * 150, i), i), "")
					<< "thread " << thread << " message " << i;
		});
	for (auto &thread : echoing)
		thread.join();
	stop = true;
	for (auto &thread : resetting)
		thread.join();
}

TEST_P(echoes, a_slow_reader_and_quick_ones)
{
	load_model();
	std::atomic<bool> quick_done = false;
	const bytes data = pattern(1 << 20, 5);

	std::thread slow([&] {
		client peer({ .receive_buffer = 8192 });
		ASSERT_TRUE(peer.connected());
		std::thread sender([&] { EXPECT_TRUE(peer.send_in_chunks(data, 6)); });
		bytes back;
		while (back.size() < data.size()) {
			const bytes some = peer.receive(
				std::min<std::size_t>(1024, data.size() - back.size()));
			back.insert(back.end(), some.begin(), some.end());
			if (some.empty())
				break;
			// Slow while they are at it, and not at its end before they are done.
			do {
				if (!quick_done)
					std::this_thread::sleep_for(10ms);
			} while (!quick_done && back.size() > data.size() / 2);
		}
		::shutdown(peer.descriptor(), SHUT_RDWR);
		sender.join();
		EXPECT_TRUE(back == data)
			<< back.size() << " of " << data.size() << " bytes, or others";
	});
	// If the slow one made one of them wait, that one would wait for ever.
	std::vector<std::thread> quick;
	for (int i = 0; i < 10; ++i)
		quick.emplace_back([&, i] {
			client peer;
			for (int round = 0; round < 20; ++round)
				ASSERT_EQ(echo(peer, pattern(300, i)), "") << "quick client " << i;
		});
	for (auto &thread : quick)
		thread.join();
	quick_done = true;
	slow.join();
}

// The workqueue's other kind, where there is one.
class unbound : public every_model {};
INSTANTIATE_TEST_SUITE_P(models, unbound, testing::Values("event", "softirq", "work"), model_name);

TEST_P(unbound, echoes)
{
	load_model("unbound=1");
	std::vector<client> peers(50);
	for (std::size_t i = 0; i < peers.size(); ++i)
		ASSERT_EQ(echo(peers[i], pattern(20000, i), i), "");
	for (std::size_t i = 0; i < peers.size(); ++i)
		ASSERT_EQ(echo(peers[i], pattern(1, i), i), "");
}

} // namespace
} // namespace vm
