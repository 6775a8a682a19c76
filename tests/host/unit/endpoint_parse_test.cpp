// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* ktcp/net/endpoint_parse.hpp: addresses as people write them, held against the C library. */
#include <ktcp/net/endpoint_parse.hpp>
#include <ktcp/net/endpoint_text.hpp>

#include <arpa/inet.h>
#include <cstring>
#include <random>
#include <string>

#include <gtest/gtest.h>

using ktcp::endpoint;
using ktcp::endpoint_text;
using ktcp::parse_address;
using ktcp::parse_endpoint;
using ktcp::parse_port;
using ktcp::split_endpoint;

static_assert(parse_endpoint("127.0.0.1:80").value == endpoint::ipv4(127, 0, 0, 1, 80));
static_assert(parse_endpoint("[::1]:80").value == endpoint::ipv6_loopback(80));
static_assert(parse_endpoint("::1:80").value == endpoint::ipv6_loopback(80));
static_assert(parse_endpoint("[::ffff:1.2.3.4]:5").value == endpoint::ipv4(1, 2, 3, 4, 5));
static_assert(parse_endpoint("::ffff:1.2.3.4:5").value == endpoint::ipv4(1, 2, 3, 4, 5));
static_assert(!parse_endpoint(""));

namespace
{

std::string back(std::string_view text)
{
	const auto made = parse_endpoint(text);

	return made ? endpoint_text(made.value).c_str() : "";
}

/* Where it is wrong, or -1. */
int wrong_at(std::string_view text)
{
	const auto made = parse_endpoint(text);

	return made ? -1 : static_cast<int>(made.at);
}

/* Does the C library say the same of an address? */
void compare(const std::string &text)
{
	std::uint8_t bytes[16] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };
	const bool ipv6 = text.find(':') != text.npos;
	/* A NUL ends it for inet_pton(), and for us is a wrong character. */
	const bool good = text.find('\0') == text.npos &&
			  inet_pton(ipv6 ? AF_INET6 : AF_INET, text.c_str(),
				    bytes + (ipv6 ? 0 : 12)) == 1;
	const auto made = parse_address(text);

	ASSERT_EQ(static_cast<bool>(made), good) << text;
	if (good) {
		ASSERT_EQ(std::memcmp(made.value.raw().address, bytes, 16), 0) << text;
	} else {
		ASSERT_LE(made.at, text.size()) << text;
	}
}

} // namespace

TEST(endpoint_parse, ports)
{
	EXPECT_EQ(parse_port("1").value, 1);
	EXPECT_EQ(parse_port("65535").value, 65535);
	for (const char *each : { "", "0", "00", "01", "65536", "99999999999999999999999", "-1",
				  "+1", " 1", "1 ", "0x50", "http", "*" })
		EXPECT_FALSE(parse_port(each)) << each;
	EXPECT_EQ(parse_port("80a").at, 2u);
	EXPECT_EQ(parse_port("65536").at, 4u);
}

TEST(endpoint_parse, every_form)
{
	EXPECT_EQ(back("192.0.2.1:80"), "192.0.2.1:80");
	EXPECT_EQ(back("[2001:db8::1]:80"), "[2001:db8::1]:80");
	EXPECT_EQ(back("2001:db8::1:80"), "[2001:db8::1]:80");
	EXPECT_EQ(back("1:2:3:4:5:6:7:8:9"), "[1:2:3:4:5:6:7:8]:9");
	EXPECT_EQ(back("[::]:1"), "[::]:1");
	EXPECT_EQ(back(":::1"), "[::]:1");
	EXPECT_EQ(back("[1:2:3:4:5:6:7::]:1"), "[1:2:3:4:5:6:7:0]:1");
	EXPECT_EQ(back("[::2:3:4:5:6:7:8]:1"), "[0:2:3:4:5:6:7:8]:1");
	EXPECT_EQ(back("[64:ff9b::192.0.2.33]:1"), "[64:ff9b::c000:221]:1");
	EXPECT_EQ(back("[ABCD:eF::]:1"), "[abcd:ef::]:1");
	EXPECT_EQ(back("[192.0.2.1]:80"), "192.0.2.1:80");
}

