// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * server<echo, Model> on the kernel's own TCP, in each model, with clients beside it. The tests
 * look at the clients' answers, and that it stops in bounded time in the midst of their work.
 */
#include <ktcp/server.hpp>

#include "net.h"
#include "suites.hpp"

using ktcp::endpoint;
using ktcp::errc;
using ktcp::memory_order_relaxed;
using ktcp::result;

namespace
{

constexpr int patience_ms = 10000;
/* As a module it is on a debug kernel in an emulated machine (tests/vm), where no bound in time is
 * known: it is to end. */
#ifdef MODULE
constexpr uint64_t stop_limit_ms = 60000;
#else
constexpr uint64_t stop_limit_ms = 2000;
#endif

struct echo {
	ktcp::task operator()(ktcp::connection &peer) const
	{
		while (auto received = co_await peer.read())
			if (!co_await peer.write(*received))
				break;
	}
};

/* The same, and says when it is in a write. */
struct watched_echo {
	ktcp::atomic<int> &writing;

	ktcp::task operator()(ktcp::connection &peer) const
	{
		while (auto received = co_await peer.read()) {
			writing.fetch_add(1, memory_order_relaxed);
			auto written = co_await peer.write(*received);

			writing.fetch_sub(1, memory_order_relaxed);
			if (!written)
				break;
		}
	}
};

/* Short send queues, so that little data is much, for as long as it lives. */
struct short_send_queues {
	short_send_queues() noexcept
	{
		ktcp_kunit_send_queues(16384);
	}

	~short_send_queues()
	{
		ktcp_kunit_send_queues(0);
	}
};

/* Has it been in a write for a while? */
bool stuck(const ktcp::atomic<int> &writing)
{
	for (int i = 0; i < 5; ++i) {
		if (!writing.load(memory_order_relaxed))
			return false;
		ktcp_msleep(10);
	}
	return true;
}

constexpr std::byte pattern(std::size_t i)
{
	return std::byte(i % 251 + i / 251 % 256);
}

result<ktcp::socket> dial(uint16_t port)
{
	auto made = KTCP_TRY(ktcp::socket::create(ktcp::family::inet6));

	KTCP_TRY(made.connect(endpoint::ipv6_loopback(port)));
	return made;
}

/* Space for a client's bytes, too large for its stack. */
struct workspace {
	std::byte out[4096];
	std::byte in[4096];
};

/*
 * Send @p size bytes and take as many back, comparing each, both at once: neither side's
 * queues hold them all. Returns how many came back as they went.
 */
std::size_t echoed(ktcp::socket &peer, std::size_t size, workspace &space)
{
	std::size_t sent = 0;
	std::size_t at = 0;

	while (at < size) {
		bool moved = false;

		if (sent < size) {
			const std::size_t chunk = std::min(size - sent, sizeof(space.out));

			for (std::size_t i = 0; i < chunk; ++i)
				space.out[i] = pattern(sent + i);
			auto taken = peer.try_send({ space.out, chunk });

			if (taken)
				sent += *taken;
			else if (taken.error() != errc::eagain)
				break;
			moved |= taken.has_value();
		}

		auto got = peer.try_recv({ space.in, std::min(size - at, sizeof(space.in)) });

		if (got && *got == 0)
			break;
		if (got) {
			for (std::size_t i = 0; i < *got; ++i, ++at)
				if (space.in[i] != pattern(at))
					return at;
		} else if (got.error() != errc::eagain) {
			break;
		}
		moved |= got.has_value();
		if (!moved && !peer.wait(KTCP_SOCK_READABLE | (sent < size ? KTCP_SOCK_WRITABLE : 0),
					 patience_ms))
			break;
	}
	return at;
}

/* The end of the stream or a reset, within patience; not a byte more. */
bool ended(ktcp::socket &peer)
{
	std::byte one;

	if (!peer.wait(KTCP_SOCK_READABLE, patience_ms))
		return false;
	auto got = peer.try_recv({ &one, 1 });

	return got ? *got == 0 : got.error() == errc::econnreset;
}

/* Send until the server takes no more, for a while. Returns how much it took. */
std::size_t fill(ktcp::socket &peer, workspace &space)
{
	std::size_t sent = 0;

	for (int quiet = 0; quiet < 3;) {
		for (std::size_t i = 0; i < sizeof(space.out); ++i)
			space.out[i] = pattern(sent + i);
		auto taken = peer.try_send(space.out);

		if (taken) {
			sent += *taken;
			quiet = 0;
		} else if (taken.error() != errc::eagain) {
			break;
		} else if (!peer.wait(KTCP_SOCK_WRITABLE, 20)) {
			quiet++;
		}
	}
	return sent;
}

template <class Server>
bool stops_in_time(Server &server)
{
	const uint64_t start = ktcp_now_ms();

	server.stop();
	return ktcp_now_ms() - start < stop_limit_ms && server.port() == 0;
}

template <class Model>
struct in_model {
	using echo_server = ktcp::server<echo, Model>;

