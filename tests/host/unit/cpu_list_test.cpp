// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* ktcp/engine/cpu_list.hpp: some CPUs, as the kernel's lists name them. */
#include <ktcp/engine/cpu_list.hpp>

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace
{

std::vector<int> of(const char *text)
{
	ktcp::cpu_list list;
	std::vector<int> found;

	EXPECT_TRUE(list.assign(text, 16)) << text;
	for (int cpu = 0; cpu < 16; cpu++)
		if (list.contains(cpu))
			found.push_back(cpu);
	return found;
}

} // namespace

TEST(cpu_list, has_numbers_and_ranges)
{
	EXPECT_EQ(of("0"), std::vector<int>{ 0 });
	EXPECT_EQ(of("15"), std::vector<int>{ 15 });
	EXPECT_EQ(of("1-3"), (std::vector<int>{ 1, 2, 3 }));
	EXPECT_EQ(of("8,1-2,4-4,15"), (std::vector<int>{ 1, 2, 4, 8, 15 }));
	EXPECT_TRUE(ktcp::cpu_list().contains(7)) << "an empty list has all";
}

TEST(cpu_list, text_that_is_none)
{
	const struct {
		const char *text;
		std::size_t at;
	} wrong[] = { { "", 0 },     { "x", 0 },   { "1,", 2 },	   { ",1", 0 },
		      { "16", 1 },   { "3-1", 2 }, { "1-", 2 },	   { "-1", 0 },
		      { "1-16", 2 }, { "1 2", 1 }, { "0,2-x", 4 }, { "01", 1 } };

	for (const auto &each : wrong) {
		ktcp::cpu_list list;
		const auto read = list.assign(each.text, 16);

		EXPECT_FALSE(read) << each.text;
		EXPECT_EQ(read.at, each.at) << each.text;
	}

	ktcp::cpu_list list;
	std::string many = "1";

	for (int i = 1; i < 32; i++)
		many += ",1";
	EXPECT_TRUE(list.assign(many, 16));
	EXPECT_FALSE(list.assign(many + ",1", 16));
}
