// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* ktcp/event.hpp: a thing that other code sets, and a coroutine waits for. */
#include <ktcp/event.hpp>

#include <cerrno>
#include <string>

#include <ktcp/group.hpp>
#include <ktcp/timer.hpp>

#include "served.hpp"

using ktcp::errc;
using ktcp::event;
using ktcp::task;
using ktcp::task_of;
using testing::_;
using testing::AnyNumber;
using testing::Return;

static_assert(std::is_trivially_destructible_v<event::wait_operation>);
static_assert(!std::is_copy_constructible_v<event>);

namespace
{

class event_test : public served {
    protected:
	event::setter setter;

	void TearDown() override
	{
		if (peer)
			close();
		EXPECT_FALSE(setter.set()) << "its event is gone";
		setter = event::setter();
		served::TearDown();
	}
};

} // namespace

TEST_F(event_test, is_waited_for)
{
	serve([this](ktcp::connection &peer) -> task {
		auto done = event::create(peer);

		setter = done->get_setter();
		EXPECT_TRUE(co_await done->wait());
		said += "set";
	});
	EXPECT_EQ(peer->advance(), progress::waiting);
	EXPECT_EQ(peer->advance(), progress::waiting) << "it was not set";
	EXPECT_TRUE(setter.set());
	EXPECT_EQ(said, "") << "not inside of set()";
	EXPECT_EQ(peer->advance(), progress::finished);
	EXPECT_EQ(said, "set");
}

/* Before anybody waits, and several at once: that is one. */
TEST_F(event_test, several_are_one)
{
	serve([this](ktcp::connection &peer) -> task {
		auto done = event::create(peer);

		setter = done->get_setter();
		for (int i = 0; i < 3; i++)
			EXPECT_TRUE(setter.set());
		EXPECT_TRUE(co_await done->wait());
		said += "once";
		EXPECT_TRUE(co_await done->wait());
		said += ", twice";
	});
	EXPECT_EQ(peer->advance(), progress::waiting);
	EXPECT_EQ(said, "once");
	EXPECT_TRUE(setter.set());
	EXPECT_EQ(peer->advance(), progress::finished);
	EXPECT_EQ(said, "once, twice");
}

TEST_F(event_test, each_has_its_own)
{
	serve([this](ktcp::connection &peer) -> task {
		auto first = event::create(peer), second = event::create(peer);
		const auto waits = [](ktcp::connection &, event &on) -> task_of<void> {
			co_return co_await on.wait();
		};

		setter = second->get_setter();

		const auto which = co_await ktcp::race(waits(peer, *first), waits(peer, *second));

		EXPECT_EQ(*which, 1u);
		/* The loser waits no more, so another one may. */
		EXPECT_TRUE(first->get_setter().set());
		EXPECT_TRUE(co_await first->wait());
		said += "both";
	});
	EXPECT_EQ(peer->advance(), progress::waiting);
	EXPECT_TRUE(setter.set());
	EXPECT_EQ(peer->advance(), progress::finished);
	EXPECT_EQ(said, "both");
}

TEST_F(event_test, a_second_coroutine_does_not_wait_for_it)
{
	serve([this](ktcp::connection &peer) -> task {
		auto done = event::create(peer);
		const auto waits = [](ktcp::connection &, event &on) -> task_of<void> {
			co_return co_await on.wait();
		};

		setter = done->get_setter();

		auto [first, second] = co_await ktcp::all(waits(peer, *done), waits(peer, *done));

		EXPECT_TRUE(first);
		EXPECT_EQ(second.error(), errc::ebusy);
	});
	EXPECT_EQ(peer->advance(), progress::waiting);
	EXPECT_TRUE(setter.set());
	EXPECT_EQ(peer->advance(), progress::finished);
}

/* A set() ends one wait(): one that comes before the waiting coroutine goes on does not have it. */
TEST_F(event_test, ends_the_wait_of_the_one_that_waits)
{
	event::setter bell;

	serve([this, &bell](ktcp::connection &peer) -> task {
		auto done = event::create(peer), first = event::create(peer);
		const auto waits = [](ktcp::connection &, event &on) -> task_of<void> {
			co_return co_await on.wait();
		};
		const auto comes_first = [](ktcp::connection &, event &before,
					    event &on) -> task_of<void> {
			EXPECT_TRUE(co_await before.wait());
			co_return co_await on.wait();
		};

		setter = done->get_setter();
		bell = first->get_setter();

		auto [has, has_not] = co_await ktcp::all(waits(peer, *done),
							 comes_first(peer, *first, *done));

		EXPECT_TRUE(has);
		EXPECT_EQ(has_not.error(), errc::ebusy);
		said += "both";
	});
	EXPECT_EQ(peer->advance(), progress::waiting);
	EXPECT_TRUE(bell.set());
	EXPECT_TRUE(setter.set());
	EXPECT_EQ(peer->advance(), progress::finished);
	EXPECT_EQ(said, "both");
}