TEST(endpoint_parse, zones)
{
	for (const char *each : { "[fe80::1%7]:80", "[fe80::1]%7:80", "fe80::1%7:80" }) {
		const auto made = parse_endpoint(each);

		ASSERT_TRUE(made) << each << ": " << made.error;
		EXPECT_EQ(made.value.raw().scope_id, 7u) << each;
		EXPECT_EQ(made.value.port(), 80) << each;
	}

	const auto parts = split_endpoint("[fe80::1]%eth0:*");

	ASSERT_TRUE(parts);
	EXPECT_EQ(parts.value.host, "fe80::1");
	EXPECT_EQ(parts.value.zone, "eth0");
	EXPECT_EQ(parts.value.port, "*");
	EXPECT_EQ(wrong_at("[fe80::1]%eth0:80"), 10);
	EXPECT_EQ(wrong_at("[fe80::1]%:80"), 10);
	EXPECT_EQ(wrong_at("[fe80::1%]:80"), 8);
	EXPECT_EQ(wrong_at("[fe80::1%1]%2:80"), 8);
}

TEST(endpoint_parse, says_where_it_is_wrong)
{
	EXPECT_EQ(wrong_at(""), 0);
	EXPECT_EQ(wrong_at("127.0.0.1"), 9);
	EXPECT_EQ(wrong_at("127.0.0.1:"), 10);
	EXPECT_EQ(wrong_at("127.0.0.256:80"), 10);
	EXPECT_EQ(wrong_at("127.0.0:80"), 7);
	EXPECT_EQ(wrong_at("127.0.0.1.2:80"), 9);
	EXPECT_EQ(wrong_at("127.00.0.1:80"), 5);
	EXPECT_EQ(wrong_at(".1.1.1:80"), 0);
	EXPECT_EQ(wrong_at("[::1:80"), 7);
	EXPECT_EQ(wrong_at("[::1]80"), 7);
	EXPECT_EQ(wrong_at("[::1]x:80"), 5);
	EXPECT_EQ(wrong_at("[::1]:99999"), 10);
	EXPECT_EQ(wrong_at("[1::2::3]:80"), 6);
	EXPECT_EQ(wrong_at("[:1]:80"), 1);
	EXPECT_EQ(wrong_at("[1:]:80"), 3);
	EXPECT_EQ(wrong_at("[12345::]:80"), 5);
	EXPECT_EQ(wrong_at("[1:2:3:4:5:6:7:8:9]:80"), 17);
	EXPECT_EQ(wrong_at("[1:2:3:4:5:6:7]:80"), 14);
	EXPECT_EQ(wrong_at("[::1.2.3.400]:80"), 11);
	EXPECT_EQ(wrong_at("[1:2:3:4:5:6:7:1.2.3.4]:80"), 15);
	EXPECT_EQ(wrong_at("localhost:80"), 0);
	EXPECT_EQ(wrong_at(std::string_view("1.2.3.4\0:80", 11)), 7);
}

TEST(endpoint_parse, reads_the_text_of_endpoint_text)
{
	std::mt19937 random(2);

	for (int i = 0; i < 20'000; i++) {
		ktcp_endpoint raw = {};

		raw.port = static_cast<std::uint16_t>(1 + random() % 65535);
		for (auto &each : raw.address)
			each = random() % 3 ? 0 : static_cast<std::uint8_t>(random());

		const endpoint what(raw);
		const auto made = parse_endpoint(endpoint_text(what).c_str());

		ASSERT_TRUE(made) << endpoint_text(what).c_str() << ": " << made.error;
		ASSERT_TRUE(made.value == what) << endpoint_text(what).c_str();
	}
}

TEST(endpoint_parse, agrees_with_the_c_library)
{
	const std::string alphabet = std::string("0123456789abcdefABCDEF:::::::....g% -\0", 38);
	const char *good[] = { "1.2.3.4",     "255.255.255.255",      "::",
			       "::1",	      "2001:db8:1:2:3:4:5:6", "1::8",
			       "::1.2.3.4",   "1:2:3:4:5:6:1.2.3.4",  "1:2:3:4:5:6:7::",
			       "fe80::a:0:1", "::ffff:10.0.0.1" };
	std::mt19937 random(3);

	for (int i = 0; i < 300'000; i++) {
		std::string text;

		if (random() % 2) {
			text = good[random() % std::size(good)];
			for (unsigned int changes = random() % 4; changes; changes--) {
				const std::size_t at = random() % (text.size() + 1);

				if (random() % 2)
					text.insert(at, 1, alphabet[random() % alphabet.size()]);
				else
					text.erase(at, 1 + random() % 2);
			}
		} else {
			for (unsigned int left = random() % 24; left; left--)
				text += alphabet[random() % alphabet.size()];
		}
		compare(text);
		if (HasFatalFailure())
			return;
	}
}
