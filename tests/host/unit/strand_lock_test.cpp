// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* ktcp/strand_lock.hpp: one coroutine at a time, also over its awaits. */
#include <ktcp/strand_lock.hpp>

#include <memory>

#include <ktcp/scope.hpp>
#include <ktcp/timer.hpp>

#include "served.hpp"

using ktcp::errc;
using ktcp::strand_lock;
using ktcp::task;
using ktcp::task_of;
using testing::_;
using testing::AnyNumber;
using testing::Return;

namespace
{

class strand_lock_test : public served {
    protected:
	/* Has the lock for so long; its name is said at the beginning and at the end of that. */
	task_of<void> holds(ktcp::connection &peer, strand_lock &lock, unsigned int ms, char name)
	{
		const alive here(living);
		strand_lock::guard alone(lock);
		const auto mine = co_await alone.wait();

		if (!mine) {
			said += '!';
			co_return mine;
		}
		EXPECT_EQ(holding, 0);

		const alive has(holding);

		said += name;

		const auto slept = co_await ktcp::sleep_for(peer, ms);

		if (slept)
			said += name;
		co_return slept;
	}

	int holding = 0;
};

} // namespace

TEST_F(strand_lock_test, one_after_the_other)
{
	serve([this](ktcp::connection &peer) -> task {
		strand_lock lock(peer);
		ktcp::scope children(peer);

		for (const char name : { 'a', 'b', 'c' })
			EXPECT_TRUE(children.spawn(holds(peer, lock, 10, name)));
		EXPECT_TRUE(co_await children.join());
	});
	EXPECT_EQ(peer->advance(), progress::waiting);
	EXPECT_EQ(said, "a");
	EXPECT_EQ(later(10), progress::waiting);
	EXPECT_EQ(said, "aab");
	EXPECT_EQ(later(10), progress::waiting);
	EXPECT_EQ(said, "aabbc");
	EXPECT_EQ(later(10), progress::finished);
	EXPECT_EQ(said, "aabbcc");
}

TEST_F(strand_lock_test, it_is_free_at_once_again_and_may_be_asked_twice)
{
	serve([](ktcp::connection &peer) -> task {
		strand_lock lock(peer);

		for (int i = 0; i < 3; i++) {
			strand_lock::guard alone(lock);

			EXPECT_TRUE(co_await alone.wait());
			EXPECT_TRUE(co_await alone.wait()) << "it has it";
		}
	});
	EXPECT_EQ(peer->advance(), progress::finished);
}

/* Without waiting: not past one that has it, nor past one that waits for it. */
TEST_F(strand_lock_test, it_can_be_tried)
{
	serve([this](ktcp::connection &peer) -> task {
		strand_lock lock(peer);
		ktcp::scope children(peer);

		{
			strand_lock::guard first(lock), second(lock);

			EXPECT_FALSE(lock.is_locked());
			EXPECT_TRUE(first.try_lock());
			EXPECT_TRUE(first.try_lock()) << "it has it";
			EXPECT_FALSE(second.try_lock());
			EXPECT_TRUE(lock.is_locked());
			EXPECT_TRUE(children.spawn(holds(peer, lock, 10, 'a')));
			EXPECT_TRUE(co_await ktcp::sleep_for(peer, 1));
			EXPECT_FALSE(second.try_lock());
		}
		EXPECT_TRUE(co_await children.join());
		EXPECT_FALSE(lock.is_locked());
	});
	EXPECT_EQ(peer->advance(), progress::waiting);
	EXPECT_EQ(said, "");
	EXPECT_EQ(later(1), progress::waiting);
	EXPECT_EQ(said, "a");
	EXPECT_EQ(later(10), progress::finished);
	EXPECT_EQ(said, "aa");
}

/* A coroutine that is destroyed where it waits, or where it has the lock, holds none up. */
TEST_F(strand_lock_test, those_who_are_destroyed_leave_their_place)
{
	serve([this](ktcp::connection &peer) -> task {
		strand_lock lock(peer);
		ktcp::scope children(peer);

		EXPECT_TRUE(children.spawn(holds(peer, lock, 30, 'a')));
		EXPECT_TRUE(co_await ktcp::sleep_for(peer, 0));

		const auto waiting = co_await ktcp::within(peer, 10, holds(peer, lock, 5, 'b'));

		EXPECT_EQ(waiting.error(), errc::etimedout);
		EXPECT_EQ(said, "a");
		EXPECT_TRUE(co_await children.join());

		const auto having = co_await ktcp::within(peer, 10, holds(peer, lock, 50, 'c'));

		EXPECT_EQ(having.error(), errc::etimedout);
		EXPECT_TRUE(co_await holds(peer, lock, 1, 'd'));
	});
	EXPECT_EQ(peer->advance(), progress::waiting);
	EXPECT_EQ(later(10), progress::waiting);
	EXPECT_EQ(later(20), progress::waiting);
	EXPECT_EQ(said, "aac");
	EXPECT_EQ(later(10), progress::waiting);
	EXPECT_EQ(later(1), progress::finished);
	EXPECT_EQ(said, "aacdd");
}

