// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* ktcp/engine/thread_per_connection.hpp: a thread each, and a reaper that joins it. */
#include <ktcp/engine/thread_per_connection.hpp>

#include <cerrno>

#include "support.hpp"

using ktcp::errc;
using testing::_;
using testing::InSequence;
using testing::Mock;
using testing::Return;

namespace
{

class thread_model_test : public session_test {
    protected:
	thread_model_test()
	{
		handle = [](ktcp::connection &peer) -> ktcp::task {
			while (co_await peer.read())
				;
		};
		use(ktcp::thread_per_connection::table);
	}

	void run_threads()
	{
		for (auto *each : std::vector<task_struct *>(port.fake.threads()))
			if (!each->ran)
				port.fake.run_thread(*each);
	}

	void TearDown() override
	{
		Mock::VerifyAndClearExpectations(&port);
		table->end_all(errc::eshutdown);
		run_threads();
		session_test::TearDown();
	}
};

} // namespace

static_assert(!ktcp::thread_per_connection::table.blocks, "no workqueue's worker, that is");
static_assert(std::string_view(ktcp::thread_per_connection::table.name) == "thread");

TEST_F(thread_model_test, starts_a_thread_named_after_the_server)
{
	EXPECT_CALL(port, kthread_run(_, _, "unit", _)).Times(1);
	EXPECT_CALL(port, queue_work(_, _, _)).Times(0);
	add();
	Mock::VerifyAndClearExpectations(&port);
}

TEST_F(thread_model_test, is_reaped_from_the_control_queue)
{
	::socket *const raw = add();

	InSequence order;

	EXPECT_CALL(port, sock_recv(raw, _, _)).WillOnce(Return(-EAGAIN));
	EXPECT_CALL(port, sock_wait(raw, KTCP_SOCK_READABLE, -1)).WillOnce(Return(0));
	EXPECT_CALL(port, sock_recv(raw, _, _)).WillOnce(Return(0));
	EXPECT_CALL(port, sock_hold_net(raw));
	EXPECT_CALL(port, sock_release(raw));
	EXPECT_CALL(port, queue_work(_, table->use().control.raw(), _));
	EXPECT_CALL(port, kthread_stop(port.fake.threads().front()));
	EXPECT_CALL(port, kmem_cache_free(port.fake.cache("unit_session"), _));

	run_threads();
	EXPECT_EQ(sessions(), 1u) << "its thread may still be on its way out";
	EXPECT_EQ(table->count(), 1u);
	EXPECT_EQ(port.fake.run_all(), 1u);
	EXPECT_EQ(sessions(), 0u);
	EXPECT_EQ(table->count(), 0u);
	EXPECT_TRUE(port.fake.threads().empty());
}

TEST_F(thread_model_test, a_retired_session_is_no_longer_woken)
{
	add();
	EXPECT_CALL(port, sock_recv(_, _, _)).WillOnce(Return(0));
	run_threads();
	EXPECT_CALL(port, sock_shutdown(_, _)).Times(0);
	table->end_all(errc::eshutdown); /* before the reaper came */
	Mock::VerifyAndClearExpectations(&port);
	EXPECT_EQ(port.fake.run_all(), 1u);
}

TEST_F(thread_model_test, a_thread_may_be_done_before_it_is_known_to_have_started)
{
	::socket *const raw = port.fake.new_socket();

	EXPECT_CALL(port, sock_recv(raw, _, _)).WillOnce(Return(0));
	EXPECT_CALL(port, kthread_run(_, _, _, _))
		.WillOnce([this](auto function, void *argument, const std::string &name,
				 task_struct **out) {
			port.fake.kthread_run(function, argument, name, out);
			port.fake.run_thread(**out);
			port.fake.run_all(); /* the reaper, too: the session is gone */
			return 0;
		});
	EXPECT_TRUE(table->add(ktcp::socket(raw)));
	EXPECT_EQ(sessions(), 0u);
}

TEST_F(thread_model_test, without_a_thread_there_is_no_session)
{
	for (int why : { -ENOMEM, -EAGAIN, -EINTR }) {
		EXPECT_CALL(port, kthread_run(_, _, _, _)).WillOnce(Return(why));
		EXPECT_CALL(port, kthread_stop(_)).Times(0);
		EXPECT_EQ(table->add(ktcp::socket(port.fake.new_socket())).code(), why);
		EXPECT_EQ(sessions(), 0u);
		EXPECT_EQ(table->count(), 0u);
		EXPECT_EQ(port.fake.sockets(), 0u);
		Mock::VerifyAndClearExpectations(&port);
	}
}

TEST_F(thread_model_test, ending_wakes_it)
{
	::socket *const raw = add();

	EXPECT_CALL(port, sock_recv(raw, _, _)).WillOnce(receive("x")).WillOnce(Return(-EAGAIN));
	EXPECT_CALL(port, sock_poke(raw)).Times(1);
	EXPECT_CALL(port, sock_wait(raw, _, _)).WillOnce([this](auto...) {
		table->end_all(errc::eshutdown);
		return 0;
	});
	run_threads();
	EXPECT_EQ(port.fake.run_all(), 1u);
	EXPECT_EQ(sessions(), 0u);
}