	static void sizes(ktcp_test::context &context)
	{
		echo_server server;
		auto space = ktcp_test::make<workspace>();

		KTCP_CHECK(server.start({ .name = "ktcp_kunit" }));
		KTCP_CHECK(server.port() != 0);
		auto peer = dial(server.port());

		KTCP_CHECK(peer && space);
		if (!peer || !space)
			return;
		for (std::size_t size : { 1, 2, 255, 1448, 4096, 16384, 16385, 65536, 100000 })
			KTCP_CHECK(echoed(*peer, size, *space) == size);
	}

	/* Everything is sent before anything is read, as a pipe into a client does. */
	static void half_close(ktcp_test::context &context)
	{
		constexpr std::size_t size = 4096;
		echo_server server;
		auto space = ktcp_test::make<workspace>();

		KTCP_CHECK(server.start({ .name = "ktcp_kunit" }));
		auto peer = dial(server.port());

		KTCP_CHECK(peer && space);
		if (!peer || !space)
			return;
		for (std::size_t i = 0; i < size; ++i)
			space->out[i] = pattern(i);
		KTCP_CHECK(peer->send_all(space->out));
		KTCP_CHECK(peer->shutdown(ktcp::shutdown_how::wr));

		std::size_t at = 0;

		while (at < size) {
			auto got = peer->recv(std::span(space->in).subspan(at));

			if (!got || *got == 0)
				break;
			at += *got;
		}
		KTCP_CHECK(at == size);
		for (std::size_t i = 0; i < at; ++i)
			if (space->in[i] != pattern(i)) {
				KTCP_CHECK(!"a byte came back changed");
				break;
			}
		KTCP_CHECK(ended(*peer));
	}

	/*
	 * The server can send no more, and so stops reading. All that the client sent has
	 * arrived: only acknowledgements are left to tell the server that it can go on.
	 */
	static void late_reader(ktcp_test::context &context)
	{
		ktcp::atomic<int> writing = 0;
		short_send_queues queues;
		ktcp::server<watched_echo, Model> server({ writing });
		auto space = ktcp_test::make<workspace>();

		KTCP_REQUIRE(space && server.start({ .name = "ktcp_kunit" }));
		auto peer = ktcp::socket::create(ktcp::family::inet6);

		KTCP_REQUIRE(peer);
		peer->set_nodelay();
		ktcp_sock_set_rcvbuf(peer->raw(), 16384);
		KTCP_REQUIRE(peer->connect(endpoint::ipv6_loopback(server.port())));
		for (int round = 0; round < 3; ++round) {
			std::size_t size = 0;
			std::size_t at = 0;

			while (!stuck(writing)) {
				KTCP_REQUIRE(size < (1u << 20));
				for (std::size_t i = 0; i < sizeof(space->out); ++i)
					space->out[i] = pattern(size + i);
				auto taken = peer->try_send(space->out);

				KTCP_REQUIRE(taken);
				size += *taken;
				/* In its receive queue at least. */
				KTCP_REQUIRE(ktcp_kunit_peer_has_all(peer->raw()));
			}
			while (at < size) {
				KTCP_REQUIRE(peer->wait(KTCP_SOCK_READABLE, patience_ms));
				auto got = peer->try_recv(space->in);

				KTCP_REQUIRE(got && *got > 0);
				for (std::size_t i = 0; i < *got; ++i, ++at)
					KTCP_REQUIRE(space->in[i] == pattern(at));
			}
		}
		KTCP_CHECK(peer->try_recv(space->in).error() == errc::eagain);
	}

