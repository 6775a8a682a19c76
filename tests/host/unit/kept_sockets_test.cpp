// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* ktcp/engine/kept_sockets.hpp: outgoing connections for the next connect() to their target. */
#include <ktcp/engine/kept_sockets.hpp>

#include <optional>

#include "support.hpp"

using testing::_;
using testing::NiceMock;
using testing::Return;

namespace
{

class kept : public testing::Test {
    protected:
	kept()
	{
		sockets->use(queue);
		ON_CALL(port, sock_readable(_)).WillByDefault(Return(false));
	}

	~kept() override
	{
		sockets->close_all();
		sockets.reset();
		queue = ktcp::workqueue();
		EXPECT_EQ(port.fake.blocks(), 0u);
	}

	static ktcp::endpoint target(std::uint16_t number)
	{
		return ktcp::endpoint(ktcp_endpoint{ .address = {}, .scope_id = 0, .port = number });
	}

	/* Keeps a new one, and gives its address. */
	::socket *keep(std::uint16_t number, unsigned int ms = 1000)
	{
		::socket *const raw = port.fake.new_socket();
		ktcp::socket one(raw);

		EXPECT_TRUE(sockets->keep(one, target(number), ms));
		EXPECT_FALSE(one);
		return raw;
	}

	/* Takes one and closes it; nullptr: there is none. */
	::socket *take(std::uint16_t number)
	{
		ktcp::socket one = sockets->take(target(number));
		::socket *const raw = one ? one.raw() : nullptr;

		if (one)
			one.close();
		return raw;
	}

	NiceMock<mock::mock_port> port;
	ktcp::workqueue queue = std::move(*ktcp::workqueue::create("kept"));
	std::optional<ktcp::detail::kept_sockets> sockets{ std::in_place };
};

} // namespace

TEST_F(kept, gives_the_last_one_of_that_target)
{
	::socket *const first = keep(1);
	::socket *const other = keep(2);
	::socket *const last = keep(1);

	EXPECT_EQ(take(3), nullptr);
	EXPECT_EQ(take(1), last);
	EXPECT_EQ(take(1), first);
	EXPECT_EQ(take(1), nullptr);
	EXPECT_EQ(take(2), other);
}

TEST_F(kept, has_a_bound)
{
	::socket *const oldest = keep(1);
	::socket *const next = keep(1);

	for (unsigned int i = 2; i < ktcp::detail::kept_sockets::most; i++)
		keep(1);
	EXPECT_CALL(port, sock_release(oldest)).Times(1);
	::socket *const other = keep(2);
	testing::Mock::VerifyAndClearExpectations(&port);

	/* One that has ended goes before an older one that has not. */
	ON_CALL(port, sock_readable(_)).WillByDefault([&](const ::socket *raw) {
		return raw == other;
	});
	EXPECT_CALL(port, sock_release(next)).Times(0);
	EXPECT_CALL(port, sock_release(other)).Times(1);
	::socket *const last = keep(3);
	testing::Mock::VerifyAndClearExpectations(&port);
	EXPECT_EQ(take(2), nullptr);
	EXPECT_EQ(take(3), last);
}

TEST_F(kept, leaves_the_socket_to_its_owner_without_memory)
{
	ktcp::socket one(port.fake.new_socket());

	EXPECT_CALL(port, kmalloc(_, KTCP_GFP_KERNEL)).WillOnce(Return(nullptr));
	EXPECT_FALSE(sockets->keep(one, target(1), 1000));
	EXPECT_TRUE(one);
	one.close();
}

/* Each for its own time, in any order. */
TEST_F(kept, closes_those_whose_time_is_over)
{
	::socket *const longest = keep(1, 3000);

	keep(1, 1000);
	keep(1, 2000);
	EXPECT_CALL(port, sock_release(_)).Times(0);
	port.fake.advance_ms(999);
	port.fake.run_all();
	testing::Mock::VerifyAndClearExpectations(&port);

	EXPECT_CALL(port, sock_release(_)).Times(1);
	port.fake.advance_ms(2);
	port.fake.run_all();
	testing::Mock::VerifyAndClearExpectations(&port);

	EXPECT_CALL(port, sock_release(_)).Times(1);
	port.fake.advance_ms(1000);
	port.fake.run_all();
	testing::Mock::VerifyAndClearExpectations(&port);
	EXPECT_EQ(take(1), longest);
}

/* The timer of the work item does not count a suspend, and the target does. */
TEST_F(kept, gives_none_whose_time_is_over_by_the_clock_of_its_target)
{
	::socket *const long_kept = keep(1, 10000);

	keep(1, 1000);
	port.fake.suspended_ms = 5000;
	EXPECT_EQ(take(1), long_kept);
	EXPECT_EQ(take(1), nullptr);
	EXPECT_CALL(port, sock_release(_)).Times(1);
	port.fake.advance_ms(1001);
	port.fake.run_all();
	testing::Mock::VerifyAndClearExpectations(&port);
}

/* A byte that is out of order is in no queue that a read looks at. */
TEST_F(kept, makes_room_by_one_with_a_byte_that_cannot_be_read_yet)
{
	::socket *unclean = nullptr;

	for (unsigned int i = 0; i < ktcp::detail::kept_sockets::most; i++)
		unclean = keep(1);
	ON_CALL(port, sock_is_clean(_)).WillByDefault([&](const ::socket *raw) {
		return raw != unclean;
	});
	EXPECT_CALL(port, sock_release(_)).Times(0);
	EXPECT_CALL(port, sock_release(unclean)).Times(1);
	keep(2);
	testing::Mock::VerifyAndClearExpectations(&port);
}

TEST_F(kept, closes_all_at_the_end)
{
	keep(1);
	keep(2);
	EXPECT_CALL(port, sock_release(_)).Times(2);
	sockets->close_all();
	testing::Mock::VerifyAndClearExpectations(&port);
	EXPECT_EQ(take(1), nullptr);
}