/* It was its turn, and another coroutine destroyed it before it went on. */
TEST_F(strand_lock_test, one_that_is_destroyed_when_it_is_its_turn_passes_it_on)
{
	serve([this](ktcp::connection &peer) -> task {
		strand_lock lock(peer);
		ktcp::scope others(peer);
		auto doomed = std::make_unique<ktcp::scope>(peer);
		const auto first = [&](ktcp::connection &by) -> task {
			{
				strand_lock::guard alone(lock);

				EXPECT_TRUE(co_await alone.wait());
				EXPECT_TRUE(co_await ktcp::sleep_for(by, 10));
			}
			doomed.reset();
			said += '|';
		};

		EXPECT_TRUE(others.spawn(first(peer)));
		EXPECT_TRUE(co_await ktcp::sleep_for(peer, 0));
		EXPECT_TRUE(doomed->spawn(holds(peer, lock, 5, 'x')));
		EXPECT_TRUE(co_await ktcp::sleep_for(peer, 0));
		EXPECT_TRUE(others.spawn(holds(peer, lock, 5, 'b')));
		EXPECT_TRUE(co_await others.join());
	});
	EXPECT_EQ(peer->advance(), progress::waiting);
	EXPECT_EQ(later(10), progress::waiting);
	EXPECT_EQ(said, "|b");
	EXPECT_EQ(later(5), progress::finished);
	EXPECT_EQ(said, "|bb");
}

TEST_F(strand_lock_test, waiting_has_a_deadline)
{
	serve([this](ktcp::connection &peer) -> task {
		strand_lock lock(peer);
		ktcp::scope children(peer);
		strand_lock::guard alone(lock);

		EXPECT_TRUE(children.spawn(holds(peer, lock, 20, 'a')));
		EXPECT_TRUE(co_await ktcp::sleep_for(peer, 0));

		const auto late = co_await ktcp::within(peer, 10, alone.wait());

		EXPECT_EQ(late.error(), errc::etimedout);
		EXPECT_TRUE(co_await ktcp::within(peer, 20, alone.wait())) << "it asks again";
		said += '.';
	});
	EXPECT_EQ(peer->advance(), progress::waiting);
	EXPECT_EQ(later(10), progress::waiting);
	EXPECT_EQ(later(10), progress::finished);
	EXPECT_EQ(said, "aa.");
}

TEST_F(strand_lock_test, the_end_of_the_connection_is_told)
{
	serve([this](ktcp::connection &peer) -> task {
		strand_lock lock(peer);
		ktcp::scope children(peer);

		for (const char name : { 'a', 'b', 'c' })
			EXPECT_TRUE(children.spawn(holds(peer, lock, 10, name)));
		EXPECT_TRUE(co_await children.join());
	});
	EXPECT_EQ(peer->advance(), progress::waiting);
	peer->end(errc::eshutdown);
	EXPECT_EQ(peer->advance(), progress::finished);
	EXPECT_EQ(said, "a!!");
	EXPECT_EQ(living, 0);
}

TEST_F(strand_lock_test, closed_while_they_wait)
{
	serve([this](ktcp::connection &peer) -> task {
		strand_lock lock(peer);
		ktcp::scope children(peer);

		for (const char name : { 'a', 'b', 'c' })
			EXPECT_TRUE(children.spawn(holds(peer, lock, 10, name)));
		static_cast<void>(co_await children.join());
	});
	EXPECT_EQ(peer->advance(), progress::waiting);
	close();
	EXPECT_EQ(living, 0);
}

TEST_F(strand_lock_test, there_may_be_no_memory)
{
	EXPECT_CALL(port, kmalloc(_, _)).Times(AnyNumber()).WillRepeatedly(Return(nullptr));
	serve([](ktcp::connection &peer) -> task {
		strand_lock lock(peer);
		strand_lock::guard alone(lock);
		const auto mine = co_await alone.wait();

		EXPECT_EQ(mine.error(), errc::enomem);
	});
	EXPECT_EQ(peer->advance(), progress::finished);
}

/* More than a turn's share: the others of the CPU are not held up by one that asks and asks. */
TEST_F(strand_lock_test, asking_is_part_of_the_turns_share)
{
	serve([](ktcp::connection &peer) -> task {
		strand_lock lock(peer);

		for (int i = 0; i < 200; i++) {
			strand_lock::guard alone(lock);

			EXPECT_TRUE(co_await alone.wait());
		}
	});
	EXPECT_EQ(peer->advance(), progress::yielded);
	EXPECT_EQ(peer->advance(), progress::yielded);
	EXPECT_EQ(peer->advance(), progress::yielded);
	EXPECT_EQ(peer->advance(), progress::finished);
}