	struct client {
		uint16_t port = 0;
		bool until_stopped = false;
		ktcp::atomic<int> good{ 0 };
		ktcp::atomic<bool> done{ false };
		workspace space;
		ktcp::thread thread; /* last: joined before the rest goes */

		static int run(void *self)
		{
			static_cast<client *>(self)->converse();
			return 0;
		}

		void converse()
		{
			for (int i = 0; i < 10 || until_stopped; ++i) {
				const std::size_t size = 1 + 3001 * (i % 10);
				auto peer = dial(port);

				if (!peer || echoed(*peer, size, space) != size)
					break;
				good.fetch_add(1, memory_order_relaxed);
			}
			done.store(true, memory_order_relaxed);
		}
	};

	static void clients_at_once(ktcp_test::context &context)
	{
		echo_server server;
		ktcp_test::owned<client> clients[8];

		KTCP_CHECK(server.start({ .name = "ktcp_kunit" }));
		for (auto &each : clients) {
			each = ktcp_test::make<client>();
			KTCP_CHECK(each);
			if (!each)
				return;
			each->port = server.port();
			KTCP_CHECK(each->thread.start("ktcp_client", client::run, &*each));
		}
		for (auto &each : clients) {
			while (each->thread.started() && !each->done.load(memory_order_relaxed))
				ktcp_msleep(10);
			KTCP_CHECK(each->good.load(memory_order_relaxed) == 10);
		}
		KTCP_CHECK(stops_in_time(server));
	}

	static void stop_busy(ktcp_test::context &context)
	{
		echo_server server;
		ktcp_test::owned<client> clients[4];
		int good = 0;

		KTCP_CHECK(server.start({ .name = "ktcp_kunit" }));
		for (auto &each : clients) {
			each = ktcp_test::make<client>();
			KTCP_CHECK(each);
			if (!each)
				return;
			each->port = server.port();
			each->until_stopped = true;
			KTCP_CHECK(each->thread.start("ktcp_client", client::run, &*each));
		}
		ktcp_msleep(200);
		KTCP_CHECK(stops_in_time(server));
		for (auto &each : clients) {
			/* Refused or reset now, so they end by themselves. */
			while (each->thread.started() && !each->done.load(memory_order_relaxed))
				ktcp_msleep(10);
			good += each->good.load(memory_order_relaxed);
		}
		KTCP_CHECK(good > 0);
	}

	static void stop_idle(ktcp_test::context &context)
	{
		echo_server server;
		ktcp::socket peers[30];
		auto space = ktcp_test::make<workspace>();

		KTCP_CHECK(space && server.start({ .name = "ktcp_kunit" }));
		for (ktcp::socket &each : peers) {
			auto peer = dial(server.port());

			KTCP_CHECK(peer);
			if (!peer || !space)
				return;
			each = std::move(*peer);
		}
		/* Half of them have said something, half nothing at all. */
		for (int i = 0; i < 30; i += 2)
			KTCP_CHECK(echoed(peers[i], 10, *space) == 10);
		KTCP_CHECK(stops_in_time(server));
		for (ktcp::socket &each : peers)
			KTCP_CHECK(ended(each));
	}

	static void stop_unread(ktcp_test::context &context)
	{
		echo_server server;
		auto space = ktcp_test::make<workspace>();
		ktcp::socket peers[3];

		KTCP_CHECK(space && server.start({ .name = "ktcp_kunit" }));
		const long before = ktcp_kunit_tcp_sockets();

		for (ktcp::socket &each : peers) {
			auto peer = dial(server.port());

			KTCP_CHECK(peer);
			if (!peer || !space)
				return;
			each = std::move(*peer);
			fill(each, *space);
		}
		KTCP_CHECK(stops_in_time(server));
		/*
		 * The listener is gone (before counts it), the three clients, still open and
		 * still not reading, are left: the server's side of them is not.
		 */
		KTCP_CHECK(ktcp_kunit_tcp_sockets_settled(before - 1 + 3) <= before - 1 + 3);
	}

	/* Connections that come while the server goes, at every moment of its going. */
	static void stop_while_accepting(ktcp_test::context &context)
	{
		for (int i = 0; i < 10; ++i) {
			echo_server server;
			ktcp::socket peers[4];

			KTCP_CHECK(server.start({ .name = "ktcp_kunit" }));
			for (ktcp::socket &each : peers) {
				auto peer = dial(server.port());

				KTCP_CHECK(peer);
				if (!peer)
					return;
				each = std::move(*peer);
			}
			if (i % 2)
				ktcp_cond_resched();
			if (i % 3)
				ktcp_msleep(i);
			KTCP_CHECK(stops_in_time(server));
			for (ktcp::socket &each : peers)
				KTCP_CHECK(ended(each));
		}
	}

