// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* ktcp/buffer_chain.hpp: messages of several buffers, cut anywhere, with memory and without. */
#include <ktcp/buffer_chain.hpp>

#include <gtest/gtest.h>

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

struct outcome {
	std::string bytes, rest;
	int error = 0;
	std::size_t pieces = 0;
};

enum class how { exactly, all, until };

constexpr std::string_view delimiter = "\r\n.\r\n";

/* A line, then so many bytes, or up to the delimiter or the end, then what is left. */
struct reader {
	outcome *got;
	how what;
	std::size_t size;

	task operator()(connection &peer) const
	{
		const auto line = co_await peer.read_line(100);
		ktcp::result<ktcp::buffer_chain> chain = errc::eio;

		if (!line) {
			got->error = line.error().code();
			co_return;
		}
		if (what == how::all)
			chain = co_await ktcp::read_all(peer, size);
		else if (what == how::until)
			chain = co_await ktcp::read_until(peer, delimiter, size);
		else
			chain = co_await ktcp::read_exactly(peer, size);
		if (chain)
			look(*chain);
		else
			got->error = chain.error().code();
		for (;;) {
			auto more = co_await peer.read();

			if (!more)
				break;
			got->rest += more.text();
		}
	}

	void look(ktcp::buffer_chain &chain) const
	{
		got->bytes.resize(chain.size() + 1, '!');
		EXPECT_EQ(chain.copy_to(got->bytes), chain.size());
		got->bytes.pop_back();

		std::string joined;

		for (const std::string_view piece : chain) {
			EXPECT_FALSE(piece.empty());
			joined += piece;
			got->pieces++;
		}
		EXPECT_TRUE(joined == (got->bytes));

		const auto moved = std::move(chain);

		EXPECT_EQ(moved.size(), joined.size());
		EXPECT_EQ(chain.size(), 0u);
		EXPECT_EQ(chain.copy_to(joined), 0u);
	}
};

std::string pattern(std::size_t size)
{
	std::string text(size, '\0');

	for (std::size_t i = 0; i < size; i++)
		text[i] = static_cast<char>(i * 31 + i / 251);
	return text;
}

class chains : public testing::TestWithParam<place> {
    protected:
	outcome run(const std::string &body, how what, std::size_t size, std::size_t longest)
	{
		outcome got;
		const std::string sent = "line\n" + body;

		{
			stream peer(reader{ &got, what, size }, GetParam());

			for (std::size_t at = 0; at < sent.size();) {
				const std::size_t piece = 1 + random() % longest;

				peer.send(sent.substr(at, piece));
				at += piece;
			}
		}
		EXPECT_EQ(machine.buffers, 0u);
		return got;
	}

	void TearDown() override
	{
		machine = {};
	}

	std::mt19937 random{ 7 };
};

INSTANTIATE_TEST_SUITE_P(, chains, testing::Values(place::process, place::softirq),
			 [](const auto &info) {
				 return info.param == place::process ? "process" : "softirq";
			 });

TEST_P(chains, of_so_many_bytes)
{
	for (const std::size_t size : { 0, 1, 16383, 16384, 16385, 50000 })
		for (const std::size_t longest : { 1000, 100000 }) {
			const std::string body = pattern(size);
			const auto got = run(body + "rest", how::exactly, size, longest);

			EXPECT_EQ(got.error, 0);
			EXPECT_TRUE(got.bytes == (body));
			EXPECT_TRUE(got.rest == ("rest"));
			EXPECT_EQ(got.pieces, (size + 16383) / 16384) << "pieces are full";
		}
}

TEST_P(chains, of_so_many_bytes_that_do_not_come)
{
	const std::string body = pattern(40000);
	const auto got = run(body, how::exactly, 40001, 5000);

	EXPECT_EQ(got.error, -74);
	EXPECT_TRUE(got.rest == (body.substr(2 * 16384))) << "what fills no buffer";
}

TEST_P(chains, up_to_the_end)
{
	for (const std::size_t size : { 0, 1, 16383, 16384, 16385, 32768, 50000 })
		for (const std::size_t limit : { 0, 1, 16384, 32768, 50000, 60000 })
			for (const std::size_t longest : { 1000, 100000 }) {
				const std::string body = pattern(size);
				const auto got = run(body, how::all, limit, longest);

				EXPECT_EQ(got.error, size > limit ? -90 : 0)
					<< size << " of " << limit;
				EXPECT_TRUE(got.bytes == (size > limit ? "" : body));
				EXPECT_TRUE(got.rest ==
					    (size > limit ? body.substr(limit + 1) : ""));
			}
}

/* The delimiter lies anywhere about the end of a buffer, and parts of it come before. */
TEST_P(chains, up_to_a_delimiter)
{
	for (std::size_t size :
	     { 0, 1, 16378, 16379, 16380, 16381, 16383, 16384, 32760, 32764, 50000 })
		for (const std::size_t longest : { 1000, 100000 }) {
			std::string body = pattern(size);

			if (size > 100)
				body.replace(size - 4, 4, delimiter.substr(0, 4));

			const auto got = run(body + std::string(delimiter) + "rest", how::until,
					     size, longest);

			EXPECT_EQ(got.error, 0) << size;
			EXPECT_TRUE(got.bytes == body) << size;
			EXPECT_EQ(got.rest, "rest") << size;
		}
}

TEST_P(chains, up_to_a_delimiter_that_comes_too_late)
{
	for (const std::size_t size : { 1, 100, 16379, 16380, 16384, 50000 })
		for (const std::size_t longest : { 1000, 100000 }) {
			const std::string sent = pattern(size) + std::string(delimiter) + "rest";
			const auto got = run(sent, how::until, size - 1, longest);

			EXPECT_EQ(got.error, -90) << size;
			EXPECT_TRUE(sent.ends_with(got.rest)) << size;
			EXPECT_GE(got.rest.size(), delimiter.size() + 4)
				<< "the delimiter is not lost";
		}
}

TEST_P(chains, up_to_a_delimiter_that_does_not_come)
{
	for (const std::size_t size : { 0, 1, 16380, 40000 }) {
		const auto got = run(pattern(size), how::until, 50000, 5000);

		EXPECT_EQ(got.error, size ? -74 : -61) << size;
	}
}

/* Each allocation may fail. Then there is an error that says so, and nothing is left behind. */
TEST_P(chains, fail_without_memory)
{
	const std::string body = pattern(40000);
	unsigned int refused = 0;

	for (std::size_t failing = 1; failing < 12; failing++) {
		machine.allocations = 0;
		machine.failing = failing;

		const auto got = run(body, how::all, 50000, 100000);

		refused += got.error == -12;
		EXPECT_TRUE(got.bytes == (got.error ? "" : body));
		machine = {};
	}
	EXPECT_GT(refused, 0u);
}

} // namespace
