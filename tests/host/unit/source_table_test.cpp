// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* ktcp/source_table.hpp: how many connections each peer has, and may have. */
#include <ktcp/source_table.hpp>

#include <vector>

#include "support.hpp"

using ktcp::endpoint;
using ktcp::errc;
using testing::_;
using testing::NiceMock;
using testing::Return;

namespace
{

/* 2001:db8:0:NETWORK::HOST */
endpoint v6(std::uint8_t network, std::uint8_t host)
{
	auto raw = endpoint::any(1000).raw();

	raw.address[0] = 0x20;
	raw.address[1] = 0x01;
	raw.address[2] = 0x0d;
	raw.address[3] = 0xb8;
	raw.address[7] = network;
	raw.address[15] = host;
	return endpoint(raw);
}

class source_table_test : public testing::Test {
    protected:
	NiceMock<mock::mock_port> port;
};

} // namespace

TEST_F(source_table_test, without_a_limit_nothing_is_counted)
{
	ktcp::source_table any(0);

	EXPECT_CALL(port, kmalloc(_, _)).Times(0);
	for (int i = 0; i < 1000; i++) {
		const auto entered = any.enter(endpoint::ipv4(10, 0, 0, 1, 80));

		ASSERT_TRUE(entered);
		EXPECT_EQ(*entered, nullptr);
		any.leave(*entered);
	}
}

TEST_F(source_table_test, a_peer_has_as_many_as_it_may)
{
	ktcp::source_table two(2);
	const auto peer = endpoint::ipv4(10, 0, 0, 1, 80);
	auto first = two.enter(peer);
	auto second = two.enter(endpoint::ipv4(10, 0, 0, 1, 81));

	ASSERT_TRUE(first);
	ASSERT_TRUE(second);
	EXPECT_EQ(*first, *second) << "its port does not matter";
	EXPECT_EQ(two.enter(peer).error(), errc::edquot);
	two.leave(*first);

	auto third = two.enter(peer);

	EXPECT_TRUE(third);
	two.leave(*second);
	two.leave(*third);
	EXPECT_EQ(port.fake.blocks(), 0u) << "nothing is kept of who has left";
}

TEST_F(source_table_test, an_ipv4_peer_is_its_address)
{
	ktcp::source_table one(1);
	std::vector<ktcp::source *> all;

	for (std::uint8_t last = 0; last < 200; last++) {
		auto entered = one.enter(endpoint::ipv4(10, 0, 0, last, 80));

		ASSERT_TRUE(entered) << int{ last };
		all.push_back(*entered);
	}
	for (auto *each : all)
		one.leave(each);
}

TEST_F(source_table_test, an_ipv6_peer_is_its_network)
{
	ktcp::source_table one(1);
	auto first = one.enter(v6(1, 1));
	auto other = one.enter(v6(2, 1));

	ASSERT_TRUE(first);
	ASSERT_TRUE(other);
	EXPECT_EQ(one.enter(v6(1, 2)).error(), errc::edquot) << "all of a /64 are one";
	one.leave(*first);
	one.leave(*other);
}

TEST_F(source_table_test, an_ipv4_address_is_no_ipv6_network)
{
	ktcp::source_table one(1);
	auto four = one.enter(endpoint::ipv4(0, 0, 0, 0, 80));
	auto six = one.enter(endpoint::any(80)); /* ::/64, where ::ffff:0:0 would be */

	EXPECT_TRUE(four);
	EXPECT_TRUE(six);
	one.leave(*four);
	one.leave(*six);
}

TEST_F(source_table_test, without_memory_is_enomem)
{
	ktcp::source_table one(1);

	EXPECT_CALL(port, kmalloc(_, KTCP_GFP_KERNEL)).WillOnce(Return(nullptr));
	EXPECT_EQ(one.enter(v6(1, 1)).error(), errc::enomem);
}

TEST_F(source_table_test, many_peers_come_and_go_whatever_the_secret)
{
	for (std::uint32_t secret : { 0u, 1u, 0xffffffffu }) {
		EXPECT_CALL(port, random_u32()).WillOnce(Return(secret));

		ktcp::source_table three(3);
		std::vector<ktcp::source *> all;

		for (int round = 0; round < 3; round++)
			for (int i = 0; i < 1000; i++) {
				auto entered = three.enter(
					endpoint::ipv4(10, 1, static_cast<std::uint8_t>(i >> 8),
						       static_cast<std::uint8_t>(i), 80));

				ASSERT_TRUE(entered);
				all.push_back(*entered);
			}
		EXPECT_EQ(port.fake.blocks(), 1000u);
		EXPECT_EQ(three.enter(endpoint::ipv4(10, 1, 0, 0, 80)).error(), errc::edquot);
		for (auto *each : all)
			three.leave(each);
		EXPECT_EQ(port.fake.blocks(), 0u);
	}
}
