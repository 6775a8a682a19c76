// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* ktcp/kernel/thread.hpp: kernel threads, joined before they are forgotten. */
#include <ktcp/kernel/thread.hpp>

#include <cerrno>
#include <type_traits>

#include "support.hpp"

using ktcp::errc;
using testing::_;
using testing::Mock;
using testing::NiceMock;
using testing::Return;

static_assert(!std::is_copy_constructible_v<ktcp::thread>);
static_assert(!std::is_move_constructible_v<ktcp::thread>, "the port writes to it");

namespace
{

int run(void *argument)
{
	return ++*static_cast<int *>(argument);
}

} // namespace

TEST(thread, runs_a_function_and_is_joined)
{
	NiceMock<mock::mock_port> port;
	int count = 0;
	ktcp::thread one;

	EXPECT_FALSE(one.started());
	EXPECT_CALL(port, kthread_run(run, &count, "ticker", _));
	EXPECT_TRUE(one.start("ticker", run, &count));
	EXPECT_TRUE(one.started());
	port.fake.run_thread(*port.fake.threads().front());
	EXPECT_EQ(count, 1);
	EXPECT_CALL(port, kthread_stop(port.fake.threads().front()));
	one.join();
	EXPECT_FALSE(one.started());
	Mock::VerifyAndClearExpectations(&port);
	EXPECT_CALL(port, kthread_stop(_)).Times(0);
	one.join();
}

TEST(thread, is_joined_by_the_destructor)
{
	NiceMock<mock::mock_port> port;
	int count = 0;

	EXPECT_CALL(port, kthread_stop(_)).Times(1);
	{
		ktcp::thread one;

		EXPECT_TRUE(one.start("ticker", run, &count));
	}
	EXPECT_TRUE(port.fake.threads().empty());
}

TEST(thread, that_never_started_is_not_stopped)
{
	NiceMock<mock::mock_port> port;

	EXPECT_CALL(port, kthread_stop(_)).Times(0);
	const ktcp::thread one;
}

TEST(thread, starts_once)
{
	NiceMock<mock::mock_port> port;
	int count = 0;
	ktcp::thread one;

	EXPECT_TRUE(one.start("ticker", run, &count));
	EXPECT_CALL(port, kthread_run(_, _, _, _)).Times(0);
	EXPECT_EQ(one.start("ticker", run, &count).error(), errc::ebusy);
	Mock::VerifyAndClearExpectations(&port);
	one.join();
	EXPECT_TRUE(one.start("ticker", run, &count)) << "but again after a join";
}

TEST(thread, failing_to_start_leaves_none)
{
	NiceMock<mock::mock_port> port;
	int count = 0;
	ktcp::thread one;

	EXPECT_CALL(port, kthread_stop(_)).Times(0);
	for (int why : { -ENOMEM, -EAGAIN, -EINTR }) {
		EXPECT_CALL(port, kthread_run(_, _, _, _)).WillOnce(Return(why));
		EXPECT_EQ(one.start("ticker", run, &count).code(), why);
		EXPECT_FALSE(one.started());
	}
}

TEST(thread, asks_whether_it_should_stop)
{
	NiceMock<mock::mock_port> port;

	EXPECT_FALSE(ktcp::thread::should_stop());
	port.fake.should_stop = true;
	EXPECT_TRUE(ktcp::thread::should_stop());
}
