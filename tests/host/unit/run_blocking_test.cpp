// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* ktcp/run_blocking.hpp: functions that a worker calls while the connection goes on. */
#include <ktcp/run_blocking.hpp>

#include <memory>
#include <string>

#include <ktcp/engine/event_driven.hpp>
#include <ktcp/group.hpp>
#include <ktcp/scope.hpp>
#include <ktcp/timer.hpp>

#include "served.hpp"

using ktcp::errc;
using ktcp::run_blocking;
using ktcp::task;
using ktcp::task_of;
using testing::_;
using testing::AnyNumber;
using testing::Return;

namespace
{

class run_blocking_test : public session_test {
    protected:
	std::string said;
	std::shared_ptr<int> held =
		std::make_shared<int>(0); /* by functions, for as long as they live */

	run_blocking_test()
	{
		use(ktcp::event_driven::table);
	}

	/* Serves one connection, up to its first wait. */
	void serve(handler how)
	{
		handle = std::move(how);
		add();
		EXPECT_TRUE(port.fake.run_one());
	}

	void TearDown() override
	{
		testing::Mock::VerifyAndClearExpectations(&port);
		table->end_all(errc::eshutdown);
		port.fake.run_all();
		EXPECT_EQ(sessions(), 0u);
		EXPECT_EQ(port.fake.blocks(), blocks_);
		EXPECT_EQ(held.use_count(), 1);
		session_test::TearDown();
	}
};

} // namespace

TEST_F(run_blocking_test, the_coroutine_goes_on_when_it_is_done)
{
	serve([this](ktcp::connection &peer) -> task {
		const auto counts = [this, mine = held] {
			said += "called ";
			return 42;
		};
		const auto value = co_await run_blocking(peer, counts);

		said += std::to_string(*value);
	});
	EXPECT_EQ(said, "") << "not in the turn";
	EXPECT_TRUE(port.fake.run_one());
	EXPECT_EQ(said, "called ") << "not in the worker";
	EXPECT_TRUE(port.fake.run_one());
	EXPECT_EQ(said, "called 42");
	EXPECT_EQ(sessions(), 0u);
}

TEST_F(run_blocking_test, functions_of_each_kind)
{
	serve([this](ktcp::connection &peer) -> task {
		const auto nothing = [this] { said += 'n'; };
		const auto fails = []() -> ktcp::result<std::string> { return errc::eio; };
		const auto brings = []() -> ktcp::result<std::string> {
			return std::string("text");
		};
		const auto checks = []() -> ktcp::result<void> { return errc::enoent; };

		EXPECT_TRUE(co_await run_blocking(peer, nothing));

		const auto failed = co_await run_blocking(peer, fails);
		const auto brought = co_await run_blocking(peer, brings);
		const auto checked = co_await run_blocking(peer, checks);

		EXPECT_EQ(failed.error(), errc::eio);
		EXPECT_EQ(*brought, "text");
		EXPECT_EQ(checked.error(), errc::enoent);
		said += '.';
	});
	port.fake.run_all();
	EXPECT_EQ(said, "n.");
}

TEST_F(run_blocking_test, it_is_called_where_it_may_sleep)
{
	EXPECT_CALL(port, queue_work(_, _, _)).Times(AnyNumber());
	EXPECT_CALL(port, queue_work(-1, table->use().sleepers.usual.raw(), _)).Times(1);
	serve([](ktcp::connection &peer) -> task {
		const auto one = [] { return 1; };

		static_cast<void>(co_await run_blocking(peer, one));
	});
	port.fake.run_all();
}

/* The calls beyond its share wait by themselves, and are made, too. */
TEST_F(run_blocking_test, the_calls_of_one_source_leave_places_for_the_next)
{
	const auto most = static_cast<std::size_t>(ktcp::workqueue::most_active());
	const std::size_t of_one = most / 8 + (most - most / 8) / 2;
	auto &sleepers = table->use().sleepers;
	std::size_t usual = 0, crowded = 0, called = 0;

	ON_CALL(port, queue_work(_, _, _))
		.WillByDefault([&](int cpu, workqueue_struct *queue, work_struct *item) {
			usual += queue == sleepers.usual.raw();
			crowded += queue == sleepers.crowded.raw();
			return port.fake.queue_work(cpu, queue, item);
		});

	handle = [&called](ktcp::connection &peer) -> task {
		const auto one = [&called] { called++; };

		static_cast<void>(co_await run_blocking(peer, one));
	};

	/* Again, once they have returned. */
	for (int round = 0; round < 2; round++) {
		usual = crowded = called = 0;
		for (std::size_t i = 0; i < most; i++)
			add();
		for (std::size_t i = 0; i < most; i++)
			EXPECT_TRUE(port.fake.run_one()); /* up to the call */
		EXPECT_EQ(usual, of_one);
		EXPECT_EQ(crowded, most - of_one);
		port.fake.run_all();
		EXPECT_EQ(called, most);
	}
}

