// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* ktcp/scope.hpp: coroutines that go on beside the one that spawned them, and end before it. */
#include <ktcp/scope.hpp>

#include <cerrno>
#include <string>

#include <ktcp/group.hpp>
#include <ktcp/timer.hpp>

#include "served.hpp"

using ktcp::errc;
using ktcp::scope;
using ktcp::task;
using ktcp::task_of;
using testing::_;
using testing::AnyNumber;
using testing::Return;

namespace
{

class scope_test : public served {
    protected:
	task_of<int> sleeps(ktcp::connection &peer, unsigned int ms, char name)
	{
		const alive here(living);

		if (co_await ktcp::sleep_for(peer, ms))
			said += name;
		co_return 1;
	}
};

} // namespace

TEST_F(scope_test, children_are_joined)
{
	serve([this](ktcp::connection &peer) -> task {
		scope children(peer);

		EXPECT_TRUE(children.spawn(sleeps(peer, 30, 'a')));
		EXPECT_TRUE(children.spawn(sleeps(peer, 10, 'b')));
		EXPECT_TRUE(children.spawn(sleeps(peer, 20, 'c')));
		EXPECT_EQ(children.running(), 3u);
		EXPECT_EQ(living, 0) << "none has begun";
		EXPECT_TRUE(co_await children.join());
		EXPECT_EQ(children.running(), 0u);
		EXPECT_EQ(living, 0);
		said += '.';
	});
	EXPECT_EQ(peer->advance(), progress::waiting);
	EXPECT_EQ(living, 3);
	EXPECT_EQ(later(10), progress::waiting);
	EXPECT_EQ(said, "b");
	EXPECT_EQ(later(20), progress::finished);
	EXPECT_EQ(said, "bca.");
}

TEST_F(scope_test, so_many_run_on_behind_a_join)
{
	serve([this](ktcp::connection &peer) -> task {
		scope children(peer);

		for (const unsigned int ms : { 30, 10, 40, 20 }) {
			EXPECT_TRUE(
				children.spawn(sleeps(peer, ms, static_cast<char>('0' + ms / 10))));
			EXPECT_TRUE(co_await children.join(2));
			EXPECT_LE(children.running(), 2u);
			said += '.';
		}
		EXPECT_TRUE(co_await children.join(2)) << "so few run already";
		EXPECT_TRUE(co_await children.join());
		said += '|';
	});
	EXPECT_EQ(peer->advance(), progress::waiting);
	EXPECT_EQ(said, "..");
	EXPECT_EQ(later(10), progress::waiting);
	EXPECT_EQ(said, "..1.");
	EXPECT_EQ(later(20), progress::waiting);
	EXPECT_EQ(said, "..1.32.") << "the last one's twenty are over, too";
	EXPECT_EQ(later(40), progress::finished);
	EXPECT_EQ(said, "..1.32.4|");
}

TEST_F(scope_test, none_is_joined_at_once)
{
	serve([](ktcp::connection &peer) -> task {
		scope children(peer);

		EXPECT_TRUE(co_await children.join());
		EXPECT_TRUE(co_await children.join());
	});
	EXPECT_EQ(peer->advance(), progress::finished);
}

/* The server destroys a child that does not listen, and its parent, though that waits for it. A turn in
 * softirq finds that, and one in process context sees to it. */
TEST_F(scope_test, a_child_that_does_not_listen_is_over_for_ever)
{
	serve([this](ktcp::connection &peer) -> task {
		scope children(peer);

		EXPECT_TRUE(children.spawn([](ktcp::connection &peer, int &living) -> task {
			const alive here(living);

			for (;;)
				static_cast<void>(co_await ktcp::sleep_for(peer, 1000));
		}(peer, living)));
		static_cast<void>(co_await children.join());
		ADD_FAILURE() << "it ended";
	});
	EXPECT_EQ(peer->advance(), progress::waiting);
	peer->end(errc::eshutdown);
	EXPECT_EQ(peer->advance(), progress::finished);
	EXPECT_EQ(peer->advance(), progress::finished);
	close();
	EXPECT_EQ(living, 0);
}

/* The parent does not wait: they end with it. */
TEST_F(scope_test, children_that_are_not_joined_are_destroyed)
{
	serve([this](ktcp::connection &peer) -> task {
		{
			scope children(peer);

			EXPECT_TRUE(children.spawn(sleeps(peer, 1000, 'a')));
			EXPECT_TRUE(children.spawn(sleeps(peer, 1, 'b')));
			EXPECT_TRUE(co_await ktcp::sleep_for(peer, 10));
			/* It never begins. */
			EXPECT_TRUE(children.spawn(sleeps(peer, 1, 'c')));
			EXPECT_EQ(living, 1);
		}
		EXPECT_EQ(living, 0);
		said += '.';
		EXPECT_TRUE(co_await ktcp::sleep_for(peer, 2000));
	});
	EXPECT_EQ(peer->advance(), progress::waiting);
	EXPECT_EQ(later(10), progress::waiting);
	EXPECT_EQ(said, "b.");
	EXPECT_EQ(later(2000), progress::finished);
	EXPECT_EQ(said, "b.");
}

TEST_F(scope_test, a_child_may_spawn)
{
	serve([this](ktcp::connection &peer) -> task {
		scope children(peer);
		const auto parent = [&](ktcp::connection &by) -> task {
			EXPECT_TRUE(children.spawn(sleeps(by, 10, 'c')));
			said += 'p';
			co_return;
		};

		EXPECT_TRUE(children.spawn(parent(peer)));
		EXPECT_TRUE(co_await children.join());
		said += '.';
	});
	EXPECT_EQ(peer->advance(), progress::waiting);
	EXPECT_EQ(said, "p");
	EXPECT_EQ(later(10), progress::finished);
	EXPECT_EQ(said, "pc.");
}

