// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* ktcp/channel.hpp: values from anywhere to one coroutine. */
#include <ktcp/channel.hpp>

#include <cerrno>
#include <memory>
#include <string>

#include <ktcp/event.hpp>
#include <ktcp/group.hpp>
#include <ktcp/timer.hpp>

#include "served.hpp"

using ktcp::errc;
using ktcp::task;
using testing::_;
using testing::AnyNumber;
using testing::Return;

namespace
{

using value = std::shared_ptr<int>;
using channel = ktcp::channel<value>;

static_assert(std::is_trivially_destructible_v<channel::receive_operation>);
static_assert(!std::is_copy_constructible_v<channel>);

class channel_test : public served {
    protected:
	channel::sender sender;

	/* Receives until it is told of the end, and says what. */
	void receives(unsigned int capacity)
	{
		serve([this, capacity](ktcp::connection &peer) -> task {
			auto inbox = channel::create(peer, capacity);

			sender = inbox->get_sender();
			while (auto next = co_await inbox->receive())
				said += std::to_string(**next) + " ";
		});
		EXPECT_EQ(peer->advance(), progress::waiting);
	}

	ktcp::result<void> send(int number)
	{
		return sender.send(std::make_shared<int>(number));
	}

	void TearDown() override
	{
		if (peer)
			close();
		EXPECT_EQ(send(1).error(), errc::epipe) << "the receiver is gone";
		sender = channel::sender();
		served::TearDown();
	}
};

} // namespace

TEST_F(channel_test, in_the_order_they_were_sent)
{
	receives(8);
	EXPECT_TRUE(send(1));
	EXPECT_TRUE(send(2));
	EXPECT_EQ(peer->advance(), progress::waiting);
	EXPECT_EQ(said, "1 2 ");
	EXPECT_TRUE(send(3));
	EXPECT_EQ(peer->advance(), progress::waiting);
	EXPECT_EQ(said, "1 2 3 ");
}

TEST_F(channel_test, a_full_one_refuses)
{
	receives(3);
	for (int round = 0; round < 5; round++) {
		for (int i = 0; i < 3; i++)
			EXPECT_TRUE(send(i));
		EXPECT_EQ(send(3).error(), errc::eagain);
		EXPECT_EQ(peer->advance(), progress::waiting);
		EXPECT_EQ(said, "0 1 2 ");
		said.clear();
	}
}

TEST_F(channel_test, what_is_not_received_is_destroyed)
{
	const auto one = std::make_shared<int>(1);

	receives(3);
	EXPECT_TRUE(sender.send(one));
	EXPECT_TRUE(sender.send(one));
	EXPECT_EQ(one.use_count(), 3);
	close();
	EXPECT_EQ(one.use_count(), 1);
	EXPECT_EQ(sender.send(one).error(), errc::epipe);
	EXPECT_EQ(one.use_count(), 1);
}

TEST_F(channel_test, the_receiver_is_told_of_the_end)
{
	receives(3);
	peer->end(errc::eshutdown);
	EXPECT_EQ(peer->advance(), progress::finished);
}

/* A peer that is gone ends it, though no operation of its stream could find that out. */
TEST_F(channel_test, a_lost_one_ends_what_waits_for_something_else)
{
	serve([this](ktcp::connection &peer) -> task {
		auto inbox = channel::create(peer, 1);

		sender = inbox->get_sender();

		const auto got = co_await inbox->receive();
		EXPECT_EQ(got.error(), errc::econnreset);
		said = "told";
	});
	EXPECT_EQ(peer->advance(), progress::waiting);
	raw->is_lost = true;
	EXPECT_EQ(peer->advance(), progress::yielded);
	EXPECT_EQ(peer->advance(), progress::finished);
	EXPECT_EQ(said, "told");
}

TEST_F(channel_test, it_has_a_deadline)
{
	serve([this](ktcp::connection &peer) -> task {
		auto inbox = channel::create(peer, 1);

		sender = inbox->get_sender();

		const auto late = co_await ktcp::within(peer, 50, inbox->receive());

		EXPECT_EQ(late.error(), errc::etimedout);
		EXPECT_TRUE(send(7));

		const auto in_time = co_await ktcp::within(peer, 50, inbox->receive());

		EXPECT_EQ(**in_time, 7);
	});
	EXPECT_EQ(peer->advance(), progress::waiting);
	port.fake.advance_ms(50);
	EXPECT_EQ(peer->advance(), progress::finished);
}

/* A value that was received at once wakes no later receiver in vain. */
TEST_F(channel_test, one_that_was_had_already_wakes_nobody)
{
	serve([this](ktcp::connection &peer) -> task {
		auto inbox = channel::create(peer, 2);

		sender = inbox->get_sender();
		EXPECT_TRUE(send(1));

		const auto first = co_await inbox->receive();

		said += std::to_string(**first);

		const auto second = co_await inbox->receive();

		said += std::to_string(**second);
	});
	EXPECT_EQ(peer->advance(), progress::waiting);
	EXPECT_EQ(said, "1");
	EXPECT_TRUE(send(2));
	EXPECT_EQ(peer->advance(), progress::finished);
	EXPECT_EQ(said, "12");
}

