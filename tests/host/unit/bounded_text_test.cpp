// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* ktcp/base/bounded_text.hpp */
#include <ktcp/base/bounded_text.hpp>

#include <gtest/gtest.h>

#include <type_traits>

using ktcp::bounded_text;

static_assert(std::is_trivially_copyable_v<bounded_text<8>>);
static_assert(std::is_trivially_destructible_v<bounded_text<8>>);

TEST(bounded_text, is_put_together)
{
	bounded_text<16> text;

	EXPECT_EQ(text, "");
	EXPECT_TRUE(text.append("a", ktcp::number_text(42), std::string_view("b\0", 2)));
	EXPECT_EQ(text, std::string_view("a42b\0", 5));
	text.clear();
	EXPECT_EQ(text.text(), "");
	EXPECT_TRUE(text.append(bounded_text<4>("four")));
	EXPECT_EQ(std::string_view(text), "four");
}

TEST(bounded_text, ends_where_it_is_full)
{
	bounded_text<4> text;

	EXPECT_FALSE(text.append("abc", "de", "f"));
	EXPECT_EQ(text, "abcd");
	EXPECT_TRUE(text.append(""));
	EXPECT_FALSE(text.append("x"));
	EXPECT_EQ(text, "abcd");
	EXPECT_EQ(bounded_text<2>("too long"), "to");
}