TEST_F(run_blocking_test, the_other_coroutines_go_on_meanwhile)
{
	serve([this](ktcp::connection &peer) -> task {
		const auto blocks = [this](ktcp::connection &by) -> task {
			const auto one = [this] { said += "called "; };

			static_cast<void>(co_await run_blocking(by, one));
			said += "done";
		};
		ktcp::scope children(peer);

		EXPECT_TRUE(children.spawn(blocks(peer)));
		EXPECT_TRUE(co_await ktcp::sleep_for(peer, 0));
		said += "meanwhile ";
		EXPECT_TRUE(co_await children.join());
	});
	EXPECT_EQ(said, "meanwhile ");
	port.fake.run_all();
	EXPECT_EQ(said, "meanwhile called done");
}

TEST_F(run_blocking_test, one_that_is_given_up_before_it_begins_is_not_called)
{
	serve([this](ktcp::connection &peer) -> task {
		const auto at_once = [](ktcp::connection &) -> task { co_return; };
		const auto never = [this, mine = held] { said += "called "; };

		EXPECT_EQ(*co_await ktcp::race(run_blocking(peer, never), at_once(peer)), 1u);
		EXPECT_EQ(held.use_count(), 3) << "it waits for its worker";
		EXPECT_TRUE(co_await ktcp::sleep_for(peer, 5));
		said += "slept";
	});
	port.fake.run_all();
	EXPECT_EQ(held.use_count(), 2) << "of the coroutine alone";
	elapse(50);
	EXPECT_EQ(said, "slept");
}

/* Its deadline comes, and then its outcome, which is dropped. */
TEST_F(run_blocking_test, one_that_takes_too_long)
{
	serve([this](ktcp::connection &peer) -> task {
		const auto long_one = [this, mine = held]() -> std::shared_ptr<int> {
			port.fake.advance_ms(1000);
			while (said.empty())
				EXPECT_TRUE(port.fake.run_one());
			said += "returns";
			return mine;
		};
		const auto late = co_await ktcp::within(peer, 500, run_blocking(peer, long_one));

		EXPECT_EQ(late.error(), errc::etimedout);
		said += "late ";
		static_cast<void>(co_await ktcp::sleep_for(peer, 10'000));
	});
	port.fake.run_all();
	EXPECT_EQ(said, "late returns");
	EXPECT_EQ(sessions(), 1u);
}

TEST_F(run_blocking_test, the_connection_ends_while_it_runs)
{
	serve([this](ktcp::connection &peer) -> task {
		const auto outlives = [this, mine = held]() -> std::shared_ptr<int> {
			table->end_all(errc::eshutdown);
			while (sessions())
				EXPECT_TRUE(port.fake.run_one());
			said += " returns";
			return mine;
		};
		const auto ended = co_await run_blocking(peer, outlives);

		EXPECT_EQ(ended.error(), errc::eshutdown);
		said += "ended";
	});
	port.fake.run_all();
	EXPECT_EQ(said, "ended returns");
}

/* Its outcome is there, and the coroutine is not. */
TEST_F(run_blocking_test, given_up_between_its_end_and_the_turn)
{
	serve([this](ktcp::connection &peer) -> task {
		const auto brings = [mine = held] { return mine; };
		const auto sleeps = [](ktcp::connection &by) -> task {
			static_cast<void>(co_await ktcp::sleep_for(by, 100));
		};

		/* In the turn both are ready, and the one that is resumed first ends the other. */
		const auto first = co_await ktcp::race(sleeps(peer), run_blocking(peer, brings));

		said += std::to_string(*first);
	});
	EXPECT_TRUE(port.fake.run_one());
	EXPECT_EQ(held.use_count(), 2 + 1) << "the function is gone, its outcome is there";
	table->end_all(errc::eshutdown);
	port.fake.run_all();
	EXPECT_NE(said, "");
}

TEST_F(run_blocking_test, there_may_be_no_memory)
{
	bool scarce = false;

	EXPECT_CALL(port, kmalloc(_, _))
		.Times(AnyNumber())
		.WillRepeatedly([&](std::size_t size, ktcp_gfp gfp) -> void * {
			return scarce ? nullptr : port.fake.kmalloc(size, gfp);
		});
	serve([&](ktcp::connection &peer) -> task {
		const auto never = [this, mine = held] { said += "called "; };

		scarce = true;

		const auto failed = co_await run_blocking(peer, never);

		scarce = false;
		EXPECT_EQ(failed.error(), errc::enomem);
	});
	port.fake.run_all();
	EXPECT_EQ(said, "");
}

class run_blocking_alone : public served {};

TEST_F(run_blocking_alone, without_a_server_it_is_called_at_once)
{
	serve([this](ktcp::connection &peer) -> task {
		const auto one = [this] { said += "called"; };

		EXPECT_TRUE(co_await run_blocking(peer, one));
	});
	EXPECT_EQ(peer->advance(), progress::finished);
	EXPECT_EQ(said, "called");
}
