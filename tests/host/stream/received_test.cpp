// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * ktcp/received.hpp: messages come out of the stream the same wherever it was cut, in softirq as in
 * process context, with memory and without. Bytes that are not taken are there for the next read.
 */
#include <ktcp/received.hpp>

#include <gtest/gtest.h>

#include <functional>
#include <random>
#include <string>
#include <vector>

#include <ktcp/test/stream.hpp>

namespace
{

using ktcp::connection;
using ktcp::errc;
using ktcp::task;
using ktcp::test::machine;
using ktcp::test::place;
using ktcp::test::stream;

constexpr std::size_t whole_buffer = 16384;

/* A handler that a test writes where it stands. */
struct handler {
	std::function<task(connection &)> function;

	task operator()(connection &peer) const
	{
		return function(peer);
	}
};

std::string text(std::span<const std::byte> bytes)
{
	return { reinterpret_cast<const char *>(bytes.data()), bytes.size() };
}

template <class Message>
std::string outcome(const Message &got)
{
	return got		   ? "[" + std::string(*got) + "]" :
	       got.end_of_stream() ? "end" :
				     "errno " + std::to_string(-got.error().code());
}

/* The requests of a protocol, one after the other. A step that finds none is the last, but for the
 * bytes that read() then brings. */
struct step {
	enum { line, until, exactly } what;
	std::size_t size;
};

task follow(connection &peer, const std::vector<step> &steps, std::vector<std::string> &got)
{
	for (std::size_t i = 0;; i = (i + 1) % steps.size()) {
		const auto [what, size] = steps[i];
		ktcp::message message;

		/* With co_await in both arms of ?: g++-12 destroys what one of them gave too early. */
		if (what == step::line)
			message = co_await peer.read_line(size);
		else if (what == step::until)
			message = co_await peer.read_until("--", size);
		else
			message = co_await peer.read_exactly(size);
		got.push_back(outcome(message));
		if (!message)
			break;
	}

	std::string rest;

	for (;;) {
		auto more = co_await peer.read();

		if (!more)
			break;
		rest += text(*more);
	}
	got.push_back("rest " + rest);
}

std::vector<std::string> run(const std::vector<std::string> &pieces, const std::vector<step> &steps,
			     place where = place::process)
{
	std::vector<std::string> got;

	{
		stream peer(handler{ [&](connection &c) { return follow(c, steps, got); } }, where);

		for (const auto &each : pieces)
			if (!each.empty())
				peer.send(each);
	}
	return got;
}

/* The same by what the documentation says, of the whole text. */
std::vector<std::string> expected(std::string_view all, const std::vector<step> &steps)
{
	std::vector<std::string> got;

	for (std::size_t i = 0;; i = (i + 1) % steps.size()) {
		const auto [what, size] = steps[i];
		const std::string_view delimiter = what == step::line ? "\n" : "--";
		std::size_t end, length;

		if (what == step::exactly) {
			end = length = size;
			if (size > whole_buffer)
				got.push_back("errno 90");
			else if (all.empty() && size)
				got.push_back("end");
			else if (all.size() < size)
				got.push_back("errno 74");
		} else {
			const std::size_t at = all.find(delimiter);
			/* As much as can be told without the delimiter. */
			length = at != all.npos ?
					 at :
					 all.size() - std::min(all.size(), delimiter.size() - 1);
			if (what == step::line && length &&
			    (at == all.npos || all[length - 1] == '\r'))
				length--;
			end = at + delimiter.size();
			if (length > size ||
			    (at != all.npos ? end > whole_buffer : all.size() >= whole_buffer))
				got.push_back("errno 90");
			else if (all.empty())
				got.push_back("end");
			else if (at == all.npos)
				got.push_back("errno 74");
		}
		if (got.size() && got.back()[0] == 'e')
			break;
		got.push_back("[" + std::string(all.substr(0, length)) + "]");
		all.remove_prefix(end);
	}
	got.push_back("rest " + std::string(all));
	return got;
}

class messages : public testing::TestWithParam<place> {
    protected:
	void TearDown() override
	{
		EXPECT_EQ(machine.buffers, 0u);
		machine = {};
	}
};

INSTANTIATE_TEST_SUITE_P(, messages, testing::Values(place::process, place::softirq),
			 [](const auto &info) {
				 return info.param == place::process ? "process" : "softirq";
			 });

TEST_P(messages, come_out_the_same_wherever_they_were_cut)
{
	const std::string texts[] = {
		"ping\r\nget a\n\n\r\nlong line that is too long\nrest\n",
		"a\nb\nc",
		"12345678\r\n123456789\n",
		"1234567-\n--x-\r\n----",
		"",
		std::string("\0\n\xff\n", 4),
	};
	const std::vector<step> protocols[] = {
		{ { step::line, 8 } },
		{ { step::until, 8 } },
		{ { step::line, 20 },
		  { step::exactly, 3 },
		  { step::until, 20 },
		  { step::exactly, 0 } },
	};

	for (const bool without_memory : { false, true })
		for (const auto &all : texts)
			for (const auto &steps : protocols) {
				const auto right = expected(all, steps);

				machine.atomic_fails = without_memory;
				for (std::size_t i = 0; i <= all.size(); i++)
					for (std::size_t j = i; j <= all.size(); j++)
						EXPECT_EQ(run({ all.substr(0, i),
								all.substr(i, j - i),
								all.substr(j) },
							      steps, GetParam()),
							  right)
							<< all << " cut at " << i << " and " << j;

				std::vector<std::string> bytes;

				for (const char each : all)
					bytes.emplace_back(1, each);
				EXPECT_EQ(run(bytes, steps, GetParam()), right)
					<< all << " by bytes";
			}
}

/* Around the size of a buffer, whose end a message may meet anywhere. */
TEST_P(messages, are_as_long_as_a_buffer_and_no_longer)
{
	std::mt19937 random(19);

	for (const std::size_t before : { 0, 1, 100, 16000 })
		for (const std::size_t length : { 16300, 16381, 16382, 16383, 16384, 16385, 20000 })
			for (int i = 0; i < 6; i++) {
				const std::string all = std::string(before, 'a') + "\n" +
							std::string(length, 'b') + "\n" + "c\n";
				std::vector<std::string> pieces;

				for (std::size_t at = 0; at < all.size();) {
					const std::size_t size = 1 + random() % 9000;

					pieces.push_back(all.substr(at, size));
					at += size;
				}
				for (const std::vector<step> &steps :
				     { std::vector<step>{ { step::line, 20000 } },
				       std::vector<step>{ { step::until, 20000 } },
				       std::vector<step>{ { step::line, 16384 },
							  { step::exactly, length } } })
					EXPECT_EQ(run(pieces, steps, GetParam()),
						  expected(all, steps))
						<< before << " bytes and " << length;
			}
}

TEST_P(messages, of_any_protocol_in_any_pieces)
{
	std::mt19937 random(1);

	for (int i = 0; i < 2000; i++) {
		std::string all;
		std::vector<step> steps;
		std::vector<std::string> pieces;

		for (std::size_t left = random() % 60; left; left--)
			all += "ab\n\r-"[random() % 5];
		do
			steps.push_back({ decltype(step::what)(random() % 3), random() % 12 });
		while (random() % 4);
		/* One that takes nothing would come for ever. */
		steps.push_back({ step::exactly, 1 });
		for (std::size_t at = 0; at < all.size();) {
			const std::size_t size = 1 + random() % 20;

			pieces.push_back(all.substr(at, size));
			at += size;
		}
		machine.atomic_fails = random() % 2;
		ASSERT_EQ(run(pieces, steps, GetParam()), expected(all, steps)) << all;
	}
}

TEST_P(messages, too_long_stays_and_a_second_try_may_take_it)
{
	std::vector<std::string> got;
	stream peer(handler{ [&](connection &c) -> task {
			    for (const std::size_t limit : { 3, 3, 4 }) {
				    auto line = co_await c.read_line(limit);

				    got.push_back(outcome(line));
			    }
		    } },
		    GetParam());

	peer.send("ping\n");
	EXPECT_TRUE(peer.over());
	EXPECT_EQ(got, (std::vector<std::string>{ "errno 90", "errno 90", "[ping]" }));
}

TEST_P(messages, each_has_its_own_bytes)
{
	stream peer(handler{ [](connection &c) -> task {
			    auto key = co_await c.read_line(100);
			    auto value = co_await c.read_exactly(6);
			    auto last = co_await c.read_line(100);
			    auto moved = std::move(key);

			    EXPECT_FALSE(static_cast<bool>(key));
			    EXPECT_TRUE(key.end_of_stream());
			    static_cast<void>(co_await c.write(*moved, *value, *last));
		    } },
		    GetParam());

	peer.send("key\nvalue.the line behind it is longer\n");
	EXPECT_EQ(peer.received(), "keyvalue.the line behind it is longer");
	EXPECT_EQ(peer.sends(), (std::vector<std::size_t>{ 3, 6, 28 }));
}

TEST_P(messages, bytes_behind_a_message_come_with_the_next_read)
{
	std::string got;
	stream peer(handler{ [&](connection &c) -> task {
			    auto first = co_await c.read();

			    EXPECT_EQ(text(*first), "abc");
			    static_cast<void>(co_await c.read_line(10));
			    EXPECT_TRUE(c.readable());

			    /* Behind what is held, though it lies in another buffer. */
			    const auto more = co_await c.read_more(first);

			    EXPECT_EQ(*more, 3u);
			    EXPECT_EQ(text(*first), "abcghi");
			    got = text(*co_await c.read());
		    } },
		    GetParam());

	peer.send("abc");
	peer.send("def\nghi");
	EXPECT_FALSE(peer.over());
	peer.send("jkl");
	EXPECT_EQ(got, "jkl");
}

TEST_P(messages, hold_no_buffer_while_nothing_has_come)
{
	stream peer(handler{ [](connection &c) -> task {
			    while (co_await c.read_line(10))
				    ;
		    } },
		    GetParam());

	EXPECT_EQ(machine.buffers, 0u);
	peer.send("one\ntwo\n");
	EXPECT_EQ(machine.buffers, 0u);
	peer.send("thr");
	EXPECT_EQ(machine.buffers, 1u);
	peer.send("ee\n");
	EXPECT_EQ(machine.buffers, 0u);
}

TEST_P(messages, end_with_a_reset)
{
	const std::vector<step> lines{ { step::line, 10 } };
	std::vector<std::string> got;
	stream peer(handler{ [&](connection &c) { return follow(c, lines, got); } }, GetParam());

	peer.send("one\ntw");
	peer.reset();
	EXPECT_TRUE(peer.over());
	EXPECT_EQ(got, (std::vector<std::string>{ "[one]", "errno 104", "rest tw" }));
}

TEST_P(messages, are_ended_with_the_server)
{
	std::vector<std::string> got;
	stream peer(handler{ [&](connection &c) -> task {
			    auto line = co_await c.read_line(10);

			    got.push_back(outcome(line));
		    } },
		    GetParam());

	peer.send("tw");
	peer.end();
	peer.seem_readable();
	EXPECT_EQ(got, std::vector<std::string>{ "errno 108" });
}

/* For the failure of any allocation: an error that says so, and not a byte lost. */
TEST_P(messages, lose_nothing_without_memory)
{
	const std::string all = "first\nsecond line\nthird\n" + std::string(20000, 'x');
	unsigned int refused = 0;

	for (std::size_t failing = 1; failing < 12; failing++) {
		std::string got;

		{
			stream peer(handler{ [&](connection &c) -> task {
					    for (;;) {
						    auto line = co_await c.read_line(100);

						    if (line) {
							    got += std::string(*line) + "\n";
							    continue;
						    }
						    if (line.error() != errc::enomem)
							    break;
						    refused++;
					    }
					    for (;;) {
						    auto rest = co_await c.read();

						    if (rest)
							    got += text(*rest);
						    else if (rest.error() != errc::enomem)
							    break;
					    }
				    } },
				    GetParam());

			machine.allocations = 0;
			machine.failing = failing;
			peer.send(all.substr(0, 12));
			peer.send(all.substr(12));
		}
		machine = {};
		EXPECT_EQ(got, all) << failing;
	}
	/* In softirq the turn goes on where memory may be had. */
	EXPECT_EQ(refused > 0, GetParam() == place::process);
}

TEST(writing, of_pieces_goes_on_wherever_it_stopped)
{
	for (std::size_t most = 1; most < 12; most++) {
		stream peer(handler{ [](connection &c) -> task {
			static_cast<void>(co_await c.read());

			const std::string_view empty;
			const auto sent = co_await c.write(empty, "head ", empty,
							   std::string("body"), "\n", empty);

			EXPECT_TRUE(sent.has_value());
			const auto nothing = co_await c.write(empty, empty);

			EXPECT_TRUE(nothing.has_value());
		} });

		peer.take_at_most(most);
		peer.read_only(7);
		peer.send("?");
		EXPECT_EQ(peer.received(), "head bo");
		EXPECT_TRUE(peer.is_waited_for());
		peer.read_on();
		EXPECT_EQ(peer.received(), "head body\n");
		EXPECT_TRUE(peer.over());
	}
}

TEST(writing, of_pieces_fails_with_the_first_that_does)
{
	stream peer(handler{ [](connection &c) -> task {
		static_cast<void>(co_await c.read());
		static_cast<void>(co_await c.read());

		const auto sent = co_await c.write("a", "b");

		EXPECT_EQ(sent.error(), errc::epipe);
	} });

	peer.send("?");
	peer.reset();
	EXPECT_TRUE(peer.over());
	EXPECT_EQ(peer.received(), "");
}

} // namespace
