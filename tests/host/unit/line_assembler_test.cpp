// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* ktcp/base/line_assembler.hpp: lines, wherever the pieces are cut. */
#include <ktcp/base/line_assembler.hpp>

#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace
{

using lines = std::vector<std::string>;

constexpr std::size_t longest = 10;

class line_assembler_test : public testing::Test {
    protected:
	ktcp::line_assembler<longest> assembler;
	lines seen;
	std::string refused = "bad";

	auto feed(std::string_view piece)
	{
		return assembler.feed(piece, [&](std::string_view line) { return sink(line); });
	}

	bool sink(std::string_view line)
	{
		seen.emplace_back(line);
		return line != refused;
	}
};

} // namespace

TEST_F(line_assembler_test, whole_ones)
{
	EXPECT_TRUE(feed("one\ntwo\n\nthree\n").accepted);
	EXPECT_EQ(seen, (lines{ "one", "two", "", "three" }));
}

TEST_F(line_assembler_test, in_pieces)
{
	EXPECT_FALSE(assembler.pending());
	EXPECT_TRUE(feed("o").accepted);
	EXPECT_TRUE(feed("").accepted);
	EXPECT_TRUE(feed("ne").accepted);
	EXPECT_EQ(seen, lines());
	EXPECT_TRUE(assembler.pending());
	EXPECT_TRUE(feed("\ntw").accepted);
	EXPECT_EQ(seen, (lines{ "one" }));
	EXPECT_TRUE(feed("o\n").accepted);
	EXPECT_EQ(seen, (lines{ "one", "two" }));
	EXPECT_FALSE(assembler.pending());
	EXPECT_TRUE(assembler.finish([](std::string_view) { return false; })) << "nothing is left";
}

TEST_F(line_assembler_test, the_last_without_an_end)
{
	EXPECT_TRUE(feed("one\ntwo").accepted);
	EXPECT_TRUE(assembler.finish([&](std::string_view line) { return sink(line); }));
	EXPECT_EQ(seen, (lines{ "one", "two" }));
	EXPECT_TRUE(feed("bad").accepted);
	EXPECT_FALSE(assembler.finish([&](std::string_view line) { return sink(line); }));
}

TEST_F(line_assembler_test, a_refused_one_says_where_it_begins)
{
	auto fed = feed("one\nbad\ntwo\n");

	EXPECT_FALSE(fed.accepted);
	EXPECT_EQ(fed.at, 4);
	EXPECT_EQ(seen, (lines{ "one", "bad" })) << "nothing of what follows";

	seen.clear();
	EXPECT_TRUE(feed("one\nb").accepted);
	fed = feed("ad\ntwo\n");
	EXPECT_FALSE(fed.accepted);
	EXPECT_EQ(fed.at, -1);
	EXPECT_TRUE(feed("two\n").accepted) << "nothing is held of it";
	EXPECT_EQ(seen, (lines{ "one", "bad", "two" }));
}

TEST_F(line_assembler_test, the_longest_and_one_more)
{
	EXPECT_TRUE(feed("0123456789\n").accepted);
	EXPECT_TRUE(feed("01234").accepted);
	EXPECT_TRUE(feed("56789").accepted);
	EXPECT_TRUE(feed("\n").accepted);
	EXPECT_EQ(seen, (lines{ "0123456789", "0123456789" }));

	seen.clear();
	auto fed = feed("one\n0123456789a\ntwo\n");
	EXPECT_FALSE(fed.accepted) << "though the sink takes it";
	EXPECT_EQ(fed.at, 4);
	EXPECT_EQ(seen, (lines{ "one", "0123456789a" }));

	/* As soon as it is known, with the end not in sight. */
	seen.clear();
	EXPECT_TRUE(feed("0123456789").accepted);
	fed = feed("abcdef");
	EXPECT_FALSE(fed.accepted);
	EXPECT_EQ(fed.at, -10);
	EXPECT_EQ(seen, (lines{ "0123456789a" }));
	EXPECT_FALSE(feed(std::string(100'000, 'x')).accepted);
	EXPECT_TRUE(feed("next\n").accepted);
}

TEST_F(line_assembler_test, cut_anywhere_it_is_the_same)
{
	std::mt19937 random(1);
	std::string text;
	lines expected;

	for (int i = 0; i < 20'000; i++) {
		std::string line;

		for (unsigned int left = random() % (longest + 1); left; left--)
			line += static_cast<char>("ab \0\r"[random() % 5]);
		expected.push_back(line);
		text += line + "\n";
	}
	for (std::size_t at = 0; at < text.size();) {
		const std::size_t size = random() % 30;

		ASSERT_TRUE(feed(std::string_view(text).substr(at, size)).accepted);
		at += size;
	}
	EXPECT_EQ(seen, expected);
}
