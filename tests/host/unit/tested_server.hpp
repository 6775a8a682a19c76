// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * A server whose listener and clients are the test's.
 */
#ifndef KTCP_TESTS_HOST_UNIT_TESTED_SERVER_HPP
#define KTCP_TESTS_HOST_UNIT_TESTED_SERVER_HPP

#include <cerrno>
#include <string>
#include <vector>

#include <ktcp/server.hpp>

#include "support.hpp"

namespace server_tests
{

using ktcp::endpoint;
using ktcp::server_options;
using testing::_;
using testing::NiceMock;

struct echo {
	ktcp::task operator()(ktcp::connection &peer) const
	{
		while (auto received = co_await peer.read())
			if (!co_await peer.write(*received))
				break;
	}
};

MATCHER_P(address_is, expected, "")
{
	return endpoint(arg) == expected;
}

template <class Model>
using server_of = ktcp::server<echo, Model>;

class server_test : public testing::Test {
    protected:
	NiceMock<mock::mock_port> port;

	/* The listener, once the server has started. */
	::socket *listener = nullptr;

	/* The next connections to accept; then the backlog is empty. */
	int to_accept = 0;
	std::vector<::socket *> accepted;

	server_test()
	{
		ON_CALL(port, sock_hook_listener(_, _))
			.WillByDefault([this](::socket *sock, auto *hook) {
				listener = sock;
				return port.fake.sock_hook_listener(sock, hook);
			});
		ON_CALL(port, sock_accept(_, _)).WillByDefault([this](::socket *, ::socket **out) {
			if (!to_accept)
				return -EAGAIN;
			to_accept--;
			accepted.push_back(*out = port.fake.new_socket());
			return 0;
		});
	}

	/* So many clients connect. */
	void connect(int clients)
	{
		to_accept = clients;
		port.fake.announce(listener, KTCP_SOCK_READABLE);
	}

	std::string read_statistics()
	{
		return port.fake.read(*port.fake.folder("unit")->files.at("statistics"));
	}

	std::size_t sessions() const
	{
		const auto *cache = port.fake.cache("unit_session");

		return cache ? cache->objects.size() : 0;
	}

	std::size_t closed_with_reset = 0;

	void count_resets()
	{
		ON_CALL(port, sock_no_linger(_)).WillByDefault([this](::socket *sock) {
			closed_with_reset++;
			port.fake.sock_no_linger(sock);
		});
	}

	void expect_nothing_left()
	{
		EXPECT_EQ(port.fake.blocks(), 0u);
		EXPECT_EQ(port.fake.objects(), 0u);
		EXPECT_EQ(port.fake.sockets(), 0u);
		EXPECT_EQ(port.fake.queued(), 0u);
		EXPECT_EQ(port.fake.timers(), 0u);
		EXPECT_EQ(port.fake.cache("unit_session"), nullptr);
		EXPECT_EQ(port.fake.pools(), 0u);
		EXPECT_EQ(port.fake.folder("unit"), nullptr);
		EXPECT_EQ(port.fake.queue("unit"), nullptr);
		EXPECT_EQ(port.fake.queue("unit_control"), nullptr);
	}
};

/* No time and no share of a peer's comes between: each test chooses its own. */
inline const server_options plain = { .name = "unit",
				      .port = 4321,
				      .max_per_source = 0,
				      .timeouts = { .idle_ms = 0, .write_ms = 0 } };

} // namespace server_tests

#endif
