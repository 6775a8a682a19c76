// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include "options.hpp"

#include <gtest/gtest.h>

namespace
{

using load::parse;

std::string error_of(const std::vector<std::string> &arguments)
{
	return parse(arguments).error;
}

TEST(Options, HaveDefaults)
{
	const auto result = parse({});

	EXPECT_EQ(result.error, "");
	EXPECT_EQ(result.values.host, "127.0.0.1");
	EXPECT_EQ(result.values.port, 12345);
	EXPECT_EQ(result.values.connections, 1u);
	EXPECT_EQ(result.values.largest(), 64u);
	EXPECT_EQ(result.values.duration, 10'000'000'000);
	EXPECT_EQ(result.values.rate, 0);
}

TEST(Options, ComeWithSpaceOrEqualsSign)
{
	const auto result = parse({ "--port", "80", "--connections=16", "--threads=2", "--size=16K",
				    "--rate", "1000.5", "--per-request", "--json" });

	EXPECT_EQ(result.error, "");
	EXPECT_EQ(result.values.port, 80);
	EXPECT_EQ(result.values.connections, 16u);
	EXPECT_EQ(result.values.threads, 2u);
	EXPECT_EQ(result.values.largest(), 16384u);
	EXPECT_EQ(result.values.rate, 1000.5);
	EXPECT_TRUE(result.values.per_request);
	EXPECT_EQ(result.values.output, load::format::json);
}

TEST(Options, WatchForATime)
{
	EXPECT_EQ(parse({ "--idle", "3", "--watch", "10s" }).values.watch, 10'000'000'000);
	EXPECT_EQ(parse({}).values.watch, 0);
	EXPECT_EQ(parse({ "--unload", "kecho" }).values.unload, "kecho");
	EXPECT_EQ(parse({}).values.unload, "");
}

TEST(Options, TakePaths)
{
	const auto result = parse({ "--http", "/,/12,/a?b=c", "--files", "/www" });

	EXPECT_EQ(result.error, "");
	EXPECT_EQ(result.values.paths, (std::vector<std::string>{ "/", "/12", "/a?b=c" }));
	EXPECT_NE(error_of({ "--http", "12" }), "");
	EXPECT_NE(error_of({ "--http", "/," }), "");
	EXPECT_NE(error_of({ "--http", "/a b" }), "");
	EXPECT_NE(error_of({ "--http", "/", "--idle", "3" }), "");
	EXPECT_NE(error_of({ "--files", "/www" }), "");
}

TEST(Options, SayWhatIsWrongAndWhatIsAllowed)
{
	EXPECT_EQ(error_of({ "--port", "0" }), "--port cannot be '0': 1 to 65535");
	EXPECT_EQ(error_of({ "--port", "65536" }), "--port cannot be '65536': 1 to 65535");
	EXPECT_EQ(error_of({ "--port", "80x" }), "--port cannot be '80x': 1 to 65535");
	EXPECT_EQ(error_of({ "--port", "" }), "--port cannot be '': 1 to 65535");
	EXPECT_EQ(error_of({ "--port" }), "--port needs a value: 1 to 65535");
	EXPECT_EQ(error_of({ "--json=1" }), "--json takes no value");
	EXPECT_EQ(error_of({ "--por", "80" }), "unknown option '--por'");
	EXPECT_EQ(error_of({ "port" }), "unknown option 'port'");
	EXPECT_EQ(error_of({ "--" }), "unknown option '--'");
	EXPECT_NE(error_of({ "--label", "a\"b" }), "");
	EXPECT_NE(error_of({ "--rate", "0" }), "");
	EXPECT_NE(error_of({ "--rate", "nan" }), "");
	EXPECT_NE(error_of({ "--rate", "1e999" }), "");
}

TEST(Options, RefuseWhatDoesNotGoTogether)
{
	EXPECT_NE(error_of({ "--threads", "2" }), "");
	EXPECT_NE(error_of({ "--rate", "10", "--think", "1ms" }), "");
	EXPECT_NE(error_of({ "--memory" }), "");
	EXPECT_NE(error_of({ "--idle-echo" }), "");
	EXPECT_NE(error_of({ "--duration", "0" }), "");
	EXPECT_NE(error_of({ "--timeout", "0" }), "");
	EXPECT_NE(error_of({ "--sources", "2", "--host", "10.0.0.1" }), "");
	EXPECT_EQ(error_of({ "--idle", "10", "--memory", "--idle-echo" }), "");
	EXPECT_EQ(error_of({ "--requests", "5", "--duration", "0" }), "");
}

TEST(Options, HelpStandsBeforeContradictions)
{
	const auto result = parse({ "--help", "--threads", "5" });

	EXPECT_TRUE(result.help);
	EXPECT_EQ(result.error, "");
	EXPECT_TRUE(parse({ "-h" }).help);
}

TEST(Options, Sizes)
{
	uint32_t size = 0;

	EXPECT_TRUE(load::parse_size("1", size) && size == 1);
	EXPECT_TRUE(load::parse_size("100B", size) && size == 100);
	EXPECT_TRUE(load::parse_size("16K", size) && size == 16384);
	EXPECT_TRUE(load::parse_size("1.5KiB", size) && size == 1536);
	EXPECT_TRUE(load::parse_size("64M", size) && size == 64u << 20);
	for (const char *bad :
	     { "", "0", "-1", "1G", "65M", "K", "1.5", "1 K", "0x10", "inf", "1KK" })
		EXPECT_FALSE(load::parse_size(bad, size)) << bad;
}

TEST(Options, Times)
{
	int64_t time = 0;

	EXPECT_TRUE(load::parse_time("10", time) && time == 10'000'000'000);
	EXPECT_TRUE(load::parse_time("1.5s", time) && time == 1'500'000'000);
	EXPECT_TRUE(load::parse_time("500ms", time) && time == 500'000'000);
	EXPECT_TRUE(load::parse_time("100us", time) && time == 100'000);
	EXPECT_TRUE(load::parse_time("2m", time) && time == 120'000'000'000);
	EXPECT_TRUE(load::parse_time("0", time) && time == 0);
	for (const char *bad : { "", "s", "-1s", "1d", "25h", "1e3s", "nan" })
		EXPECT_FALSE(load::parse_time(bad, time)) << bad;
}

TEST(Options, Mixes)
{
	std::vector<load::share> mix;

	ASSERT_TRUE(load::parse_sizes("64:90,16K:10,1", mix));
	ASSERT_EQ(mix.size(), 3u);
	EXPECT_EQ(mix[0].size, 64u);
	EXPECT_EQ(mix[0].weight, 90u);
	EXPECT_EQ(mix[1].size, 16384u);
	EXPECT_EQ(mix[1].weight, 10u);
	EXPECT_EQ(mix[2].weight, 1u);
	for (const char *bad : { "", ",", "64,", "64:", "64:0", ":1", "64:1:1", "64;1" })
		EXPECT_FALSE(load::parse_sizes(bad, mix)) << bad;
	EXPECT_EQ(mix.size(), 3u) << "a bad one leaves it alone";
}

TEST(Options, SourceAddressesFollowTheConnections)
{
	EXPECT_EQ(parse({}).values.source_addresses(), 1u);
	EXPECT_EQ(parse({ "--idle", "100000" }).values.source_addresses(), 6u);
	EXPECT_EQ(parse({ "--idle", "100000", "--sources", "9" }).values.source_addresses(), 9u);
}

} // namespace
