// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* ktcp/net/proxy_header.hpp: the header with which a proxy names its client. */
#include <ktcp/net/proxy_header.hpp>

#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <ktcp/net/endpoint_text.hpp>

using ktcp::endpoint_text;
using ktcp::parse_proxy_header;
using ktcp::proxy_header;

namespace
{

/* A header of version 2. */
std::string v2(unsigned char command, unsigned char family, const std::string &behind)
{
	std::string made("\r\n\r\n\0\r\nQUIT\n", 12);

	made += static_cast<char>(command);
	made += static_cast<char>(family);
	made += static_cast<char>(behind.size() >> 8);
	made += static_cast<char>(behind.size());
	return made + behind;
}

const std::string ipv4("\xc0\x00\x02\x01\xc0\x00\x02\x02\x30\x39\x01\xbb", 12);
const std::string ipv6("\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"
		       "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02\x30\x39\x01\xbb",
		       36);

/* All of it, each beginning of it, and with bytes behind it. */
void expect_done(const std::string &header, const char *client)
{
	for (std::size_t size = 0; size < header.size(); size++) {
		const auto part = parse_proxy_header(std::string(header, 0, size));

		ASSERT_EQ(part.outcome, proxy_header::more) << size << " bytes of " << header;
	}
	for (const std::string &behind : { std::string(), std::string("GET / HTTP/1.1\r\n"),
					   std::string("\0\xff", 2), header }) {
		const auto said = parse_proxy_header(header + behind);

		ASSERT_EQ(said.outcome, proxy_header::done) << header;
		EXPECT_EQ(said.size, header.size()) << header;
		EXPECT_EQ(said.names_client, client != nullptr) << header;
		if (client) {
			EXPECT_STREQ(endpoint_text(said.client).c_str(), client) << header;
		}
	}
}

/* It is refused, and so is it with bytes behind it; none of its beginnings is a header. */
void expect_bad(const std::string &header)
{
	bool bad = false;

	for (std::size_t size = 0; size <= header.size(); size++) {
		const auto part = parse_proxy_header(std::string(header, 0, size));

		ASSERT_NE(part.outcome, proxy_header::done) << size << " bytes of " << header;
		ASSERT_FALSE(bad && part.outcome != proxy_header::bad) << size << " of " << header;
		bad = part.outcome == proxy_header::bad;
	}
	EXPECT_TRUE(bad) << header;
	EXPECT_EQ(parse_proxy_header(header + "more").outcome, proxy_header::bad) << header;
}

static_assert(parse_proxy_header("PROXY UNKNOWN\r\nhello").size == 15);

} // namespace

TEST(proxy_header, version_1)
{
	expect_done("PROXY TCP4 192.0.2.1 192.0.2.2 12345 443\r\n", "192.0.2.1:12345");
	expect_done("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n",
		    "255.255.255.255:65535");
	expect_done("PROXY TCP6 2001:db8::1 ::1 0 1\r\n", "[2001:db8::1]:0");
	expect_done("PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
		    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n",
		    "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535");
	expect_done("PROXY TCP6 ::FFFF:10.1.2.3 ::1 80 1\r\n", "10.1.2.3:80");
}

TEST(proxy_header, version_1_of_an_unknown_peer)
{
	expect_done("PROXY UNKNOWN\r\n", nullptr);
	expect_done("PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
		    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n",
		    nullptr);
	expect_done("PROXY UNKNOWN anything \xff at all\r\n", nullptr);
}

TEST(proxy_header, version_1_has_an_end)
{
	const std::string begin = "PROXY UNKNOWN ";

	expect_done(begin + std::string(105 - begin.size(), 'x') + "\r\n", nullptr);
	expect_bad(begin + std::string(106 - begin.size(), 'x') + "\r\n");
	expect_bad(begin + std::string(300, 'x'));
}

