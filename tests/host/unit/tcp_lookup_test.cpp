// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* ktcp/tcp_lookup.hpp: the connections of a namespace, found and dropped. */
#include <ktcp/tcp_lookup.hpp>

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
					    endpoint::ipv4(2, 2, 2, 2, remote).raw(), state },
					  where);
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
	EXPECT_FALSE(tcp_sock::lookup_established(nullptr, ours(1), theirs(3)));
	EXPECT_FALSE(tcp_sock::lookup_established(nullptr, theirs(2), ours(1)));
	{
		auto found = tcp_sock::lookup_established(nullptr, ours(1), theirs(2));

		ASSERT_TRUE(found);
		EXPECT_EQ(there.references, 1);

		auto moved = std::move(found);

		EXPECT_FALSE(found);
		EXPECT_EQ(there.references, 1);
		EXPECT_TRUE(moved.abort(errc::econnreset));
		EXPECT_EQ(there.error, ECONNRESET);
		EXPECT_EQ(moved.abort(errc::econnreset).error(), errc::enoent);
		moved = tcp_sock::lookup_established(nullptr, ours(1), theirs(2));
		EXPECT_FALSE(moved) << "it is gone";
	}
	EXPECT_EQ(there.references, 0);
}

TEST_F(tcp_lookup_test, a_listener_is_neither_found_nor_dropped)
{
	auto &listener = add(1, 2, KTCP_TCP_LISTEN);

	EXPECT_FALSE(tcp_sock::lookup_established(nullptr, ours(1), theirs(2)));
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

	ktcp::for_each_established(
		nullptr, [](const ktcp_tcp_identity &each) { return each.remote.port == 1; },
		[&](tcp_sock found) {
			dropped++;
			return found.abort(errc::econnreset).has_value();
		});
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

	ktcp::for_each_established(
		nullptr, [](const auto &) { return true; },
		[&](tcp_sock found) {
			tried++;
			return found.abort(errc::econnreset).has_value();
		});
	EXPECT_GE(tried, 3 * 32);
	EXPECT_LE(tried, 2 * 300);
}
