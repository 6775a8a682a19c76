// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* ktcp/kernel/pernet.hpp: an object in each network namespace. */
#include <ktcp/kernel/pernet.hpp>

#include <cerrno>
#include <map>
#include <string>

#include "support.hpp"

using ktcp::errc;
using ktcp::result;
using testing::_;
using testing::NiceMock;
using testing::Return;

namespace
{

/* What happened, in order: '+' made, '?' started, '!' pre_exit, '-' destroyed. */
std::string story;
std::map<struct net *, int> living;
struct net *cannot_start;
bool none_can;

class thing {
    public:
	explicit thing(struct net *net) : net_(net)
	{
		story += '+';
		living[net]++;
	}

	~thing()
	{
		story += '-';
		living[net_]--;
	}

	result<void> start()
	{
		story += '?';
		if (none_can || (cannot_start && cannot_start == net_))
			return errc::enomem;
		return {};
	}

	void pre_exit()
	{
		story += '!';
	}

    private:
	struct net *net_;
};

class pernet_test : public testing::Test {
    protected:
	NiceMock<mock::mock_port> port;
	::net one, two;

	void SetUp() override
	{
		story.clear();
		living.clear();
		cannot_start = nullptr;
		none_can = false;
	}
};

} // namespace

TEST_F(pernet_test, lives_as_long_as_its_namespace)
{
	ktcp::pernet<thing> things;

	EXPECT_EQ(port.fake.add_net(one), 0);
	EXPECT_EQ(story, "");
	EXPECT_TRUE(things.start());
	EXPECT_EQ(story, "+?+?");
	EXPECT_EQ(living[nullptr], 1);
	EXPECT_EQ(living[&one], 1);
	EXPECT_EQ(port.fake.add_net(two), 0);
	EXPECT_EQ(living[&two], 1);
	story.clear();
	port.fake.remove_net(one);
	EXPECT_EQ(story, "!-");
	EXPECT_EQ(living[&one], 0);
	EXPECT_EQ(living[&two], 1);
	story.clear();
	things.stop();
	EXPECT_EQ(story, "!!--") << "all of them first let nothing new in";
	things.stop();
	EXPECT_EQ(story, "!!--");
	port.fake.remove_net(two);
}

TEST_F(pernet_test, is_stopped_by_its_destructor)
{
	{
		ktcp::pernet<thing> things;

		EXPECT_TRUE(things.start());
	}
	EXPECT_EQ(story, "+?!-");
	{
		ktcp::pernet<thing> never;
	}
	EXPECT_EQ(story, "+?!-");
}

TEST_F(pernet_test, one_that_cannot_start)
{
	ktcp::pernet<thing> things;

	EXPECT_EQ(port.fake.add_net(one), 0);
	cannot_start = &one;
	EXPECT_EQ(things.start().error(), errc::enomem);
	EXPECT_EQ(story, "+?+?-!-") << "that one without pre_exit, the others with";
	cannot_start = nullptr;
	EXPECT_TRUE(things.start());
	cannot_start = &two;
	EXPECT_EQ(port.fake.add_net(two), -ENOMEM);
	EXPECT_EQ(living[&two], 0);
	EXPECT_EQ(living[&one], 1);
	things.stop();
	port.fake.remove_net(one);
}

TEST_F(pernet_test, a_second_one_is_refused)
{
	ktcp::pernet<thing> things, others;

	EXPECT_TRUE(things.start());
	EXPECT_EQ(others.start().error(), errc::ebusy);
	EXPECT_EQ(living[nullptr], 1);
	others.stop();
	EXPECT_EQ(living[nullptr], 1) << "what did not start is not stopped";
}
