// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* ktcp/connection.hpp: turns that are taken in softirq. */
#include <ktcp/connection.hpp>

#include <cerrno>
#include <string>

#include "connection_fixture.hpp"

using ktcp::task;
using testing::_;
using testing::Mock;
using testing::Return;
using namespace connection_tests;

namespace
{

class connection_in_softirq : public connection_test {
    protected:
	ktcp::softirq_pages pages = std::move(*ktcp::softirq_pages::create());

	progress advance_here()
	{
		/* Nothing of process context. */
		EXPECT_CALL(port, sock_recv(_, _, _)).Times(0);
		EXPECT_CALL(port, sock_send(_, _, _, _)).Times(0);
		return peer->advance_in_softirq(pages);
	}

	void TearDown() override
	{
		connection_test::TearDown();
		pages = ktcp::softirq_pages();
	}
};

} // namespace

TEST_F(connection_in_softirq, receives_and_sends_there)
{
	std::string sent;

	echo();
	EXPECT_EQ(peer->advance(), progress::waiting);
	EXPECT_CALL(port, sock_softirq_recv(raw, _, 4096))
		.WillOnce(receive("ping"))
		.WillOnce(Return(-EAGAIN));
	EXPECT_CALL(port, sock_softirq_send(raw, _, 4, 0, pages.raw()))
		.WillOnce([&](auto *, const void *data, std::size_t size, auto...) {
			sent.assign(static_cast<const char *>(data), size);
			return static_cast<long>(size);
		});
	EXPECT_CALL(port, page_pool_get(_, KTCP_GFP_ATOMIC)).Times(2);
	EXPECT_EQ(advance_here(), progress::waiting);
	EXPECT_EQ(sent, "ping");
}

TEST_F(connection_in_softirq, allocates_atomically_there_and_only_there)
{
	const auto child = [](ktcp::connection &peer) -> task {
		static_cast<void>(co_await peer.read());
	};

	serve([&](ktcp::connection &peer) -> task {
		for (;;)
			static_cast<void>(co_await child(peer));
	});
	EXPECT_EQ(peer->advance(), progress::waiting);
	EXPECT_CALL(port, sock_softirq_recv(_, _, _))
		.WillOnce(receive("x"))
		.WillOnce(Return(-EAGAIN));
	EXPECT_CALL(port, kmalloc(_, KTCP_GFP_ATOMIC)).Times(1);
	EXPECT_EQ(advance_here(), progress::waiting);
	Mock::VerifyAndClearExpectations(&port);
	EXPECT_CALL(port, sock_recv(_, _, _)).WillOnce(receive("x")).WillOnce(Return(-EAGAIN));
	EXPECT_CALL(port, kmalloc(_, KTCP_GFP_KERNEL)).Times(1);
	EXPECT_EQ(peer->advance(), progress::waiting);
}

TEST_F(connection_in_softirq, has_a_smaller_share)
{
	int reads = 0;

	collect();
	EXPECT_EQ(peer->advance(), progress::waiting);
	EXPECT_CALL(port, sock_softirq_recv(_, _, _)).WillRepeatedly([&](auto *, void *buffer, auto) {
		reads++;
		*static_cast<char *>(buffer) = 'x';
		return 1L;
	});
	EXPECT_EQ(advance_here(), progress::yielded);
	EXPECT_EQ(reads, 8);
}

TEST_F(connection_in_softirq, a_read_that_needs_process_context_is_left_to_the_work_item)
{
	collect();
	EXPECT_EQ(peer->advance(), progress::waiting);
	EXPECT_CALL(port, sock_softirq_recv(_, _, _)).WillOnce(Return(-EINPROGRESS));
	EXPECT_EQ(advance_here(), progress::needs_process);
	EXPECT_EQ(buffers(), 0u);
	Mock::VerifyAndClearExpectations(&port);
	EXPECT_CALL(port, sock_recv(_, _, _)).WillOnce(receive("!")).WillOnce(Return(0));
	EXPECT_EQ(peer->advance(), progress::finished);
	EXPECT_EQ(got, "!");
}

TEST_F(connection_in_softirq, a_write_that_needs_process_context_is_left_to_the_work_item)
{
	std::string sent;

	echo();
	EXPECT_EQ(peer->advance(), progress::waiting);
	EXPECT_CALL(port, sock_softirq_recv(_, _, _)).WillOnce(receive("text"));
	EXPECT_CALL(port, sock_softirq_send(_, _, _, _, _))
		.WillOnce(Return(1))
		.WillOnce(Return(-EINPROGRESS));
	EXPECT_EQ(advance_here(), progress::needs_process);
	Mock::VerifyAndClearExpectations(&port);
	EXPECT_CALL(port, sock_recv(_, _, _)).WillOnce(Return(0));
	EXPECT_CALL(port, sock_send(_, _, 3, 0)).WillOnce(take(sent, 3));
	EXPECT_EQ(peer->advance(), progress::finished);
	EXPECT_EQ(sent, "ext");
}

TEST_F(connection_in_softirq, the_end_is_told_and_nothing_is_freed_there)
{
	collect();
	EXPECT_EQ(peer->advance(), progress::waiting);
	EXPECT_CALL(port, sock_softirq_recv(_, _, _)).WillOnce(Return(0));
	EXPECT_CALL(port, kfree(_)).Times(0);
	EXPECT_CALL(port, sock_release(_)).Times(0);
	EXPECT_EQ(advance_here(), progress::finished);
	EXPECT_EQ(advance_here(), progress::finished);
	EXPECT_EQ(peer->advance(), progress::finished) << "the work item finds it so";
}
