// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* ktcp/net/prefix.hpp: networks by their prefixes, and lists of them. */
#include <ktcp/net/prefix.hpp>

#include <string>

#include <gtest/gtest.h>

using ktcp::endpoint;
using ktcp::parse_address;
using ktcp::parse_prefix;
using ktcp::prefix_list;

namespace
{

bool contains(const char *network, const char *address)
{
	const auto read = parse_prefix(network);
	const auto of = parse_address(address);

	EXPECT_TRUE(read) << network << ": " << (read.error ? read.error : "");
	EXPECT_TRUE(of) << address;
	return read.value.contains(of.value);
}

static_assert(parse_prefix("192.0.2.0/24").value.contains(endpoint::ipv4(192, 0, 2, 77, 80)));
static_assert(!parse_prefix("192.0.2.0/24").value.contains(endpoint::ipv4(192, 0, 3, 0, 80)));

} // namespace

TEST(prefix, of_every_length)
{
	EXPECT_TRUE(contains("0.0.0.0/0", "255.1.2.3"));
	EXPECT_TRUE(contains("128.0.0.0/1", "255.1.2.3"));
	EXPECT_FALSE(contains("128.0.0.0/1", "127.255.255.255"));
	EXPECT_TRUE(contains("10.0.0.0/8", "10.255.0.1"));
	EXPECT_FALSE(contains("10.0.0.0/8", "11.0.0.0"));
	EXPECT_TRUE(contains("10.32.0.0/11", "10.63.255.255"));
	EXPECT_FALSE(contains("10.32.0.0/11", "10.64.0.0"));
	EXPECT_TRUE(contains("10.1.2.3/32", "10.1.2.3"));
	EXPECT_FALSE(contains("10.1.2.3/32", "10.1.2.2"));
	EXPECT_TRUE(contains("10.1.2.3", "10.1.2.3"));
	EXPECT_FALSE(contains("10.1.2.3", "10.1.2.4"));
	EXPECT_TRUE(contains("2001:db8::/32", "2001:db8:ffff::1"));
	EXPECT_FALSE(contains("2001:db8::/32", "2001:db9::"));
	EXPECT_TRUE(contains("2001:db8:0:8000::/49", "2001:db8:0:8001::1"));
	EXPECT_FALSE(contains("2001:db8:0:8000::/49", "2001:db8::1"));
	EXPECT_TRUE(contains("fe80::1/128", "fe80::1"));
	EXPECT_FALSE(contains("fe80::1", "fe80::2"));
	EXPECT_TRUE(contains("::/0", "fe80::2"));
}

TEST(prefix, a_mapped_address_is_its_ipv4_address)
{
	EXPECT_TRUE(contains("::ffff:10.0.0.0/104", "10.1.2.3"));
	EXPECT_TRUE(contains("10.0.0.0/8", "::ffff:10.1.2.3"));
	EXPECT_FALSE(contains("::ffff:10.0.0.0/104", "11.1.2.3"));
	EXPECT_TRUE(contains("::ffff:0:0/96", "11.1.2.3"));
	EXPECT_FALSE(contains("0.0.0.0/0", "::1"));
	/* Rules for IPv6 are none for IPv4. */
	EXPECT_FALSE(contains("::/0", "10.1.2.3"));
	EXPECT_FALSE(contains("::/64", "10.1.2.3"));
	EXPECT_TRUE(contains("::/64", "::2"));
}

TEST(prefix, text_that_is_none)
{
	const struct {
		const char *text;
		std::size_t at;
		const char *word;
	} wrong[] = {
		{ "", 0, "IPv4" },
		{ "/8", 0, "IPv4" },
		{ "10.0.0.0/", 9, "0 to 32" },
		{ "10.0.0.0/33", 10, "0 to 32" },
		{ "10.0.0.0/08", 10, "0 to 32" },
		{ "10.0.0.0/-1", 9, "0 to 32" },
		{ "::/129", 5, "0 to 128" },
		{ "10.0.0.0/8/8", 10, "0 to 32" },
		{ "10.0.0/8", 6, "four numbers" },
		{ "10.0.0.1/8", 0, "behind the prefix" },
		{ "2001:db8::1/64", 0, "behind the prefix" },
		{ "0.0.0.1/0", 0, "behind the prefix" },
		{ "fe80::1%eth0/128", 7, "hexadecimal" },
		{ "localhost", 0, "four numbers" },
	};

	for (const auto &each : wrong) {
		const auto read = parse_prefix(each.text);

		ASSERT_FALSE(read) << each.text;
		EXPECT_NE(std::string(read.error).find(each.word), std::string::npos)
			<< each.text << ": " << read.error;
		EXPECT_EQ(read.at, each.at) << each.text;
	}
}

TEST(prefix_list, is_what_the_text_says)
{
	prefix_list list;

	EXPECT_TRUE(list.empty());
	EXPECT_FALSE(list.contains(endpoint::ipv4(10, 0, 0, 1, 80)));
	ASSERT_EQ(list.assign("10.0.0.0/8,2001:db8::/32,192.0.2.1").value, 3u);
	EXPECT_FALSE(list.empty());
	EXPECT_TRUE(list.contains(endpoint::ipv4(10, 0, 0, 1, 80)));
	EXPECT_TRUE(list.contains(endpoint::ipv4(192, 0, 2, 1, 80)));
	EXPECT_TRUE(list.contains(parse_address("2001:db8::7").value));
	EXPECT_FALSE(list.contains(endpoint::ipv6_loopback(80)));
	ASSERT_EQ(list.assign("::1").value, 1u);
	EXPECT_FALSE(list.contains(endpoint::ipv4(10, 0, 0, 1, 80))) << "those were the old ones";
	ASSERT_TRUE(list.assign(""));
	EXPECT_TRUE(list.empty());
}

TEST(prefix_list, stays_as_it_was_if_the_text_is_none)
{
	prefix_list list;
	std::string many = "::1";

	ASSERT_TRUE(list.assign("10.0.0.0/8"));
	for (const char *wrong :
	     { ",", "::1,", ",::1", "::1,,::2", "::1 ::2", "::1, ::2", "::1,10.0.0.0/33" })
		EXPECT_FALSE(list.assign(wrong)) << wrong;
	EXPECT_EQ(list.assign("::1,10.0.0.0/33").at, 14u);
	for (std::size_t i = 1; i < prefix_list::most; i++)
		many += ",::1";
	EXPECT_FALSE(list.assign(many + ",::1"));
	EXPECT_TRUE(list.contains(endpoint::ipv4(10, 0, 0, 1, 80)));
	EXPECT_EQ(list.assign(many).value, prefix_list::most);
	EXPECT_FALSE(list.contains(endpoint::ipv4(10, 0, 0, 1, 80)));
}
