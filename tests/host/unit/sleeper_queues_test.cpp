// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* ktcp/engine/sleeper_queues.hpp: how many of the places each source can have. */
#include <ktcp/engine/sleeper_queues.hpp>

#include <random>
#include <vector>

#include "support.hpp"

using ktcp::endpoint;
using ktcp::source_key;
using ktcp::detail::sleeper_queues;
using testing::NiceMock;
using share = sleeper_queues::share;

namespace
{

class sleeper_queues_test : public testing::Test {
    protected:
	NiceMock<mock::mock_port> port;
	std::minstd_rand chance;
	const unsigned int most = static_cast<unsigned int>(ktcp::workqueue::most_active());
	const unsigned int anyones = most / 8, shared = most - most / 8;

	sleeper_queues_test()
	{
		ON_CALL(port, random_u32()).WillByDefault([this] {
			return static_cast<std::uint32_t>(chance());
		});
	}

	static endpoint host(unsigned int number)
	{
		return endpoint::ipv4(10, 0, 0, static_cast<std::uint8_t>(number), 1000);
	}

	/* As many as it gets, one after the other. */
	static unsigned int take_all(sleeper_queues &from, const endpoint &peer)
	{
		unsigned int got = 0;

		while (take(from, peer))
			got++;
		return got;
	}

	static bool take(sleeper_queues &from, const endpoint &peer)
	{
		const auto place = from.enter(&peer);

		EXPECT_EQ(&place.on, place.has == share::none ? &from.crowded : &from.usual);
		return place.has != share::none;
	}
};

} // namespace

TEST_F(sleeper_queues_test, one_source_leaves_seven_sixteenths)
{
	sleeper_queues queues;

	ASSERT_TRUE(queues.make("unit_sleepers", "unit_crowded"));
	EXPECT_EQ(take_all(queues, host(1)), anyones + shared / 2);
	EXPECT_EQ(anyones + shared / 2, most * 9 / 16);
	/* And the next, the third and the fourth find as much as is theirs. */
	EXPECT_EQ(take_all(queues, host(2)), shared / 4);
	EXPECT_EQ(take_all(queues, host(3)), shared / 8);
	EXPECT_EQ(take_all(queues, host(4)), shared / 16);
}

TEST_F(sleeper_queues_test, sources_that_take_in_turns_have_as_much_each)
{
	for (unsigned int n : { 2, 3, 6, 13 }) {
		sleeper_queues queues;
		std::vector<unsigned int> got(n);
		bool any = true;

		ASSERT_TRUE(queues.make("unit_sleepers", "unit_crowded"));
		/* Another one has the eighth. */
		for (unsigned int i = 0; i < anyones; i++) {
			const endpoint other = host(100);

			EXPECT_EQ(queues.enter(&other).has, share::anyones);
		}
		while (any) {
			any = false;
			for (unsigned int i = 0; i < n; i++)
				if (take(queues, host(i))) {
					got[i]++;
					any = true;
				}
		}
		for (unsigned int each : got)
			EXPECT_NEAR(each, shared / (n + 1), 1) << "of " << n;
	}
}

TEST_F(sleeper_queues_test, what_is_left_is_had_again)
{
	sleeper_queues queues;
	const endpoint peer = host(1);

	ASSERT_TRUE(queues.make("unit_sleepers", "unit_crowded"));
	for (int round = 0; round < 3; round++) {
		EXPECT_EQ(take_all(queues, peer), anyones + shared / 2);
		/* Of either kind, one by one. */
		queues.leave();
		EXPECT_EQ(queues.enter(&peer).has, share::anyones);
		queues.leave(source_key::of(peer));
		EXPECT_EQ(queues.enter(&peer).has, share::own);
		EXPECT_FALSE(take(queues, peer));
		for (unsigned int i = 0; i < anyones; i++)
			queues.leave();
		for (unsigned int i = 0; i < shared / 2; i++)
			queues.leave(source_key::of(peer));
	}
}

/* A peer that is a proxy has none, nor has any with max_per_source=0. */
TEST_F(sleeper_queues_test, without_shares_all_are_anyones)
{
	sleeper_queues queues;
	const endpoint peer = host(1);

	ASSERT_TRUE(queues.make("unit_sleepers", "unit_crowded"));
	queues.give_shares(false);
	for (unsigned int i = 0; i < 2 * most; i++) {
		const auto place = queues.enter(i % 2 ? &peer : nullptr);

		EXPECT_EQ(&place.on, &queues.usual);
		EXPECT_EQ(place.has, share::none);
	}
	queues.give_shares(true);
	EXPECT_EQ(take_all(queues, peer), anyones + shared / 2);
}