	static void peer_resets(ktcp_test::context &context)
	{
		echo_server server;
		auto space = ktcp_test::make<workspace>();

		KTCP_CHECK(space && server.start({ .name = "ktcp_kunit" }));
		const long before = ktcp_kunit_tcp_sockets();

		for (int i = 0; i < 5; ++i) {
			auto peer = dial(server.port());

			KTCP_CHECK(peer);
			if (!peer || !space)
				return;
			if (i % 2)
				fill(*peer, *space);
			peer->abort();
		}
		/* Not at the end of the server, but now. */
		KTCP_CHECK(ktcp_kunit_tcp_sockets_settled(before) == before);
		auto peer = dial(server.port());

		KTCP_CHECK(peer && echoed(*peer, 100, *space) == 100);
	}

	static void limit(ktcp_test::context &context)
	{
		echo_server server;
		auto space = ktcp_test::make<workspace>();

		KTCP_CHECK(space && server.start({ .name = "ktcp_kunit", .max_connections = 2 }));
		auto first = dial(server.port());
		auto second = dial(server.port());

		KTCP_CHECK(first && second);
		if (!space || !first || !second)
			return;
		KTCP_CHECK(echoed(*first, 10, *space) == 10);
		KTCP_CHECK(echoed(*second, 10, *space) == 10);
		{
			auto third = dial(server.port());

			/* With two processors the reset may be there before connect() is back. */
			KTCP_CHECK(third ? ended(*third) : third.error() == errc::econnreset);
		}
		KTCP_CHECK(echoed(*first, 10, *space) == 10);

		/* One leaves, and there is room for one. */
		second = errc::enotconn;
		std::size_t back = 0;

		for (int tries = 0; tries < 100 && back != 10; ++tries) {
			ktcp_msleep(10);
			auto fourth = dial(server.port());

			if (fourth)
				back = echoed(*fourth, 10, *space);
		}
		KTCP_CHECK(back == 10);
	}

	static void idle_timeout(ktcp_test::context &context)
	{
		echo_server server;
		auto space = ktcp_test::make<workspace>();

		KTCP_CHECK(space &&
			   server.start({ .name = "ktcp_kunit", .timeouts = { .idle_ms = 200 } }));
		auto silent = dial(server.port());
		auto active = dial(server.port());

		KTCP_CHECK(silent && active);
		if (!space || !silent || !active)
			return;
		for (int i = 0; i < 10; ++i) {
			KTCP_CHECK(echoed(*active, 10, *space) == 10);
			ktcp_msleep(50);
		}
		std::byte one;
		auto got = silent->try_recv({ &one, 1 });

		KTCP_CHECK(got ? *got == 0 : got.error() == errc::econnreset);
	}

	static void urgent(ktcp_test::context &context)
	{
		echo_server server;
		auto space = ktcp_test::make<workspace>();
		const std::byte byte = pattern(0);
		std::byte back{};

		KTCP_CHECK(space && server.start({ .name = "ktcp_kunit" }));
		auto peer = dial(server.port());

		KTCP_CHECK(peer);
		if (!peer || !space)
			return;
		KTCP_CHECK(echoed(*peer, 10, *space) == 10);
		KTCP_CHECK(ktcp_kunit_send_urgent(peer->raw(), &byte) == 1);
		KTCP_CHECK(peer->wait(KTCP_SOCK_READABLE, patience_ms));
		auto got = peer->try_recv({ &back, 1 });

		KTCP_CHECK(got && *got == 1 && back == byte);
		KTCP_CHECK(echoed(*peer, 10, *space) == 10);
	}