/* The coroutine that owns it may end before another one's wait does, set or not. */
TEST_F(event_test, goes_while_another_coroutine_waits)
{
	for (const bool is_set : { false, true }) {
		event::setter bell;

		serve([this, &bell, is_set](ktcp::connection &peer) -> task {
			event *lent = nullptr;
			const auto owns = [](ktcp::connection &by, event *&lent,
					     event::setter &bell,
					     event::setter &setter) -> task_of<void> {
				auto own = event::create(by), end = event::create(by);

				lent = &*own;
				setter = own->get_setter();
				bell = end->get_setter();
				co_return co_await end->wait();
			};
			const auto waits = [](ktcp::connection &, event *&lent) -> task_of<void> {
				co_return co_await lent->wait();
			};
			auto [owner, other] = co_await ktcp::all(owns(peer, lent, bell, setter),
								 waits(peer, lent));

			EXPECT_TRUE(owner);
			EXPECT_EQ(other.error(), errc::epipe);
			said += is_set ? "set" : "not set, ";
		});
		EXPECT_EQ(peer->advance(), progress::waiting);
		EXPECT_TRUE(bell.set());
		EXPECT_TRUE(!is_set || setter.set());
		EXPECT_EQ(peer->advance(), progress::finished);
		close();
		setter = event::setter();
	}
	EXPECT_EQ(said, "not set, set");
}

TEST_F(event_test, has_a_deadline)
{
	serve([this](ktcp::connection &peer) -> task {
		auto done = event::create(peer);

		setter = done->get_setter();

		const auto late = co_await ktcp::within(peer, 100, done->wait());

		EXPECT_EQ(late.error(), errc::etimedout);

		/* Set at the deadline: it was there first, or is there for the next. */
		const auto next = co_await ktcp::within(peer, 100, done->wait());

		EXPECT_TRUE(next);
	});
	EXPECT_EQ(peer->advance(), progress::waiting);
	port.fake.advance_ms(100);
	EXPECT_EQ(peer->advance(), progress::waiting);
	EXPECT_TRUE(setter.set());
	port.fake.advance_ms(100);
	EXPECT_EQ(peer->advance(), progress::finished);
}

TEST_F(event_test, who_waits_is_told_of_the_end)
{
	serve([this](ktcp::connection &peer) -> task {
		auto done = event::create(peer);

		setter = done->get_setter();

		const auto told = co_await done->wait();

		EXPECT_EQ(told.error(), errc::eshutdown);
		said += "told";
	});
	EXPECT_EQ(peer->advance(), progress::waiting);
	peer->end(errc::eshutdown);
	EXPECT_EQ(peer->advance(), progress::finished);
	EXPECT_EQ(said, "told");
	EXPECT_FALSE(setter.set());
}

TEST_F(event_test, set_while_it_goes_away)
{
	serve([this](ktcp::connection &peer) -> task {
		{
			auto done = event::create(peer);

			setter = done->get_setter();
			EXPECT_TRUE(setter.set());
		}
		EXPECT_FALSE(setter.set());
		static_cast<void>(co_await ktcp::sleep_for(peer, 10));
	});
	EXPECT_EQ(peer->advance(), progress::waiting);
}

TEST_F(event_test, there_may_be_no_memory)
{
	EXPECT_CALL(port, kmalloc(_, _)).Times(AnyNumber());
	EXPECT_CALL(port, kmalloc(sizeof(ktcp::detail::event_state), KTCP_GFP_KERNEL))
		.WillOnce(Return(nullptr));
	serve([](ktcp::connection &peer) -> task {
		const auto none = event::create(peer);

		EXPECT_EQ(none.error(), errc::enomem);
		co_return;
	});
	EXPECT_EQ(peer->advance(), progress::finished);
}

/* One that is set again and again has a share as everybody. */
TEST_F(event_test, each_is_part_of_the_share)
{
	serve([](ktcp::connection &peer) -> task {
		auto done = event::create(peer);

		for (int i = 0; i < 100; i++) {
			EXPECT_TRUE(done->get_setter().set());
			EXPECT_TRUE(co_await done->wait());
		}
	});
	EXPECT_EQ(peer->advance(), progress::yielded);
	EXPECT_EQ(peer->advance(), progress::finished);
}

TEST_F(event_test, a_setter_of_none)
{
	const event::setter none;
	const event::setter copy = none;

	EXPECT_FALSE(none.set());
	EXPECT_FALSE(copy.set());
}

/* Moved from, never created, or without memory to be created: a wait fails, and its setter is nobody's. */
TEST_F(event_test, where_there_is_none_a_wait_fails)
{
	EXPECT_CALL(port, warn("there is no event: it was moved from, or not created")).Times(1);
	EXPECT_CALL(port, kmalloc(_, _)).Times(AnyNumber());
	EXPECT_CALL(port, kmalloc(sizeof(ktcp::detail::event_state), KTCP_GFP_KERNEL))
		.WillOnce(Return(nullptr))
		.RetiresOnSaturation();
	serve([this](ktcp::connection &peer) -> task {
		auto failed = event::create(peer), other = event::create(peer);

		EXPECT_EQ((co_await failed->wait()).error(), errc::ebadf);

		event moved = std::move(*other), never;

		EXPECT_EQ((co_await other->wait()).error(), errc::ebadf);
		EXPECT_EQ((co_await never.wait()).error(), errc::ebadf);
		EXPECT_EQ((co_await ktcp::within(peer, 5, never.wait())).error(), errc::ebadf);
		EXPECT_FALSE(never.get_setter().set());
		EXPECT_TRUE(moved.get_setter().set());
		EXPECT_TRUE(co_await moved.wait());
		never = std::move(moved);
		EXPECT_TRUE(never.get_setter().set());
		EXPECT_TRUE(co_await never.wait());
		said = "all";
	});
	EXPECT_EQ(peer->advance(), progress::finished);
	EXPECT_EQ(said, "all");
}
