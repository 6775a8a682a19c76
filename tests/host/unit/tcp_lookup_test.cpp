// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* ktcp/kernel/tcp_lookup.hpp: the connections of a namespace, found and dropped. */
#include <ktcp/kernel/tcp_lookup.hpp>

#include <cerrno>
#include <type_traits>
#include <vector>

#include "support.hpp"

using ktcp::endpoint;
using ktcp::errc;
using ktcp::tcp_sock;
using testing::NiceMock;

static_assert(!std::is_copy_constructible_v<tcp_sock>);
static_assert(std::is_nothrow_move_constructible_v<tcp_sock>);

namespace
{

class tcp_lookup_test : public testing::Test {
    protected:
	NiceMock<mock::mock_port> port;
	::net net;

	::sock &add(std::uint16_t local, std::uint16_t remote,
		    ktcp_tcp_state state = KTCP_TCP_ESTABLISHED, ::net *where = nullptr)
	{
		return port.fake.add_sock({ endpoint::ipv4(1, 1, 1, 1, local).raw(),
					    endpoint::ipv4(2, 2, 2, 2, remote).raw(), state, true,
					    0, 0 },
					  where);
	}

	/* The first there is. */
	static tcp_sock look_up(const endpoint &local, const endpoint &remote)
	{
		tcp_sock room[4];
		const auto found = ktcp::lookup_established(nullptr, local, remote, room);

		return found.empty() ? tcp_sock() : std::move(found[0]);
	}

	static endpoint ours(std::uint16_t port)
	{
		return endpoint::ipv4(1, 1, 1, 1, port);
	}

	static endpoint theirs(std::uint16_t port)
	{
		return endpoint::ipv4(2, 2, 2, 2, port);
	}
};

} // namespace

TEST_F(tcp_lookup_test, one)
{
	auto &there = add(1, 2);

	add(1, 2, KTCP_TCP_ESTABLISHED, &net);
	EXPECT_FALSE(look_up(ours(1), theirs(3)));
	EXPECT_FALSE(look_up(theirs(2), ours(1)));
	{
		auto found = look_up(ours(1), theirs(2));

		ASSERT_TRUE(found);
		EXPECT_EQ(there.references, 1);

		auto moved = std::move(found);

		EXPECT_FALSE(found);
		EXPECT_EQ(there.references, 1);
		EXPECT_TRUE(moved.abort(errc::econnreset));
		EXPECT_EQ(there.error, ECONNRESET);
		EXPECT_EQ(moved.abort(errc::econnreset).error(), errc::enoent);
		moved = look_up(ours(1), theirs(2));
		EXPECT_FALSE(moved) << "it is gone";
	}
	EXPECT_EQ(there.references, 0);
}

TEST_F(tcp_lookup_test, a_listener_is_neither_found_nor_dropped)
{
	auto &listener = add(1, 2, KTCP_TCP_LISTEN);

	EXPECT_FALSE(look_up(ours(1), theirs(2)));
	EXPECT_EQ(ktcp::count_listeners(nullptr, [](const auto &) { return true; }), 1u);
	EXPECT_EQ(ktcp::count_listeners(&net, [](const auto &) { return true; }), 0u);
	EXPECT_EQ(ktcp::count_listeners(nullptr,
					[](const auto &each) { return each.local.port == 2; }),
		  0u);
	listener.references++;
	EXPECT_EQ(tcp_sock(&listener).abort(errc::econnreset).error(), errc::eperm);
	EXPECT_EQ(listener.error, 0);
}

TEST_F(tcp_lookup_test, each_that_fits_once)
{
	std::vector<::sock *> all;

	for (std::uint16_t i = 1; i <= 1000; i++)
		all.push_back(&add(i, i % 2));
	add(1, 1, KTCP_TCP_ESTABLISHED, &net);
	int dropped = 0;

	EXPECT_TRUE(ktcp::for_each_established(
		nullptr, [](const ktcp_tcp_identity &each) { return each.remote.port == 1; },
		[&](tcp_sock found) {
			dropped++;
			return found.abort(errc::econnreset).has_value();
		}));
	EXPECT_EQ(dropped, 500);
	for (const auto *each : all) {
		EXPECT_EQ(each->error, each->identity.remote.port ? ECONNRESET : 0);
		EXPECT_EQ(each->references, 0);
	}
}

TEST_F(tcp_lookup_test, comes_to_an_end_though_none_can_be_dropped)
{
	for (std::uint16_t i = 1; i <= 300; i++)
		add(i, 1).stays = true;
	int tried = 0;

	EXPECT_TRUE(ktcp::for_each_established(
		nullptr, [](const auto &) { return true; },
		[&](tcp_sock found) {
			tried++;
			return found.abort(errc::econnreset).has_value();
		}));
	EXPECT_GE(tried, 3 * 32);
	EXPECT_LE(tried, 2 * 300);
}

TEST_F(tcp_lookup_test, comes_to_an_end_though_sockets_that_stay_are_called_gone)
{
	for (std::uint16_t i = 1; i <= 300; i++)
		add(i, 1).lies = true;

	auto &behind = add(1000, 1);

	EXPECT_TRUE(ktcp::for_each_established(
		nullptr, [](const auto &) { return true; },
		[&](tcp_sock found) { return found.abort(errc::econnreset).has_value(); }));
	EXPECT_EQ(behind.error, ECONNRESET);
}

TEST_F(tcp_lookup_test, ends_with_the_process_that_asks)
{
	add(1, 1);
	EXPECT_CALL(port, tcp_collect_established(testing::_, testing::_, testing::_, testing::_,
						  testing::_, testing::_))
		.WillOnce(testing::Return(-EINTR));
	EXPECT_EQ(ktcp::for_each_established(
			  nullptr, [](const auto &) { return true; }, [](tcp_sock) { return true; })
			  .error(),
		  errc::eintr);
}

TEST_F(tcp_lookup_test, one_for_each_device_that_it_is_bound_to)
{
	tcp_sock room[4];
	endpoint bound = ours(1);
	ktcp_endpoint raw = bound.raw();

	for (std::uint32_t device : { 0, 3, 4 }) {
		raw.scope_id = device;
		port.fake.add_sock({ raw, theirs(2).raw(), KTCP_TCP_ESTABLISHED, true, 0, 0 });
	}
	EXPECT_EQ(ktcp::lookup_established(nullptr, ours(1), theirs(2), room).size(), 3u);
	EXPECT_EQ(ktcp::lookup_established(nullptr, endpoint(raw), theirs(2), room).size(), 1u);
	EXPECT_EQ(ktcp::lookup_established(nullptr, ours(1), theirs(2), { room, 2 }).size(), 2u);
}

TEST_F(tcp_lookup_test, none_is_not_dropped)
{
	EXPECT_CALL(port, warn(testing::HasSubstr("no connection to drop"))).Times(1);
	EXPECT_CALL(port, tcp_abort(testing::_, testing::_)).Times(0);
	EXPECT_EQ(tcp_sock().abort(errc::econnaborted).error(), errc::ebadf);
}
