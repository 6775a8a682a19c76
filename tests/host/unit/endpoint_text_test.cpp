// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* ktcp/net/endpoint_text.hpp: addresses as people write them. */
#include <ktcp/net/endpoint_text.hpp>

#include <algorithm>
#include <arpa/inet.h>
#include <cstring>
#include <random>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

using ktcp::endpoint;
using ktcp::endpoint_text;

static_assert(std::string_view(endpoint_text(endpoint::any(0)).c_str()) == "[::]:0");

namespace
{

endpoint v6(const char *address, std::uint16_t port)
{
	auto raw = endpoint::any(port).raw();

	EXPECT_EQ(inet_pton(AF_INET6, address, raw.address), 1) << address;
	return endpoint(raw);
}

std::string text_of(const endpoint &what)
{
	return endpoint_text(what).c_str();
}

} // namespace

TEST(endpoint_text, ipv4)
{
	EXPECT_EQ(text_of(endpoint::ipv4(192, 0, 2, 1, 80)), "192.0.2.1:80");
	EXPECT_EQ(text_of(endpoint::ipv4(0, 0, 0, 0, 0)), "0.0.0.0:0");
	EXPECT_EQ(text_of(endpoint::ipv4(255, 255, 255, 255, 65535)), "255.255.255.255:65535");
}

/* Without it the text would not say which one; this one can be parsed again. */
TEST(endpoint_text, a_zone)
{
	auto raw = v6("fe80::1", 80).raw();

	raw.scope_id = 7;
	EXPECT_EQ(text_of(endpoint(raw)), "[fe80::1]%7:80");
	raw.scope_id = 4294967295;
	raw.port = 65535;
	std::fill(std::begin(raw.address), std::end(raw.address), 0xff);
	EXPECT_EQ(text_of(endpoint(raw)),
		  "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]%4294967295:65535");
}

/* RFC 5952, section by section. */
TEST(endpoint_text, ipv6)
{
	for (const char *each : { "::", "::1", "1::", "2001:db8::1", "2001:db8:0:1:1:1:1:1",
				  "2001:0:0:1::1", "2001:db8::1:0:0:1", "fe80::1234:5678:9abc:def0",
				  "1:2:3:4:5:6:7:8", "0:1::", "1:0:2:0:3:0:4:0", "::2:0:0:3:4",
				  "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" }) {
		char canonical[INET6_ADDRSTRLEN];
		const auto what = v6(each, 443);

		inet_ntop(AF_INET6, what.raw().address, canonical, sizeof(canonical));
		EXPECT_EQ(text_of(what), "[" + std::string(canonical) + "]:443");
	}
}

TEST(endpoint_text, agrees_with_the_c_library_on_random_addresses)
{
	std::mt19937 random(1);

	for (int i = 0; i < 20'000; i++) {
		auto raw = endpoint::any(static_cast<std::uint16_t>(random())).raw();

		/* Many zeros, in runs of every length. */
		for (int group = 1; group < 8; group++)
			if (random() % 2)
				raw.address[2 * group + 1] = static_cast<std::uint8_t>(random() % 4);
		raw.address[0] = 0x20; /* neither mapped nor compatible IPv4 */

		char canonical[INET6_ADDRSTRLEN];

		inet_ntop(AF_INET6, raw.address, canonical, sizeof(canonical));
		ASSERT_EQ(text_of(endpoint(raw)),
			  "[" + std::string(canonical) + "]:" + std::to_string(raw.port));
	}
}
