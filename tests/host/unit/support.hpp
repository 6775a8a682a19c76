// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * Shared by several of the unit tests: bytes as text, handlers as lambdas, a connection and a
 * session table to try them in.
 */
#ifndef KTCP_TESTS_HOST_UNIT_SUPPORT_HPP
#define KTCP_TESTS_HOST_UNIT_SUPPORT_HPP

#include <cstring>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include <gmock/gmock.h>

#include <ktcp/engine/session_table.hpp>

#include "mock_port.hpp"

inline std::span<const std::byte> bytes(std::string_view text)
{
	return std::as_bytes(std::span(text));
}

inline std::string text(std::span<const std::byte> bytes)
{
	return { reinterpret_cast<const char *>(bytes.data()), bytes.size() };
}

/* ktcp_sock_recv() brings this text. */
inline auto receive(std::string what)
{
	return [what](::socket *, void *buffer, std::size_t size) -> long {
		EXPECT_LE(what.size(), size);
		std::memcpy(buffer, what.data(), what.size());
		return static_cast<long>(what.size());
	};
}

/* ktcp_sock_send() takes this many bytes and appends them to a text. */
inline auto take(std::string &into, std::size_t most)
{
	return [&into, most](::socket *, const void *data, std::size_t size, auto...) -> long {
		const std::size_t taken = size < most ? size : most;

		into.append(static_cast<const char *>(data), taken);
		return static_cast<long>(taken);
	};
}

/* A handler is any coroutine lambda; it must outlive the connection. */
using handler = std::function<ktcp::task(ktcp::connection &)>;

inline ktcp::task call_handler(const void *function, ktcp::connection &peer)
{
	return (*static_cast<const handler *>(function))(peer);
}

/* The sessions of one server, without the server. */
class session_test : public testing::Test {
    protected:
	testing::NiceMock<mock::mock_port> port;
	handler handle;
	std::unique_ptr<ktcp::session_table> table;
	std::size_t blocks_ = 0; /* of memory, while the table is empty */

	/*
	 * @p per_source  sessions a peer may have, 0: any number.
	 * @p never_sleeps  as a handler says it: turns need not be work items.
	 */
	void use(const struct ktcp::model &model, unsigned int per_source = 0,
		 bool never_sleeps = false)
	{
		table = std::make_unique<ktcp::session_table>(per_source);

		EXPECT_TRUE(table->make_shards());

		auto &use = table->use();

		use.model = &model;
		use.handle = call_handler;
		use.handler = &handle;
		use.name = "unit";
		use.timeouts = { .idle_ms = 0, .write_ms = 0 }; /* each test chooses its own */
		use.sessions =
			std::move(*ktcp::kmem_cache::create("unit_session", model.session_size));
		use.buffers = std::move(*ktcp::page_pool::create(4096));
		if (model.in_softirq && never_sleeps) {
			use.turns = std::move(*ktcp::engine::create());
			use.pages = std::move(*ktcp::softirq_pages::create());
		}
		use.queue = std::move(*ktcp::workqueue::create("unit"));
		EXPECT_TRUE(use.sleepers.make("unit_sleepers", "unit_crowded"));
		use.control = std::move(*ktcp::workqueue::create("unit_control"));
		blocks_ = port.fake.blocks();
	}

	/* A connection accepted and started, its first turn not yet run. */
	::socket *add()
	{
		::socket *const raw = port.fake.new_socket();

		EXPECT_TRUE(table->add(ktcp::socket(raw)).has_value());
		return raw;
	}

	/* Let time pass, and run the work that is due by then. */
	void elapse(std::uint64_t ms)
	{
		port.fake.advance_ms(ms);
		port.fake.run_all();
	}

	std::size_t sessions() const
	{
		return port.fake.cache("unit_session")->objects.size();
	}

	std::size_t buffers() const
	{
		return port.fake.pool_buffers();
	}

	/* None is added from here on; wait for the last. */
	void empty()
	{
		table->close();
		table->wait_until_empty();
	}

	void TearDown() override
	{
		/* The calls that follow are not part of a test's expectations. */
		testing::Mock::VerifyAndClearExpectations(&port);
		if (!table)
			return;
		table->end_all(ktcp::errc::eshutdown);
		table->close_times();
		empty();
		table.reset();
	}
};

#endif
