// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* ktcp/broadcast.hpp: values to all who listen. */
#include <ktcp/broadcast.hpp>

#include <list>
#include <memory>
#include <string>

#include "served.hpp"

using ktcp::task;

namespace
{

using value = std::shared_ptr<int>;
using broadcast = ktcp::broadcast<value>;

class broadcast_test : public served {
    protected:
	broadcast room;

	/* Receives until it is told of the end. */
	void listen(unsigned int capacity)
	{
		serve([this, capacity](ktcp::connection &peer) -> task {
			auto inbox = ktcp::channel<value>::create(peer, capacity);
			auto other = ktcp::channel<value>::create(peer, 1);
			const broadcast::subscription here(room, *inbox), twice(room, *other);

			while (auto next = co_await inbox->receive())
				said += std::to_string(**next) + " ";
		});
		EXPECT_EQ(peer->advance(), progress::waiting);
	}
};

} // namespace

TEST_F(broadcast_test, nobody_listens)
{
	EXPECT_EQ(room.send(std::make_shared<int>(1)), 0u);
}

TEST_F(broadcast_test, each_gets_it_or_misses_it)
{
	const auto one = std::make_shared<int>(1), two = std::make_shared<int>(2);

	listen(2);
	EXPECT_EQ(room.send(one), 0u);
	EXPECT_EQ(room.send(two), 1u) << "the second one has room for one";
	EXPECT_EQ(room.send(two), 2u);
	EXPECT_EQ(peer->advance(), progress::waiting);
	EXPECT_EQ(said, "1 2 ");
	EXPECT_EQ(one.use_count(), 2) << "in the second channel";
	EXPECT_EQ(two.use_count(), 1);
}

TEST_F(broadcast_test, one_that_left_gets_none)
{
	const auto one = std::make_shared<int>(1);

	listen(2);
	EXPECT_EQ(room.send(one), 0u);
	close();
	EXPECT_EQ(one.use_count(), 1);
	EXPECT_EQ(room.send(one), 0u);
	EXPECT_EQ(one.use_count(), 1);
}

/* A member of a large room goes on behind the others of its CPU, and does not send once more before. */
TEST_F(broadcast_test, a_handler_pays_for_each_subscriber)
{
	constexpr unsigned int subscribers = 200; /* a turn has 64 operations */
	unsigned int sent = 0;

	serve([this, &sent](ktcp::connection &peer) -> task {
		auto inbox = ktcp::channel<value>::create(peer, 1);
		std::list<broadcast::subscription> all;

		for (unsigned int i = 0; i < subscribers; i++)
			all.emplace_back(room, *inbox);
		for (sent = 0; sent < 5; sent++) {
			EXPECT_EQ(room.send(peer, std::make_shared<int>(1)), subscribers - 1);
			static_cast<void>(co_await inbox->receive());
		}
	});
	for (unsigned int turn = 0; turn < 5; turn++) {
		EXPECT_EQ(peer->advance(), progress::yielded);
		EXPECT_EQ(sent, turn) << "one a turn";
	}
	EXPECT_EQ(peer->advance(), progress::finished);
}

/* A subscription of a channel that was moved from misses all. */
TEST_F(broadcast_test, where_there_is_no_channel_all_is_missed)
{
	EXPECT_CALL(port, warn(testing::HasSubstr("no channel"))).Times(testing::AtMost(1));
	serve([this](ktcp::connection &peer) -> task {
		auto inbox = ktcp::channel<value>::create(peer, 1);
		const auto moved = std::move(*inbox);
		const broadcast::subscription here(room, *inbox);

		EXPECT_EQ(room.send(std::make_shared<int>(1)), 1u);
		said = "missed";
		co_return;
	});
	EXPECT_EQ(peer->advance(), progress::finished);
	EXPECT_EQ(said, "missed");
}
