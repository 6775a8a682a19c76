// SPDX-License-Identifier: GPL-2.0-only OR MIT
//
// Events and channels that a hard interrupt sets (tests/vm/ticker): on the CPU whose turns it interrupts,
// on a real kernel, in every model.
#include "fixture.hpp"

namespace vm
{
namespace
{

constexpr server_under_test module = { "ticker", 7004 };

using number = std::uint32_t;

std::string text_of(std::initializer_list<number> numbers)
{
	std::string all;
	for (const number each : numbers)
		for (int shift = 24; shift >= 0; shift -= 8)
			all += static_cast<char>(each >> shift);
	return all;
}

class ticks : public every_model {
    protected:
	ticks() : every_model(module)
	{
	}

	static client connect()
	{
		return client({ .port = module.port });
	}

	// Each number once, in their order, and then the event.
	static void expect_ticks(client &peer, number count)
	{
		std::string wanted;
		for (number i = 0; i < count; ++i)
			wanted += text_of({ i });
		wanted += text_of({ ~0u });
		const bytes got = peer.receive(wanted.size());
		ASSERT_TRUE(std::string(got.begin(), got.end()) == wanted)
			<< got.size() << " of " << wanted.size() << " bytes";
	}
};
FOR_EVERY_MODEL(ticks);

TEST_P(ticks, come_one_by_one)
{
	load_model();
	client peer = connect();
	for (const number count : { 0u, 1u, 2u, 100u, 1000u }) {
		ASSERT_TRUE(peer.send(text_of({ 200, count })));
		expect_ticks(peer, count);
	}
}

// Each interrupts the others' turns.
TEST_P(ticks, of_many_at_once)
{
	load_model();
	std::vector<client> peers;
	for (int i = 0; i < 8; ++i) {
		peers.push_back(connect());
		ASSERT_TRUE(peers.back().send(text_of({ number(500 + 10 * i), 500 })));
	}
	for (auto &each : peers)
		expect_ticks(each, 500);
}

// They find the CPU in the middle of turns, of the way into them, and of the way out.
TEST_P(ticks, beside_traffic)
{
	load_model();
	std::vector<client> peers;
	for (int i = 0; i < 4; ++i) {
		peers.push_back(connect());
		ASSERT_TRUE(peers.back().send(text_of({ number(300 + 10 * i), 1000 })));
	}
	std::vector<std::thread> threads;
	for (int i = 0; i < 2; ++i)
		threads.emplace_back([] {
			client busy = connect();
			for (number j = 0; j < 1000 && !HasFatalFailure(); ++j) {
				ASSERT_TRUE(busy.send(text_of({ 1 + j % 50, j % 3 })));
				expect_ticks(busy, j % 3);
			}
		});
	for (auto &each : threads)
		each.join();
	for (auto &each : peers)
		expect_ticks(each, 1000);
}

TEST_P(ticks, whose_peers_leave)
{
	load_model();
	for (int i = 0; i < 100; ++i) {
		client peer = connect();
		ASSERT_TRUE(peer.send(text_of({ number(100 + i), 1'000'000 })));
		const std::size_t some = 4 * (i % 3);
		ASSERT_EQ(peer.receive(some).size(), some);
		if (i % 2)
			peer.reset();
	}
}

TEST_P(ticks, are_ended_by_unloading_at_every_step)
{
	for (int round = 0; round < 5 && !HasFailure(); ++round) {
		load_model();
		std::vector<client> peers;
		for (int i = 0; i < 8; ++i) {
			peers.push_back(connect());
			ASSERT_TRUE(peers.back().send(
				text_of({ number(300 + 50 * i), i % 2 ? 1'000'000u : 10u * i })));
		}
		std::this_thread::sleep_for(round * 5ms);
		unload();
		for (auto &each : peers) {
			each.receive_to_end();
			EXPECT_TRUE(each.ended());
		}
	}
}

} // namespace
} // namespace vm
