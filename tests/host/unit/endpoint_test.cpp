// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* ktcp/net/endpoint.hpp: one form of every address. */
#include <ktcp/net/endpoint.hpp>

#include <type_traits>

#include <gtest/gtest.h>

using ktcp::endpoint;

static_assert(std::is_trivially_copyable_v<endpoint>);
static_assert(endpoint() == endpoint::any(0));
static_assert(endpoint::ipv4(127, 0, 0, 1, 80).is_ipv4());
static_assert(endpoint::ipv4(0, 0, 0, 0, 80).is_ipv4(), "0.0.0.0 is IPv4, too");
static_assert(!endpoint::ipv6_loopback(80).is_ipv4());
static_assert(endpoint(ktcp_endpoint{ .address = { 0xfe, 0xbf }, .scope_id = 0, .port = 0 })
		      .is_link_local());
static_assert(!endpoint(ktcp_endpoint{ .address = { 0xfe, 0xc0 }, .scope_id = 0, .port = 0 })
		       .is_link_local());
static_assert(!endpoint::ipv6_loopback(80).is_link_local());
static_assert(!endpoint::any(80).is_ipv4(), ":: is for both");
static_assert(endpoint::any(65535).port() == 65535);

TEST(endpoint, any_is_all_zero_but_the_port)
{
	const auto any = endpoint::any(8080);

	for (auto each : any.raw().address)
		EXPECT_EQ(each, 0);
	EXPECT_EQ(any.raw().scope_id, 0u);
	EXPECT_EQ(any.raw().port, 8080);
	EXPECT_EQ(any.port(), 8080);
}

TEST(endpoint, ipv4_is_mapped)
{
	const auto four = endpoint::ipv4(192, 0, 2, 33, 7);
	const std::uint8_t mapped[16] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 33 };

	for (int i = 0; i < 16; i++)
		EXPECT_EQ(four.raw().address[i], mapped[i]) << i;
	EXPECT_EQ(four.port(), 7);
}

TEST(endpoint, loopback_is_one)
{
	const auto loopback = endpoint::ipv6_loopback(9);

	for (int i = 0; i < 15; i++)
		EXPECT_EQ(loopback.raw().address[i], 0);
	EXPECT_EQ(loopback.raw().address[15], 1);
}

TEST(endpoint, a_single_other_byte_is_another_address)
{
	const auto four = endpoint::ipv4(1, 2, 3, 4, 5);

	for (int i = 0; i < 16; i++) {
		auto raw = four.raw();

		raw.address[i] ^= 1;
		EXPECT_FALSE(endpoint(raw) == four) << i;
		if (i < 12)
			EXPECT_FALSE(endpoint(raw).is_ipv4()) << i;
		else
			EXPECT_TRUE(endpoint(raw).is_ipv4()) << i;
	}
}

TEST(endpoint, port_and_scope_count)
{
	auto raw = endpoint::ipv6_loopback(1).raw();

	EXPECT_TRUE(endpoint(raw) == endpoint::ipv6_loopback(1));
	raw.scope_id = 2;
	EXPECT_FALSE(endpoint(raw) == endpoint::ipv6_loopback(1));
	EXPECT_FALSE(endpoint::ipv6_loopback(2) == endpoint::ipv6_loopback(1));
}
