// SPDX-License-Identifier: GPL-2.0-only OR MIT
//
// Remote procedure calls (tests/vm/rpc): a connection's scope, channel, event and deadlines together, on a
// real kernel, in every model.
#include "fixture.hpp"

#include <map>
#include <sched.h>

namespace vm
{
namespace
{

constexpr server_under_test module = { "rpc", 7002 };

using number = std::uint32_t;

enum method : number { echo_back, pause_for, note, notes, block, pause_us, unknown };

constexpr number no_hurry = 600'000;

struct answer {
	number id = 0, error = 0;
	std::string body;

	friend bool operator==(const answer &, const answer &) = default;
};

std::ostream &operator<<(std::ostream &to, const answer &one)
{
	return to << "{ " << one.id << ", " << one.error << ", " << one.body << " }";
}

std::string text_of(std::initializer_list<number> numbers)
{
	std::string all;
	for (const number each : numbers)
		for (int shift = 24; shift >= 0; shift -= 8)
			all += static_cast<char>(each >> shift);
	return all;
}

// The bytes of a call.
std::string call(number id, number what, const std::string &body = "", number ms = no_hurry)
{
	return text_of({ static_cast<number>(body.size()), id, what, ms }) + body;
}

class calls : public every_model {
    protected:
	calls() : every_model(module)
	{
	}

	static client connect(options with = {})
	{
		with.port = module.port;
		return client(with);
	}

	static answer next(client &from)
	{
		const bytes head = from.receive(12);
		if (head.size() < 12)
			return { .body = "no answer" };
		number numbers[3] = {};
		for (int i = 0; i < 12; ++i)
			numbers[i / 4] = numbers[i / 4] << 8 | head[i];
		const bytes body = from.receive(numbers[0]);
		return { numbers[1], numbers[2], { body.begin(), body.end() } };
	}

	static answer ask(client &peer, const std::string &frame)
	{
		EXPECT_TRUE(peer.send(frame));
		return next(peer);
	}

