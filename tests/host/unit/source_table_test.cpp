// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* ktcp/engine/source_table.hpp: how many connections each peer has, and may have. */
#include <ktcp/engine/source_table.hpp>

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
	const auto peer = endpoint::ipv4(10, 0, 0, 1, 80);

	EXPECT_CALL(port, kmalloc(_, _)).Times(0);
	EXPECT_CALL(port, mutex_lock(_)).Times(0);
	for (int i = 0; i < 1000; i++) {
		ASSERT_TRUE(any.enter(peer));
		any.leave(peer);
	}
}

TEST_F(source_table_test, a_peer_has_as_many_as_it_may)
{
	ktcp::source_table two(2);
	const auto peer = endpoint::ipv4(10, 0, 0, 1, 80);

	ASSERT_TRUE(two.enter(peer));
	ASSERT_TRUE(two.enter(endpoint::ipv4(10, 0, 0, 1, 81)));
	EXPECT_EQ(two.enter(peer).error(), errc::edquot) << "its port does not matter";
	two.leave(peer);
	EXPECT_TRUE(two.enter(peer));
	EXPECT_EQ(two.enter(peer).error(), errc::edquot);
	two.leave(peer);
	two.leave(peer);
	EXPECT_EQ(port.fake.blocks(), 0u) << "nothing is kept of who has left";
}

TEST_F(source_table_test, another_limit_takes_nothing_from_those_who_have_more)
{
	ktcp::source_table table(3);
	const auto peer = endpoint::ipv4(10, 0, 0, 1, 80);

	for (int i = 0; i < 3; i++)
		ASSERT_TRUE(table.enter(peer));
	table.change(1);
	EXPECT_EQ(table.enter(peer).error(), errc::edquot);
	table.leave(peer);
	table.leave(peer);
	EXPECT_EQ(table.enter(peer).error(), errc::edquot) << "it has one";
	table.change(0);
	EXPECT_TRUE(table.enter(peer)) << "any number";
	table.change(2);
	EXPECT_EQ(table.enter(peer).error(), errc::edquot);
	table.leave(peer);
	table.leave(peer);
	EXPECT_EQ(port.fake.blocks(), 0u);
}

TEST_F(source_table_test, an_ipv4_peer_is_its_address)
{
	ktcp::source_table one(1);

	for (std::uint8_t last = 0; last < 200; last++)
		ASSERT_TRUE(one.enter(endpoint::ipv4(10, 0, 0, last, 80))) << int{ last };
	for (std::uint8_t last = 0; last < 200; last++)
		one.leave(endpoint::ipv4(10, 0, 0, last, 80));
}

TEST_F(source_table_test, an_ipv6_peer_is_its_network)
{
	ktcp::source_table one(1);

	ASSERT_TRUE(one.enter(v6(1, 1)));
	ASSERT_TRUE(one.enter(v6(2, 1)));
	EXPECT_EQ(one.enter(v6(1, 2)).error(), errc::edquot) << "all of a /64 are one";
	one.leave(v6(1, 3));
	one.leave(v6(2, 1));
	EXPECT_EQ(port.fake.blocks(), 0u);
}

TEST_F(source_table_test, an_ipv4_address_is_no_ipv6_network)
{
	ktcp::source_table one(1);
	const auto four = endpoint::ipv4(0, 0, 0, 0, 80);
	const auto six = endpoint::any(80); /* ::/64, where ::ffff:0:0 would be */

	EXPECT_TRUE(one.enter(four));
	EXPECT_TRUE(one.enter(six));
	one.leave(four);
	one.leave(six);
}

/* Neither the table nor the peer's place in it. */
TEST_F(source_table_test, without_memory_is_enomem)
{
	ktcp::source_table one(1);

	for (int successes = 0; successes < 2; successes++) {
		int left = successes;

		EXPECT_CALL(port, kmalloc(_, KTCP_GFP_KERNEL))
			.Times(successes + 1)
			.WillRepeatedly([&](std::size_t size, ktcp_gfp gfp) {
				return left-- > 0 ? port.fake.kmalloc(size, gfp) : nullptr;
			});
		EXPECT_EQ(one.enter(v6(1, 1)).error(), errc::enomem);
		testing::Mock::VerifyAndClearExpectations(&port);
		EXPECT_EQ(port.fake.blocks(), 0u);
	}
}

TEST_F(source_table_test, many_peers_come_and_go_with_any_secret)
{
	constexpr int peers = 5000;
	const auto nth = [](int i) {
		return endpoint::ipv4(10, 1, static_cast<std::uint8_t>(i >> 8),
				      static_cast<std::uint8_t>(i), 80);
	};

	for (std::uint32_t secret : { 0u, 1u, 0xffffffffu }) {
		EXPECT_CALL(port, random_u32()).WillOnce(Return(secret));

		ktcp::source_table three(3);

		for (int round = 0; round < 3; round++)
			for (int i = 0; i < peers; i++)
				ASSERT_TRUE(three.enter(nth(i)));
		EXPECT_GE(port.fake.blocks(), static_cast<std::size_t>(peers));
		for (int i = 0; i < peers; i++)
			ASSERT_EQ(three.enter(nth(i)).error(), errc::edquot);
		for (int round = 0; round < 3; round++)
			for (int i = 0; i < peers; i++)
				three.leave(nth(i));
		EXPECT_EQ(port.fake.blocks(), 0u);
	}
}

/* A table that cannot grow still counts. */
TEST_F(source_table_test, grows_only_where_there_is_memory)
{
	constexpr std::size_t first_bytes = 8 * sizeof(ktcp::list_node);
	const auto nth = [](int i) { return v6(static_cast<std::uint8_t>(i), 1); };
	ktcp::source_table one(1);

	ON_CALL(port, kmalloc(testing::Gt(first_bytes), _)).WillByDefault(Return(nullptr));
	for (int i = 0; i < 256; i++)
		ASSERT_TRUE(one.enter(nth(i)));
	for (int i = 0; i < 256; i++)
		ASSERT_EQ(one.enter(nth(i)).error(), errc::edquot);
	for (int i = 0; i < 256; i++)
		one.leave(nth(i));
}
