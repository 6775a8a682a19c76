// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * A connection whose turns a test takes, over a socket that the test fills and empties.
 */
#ifndef KTCP_TESTS_HOST_UNIT_CONNECTION_FIXTURE_HPP
#define KTCP_TESTS_HOST_UNIT_CONNECTION_FIXTURE_HPP

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <ktcp/connection.hpp>
#include <ktcp/kernel/buffer.hpp>

#include "served.hpp"

namespace connection_tests
{

using ktcp::task;
using testing::Mock;
using testing::NiceMock;

/* Its documentation promises this. */
constexpr unsigned int operations_per_turn = 64;
constexpr int patience = 16;
constexpr unsigned int ended_linger_ms = 1000;

constexpr std::uint32_t always = tested_connection::event_over | tested_connection::event_source |
				 KTCP_SOCK_STATE;

class connection_test : public testing::Test {
    protected:
	NiceMock<mock::mock_port> port;
	ktcp::page_pool pool = std::move(*ktcp::page_pool::create(4096));
	::socket *raw = nullptr;
	handler handle;
	std::optional<tested_connection> peer;
	std::string got;
	std::vector<int> statuses;

	/* A peer for this handler, not yet advanced. */
	void serve(handler how)
	{
		handle = std::move(how);
		raw = port.fake.new_socket();
		peer.emplace(raw, pool, handle);
	}

	void echo()
	{
		serve([](ktcp::connection &peer) -> task {
			while (auto received = co_await peer.read())
				if (!co_await peer.write(*received))
					break;
		});
	}

	/* Reads to the end; leaves the bytes in got and the last status in statuses. */
	void collect()
	{
		serve([this](ktcp::connection &peer) -> task {
			for (;;) {
				auto received = co_await peer.read();

				if (!received) {
					statuses.push_back(received.end_of_stream() ?
								   0 :
								   received.error().code());
					co_return;
				}
				got += text(*received);
			}
		});
	}

	/* Writes this, then leaves the status in statuses. */
	void say(std::string what, bool more = false)
	{
		serve([this, what, more](ktcp::connection &peer) -> task {
			statuses.push_back((co_await peer.write(what, more)).code());
		});
	}

	/* Never listens. */
	void stubborn()
	{
		serve([this](ktcp::connection &peer) -> task {
			for (;;) {
				auto received = co_await peer.read();

				statuses.push_back(received ? 1 : received.error().code());
			}
		});
	}

	/* As its model does with a finished one. */
	void close()
	{
		peer->close();
		peer.reset();
	}

	/* Bytes in the hands of the connection or its handler. */
	std::size_t buffers() const
	{
		return port.fake.pool_buffers();
	}

	void TearDown() override
	{
		Mock::VerifyAndClearExpectations(&port);
		if (peer)
			close();
		pool = ktcp::page_pool();
	}
};

} // namespace connection_tests

#endif
