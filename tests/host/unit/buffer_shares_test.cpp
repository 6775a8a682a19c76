// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* ktcp/engine/buffer_shares.hpp: how many buffers each source holds, and that a server keeps to it. */
#include <ktcp/engine/buffer_shares.hpp>

#include <optional>
#include <random>
#include <string>
#include <vector>

#include "tested_server.hpp"

using ktcp::buffer_shares;
using ktcp::page_pool;
using testing::HasSubstr;
using namespace server_tests;

namespace
{

constexpr std::size_t size = 16384;

/* A pool of a few buffers, of which the test takes what a source is to hold. */
class buffer_shares_test : public testing::Test {
    protected:
	NiceMock<mock::mock_port> port;
	std::minstd_rand chance;
	page_pool pool;
	std::vector<void *> got;
	std::optional<buffer_shares> made;

	void make(std::size_t buffers)
	{
		ON_CALL(port, random_u32()).WillByDefault([this] {
			return static_cast<std::uint32_t>(chance());
		});
		made.emplace();
		pool = std::move(*page_pool::create(size, buffers * size));
		ASSERT_TRUE(made->make());
	}

	~buffer_shares_test() override
	{
		for (void *each : got)
			pool.put(each);
	}

	/* One more, and may it wait with that? If not it gives it back. */
	bool hold(const endpoint &peer)
	{
		void *const one = pool.get(ktcp::gfp::kernel);

		if (!one)
			return false;
		got.push_back(one);
		if (made->take(peer, 1, pool))
			return true;
		pool.put(got.back());
		got.pop_back();
		return false;
	}

	unsigned int hold_all(const endpoint &peer)
	{
		unsigned int held = 0;

		while (hold(peer))
			held++;
		return held;
	}

	static endpoint host(unsigned int number)
	{
		return endpoint::ipv4(10, 0, static_cast<std::uint8_t>(number >> 8),
				      static_cast<std::uint8_t>(number), 1000);
	}
};

/* It waits for the rest of a line, with a buffer. */
struct lines {
	ktcp::task operator()(ktcp::connection &peer) const
	{
		while (auto line = co_await peer.read_line(512))
			if (!co_await peer.write(*line))
				break;
	}
};

/* The same with a buffer of its own. */
struct borrows {
	ktcp::task operator()(ktcp::connection &peer) const
	{
		const auto own = peer.borrow();

		while (const auto got = co_await peer.read())
			;
	}
};

/* The same with bytes that it read, and waits for more. */
struct collects {
	ktcp::task operator()(ktcp::connection &peer) const
	{
		const auto first = co_await peer.read();

		static_cast<void>(co_await peer.read());
	}
};

class shared_server_test : public server_test {
    protected:
	static constexpr unsigned int buffers = 64;
	static constexpr unsigned int share = buffers * 3 / 8;

	server_options options = plain;
	endpoint next_peer = endpoint::ipv4(192, 0, 2, 1, 1000);

	shared_server_test()
	{
		options.buffer_memory = buffers * size;
		options.max_per_source = ktcp::defaults::max_per_source;
		ON_CALL(port, sock_remote(_, _))
			.WillByDefault([this](::socket *, ktcp_endpoint *out) {
				*out = next_peer.raw();
				return 0;
			});
	}

	/* So many peers connect, and each sends what is the beginning of a line. */
	void send_a_byte_each(unsigned int peers)
	{
		for (unsigned int i = 0; i < peers; i++) {
			EXPECT_CALL(port, sock_softirq_recv(_, _, _))
				.WillOnce(receive("x"))
				.WillRepeatedly(testing::Return(-EAGAIN));
			connect(1);
			port.fake.run_all();
		}
	}

	template <class Handler>
	void expect_that_another_source_is_served()
	{
		ktcp::server<Handler> server;

		EXPECT_TRUE(server.start(options));
		send_a_byte_each(2 * buffers);
		EXPECT_EQ(sessions(), share);
		EXPECT_THAT(
			read_statistics(),
			HasSubstr("\nrefused_share " + std::to_string(2 * buffers - share) + "\n"));
		EXPECT_THAT(read_statistics(), HasSubstr("\nrefused_buffers 0\n"));

		next_peer = endpoint::ipv4(192, 0, 2, 2, 1000);
		send_a_byte_each(3);
		EXPECT_EQ(sessions(), share + 3);
		server.stop();
		expect_nothing_left();
	}
};

} // namespace

TEST_F(buffer_shares_test, one_source_leaves_as_much_as_it_has)
{
	make(64);
	EXPECT_EQ(hold_all(host(1)), 24u) << "and 16 that are idle, or for turns";
	EXPECT_TRUE(hold(host(2)));
	EXPECT_FALSE(hold(host(1)));
}

TEST_F(buffer_shares_test, of_several_each_leaves_as_much_as_it_has)
{
	constexpr unsigned int sources = 5;

	make(64);
	/* In turns, as those who compete do. */
	for (unsigned int round = 0; round < 64; round++)
		for (unsigned int i = 0; i < sources; i++)
			static_cast<void>(hold(host(i)));
	EXPECT_EQ(got.size(), sources * 8u);
	EXPECT_EQ(hold_all(host(sources)), 4u);
}

TEST_F(buffer_shares_test, a_thousand_sources_leave_some)
{
	make(8192);
	for (unsigned int round = 0; round < 16; round++)
		for (unsigned int i = 0; i < 1000; i++)
			static_cast<void>(hold(host(i)));

	unsigned int served = 0;

	for (unsigned int i = 2000; i < 2100; i++)
		if (hold(host(i))) {
			served++;
			made->give_back(host(i), 1);
			pool.put(got.back());
			got.pop_back();
		}
	EXPECT_GE(served, 90u) << "the rest has no place of its own";
}

