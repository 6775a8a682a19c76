// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* ktcp/exact_timer.hpp: waits that have a timer of the kernel's each. */
#include <ktcp/exact_timer.hpp>

#include <string>

#include <ktcp/engine/event_driven.hpp>
#include <ktcp/group.hpp>

#include "served.hpp"

using ktcp::errc;
using ktcp::sleep_exactly;
using ktcp::task;
using testing::_;
using testing::AnyNumber;
using testing::Return;

namespace
{

class exact_timer_test : public session_test {
    protected:
	std::string said;

	exact_timer_test()
	{
		use(ktcp::event_driven::table);
	}

	void serve(handler how)
	{
		handle = std::move(how);
		add();
		port.fake.run_all();
	}

	void TearDown() override
	{
		testing::Mock::VerifyAndClearExpectations(&port);
		table->end_all(errc::eshutdown);
		port.fake.run_all();
		EXPECT_EQ(sessions(), 0u);
		EXPECT_EQ(port.fake.blocks(), blocks_);
		session_test::TearDown();
	}
};

} // namespace

TEST_F(exact_timer_test, it_is_over_when_its_timer_fires)
{
	serve([this](ktcp::connection &peer) -> task {
		EXPECT_TRUE(co_await sleep_exactly(peer, 2000));
		said += "2";
		EXPECT_TRUE(co_await sleep_exactly(peer, 1));
		said += "3";
	});
	elapse(1);
	EXPECT_EQ(said, "");
	elapse(1);
	EXPECT_EQ(said, "2");
	elapse(1);
	EXPECT_EQ(said, "23");
	EXPECT_EQ(sessions(), 0u);
}

TEST_F(exact_timer_test, the_loser_of_a_race_is_stopped)
{
	serve([this](ktcp::connection &peer) -> task {
		const auto first = co_await ktcp::race(sleep_exactly(peer, 5000),
						       sleep_exactly(peer, 3000));

		said += std::to_string(*first);
		EXPECT_TRUE(co_await sleep_exactly(peer, 1000));
		said += '.';
	});
	elapse(3);
	EXPECT_EQ(said, "1");
	elapse(1);
	EXPECT_EQ(said, "1.");
}

TEST_F(exact_timer_test, the_end_of_the_connection_is_told)
{
	serve([this](ktcp::connection &peer) -> task {
		const auto slept = co_await sleep_exactly(peer, 1'000'000);

		EXPECT_EQ(slept.error(), errc::eshutdown);
		said += "told";
	});
	table->end_all(errc::eshutdown);
	port.fake.run_all();
	EXPECT_EQ(said, "told");
}

class exact_timer_alone : public served {};

TEST_F(exact_timer_alone, without_a_server_it_takes_the_wheels_time)
{
	serve([this](ktcp::connection &peer) -> task {
		EXPECT_TRUE(co_await sleep_exactly(peer, 2001));
		said += "3";
	});
	EXPECT_EQ(peer->advance(), progress::waiting);
	EXPECT_EQ(later(2), progress::waiting);
	EXPECT_EQ(later(1), progress::finished);
	EXPECT_EQ(said, "3");
}