/* A value is the waiting coroutine's, also before that goes on. Another one that is ready first has none. */
TEST_F(channel_test, a_value_is_the_waiting_coroutines)
{
	ktcp::event::setter bell;

	serve([this, &bell](ktcp::connection &peer) -> task {
		auto inbox = channel::create(peer, 2);
		auto rung = ktcp::event::create(peer);
		const auto waits = [](ktcp::connection &, channel &from,
				      std::string &said) -> task {
			while (auto next = co_await from.receive())
				said += std::to_string(**next) + " ";
		};
		const auto comes_first = [](ktcp::connection &, channel &from, ktcp::event &on,
					    std::string &said) -> task {
			EXPECT_TRUE(co_await on.wait());

			const auto next = co_await from.receive();

			said += next.error() == errc::ebusy ? "busy " : "stolen ";
		};

		sender = inbox->get_sender();
		bell = rung->get_setter();
		static_cast<void>(co_await ktcp::all(waits(peer, *inbox, said),
						     comes_first(peer, *inbox, *rung, said)));
	});
	EXPECT_EQ(peer->advance(), progress::waiting);
	EXPECT_TRUE(bell.set());
	EXPECT_TRUE(send(1));
	EXPECT_EQ(peer->advance(), progress::waiting);
	EXPECT_EQ(said, "busy 1 ");
	EXPECT_TRUE(send(2));
	EXPECT_EQ(peer->advance(), progress::waiting);
	EXPECT_EQ(said, "busy 1 2 ");
}

/* The same if its turn's share was too small for it. */
TEST_F(channel_test, a_value_waits_for_the_next_turn)
{
	static constexpr unsigned int many = 64; /* of a turn */

	serve([this](ktcp::connection &peer) -> task {
		auto inbox = channel::create(peer, many + 1);
		const auto waits = [](ktcp::connection &, channel &from,
				      std::string &said) -> task {
			for (unsigned int i = 0; i < many; i++)
				EXPECT_TRUE(co_await from.receive());
			EXPECT_EQ(**co_await from.receive(), int(many));
			said += "last ";
		};
		const auto comes_first = [](ktcp::connection &by, channel &from,
					    std::string &said) -> task {
			EXPECT_TRUE(co_await by.read());

			const auto next = co_await from.receive();

			said += next.error() == errc::ebusy ? "busy " : "stolen ";
		};

		sender = inbox->get_sender();
		for (unsigned int i = 0; i <= many; i++)
			EXPECT_TRUE(send(int(i)));
		static_cast<void>(co_await ktcp::all(comes_first(peer, *inbox, said),
						     waits(peer, *inbox, said)));
	});
	EXPECT_EQ(peer->advance(), progress::yielded);
	EXPECT_CALL(port, sock_readable(raw)).WillRepeatedly(Return(true));
	EXPECT_CALL(port, sock_recv(raw, _, _)).WillRepeatedly(Return(1));
	EXPECT_EQ(peer->advance(), progress::finished);
	EXPECT_EQ(said, "busy last ");
}

TEST_F(channel_test, has_room_for_one_at_least)
{
	serve([](ktcp::connection &peer) -> task {
		EXPECT_EQ(channel::create(peer, 0).error(), errc::einval);
		EXPECT_EQ(channel::create(peer, channel::most + 1).error(), errc::einval);
		co_return;
	});
	EXPECT_EQ(peer->advance(), progress::finished);
}

TEST_F(channel_test, there_may_be_no_memory)
{
	EXPECT_CALL(port, kmalloc(_, _)).Times(AnyNumber());
	EXPECT_CALL(port, kmalloc(ktcp::detail::channel_state<value>::size_of(5), _))
		.WillOnce(Return(nullptr));
	serve([](ktcp::connection &peer) -> task {
		EXPECT_EQ(channel::create(peer, 5).error(), errc::enomem);
		co_return;
	});
	EXPECT_EQ(peer->advance(), progress::finished);
}

/* Moved from, never created, or without memory to be created: nothing comes, and its sender is nobody's. */
TEST_F(channel_test, where_there_is_none_a_receive_fails)
{
	EXPECT_CALL(port, warn("there is no channel: it was moved from, or not created")).Times(1);
	serve([this](ktcp::connection &peer) -> task {
		auto failed = channel::create(peer, 0), other = channel::create(peer, 1);
		channel moved = std::move(*other), never;

		EXPECT_EQ((co_await failed->receive()).error(), errc::ebadf);
		EXPECT_EQ((co_await other->receive()).error(), errc::ebadf);
		EXPECT_EQ((co_await never.receive()).error(), errc::ebadf);
		EXPECT_EQ(never.get_sender().send(std::make_shared<int>(1)).error(), errc::epipe);
		EXPECT_TRUE(moved.get_sender().send(std::make_shared<int>(2)));
		never = std::move(moved);
		EXPECT_EQ(**(co_await never.receive()), 2);
		said = "all";
	});
	EXPECT_EQ(peer->advance(), progress::finished);
	EXPECT_EQ(said, "all");
}
