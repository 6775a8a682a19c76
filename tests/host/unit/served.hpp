// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * A connection with a handler that a test gives, whose turns the test takes.
 */
#ifndef KTCP_TESTS_HOST_UNIT_SERVED_HPP
#define KTCP_TESTS_HOST_UNIT_SERVED_HPP

#include <optional>
#include <string>

#include "support.hpp"

/* The engine's side, open to the tests. */
class tested_connection : public ktcp::connection {
    public:
	using connection::advance;
	using connection::advance_in_softirq;
	using connection::age_ms;
	using connection::asked_to_sleep;
	using connection::close;
	using connection::end;
	using connection::event_over;
	using connection::event_source;
	using connection::expire;
	using connection::idle_ms;
	using connection::incoming_cpu;
	using connection::interest;
	using connection::moved;
	using connection::next_timer_ms;
	using connection::progress;
	using connection::set_remote;
	using connection::stalled_ms;
	using connection::starved;
	using connection::until_deadline_ms;
	using connection::why_ended;
	using connection::writing;

	tested_connection(::socket *raw, ktcp::page_pool &buffers, const handler &handle)
		: connection(ktcp::socket(raw), buffers, call_handler, &handle)
	{
	}
};

using progress = tested_connection::progress;

class served : public testing::Test {
    protected:
	testing::NiceMock<mock::mock_port> port;
	ktcp::page_pool pool = std::move(*ktcp::page_pool::create(4096));
	::socket *raw = nullptr;
	handler handle;
	std::optional<tested_connection> peer;
	std::string said; /* in the order it happened */
	int living = 0;

	/* Counts itself while it lives. */
	struct alive {
		explicit alive(int &count) : count(count)
		{
			count++;
		}

		alive(const alive &) = delete;

		~alive()
		{
			count--;
		}

		int &count;
	};

	void serve(handler how)
	{
		handle = std::move(how);
		raw = port.fake.new_socket();
		peer.emplace(raw, pool, handle);
	}

	/* A turn, so many milliseconds later. */
	progress later(std::uint64_t ms)
	{
		port.fake.advance_ms(ms);
		return peer->advance();
	}

	/* As its model does. */
	void close()
	{
		peer->close();
		peer.reset();
	}

	void TearDown() override
	{
		testing::Mock::VerifyAndClearExpectations(&port);
		if (peer)
			close();
		pool = ktcp::page_pool();
		EXPECT_EQ(port.fake.pool_buffers(), 0u);
		EXPECT_EQ(port.fake.blocks(), 0u);
	}
};

#endif