/* The next spawn() frees the children that have ended, so memory is bounded by those that run. */
TEST_F(scope_test, thousands_one_after_the_other)
{
	serve([this](ktcp::connection &peer) -> task {
		scope children(peer);

		for (int i = 0; i < 3000; i++) {
			EXPECT_TRUE(children.spawn(sleeps(peer, 0, 'x')));
			static_cast<void>(co_await ktcp::sleep_for(peer, 0));
			EXPECT_LE(port.fake.blocks(), 12u);
		}
		EXPECT_TRUE(co_await children.join());
	});
	while (peer->advance() == progress::yielded)
		;
	EXPECT_EQ(said.size(), 3000u);
}

/* Each child is told, and the parent by their end. */
TEST_F(scope_test, the_end_of_the_connection_ends_the_children)
{
	serve([this](ktcp::connection &peer) -> task {
		scope children(peer);

		for (int i = 0; i < 100; i++)
			EXPECT_TRUE(children.spawn(sleeps(peer, 1000, 'x')));
		EXPECT_TRUE(co_await children.join());
		EXPECT_EQ(living, 0);
		said += "joined";
	});
	EXPECT_EQ(peer->advance(), progress::waiting);
	peer->end(errc::eshutdown);
	EXPECT_EQ(peer->advance(), progress::finished);
	EXPECT_EQ(said, "joined");
}

TEST_F(scope_test, closed_while_children_run)
{
	serve([this](ktcp::connection &peer) -> task {
		scope children(peer);

		for (int i = 0; i < 10; i++)
			EXPECT_TRUE(children.spawn(sleeps(peer, 1000, 'x')));
		static_cast<void>(co_await children.join());
	});
	EXPECT_EQ(peer->advance(), progress::waiting);
	close();
	EXPECT_EQ(living, 0);
}

TEST_F(scope_test, a_joiner_with_a_deadline_is_destroyed)
{
	const auto joins = [](ktcp::connection &, scope &children) -> task_of<void> {
		co_return co_await children.join();
	};

	serve([&](ktcp::connection &peer) -> task {
		scope children(peer);

		EXPECT_TRUE(children.spawn(sleeps(peer, 1000, 'x')));

		const auto late = co_await ktcp::within(peer, 10, joins(peer, children));

		EXPECT_EQ(late.error(), errc::etimedout);
		EXPECT_TRUE(co_await children.join()) << "its place is free";
		said += '.';
	});
	EXPECT_EQ(peer->advance(), progress::waiting);
	EXPECT_EQ(later(10), progress::waiting);
	EXPECT_EQ(later(1000), progress::finished);
	EXPECT_EQ(said, "x.");
}

/* The coroutine that owns it may end before another one's join() does. */
TEST_F(scope_test, goes_while_another_coroutine_joins)
{
	const auto owns = [this](ktcp::connection &peer, scope *&lent) -> task_of<void> {
		scope children(peer);

		lent = &children;
		EXPECT_TRUE(children.spawn(sleeps(peer, 1000, 'x')));
		co_return co_await ktcp::sleep_for(peer, 10);
	};
	const auto joins = [](ktcp::connection &, scope *&lent) -> task_of<void> {
		co_return co_await lent->join();
	};

	serve([&](ktcp::connection &peer) -> task {
		scope *lent = nullptr;

		auto [owner, other] = co_await ktcp::all(owns(peer, lent), joins(peer, lent));

		EXPECT_TRUE(owner);
		EXPECT_EQ(other.error(), errc::epipe);
		said += '.';
	});
	EXPECT_EQ(peer->advance(), progress::waiting);
	EXPECT_EQ(later(10), progress::finished);
	EXPECT_EQ(said, ".");
}

TEST_F(scope_test, a_second_joiner_is_refused)
{
	const auto joins = [](ktcp::connection &, scope &children) -> task_of<void> {
		co_return co_await children.join();
	};

	serve([&](ktcp::connection &peer) -> task {
		scope children(peer);

		EXPECT_TRUE(children.spawn(sleeps(peer, 10, 'x')));

		auto [one, other] = co_await ktcp::all(joins(peer, children),
						       joins(peer, children));

		EXPECT_TRUE(one);
		EXPECT_EQ(other.error(), errc::ebusy);
	});
	EXPECT_EQ(peer->advance(), progress::waiting);
	EXPECT_EQ(later(10), progress::finished);
}

/* For the frame, for the sources, to keep the child. */
TEST_F(scope_test, without_memory_a_child_never_runs)
{
	int after = -1;

	EXPECT_CALL(port, kmalloc(_, _))
		.Times(AnyNumber())
		.WillRepeatedly([&](std::size_t size, ktcp_gfp gfp) -> void * {
			return after-- == 0 ? nullptr : port.fake.kmalloc(size, gfp);
		});
	serve([&](ktcp::connection &peer) -> task {
		for (int nth = 0; nth < 3; nth++) {
			scope children(peer);

			after = nth == 2 ? 1 : nth;
			EXPECT_EQ(children.spawn(sleeps(peer, 1, 'x')).error(), errc::enomem)
				<< nth;
			after = -1;
			EXPECT_EQ(children.running(), 0u);
			EXPECT_TRUE(co_await children.join());
			/* From here on the sources are there. */
			const auto slept = nth == 1 ? co_await ktcp::sleep_for(peer, 0) :
						      ktcp::result<void>();

			EXPECT_TRUE(slept);
		}
	});
	EXPECT_EQ(peer->advance(), progress::finished);
	EXPECT_EQ(said, "");
}