	static int noted()
	{
		client peer = connect();
		return std::atoi(ask(peer, call(1, notes)).body.c_str());
	}
};
FOR_EVERY_MODEL(calls);

TEST_P(calls, are_answered_wherever_they_are_cut)
{
	load_model();
	const std::string longest(128, 'x');
	const std::string sent = call(7, echo_back, "hello") + call(8, echo_back) +
				 call(9, echo_back, longest) + call(10, unknown, "hello");
	const std::vector<answer> expected = {
		{ 7, 0, "hello" }, { 8, 0, "" }, { 9, 0, longest }, { 10, EOPNOTSUPP, "" }
	};
	for (std::size_t i = 0; i <= sent.size(); ++i) {
		client peer = connect();
		ASSERT_TRUE(peer.send(sent.substr(0, i)));
		std::this_thread::yield();
		ASSERT_TRUE(peer.send(sent.substr(i)));
		peer.half_close();
		for (const auto &each : expected)
			ASSERT_EQ(next(peer), each) << "cut at " << i;
		ASSERT_EQ(peer.receive_to_end().size(), 0u);
		ASSERT_EQ(peer.error(), 0);
	}
}

TEST_P(calls, that_take_long_hold_none_up)
{
	load_model();
	client peer = connect();
	ASSERT_TRUE(peer.send(call(1, pause_for, text_of({ no_hurry }))));
	for (number id = 2; id < 100; ++id)
		ASSERT_EQ(ask(peer, call(id, echo_back, "quick")), (answer{ id, 0, "quick" }));
	// And of two that take long, the second is first.
	client other = connect();
	ASSERT_TRUE(other.send(call(1, pause_for, text_of({ 2000 })) +
			       call(2, pause_for, text_of({ 10 }))));
	EXPECT_EQ(next(other).id, 2u);
	EXPECT_EQ(next(other), (answer{ 1, 0, text_of({ 2000 }) }));
}

TEST_P(calls, have_a_deadline_each)
{
	load_model();
	client peer = connect();
	ASSERT_TRUE(peer.send(call(1, pause_for, text_of({ no_hurry }), 100) +
			      call(2, pause_for, text_of({ 300 }), no_hurry) +
			      call(3, pause_for, text_of({ no_hurry }), 0) +
			      call(4, echo_back, "at once", 0)));
	std::map<number, answer> got;
	for (int i = 0; i < 4; ++i) {
		const answer one = next(peer);
		got[one.id] = one;
	}
	EXPECT_EQ(got[1], (answer{ 1, ETIMEDOUT, "" }));
	EXPECT_EQ(got[2], (answer{ 2, 0, text_of({ 300 }) }));
	EXPECT_EQ(got[3], (answer{ 3, ETIMEDOUT, "" }));
	EXPECT_EQ(got[4], (answer{ 4, 0, "at once" }));
	EXPECT_EQ(ask(peer, call(5, echo_back, "still here")).body, "still here");
}

// More than are taken at once: the others wait in the socket. Each is answered once.
TEST_P(calls, many_on_one_connection)
{
	load_model();
	constexpr number count = 400;
	client peer = connect();
	std::thread sender([&] {
		std::mt19937 random(1);
		for (number id = 0; id < count; ++id)
			if (!peer.send(id % 3 ? call(id, pause_for,
						     text_of({ number(random() % 30) }),
						     random() % 30) :
						call(id, echo_back, std::to_string(id))))
				return;
		peer.half_close();
	});
	std::map<number, answer> got;
	for (number i = 0; i < count; ++i) {
		const answer one = next(peer);
		EXPECT_TRUE(got.emplace(one.id, one).second) << one;
	}
	sender.join();
	EXPECT_EQ(got.size(), count);
	for (const auto &[id, one] : got)
		EXPECT_TRUE(id % 3 ? one.error == 0 || one.error == ETIMEDOUT :
				     one.body == std::to_string(id))
			<< one;
	EXPECT_EQ(peer.receive_to_end().size(), 0u);
	EXPECT_EQ(peer.error(), 0) << "and then the end";
}

TEST_P(calls, of_one_that_never_reads)
{
	load_model("sndbuf=4608");
	client deaf = connect({ .receive_buffer = 2048 });
	std::string all;
	for (number id = 0; id < 500; ++id)
		all += call(id, echo_back, std::string(128, 'x'));
	const bytes calls_of_one(all.begin(), all.end());
	EXPECT_GT(deaf.send_until_blocked(calls_of_one), 0u);
	client peer = connect();
	for (number id = 0; id < 100; ++id)
		ASSERT_EQ(ask(peer, call(id, echo_back, "go on")).body, "go on");
	unload();
}

TEST_P(calls, without_a_frame_end_the_connection)
{
	load_model();
	for (const std::string &wrong :
	     { text_of({ 129, 1, echo_back, 0 }) + std::string(129, 'x'),
	       text_of({ ~0u, 1, echo_back, 0 }), text_of({ 5, 1, echo_back, no_hurry }) + "four",
	       std::string("\0\0\0", 3) }) {
		client peer = connect();
		ASSERT_EQ(ask(peer, call(1, echo_back, "a")).body, "a");
		ASSERT_TRUE(peer.send(wrong));
		peer.half_close();
		EXPECT_EQ(peer.receive_to_end().size(), 0u);
		EXPECT_TRUE(peer.ended());
	}
	client peer = connect();
	EXPECT_EQ(ask(peer, call(1, echo_back, "a")).body, "a");
}

// The answer comes before the work is done, and the work is done although the client has left.
TEST_P(calls, leave_work_behind_their_answers)
{
	load_model();
	for (int i = 0; i < 5; ++i) {
		client peer = connect();
		for (number id = 0; id < 3; ++id)
			ASSERT_EQ(ask(peer, call(id, note, "this")), (answer{ id, 0, "this" }));
		if (i % 2)
			peer.reset();
	}
	EXPECT_TRUE(eventually(30s, [] { return noted() == 15; })) << noted();
	// As many as may be at work; the others wait in the socket.
	client peer = connect();
	for (number id = 0; id < 100; ++id)
		ASSERT_TRUE(peer.send(call(id, note)));
	peer.half_close();
	EXPECT_EQ(peer.receive_to_end().size(), 1200u);
	EXPECT_EQ(noted(), 115) << "the end of the connection did not wait";
}

// Each processor counts in memory of its own, and the answer is the sum.
TEST_P(calls, of_both_processors_are_all_counted)
{
	load_model();
	const unsigned processors = std::min(2u, std::thread::hardware_concurrency());
	constexpr number each = 200;
	std::vector<std::thread> threads;
	for (unsigned i = 0; i < 4; ++i)
		threads.emplace_back([i, processors] {
			cpu_set_t one;
			CPU_ZERO(&one);
			CPU_SET(i % processors, &one);
			EXPECT_EQ(::sched_setaffinity(0, sizeof one, &one), 0);
			client peer = connect();
			for (number id = 0; id < each; ++id)
				EXPECT_TRUE(peer.send(call(id, note)));
			peer.half_close();
			EXPECT_EQ(peer.receive_to_end().size(), each * 12u);
		});
	for (auto &thread : threads)
		thread.join();
	EXPECT_EQ(noted(), 4 * static_cast<int>(each));
}

// Each has a timer of the kernel's, and gives it back however its wait ends.
TEST_P(calls, to_the_microsecond)
{
	load_model();
	client peer = connect();
	const auto start = clock::now();
	for (number i = 0; i < 20; ++i)
		ASSERT_EQ(ask(peer, call(i, pause_us, text_of({ 1500 }))).error, 0u);
	EXPECT_GE(clock::now() - start, 30ms);
	ASSERT_TRUE(peer.send(call(1, pause_us, text_of({ 3'600'000'000 }), 20) +
			      call(2, pause_us, text_of({ 0 })) +
			      call(3, pause_us, text_of({ 400'000 }))));
	std::map<number, answer> got;
	for (int i = 0; i < 3; ++i) {
		const answer one = next(peer);
		got[one.id] = one;
	}
	EXPECT_EQ(got[1].error, number(ETIMEDOUT));
	EXPECT_EQ(got[2].error, 0u);
	EXPECT_EQ(got[3].error, 0u);
	for (int i = 0; i < 20; ++i) {
		client other = connect();
		ASSERT_TRUE(other.send(call(1, pause_us, text_of({ number(i * 500) }))));
		if (i % 2)
			other.reset();
	}
	unload();
}

class exact_calls : public calls {};
INSTANTIATE_TEST_SUITE_P(icount, exact_calls, models(), model_name);

// The wheel's tick is 32 ms. Where the guest's clock counts instructions, nothing else makes it late.
TEST_P(exact_calls, are_not_late)
{
	load_model();
	client peer = connect();
	ASSERT_EQ(ask(peer, call(0, pause_us, text_of({ 100 }))).error, 0u);
	const auto start = clock::now();
	for (number i = 0; i < 50; ++i)
		ASSERT_EQ(ask(peer, call(i, pause_us, text_of({ 2000 }))).error, 0u);
	EXPECT_GE(clock::now() - start, 100ms);
	EXPECT_LT(clock::now() - start, 125ms);
}

// Workers sleep in these calls, and the connection goes on.
TEST_P(calls, that_block)
{
	load_model();
	client peer = connect();
	ASSERT_TRUE(peer.send(
		call(1, block, text_of({ 3000 })) + call(2, block, text_of({ 3000 }), 50) +
		call(3, block, text_of({ 0 })) + call(4, pause_for, text_of({ 10 }))));
	for (number id = 10; id < 60; ++id)
		ASSERT_TRUE(peer.send(call(id, echo_back, "quick")));
	std::vector<number> order;
	std::map<number, answer> got;
	for (int i = 0; i < 54; ++i) {
		const answer one = next(peer);
		order.push_back(one.id);
		got[one.id] = one;
	}
	EXPECT_EQ(got[1], (answer{ 1, 0, text_of({ 3000 }) }));
	EXPECT_EQ(got[2], (answer{ 2, ETIMEDOUT, "" })) << "it does not wait for its worker";
	EXPECT_EQ(got[3], (answer{ 3, 0, text_of({ 0 }) }));
	EXPECT_EQ(order.back(), 1u) << "it held others up";
	// Their clients leave.
	for (int i = 0; i < 20; ++i) {
		client other = connect();
		ASSERT_TRUE(other.send(call(1, block, text_of({ number(i * 20) }))));
		if (i % 2)
			other.reset();
	}
	EXPECT_EQ(ask(peer, call(5, echo_back, "still here")).body, "still here");
}

// rmmod waits for the functions, and for nothing else.
TEST_P(calls, that_block_are_waited_for_by_unloading)
{
	for (int round = 0; round < 5 && !HasFailure(); ++round) {
		load_model();
		std::vector<client> peers;
		for (int i = 0; i < 10; ++i) {
			peers.push_back(connect());
			for (number id = 0; id < 10; ++id)
				ASSERT_TRUE(peers.back().send(call(
					id, block, text_of({ number((i * 37 + id * 11) % 300) }),
					(i * 13 + id * 7) % 150)));
		}
		std::this_thread::sleep_for(round * 30ms);
		unload();
		for (auto &each : peers)
			EXPECT_TRUE(each.ended());
	}
}

TEST_P(calls, are_ended_by_unloading_at_every_step)
{
	for (int round = 0; round < 5 && !HasFailure(); ++round) {
		load_model();
		std::vector<client> peers;
		for (int i = 0; i < 20; ++i) {
			peers.push_back(connect());
			std::string frames;
			for (number id = 0; id < 20; ++id)
				frames += call(id, id % 4 == 3 ? note : pause_for,
					       text_of({ number((i * 37 + id * 11) % 200) }),
					       (i * 13 + id * 7) % 150);
			ASSERT_TRUE(peers.back().send(frames.substr(0, frames.size() - i)));
			if (i % 5 == 4)
				peers.back().half_close();
		}
		std::this_thread::sleep_for(round * 25ms);
		unload();
		for (auto &each : peers)
			EXPECT_TRUE(each.ended());
	}
}

} // namespace
} // namespace vm
