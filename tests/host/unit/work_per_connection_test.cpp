// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* ktcp/engine/work_per_connection.hpp: one work item for a connection's whole life. */
#include <ktcp/engine/work_per_connection.hpp>

#include <cerrno>

#include "support.hpp"

using ktcp::errc;
using testing::_;
using testing::InSequence;
using testing::Return;

namespace
{

class work_test : public session_test {
    protected:
	work_test()
	{
		handle = [](ktcp::connection &peer) -> ktcp::task {
			while (co_await peer.read())
				;
		};
		use(ktcp::work_per_connection::table);
	}
};

} // namespace

static_assert(ktcp::work_per_connection::table.blocks);
static_assert(std::string_view(ktcp::work_per_connection::table.name) == "work");

TEST_F(work_test, lives_in_one_work_item)
{
	::socket *const raw = port.fake.new_socket();
	InSequence order;

	raw->incoming_cpu = 2;
	EXPECT_CALL(port, queue_work(2, table->use().queue.raw(), _));
	EXPECT_CALL(port, sock_recv(raw, _, _)).WillOnce(Return(-EAGAIN));
	EXPECT_CALL(port, sock_wait(raw, KTCP_SOCK_READABLE, -1)).WillOnce(Return(0));
	EXPECT_CALL(port, sock_recv(raw, _, _)).WillOnce(Return(0));
	EXPECT_CALL(port, sock_hold_net(raw));
	EXPECT_CALL(port, sock_release(raw));
	EXPECT_TRUE(table->add(ktcp::socket(raw)));
	EXPECT_EQ(port.fake.run_all(), 1u);
	EXPECT_EQ(sessions(), 0u);
	EXPECT_EQ(table->count(), 0u);
	EXPECT_EQ(port.fake.blocks(), blocks_);
}

TEST_F(work_test, never_takes_the_sockets_callbacks_away)
{
	EXPECT_CALL(port, sock_hook(_, _)).Times(0);
	EXPECT_CALL(port, sock_recv(_, _, _)).WillOnce(Return(0));
	add();
	port.fake.run_all();
}

TEST_F(work_test, does_not_follow_the_packets_on_an_unbound_queue)
{
	::socket *const raw = port.fake.new_socket();

	raw->incoming_cpu = 2;
	table->use().placement = ktcp::placement::anywhere;
	EXPECT_CALL(port, queue_work(-1, _, _));
	EXPECT_TRUE(table->add(ktcp::socket(raw)));
}

TEST_F(work_test, ending_wakes_it)
{
	::socket *const raw = add();

	EXPECT_CALL(port, sock_recv(raw, _, _)).WillOnce(receive("x")).WillOnce(Return(-EAGAIN));
	EXPECT_CALL(port, sock_poke(raw)).Times(1);
	EXPECT_CALL(port, sock_wait(raw, _, _)).WillOnce([this](auto...) {
		table->end_all(errc::eshutdown);
		return 0;
	});
	EXPECT_EQ(port.fake.run_all(), 1u);
	EXPECT_EQ(sessions(), 0u);
}
