// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* ktcp/engine/accept_rate.hpp: how many connections a second each peer may begin. */
#include <ktcp/engine/accept_rate.hpp>

#include "support.hpp"

using ktcp::endpoint;
using ktcp::errc;
using testing::_;
using testing::NiceMock;
using testing::Return;

namespace
{

class accept_rate_test : public testing::Test {
    protected:
	NiceMock<mock::mock_port> port;

	const endpoint one = endpoint::ipv4(10, 0, 0, 1, 80), two = endpoint::ipv4(10, 0, 0, 2, 80);

	/* So many of a peer's come at once; how many are admitted? */
	static int admitted(ktcp::accept_rate &rate, const endpoint &peer, std::uint64_t now_ms,
			    int come = 1000)
	{
		int in = 0;

		while (come--)
			in += rate.admit(peer, now_ms);
		return in;
	}
};

} // namespace

TEST_F(accept_rate_test, without_a_limit_all_are_admitted)
{
	ktcp::accept_rate rate;

	EXPECT_FALSE(rate.limits());
	EXPECT_CALL(port, kmalloc(_, _)).Times(0);
	EXPECT_EQ(admitted(rate, one, 5000), 1000);
}

TEST_F(accept_rate_test, a_seconds_share_at_once_and_then_as_it_comes_back)
{
	for (const unsigned int share : { 1u, 2u, 3u, 7u, 100u, 999u }) {
		ktcp::accept_rate rate;
		const auto all = static_cast<int>(share);
		std::uint64_t now = 1'000'000;

		ASSERT_TRUE(rate.change(share));
		EXPECT_TRUE(rate.limits());
		EXPECT_EQ(admitted(rate, one, now), all);
		EXPECT_EQ(admitted(rate, one, now), 0);
		EXPECT_EQ(admitted(rate, two, now), all) << "another peer has its own";
		now += 1000;
		EXPECT_EQ(admitted(rate, one, now), all);
		/* Ten seconds of silence are no ten shares. */
		now += 10'000;
		EXPECT_EQ(admitted(rate, one, now), all);

		/* As many in any ten seconds, and no more than one too many. */
		int in = 0;

		for (int i = 0; i < 10'000; i++)
			in += rate.admit(one, ++now);
		EXPECT_GE(in, 10 * all - 1) << share;
		EXPECT_LE(in, 10 * all + 1) << share;
	}
}

TEST_F(accept_rate_test, a_refused_one_costs_nothing)
{
	ktcp::accept_rate rate;

	ASSERT_TRUE(rate.change(2));
	EXPECT_EQ(admitted(rate, one, 1000), 2);
	EXPECT_EQ(admitted(rate, one, 1400), 0);
	EXPECT_EQ(admitted(rate, one, 1500), 1);
}

TEST_F(accept_rate_test, a_peer_is_an_ipv4_address_or_an_ipv6_network)
{
	ktcp::accept_rate rate;
	auto near = endpoint::ipv6_loopback(80).raw(), far = near;

	near.address[15] = 2;
	far.address[7] = 1;
	ASSERT_TRUE(rate.change(1));
	EXPECT_TRUE(rate.admit(endpoint::ipv6_loopback(80), 1000));
	EXPECT_FALSE(rate.admit(endpoint(near), 1000));
	EXPECT_TRUE(rate.admit(endpoint(far), 1000));
	EXPECT_TRUE(rate.admit(one, 1000));
	EXPECT_FALSE(rate.admit(endpoint::ipv4(10, 0, 0, 1, 81), 1000));
}

TEST_F(accept_rate_test, can_be_changed)
{
	ktcp::accept_rate rate;

	ASSERT_TRUE(rate.change(1));
	EXPECT_EQ(admitted(rate, one, 1000), 1);
	ASSERT_TRUE(rate.change(10));
	EXPECT_EQ(admitted(rate, one, 2000), 10);
	ASSERT_TRUE(rate.change(0));
	EXPECT_EQ(admitted(rate, one, 2000), 1000);
	EXPECT_EQ(port.fake.blocks(), 0u);
	EXPECT_CALL(port, kmalloc(_, _)).WillOnce(Return(nullptr));
	EXPECT_EQ(rate.change(5).error(), errc::enomem);
	EXPECT_FALSE(rate.limits());
}

/* Peers without end: nothing grows, and each is still held to its share in a second. */
TEST_F(accept_rate_test, more_peers_than_there_are_places)
{
	ktcp::accept_rate rate;

	ASSERT_TRUE(rate.change(2));

	const std::size_t blocks = port.fake.blocks();

	for (unsigned int i = 0; i < 100'000; i++) {
		const auto peer = endpoint::ipv4(10, static_cast<std::uint8_t>(i >> 16),
						 static_cast<std::uint8_t>(i >> 8),
						 static_cast<std::uint8_t>(i), 80);

		EXPECT_EQ(admitted(rate, peer, 1000, 4), 2);
	}
	EXPECT_EQ(port.fake.blocks(), blocks);
}

/* They would push each other out of one set, and begin with a whole share each time. */
TEST_F(accept_rate_test, peers_that_differ_in_the_upper_bits_have_their_own_places)
{
	ktcp::accept_rate rate;

	ASSERT_TRUE(rate.change(4));
	for (const int admits : { 4, 0 })
		for (unsigned int i = 0; i < 64; i++)
			EXPECT_EQ(admitted(rate,
					   endpoint::ipv4(static_cast<std::uint8_t>(i << 2), 1, 2,
							  3, 80),
					   1000, 5),
				  admits)
				<< i;
}