TEST_F(buffer_shares_test, what_is_given_back_may_be_had_again)
{
	make(64);
	EXPECT_EQ(hold_all(host(1)), 24u);
	made->give_back(host(1), 24);
	for (void *each : std::exchange(got, {}))
		pool.put(each);
	EXPECT_EQ(hold_all(host(1)), 24u);
}

TEST_F(buffer_shares_test, a_source_is_an_address_or_an_ipv6_network)
{
	make(64);
	EXPECT_EQ(hold_all(endpoint::ipv4(10, 0, 0, 1, 1000)), 24u);
	EXPECT_FALSE(hold(endpoint::ipv4(10, 0, 0, 1, 2000)));
	EXPECT_TRUE(hold(endpoint::ipv4(10, 0, 0, 2, 1000)));

	const auto ipv6 = [](const char *address) { return ktcp::parse_address(address).value; };

	EXPECT_EQ(hold_all(ipv6("2001:db8:0:1::1")), 11u) << "of the 23 that are left";
	EXPECT_FALSE(hold(ipv6("2001:db8:0:1:ffff::2")));
	EXPECT_TRUE(hold(ipv6("2001:db8:0:2::1")));
}

/* With any secrets. */
TEST_F(buffer_shares_test, addresses_that_differ_in_the_upper_bits_have_places_of_their_own)
{
	make(64);
	EXPECT_EQ(hold_all(endpoint::ipv4(10, 0, 0, 1, 1000)), 24u);
	EXPECT_TRUE(hold(endpoint::ipv4(14, 0, 0, 1, 1000)));
}

/* Those of turns, and those that lie idle on the CPUs' stacks. */
TEST_F(buffer_shares_test, buffers_that_nobody_waits_with_are_free)
{
	make(64);
	for (unsigned int i = 0; i < 30; i++)
		got.push_back(pool.get(ktcp::gfp::kernel));
	EXPECT_EQ(hold_all(host(1)), 24u);
}

TEST_F(buffer_shares_test, without_a_limit_a_source_is_counted_all_the_same)
{
	make(64);
	made->take(host(1), 40);
	EXPECT_FALSE(hold(host(1)));
	EXPECT_TRUE(hold(host(2)));
	made->give_back(host(1), 40);
	EXPECT_TRUE(hold(host(1)));
}

TEST_F(buffer_shares_test, without_memory_is_enomem)
{
	EXPECT_CALL(port, kmalloc(_, KTCP_GFP_KERNEL)).WillOnce(testing::Return(nullptr));
	made.emplace();
	EXPECT_EQ(made->make().error(), ktcp::errc::enomem);
}

/* ---- in a server ------------------------------------------------------------------------------ */

TEST_F(shared_server_test, one_source_cannot_hold_all_buffers_by_a_byte_each)
{
	expect_that_another_source_is_served<lines>();
}

TEST_F(shared_server_test, nor_by_buffers_that_handlers_borrow)
{
	expect_that_another_source_is_served<borrows>();
}

TEST_F(shared_server_test, nor_by_bytes_that_handlers_hold)
{
	expect_that_another_source_is_served<collects>();
}

/* As one proxy in front of all. UINT_MAX is a module's 0, and may become a limit. */
TEST_F(shared_server_test, where_a_source_may_have_any_number_it_may_hold_any_buffer)
{
	for (const unsigned int any : { 0u, UINT_MAX }) {
		ktcp::server<lines> server;

		options.max_per_source = any;
		EXPECT_TRUE(server.start(options));
		send_a_byte_each(buffers - 4);
		EXPECT_EQ(sessions(), buffers - 4);
		EXPECT_THAT(read_statistics(), HasSubstr("\nrefused_share 0\n"));

		/* Buffers that were held before count against a limit that comes later. */
		options.max_per_source = 1000;
		EXPECT_TRUE(server.change(options));
		send_a_byte_each(1);
		EXPECT_EQ(sessions(), buffers - 4 + !any);
		server.stop();
		expect_nothing_left();
	}
}

/* Beyond any share, one after the other. */
TEST_F(shared_server_test, what_is_given_back_within_a_turn_is_not_counted)
{
	ktcp::server<lines> server;
	std::string sent;

	EXPECT_TRUE(server.start(options));
	ON_CALL(port, sock_softirq_send(_, _, _, _, _)).WillByDefault(take(sent, 1000));
	for (unsigned int i = 0; i < 3 * buffers; i++) {
		EXPECT_CALL(port, sock_softirq_recv(_, _, _))
			.WillOnce(receive("x\n"))
			.WillRepeatedly(testing::Return(-EAGAIN));
		connect(1);
		port.fake.run_all();
	}
	EXPECT_EQ(sessions(), 3 * buffers);
	EXPECT_EQ(sent.size(), 3 * buffers);
	EXPECT_THAT(read_statistics(), HasSubstr("\nrefused_share 0\n"));
}

TEST_F(shared_server_test, a_source_has_its_share_again_when_its_connections_end)
{
	ktcp::server<lines> server;

	EXPECT_TRUE(server.start(options));
	for (int round = 0; round < 3; round++) {
		send_a_byte_each(share);
		EXPECT_EQ(sessions(), share) << round;
		EXPECT_CALL(port, sock_softirq_recv(_, _, _))
			.WillRepeatedly(testing::Return(0)); /* they finish */
		for (::socket *each : std::exchange(accepted, {}))
			port.fake.announce(each, KTCP_SOCK_READABLE);
		port.fake.run_all();
		EXPECT_EQ(sessions(), 0u);
	}
	EXPECT_THAT(read_statistics(), HasSubstr("\nrefused_share 0\n"));
}
