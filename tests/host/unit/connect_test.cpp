// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* ktcp/connect.hpp: outgoing connections, and how it is where there is none. The simulation has the rest. */
#include <ktcp/connect.hpp>

#include <string>
#include <utility>

#include <ktcp/engine/event_driven.hpp>
#include <ktcp/group.hpp>

#include "support.hpp"

using ktcp::errc;
using ktcp::outgoing;
using ktcp::task;
using ktcp::task_of;
using testing::_;

static_assert(!std::is_copy_constructible_v<outgoing>);
static_assert(!std::is_default_constructible_v<outgoing>, "whose connection would it be?");

namespace
{

class connect_test : public session_test {
    protected:
	std::string said;

	connect_test()
	{
		use(ktcp::event_driven::table);
	}

	void serve(handler how)
	{
		handle = std::move(how);
		add();
		port.fake.run_all();
	}
};

/* None may be made here: there is no room for one. */
task_of<outgoing> make(ktcp::connection &peer)
{
	auto made = co_await ktcp::connect(peer, ktcp::endpoint::ipv4(127, 0, 0, 1, 7));

	EXPECT_FALSE(made);
	EXPECT_EQ(made.error(), errc::edquot);
	co_return std::move(made);
}

} // namespace

/* It is used all the same. Nothing of that reaches the peer, and all of the connection's coroutines are told. */
TEST_F(connect_test, one_that_is_not_there_ends_the_connection)
{
	EXPECT_CALL(port, warn(testing::HasSubstr("no outgoing connection"))).Times(1);
	EXPECT_CALL(port, sock_send(_, _, _, _)).Times(0);
	serve([this](ktcp::connection &peer) -> task {
		const auto listen = [](ktcp::connection &to, std::string &tell) -> task_of<void> {
			const auto got = co_await to.read();

			if (got.error() == errc::ebadf)
				tell += "listener ";
			co_return ktcp::result<void>();
		};
		const auto use = [](ktcp::connection &by, std::string &tell) -> task_of<void> {
			auto none = co_await make(by);
			const auto sent = co_await (*none)->write("hello");

			if (sent.error() == errc::ebadf)
				tell += "user ";
			EXPECT_TRUE((**none).borrow());
			co_return ktcp::result<void>();
		};
		auto [heard, used] = co_await ktcp::all(listen(peer, said), use(peer, said));

		EXPECT_TRUE(heard && used);
		said += "both";
	});
	EXPECT_EQ(said, "user listener both");
	EXPECT_EQ(sessions(), 0u);
	EXPECT_EQ(table->count_all().closed, 1u);
}

TEST_F(connect_test, one_that_was_moved_from_is_none)
{
	EXPECT_CALL(port, warn(testing::HasSubstr("no outgoing connection")))
		.Times(testing::AtMost(1));
	serve([this](ktcp::connection &peer) -> task {
		outgoing first(peer), second = std::move(first);

		EXPECT_FALSE(first);
		EXPECT_EQ(second.error(), errc::enotconn);
		first.keep(10);
		EXPECT_FALSE(first.is_reused());
		first = std::move(second);

		const auto got = co_await first->read();

		EXPECT_EQ(got.error(), errc::ebadf);
		said = "told";
	});
	EXPECT_EQ(said, "told");
	EXPECT_EQ(sessions(), 0u);
}
