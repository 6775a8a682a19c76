// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* ktcp/connect.hpp: outgoing connections, and how it is where there is none. The simulation has the rest. */
#include <ktcp/connect.hpp>

#include <string>
#include <utility>

#include <ktcp/engine/event_driven.hpp>
#include <ktcp/group.hpp>

#include "support.hpp"

using ktcp::endpoint;
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

	endpoint client = endpoint::ipv4(10, 0, 0, 1,
					 80); /* where the next connection comes from */
	ktcp::detail::outgoing_room *room = nullptr;

	connect_test()
	{
		use(ktcp::event_driven::table);
		room = &table->use().outgoing;
		ON_CALL(port, sock_remote(_, _))
			.WillByDefault([this](::socket *, ktcp_endpoint *out) {
				*out = client.raw();
				return 0;
			});
	}

	void serve(handler how)
	{
		handle = std::move(how);
		add();
		port.fake.run_all();
	}
};

/* None may be made here: there is no room for one. */
task_of<void> make(ktcp::connection &peer, outgoing &into)
{
	into = co_await ktcp::connect(peer, endpoint::ipv4(127, 0, 0, 1, 7));
	EXPECT_FALSE(into);
	EXPECT_EQ(into.error(), errc::edquot);
	co_return ktcp::result<void>();
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
			outgoing none(by);

			KTCP_CO_CHECK(co_await make(by, none));
			const auto sent = co_await none->write("hello");

			if (sent.error() == errc::ebadf)
				tell += "user ";
			EXPECT_TRUE((*none).borrow());
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

TEST_F(connect_test, a_source_has_one_more_than_are_left)
{
	const auto greedy = client, next = endpoint::ipv4(10, 0, 0, 2, 80),
		   last = endpoint::ipv4(10, 0, 0, 3, 80);

	room->limit(4, 0, true);
	EXPECT_TRUE(room->enter(&greedy));
	EXPECT_TRUE(room->enter(&greedy));
	EXPECT_EQ(room->enter(&greedy).error(), errc::edquot) << "half of them, while it is alone";
	EXPECT_TRUE(room->enter(&next));
	EXPECT_EQ(room->enter(&next).error(), errc::edquot);
	EXPECT_EQ(room->enter(&greedy).error(), errc::edquot);
	EXPECT_TRUE(room->enter(&last)) << "there is one for the next";
	EXPECT_EQ(room->enter(&last).error(), errc::edquot);
	for (const auto *each : { &greedy, &greedy, &next, &last })
		room->leave(each);
	EXPECT_EQ(port.fake.blocks(), blocks_) << "nothing is kept of those that have none";
	EXPECT_TRUE(room->enter(&greedy));
	room->leave(&greedy);
}

TEST_F(connect_test, a_source_may_have_another_bound_or_none)
{
	room->limit(4, 3, true);
	for (int i = 0; i < 3; i++)
		EXPECT_TRUE(room->enter(&client));
	EXPECT_EQ(room->enter(&client).error(), errc::edquot);
	room->limit(4, 0, false); /* as with max_per_source=0 */
	EXPECT_TRUE(room->enter(&client));
	EXPECT_EQ(room->enter(&client).error(), errc::edquot) << "all of them";
	for (int i = 0; i < 4; i++)
		room->leave(&client);
	/* A proxy is no source. */
	room->limit(2, 1, true);
	EXPECT_TRUE(room->enter(nullptr));
	EXPECT_TRUE(room->enter(nullptr));
	EXPECT_EQ(room->enter(nullptr).error(), errc::edquot);
	room->leave(nullptr);
	room->leave(nullptr);
}

/* Their outgoing connections are of its share, until they are closed. */
TEST_F(connect_test, connections_of_one_source_leave_some_for_the_next)
{
	const auto asks = [this] {
		serve([this](ktcp::connection &peer) -> task {
			const auto server = co_await ktcp::connect(
				peer, endpoint::ipv4(127, 0, 0, 1, 7), { .timeout_ms = 0 });

			said += server ? "yes " : server.error() == errc::edquot ? "no " : "? ";
			if (server)
				static_cast<void>(co_await peer.read());
		});
	};

	room->limit(3, 0, true);
	asks();
	asks();
	EXPECT_EQ(said, "yes yes ");
	asks();
	EXPECT_EQ(said, "yes yes no ");
	client = endpoint::ipv4(10, 0, 0, 2, 80);
	asks();
	EXPECT_EQ(said, "yes yes no yes ");
	table->end_all(errc::eshutdown);
	port.fake.run_all();
	said.clear();
	client = endpoint::ipv4(10, 0, 0, 1, 80);
	asks();
	EXPECT_EQ(said, "yes ");
	table->end_all(errc::eshutdown);
	port.fake.run_all();
}