TEST(proxy_header, version_1_that_is_none)
{
	for (const char *each : { "PROXY\r\n",
				  "PROXY \r\n",
				  "proxy TCP4 1.2.3.4 1.2.3.4 1 1\r\n",
				  "PROXY  TCP4 1.2.3.4 1.2.3.4 1 1\r\n",
				  "PROXY TCP4 1.2.3.4 1.2.3.4 1 1\n",
				  "PROXY TCP4 1.2.3.4 1.2.3.4 1 1\r\r\n",
				  "PROXY TCP4 1.2.3.4 1.2.3.4 1 1 \r\n",
				  "PROXY TCP4 1.2.3.4  1.2.3.4 1 1\r\n",
				  "PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n",
				  "PROXY TCP4 1.2.3.4 1.2.3.4 1 1 1\r\n",
				  "PROXY TCP4 1.2.3.4 1.2.3.4 01 1\r\n",
				  "PROXY TCP4 1.2.3.4 1.2.3.4 65536 1\r\n",
				  "PROXY TCP4 1.2.3.4 1.2.3.4 1 65536\r\n",
				  "PROXY TCP4 1.2.3.4 1.2.3.4 -1 1\r\n",
				  "PROXY TCP4 01.2.3.4 1.2.3.4 1 1\r\n",
				  "PROXY TCP4 1.2.3 1.2.3.4 1 1\r\n",
				  "PROXY TCP4 1.2.3.4 256.2.3.4 1 1\r\n",
				  "PROXY TCP4 ::1 ::1 1 1\r\n",
				  "PROXY TCP4 1.2.3.4 ::1 1 1\r\n",
				  "PROXY TCP6 1.2.3.4 1.2.3.4 1 1\r\n",
				  "PROXY TCP6 fe80::1%1 ::1 1 1\r\n",
				  "PROXY TCP6 [::1] ::1 1 1\r\n",
				  "PROXY TCP6 ::1::1 ::1 1 1\r\n",
				  "PROXY UDP4 1.2.3.4 1.2.3.4 1 1\r\n",
				  "PROXY UNKNOWNS\r\n",
				  "PROXY TCP4\r\n",
				  "PROXY TCP4 \r\n",
				  "GET / HTTP/1.1\r\n\r\n",
				  "PROXYTCP4 1.2.3.4 1.2.3.4 1 1\r\n",
				  "hello",
				  "\n" })
		expect_bad(each);
}

TEST(proxy_header, version_2)
{
	expect_done(v2(0x21, 0x11, ipv4), "192.0.2.1:12345");
	expect_done(v2(0x21, 0x21, ipv6), "[2001:db8::1]:12345");
	/* Additions are passed over. */
	expect_done(v2(0x21, 0x11, ipv4 + std::string("\x04\x00\x03xyz", 6)), "192.0.2.1:12345");
	expect_done(v2(0x21, 0x21, ipv6 + std::string(4096 - 16 - 36, 'x')), "[2001:db8::1]:12345");
}

TEST(proxy_header, version_2_that_names_no_client)
{
	for (const unsigned char family : { 0x00, 0x11, 0x21, 0x31, 0xff }) { /* LOCAL */
		expect_done(v2(0x20, family, ""), nullptr);
		expect_done(v2(0x20, family, ipv4), nullptr);
	}
	for (const unsigned char family : { 0x00, 0x01, 0x02, 0x10, 0x20, 0x30 }) /* unspecified */
		expect_done(v2(0x21, family, "any bytes"), nullptr);
	expect_done(v2(0x21, 0x12, ipv4), nullptr); /* UDP */
	expect_done(v2(0x21, 0x22, ipv6), nullptr);
	expect_done(v2(0x21, 0x31, std::string(216, 'x')), nullptr); /* Unix */
	expect_done(v2(0x21, 0x32, std::string(216, 'x')), nullptr);
}

TEST(proxy_header, version_2_that_is_none)
{
	expect_bad(v2(0x11, 0x11, ipv4)); /* versions */
	expect_bad(v2(0x31, 0x11, ipv4));
	expect_bad(v2(0x22, 0x11, ipv4)); /* commands */
	expect_bad(v2(0x2f, 0x11, ipv4));
	expect_bad(v2(0x21, 0x41, ipv4)); /* families */
	expect_bad(v2(0x21, 0x13, ipv4)); /* protocols */
	expect_bad(v2(0x21, 0x11, ipv4.substr(1))); /* too few bytes */
	expect_bad(v2(0x21, 0x21, ipv6.substr(1)));
	expect_bad(v2(0x21, 0x31, std::string(215, 'x')));
	expect_bad(v2(0x21, 0x11, ""));
	expect_bad(v2(0x21, 0x11, ipv4 + std::string(4096 - 16 - 12 + 1, 'x'))); /* too many */
	expect_bad(v2(0x20, 0x00, std::string(4081, 'x')));
	expect_bad(std::string("\r\n\r\n\0\r\nQUIT\r", 12));
	expect_bad("\r\n\r\nGET");
}