	static void start_twice(ktcp_test::context &context)
	{
		echo_server server;
		echo_server other;
		auto space = ktcp_test::make<workspace>();

		KTCP_CHECK(space && server.start({ .name = "ktcp_kunit" }));
		const uint16_t port = server.port();
		auto again = server.start({ .name = "ktcp_kunit", .port = port });

		KTCP_CHECK(!again && again.error() == errc::ebusy);
		again = other.start({ .name = "ktcp_kunit2", .port = port });
		KTCP_CHECK(!again && again.error() == errc::eaddrinuse);
		KTCP_CHECK(other.port() == 0);

		/* The first is none the worse for it. */
		auto peer = dial(port);

		KTCP_CHECK(space && peer && echoed(*peer, 10, *space) == 10);

		/* Stopped, even with that connection just closed, it gives the port back. */
		server.stop();
		server.stop();
		KTCP_CHECK(other.start({ .name = "ktcp_kunit2", .port = port }));
		peer = dial(port);
		KTCP_CHECK(space && peer && echoed(*peer, 10, *space) == 10);
		other.stop();
		KTCP_CHECK(server.start({ .name = "ktcp_kunit", .port = port }));
	}
};

void chosen(ktcp_test::context &context)
{
	ktcp::server<echo, ktcp::any_model> server;
	auto space = ktcp_test::make<workspace>();
	auto unknown = server.start({ .name = "ktcp_kunit", .model = "events" });

	KTCP_CHECK(!unknown && unknown.error() == errc::einval);
	for (const char *model : { "event", "softirq", "work", "thread" }) {
		for (ktcp::placement where : { ktcp::placement::incoming, ktcp::placement::spread,
					       ktcp::placement::anywhere }) {
			KTCP_CHECK(server.start(
				{ .name = "ktcp_kunit", .model = model, .placement = where }));
			auto peer = dial(server.port());

			KTCP_CHECK(space && peer && echoed(*peer, 1000, *space) == 1000);
			server.stop();
		}
	}
}

/* A handler that does not look at what an await says is ended all the same. */
struct stubborn {
	ktcp::task operator()(ktcp::connection &peer) const
	{
		for (;;)
			static_cast<void>(co_await peer.read());
	}
};

template <class Model>
void stubborn_handler(ktcp_test::context &context)
{
	ktcp::server<stubborn, Model> server;

	KTCP_CHECK(server.start({ .name = "ktcp_kunit" }));
	auto peer = dial(server.port());

	KTCP_CHECK(peer);
	ktcp_msleep(20);
	KTCP_CHECK(stops_in_time(server));
}

} // namespace

#define IN_MODEL(word, Model)                                                                     \
	{ word ": sizes from 1 B to 100 KB come back", KTCP_CASE(in_model<Model>::sizes) },       \
		{ word ": half-closed, all comes back, then the end",                             \
		  KTCP_CASE(in_model<Model>::half_close) },                                       \
		{ word ": a client that reads late gets all of it",                               \
		  KTCP_CASE(in_model<Model>::late_reader) },                                      \
		{ word ": eight clients at once", KTCP_CASE(in_model<Model>::clients_at_once) },  \
		{ word ": an urgent byte comes back like any other",                              \
		  KTCP_CASE(in_model<Model>::urgent) },                                           \
		{ word ": connections that are reset go at once",                                 \
		  KTCP_CASE(in_model<Model>::peer_resets) },                                      \
		{ word ": max_connections refuses one more", KTCP_CASE(in_model<Model>::limit) }, \
		{ word ": timeouts.idle_ms ends the silent",                                      \
		  KTCP_CASE(in_model<Model>::idle_timeout) },                                     \
		{ word ": started twice is EBUSY, a port in use EADDRINUSE",                      \
		  KTCP_CASE(in_model<Model>::start_twice) },                                      \
		{ word ": stops with idle connections", KTCP_CASE(in_model<Model>::stop_idle) },  \
		{ word ": stops with clients that never read",                                    \
		  KTCP_CASE(in_model<Model>::stop_unread) },                                      \
		{ word ": stops with busy clients", KTCP_CASE(in_model<Model>::stop_busy) },      \
		{ word ": stops while connections come",                                          \
		  KTCP_CASE(in_model<Model>::stop_while_accepting) },                             \
	{                                                                                         \
		word ": stops with a handler that ignores errors",                                \
			KTCP_CASE(stubborn_handler<Model>)                                        \
	}

KTCP_SUITE(server, IN_MODEL("event", ktcp::event_driven), IN_MODEL("softirq", ktcp::softirq),
	   IN_MODEL("work", ktcp::work_per_connection),
	   IN_MODEL("thread", ktcp::thread_per_connection),
	   { "the model can be chosen by name", KTCP_CASE(chosen) });
