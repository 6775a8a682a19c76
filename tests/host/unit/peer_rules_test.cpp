// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* ktcp/engine/peer_rules.hpp: the networks whose peers may connect. */
#include <ktcp/engine/peer_rules.hpp>

#include "support.hpp"

using ktcp::endpoint;
using ktcp::errc;
using testing::_;
using testing::AllOf;
using testing::HasSubstr;
using testing::NiceMock;

namespace
{

class peer_rules_test : public testing::Test {
    protected:
	NiceMock<mock::mock_port> port;
	ktcp::peer_rules rules;

	const endpoint ten = endpoint::ipv4(10, 0, 0, 1, 80), six = endpoint::ipv4(10, 6, 0, 1, 80),
		       other = endpoint::ipv4(11, 0, 0, 1, 80),
		       loopback = endpoint::ipv6_loopback(80);
};

} // namespace

TEST_F(peer_rules_test, without_any_all_are_served)
{
	EXPECT_FALSE(rules.any());
	EXPECT_CALL(port, mutex_lock(_)).Times(0);
	EXPECT_TRUE(rules.admit(ten));
	EXPECT_TRUE(rules.admit(loopback));
}

TEST_F(peer_rules_test, where_some_are_allowed_the_others_are_not)
{
	ASSERT_TRUE(rules.set("10.0.0.0/8", ""));
	EXPECT_TRUE(rules.any());
	EXPECT_TRUE(rules.admit(ten));
	EXPECT_FALSE(rules.admit(other));
	EXPECT_FALSE(rules.admit(loopback));
}

TEST_F(peer_rules_test, denied_ones_are_not_also_if_they_are_allowed)
{
	ASSERT_TRUE(rules.set("", "10.6.0.0/16"));
	EXPECT_TRUE(rules.admit(ten));
	EXPECT_TRUE(rules.admit(other));
	EXPECT_FALSE(rules.admit(six));
	ASSERT_TRUE(rules.set("10.0.0.0/8,::1", "10.6.0.0/16"));
	EXPECT_TRUE(rules.admit(ten));
	EXPECT_TRUE(rules.admit(loopback));
	EXPECT_FALSE(rules.admit(six));
	EXPECT_FALSE(rules.admit(other));
	ASSERT_TRUE(rules.set("", ""));
	EXPECT_FALSE(rules.any());
	EXPECT_TRUE(rules.admit(six));
}

TEST_F(peer_rules_test, a_text_that_is_none_is_refused_with_a_line)
{
	ASSERT_TRUE(rules.set("10.0.0.0/8", ""));
	EXPECT_CALL(port,
		    printk(KTCP_LOG_ERROR, AllOf(HasSubstr("allow=10.0.0.0/8,x: character 12"),
						 HasSubstr("192.0.2.1"))))
		.Times(1);
	EXPECT_EQ(rules.set("10.0.0.0/8,x", "").error(), errc::einval);
	EXPECT_CALL(port, printk(KTCP_LOG_ERROR, HasSubstr("deny=10.0.0.1/8: character 1: ")))
		.Times(1);
	EXPECT_EQ(rules.set("10.0.0.0/8", "10.0.0.1/8").error(), errc::einval);
	EXPECT_TRUE(rules.admit(ten));
	EXPECT_FALSE(rules.admit(other));
}

/* Else the list that was read would be there, and the next text no change. */
TEST_F(peer_rules_test, a_text_beside_one_that_is_none_is_not_taken)
{
	EXPECT_EQ(rules.set("10.0.0.0/8", "nonsense").error(), errc::einval);
	EXPECT_TRUE(rules.admit(other));
	ASSERT_TRUE(rules.set("10.0.0.0/8", ""));
	EXPECT_FALSE(rules.admit(other));
	EXPECT_TRUE(rules.admit(ten));
}

/* Those who have heeded them need not look at each peer again. */
TEST_F(peer_rules_test, the_same_again_are_no_change)
{
	ASSERT_TRUE(rules.set("10.0.0.0/8", "10.6.0.0/16"));

	const unsigned int changes = rules.changes();

	ASSERT_TRUE(rules.set("10.0.0.0/8", "10.6.0.0/16"));
	EXPECT_EQ(rules.changes(), changes);
	ASSERT_TRUE(rules.set("10.0.0.0/8", "10.6.0.0/16,10.7.0.0/16"));
	EXPECT_NE(rules.changes(), changes);
	ASSERT_TRUE(rules.set("", ""));
	EXPECT_FALSE(rules.any());
}
