/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* port/socket.h, hooks aside: over the loopback interface, with ephemeral ports. */
#ifndef KTCP_TESTS_CONFORMANCE_CASES_SOCKET_HPP
#define KTCP_TESTS_CONFORMANCE_CASES_SOCKET_HPP

#include <ktcp/port/pages.h>

#include "cases_memory.hpp"
#include "sockets.hpp"

#define KTCP_SOCKET_CASES(X)                       \
	X(socket_gets_a_port)                      \
	X(socket_accept_finds_no_connection)       \
	X(socket_ends_agree_on_addresses)          \
	X(socket_without_peer_says_so)             \
	X(socket_connection_is_refused)            \
	X(socket_port_in_use)                      \
	X(socket_address_not_ours)                 \
	X(socket_ipv4_takes_no_ipv6_address)       \
	X(socket_dual_stack_takes_both)            \
	X(socket_v6only_refuses_ipv4)              \
	X(socket_rebinds_over_time_wait)           \
	X(socket_carries_all_bytes_both_ways)      \
	X(socket_recv_writes_only_received_bytes)  \
	X(socket_readable_tells_when_to_recv)      \
	X(socket_is_clean_until_something_comes)   \
	X(socket_send_stops_and_goes_on)           \
	X(socket_sends_pages_as_they_were)         \
	X(socket_wait_times_out)                   \
	X(socket_wait_returns_at_once_when_ready)  \
	X(socket_wait_is_woken_by_data)            \
	X(socket_wait_ends_when_its_thread_stops)  \
	X(socket_wait_ends_when_it_is_poked)       \
	X(socket_half_close_leaves_the_other_half) \
	X(socket_send_after_shutdown_is_epipe)     \
	X(socket_shutdown_wakes_a_waiter)          \
	X(socket_reset_is_an_error)                \
	X(socket_reset_is_no_end_of_the_stream)    \
	X(socket_that_is_lost_says_so)             \
	X(socket_reset_behind_the_end_is_no_loss)  \
	X(socket_wait_for_a_poke_ends_when_lost)   \
	X(socket_close_delivers)                   \
	X(socket_incoming_cpu_is_known)

namespace ktcp_test
{

inline void socket_gets_a_port(context &context)
{
	sock one, two;
	struct ktcp_endpoint where = loopback4();

	KTCP_REQUIRE_EQ(one.create(KTCP_INET), 0);
	KTCP_CHECK_EQ(one.port(), 0);
	KTCP_CHECK_EQ(ktcp_sock_bind(one.raw(), &where), 0);
	KTCP_CHECK(one.port() != 0);
	KTCP_REQUIRE_EQ(two.listen(KTCP_INET, any()), 0);
	KTCP_CHECK(two.port() != 0 && two.port() != one.port());
}

inline void socket_accept_finds_no_connection(context &context)
{
	sock listener;
	struct socket *child = nullptr;

	KTCP_REQUIRE_EQ(listener.listen(KTCP_INET, loopback4()), 0);
	KTCP_CHECK_EQ(ktcp_sock_accept(listener.raw(), &child), -e_again);
}

inline void socket_ends_agree_on_addresses(context &context)
{
	box<pair> both;
	struct ktcp_endpoint here, there;

	KTCP_REQUIRE(both);
	KTCP_REQUIRE_EQ(both->connect(), 0);
	KTCP_CHECK_EQ(ktcp_sock_local(both->client.raw(), &here), 0);
	KTCP_CHECK_EQ(ktcp_sock_remote(both->server.raw(), &there), 0);
	KTCP_CHECK(same(here, there));
	KTCP_CHECK_EQ(ktcp_sock_remote(both->client.raw(), &there), 0);
	KTCP_CHECK_EQ(ktcp_sock_local(both->server.raw(), &here), 0);
	KTCP_CHECK(same(here, there));
	KTCP_CHECK(same(there, loopback4(both->listener.port())));
}

inline void socket_without_peer_says_so(context &context)
{
	sock one;
	struct ktcp_endpoint there;

	KTCP_REQUIRE_EQ(one.create(KTCP_INET), 0);
	KTCP_CHECK_EQ(ktcp_sock_remote(one.raw(), &there), -e_notconn);
	KTCP_CHECK_EQ(ktcp_sock_shutdown(one.raw(), KTCP_SHUT_RDWR), -e_notconn);
}

inline void socket_connection_is_refused(context &context)
{
	sock bound, client;
	struct ktcp_endpoint where = loopback4();

	/* A port that no other socket can have, and that has no listener. */
	KTCP_REQUIRE_EQ(bound.create(KTCP_INET), 0);
	KTCP_REQUIRE_EQ(ktcp_sock_bind(bound.raw(), &where), 0);
	KTCP_CHECK_EQ(client.connect(KTCP_INET, loopback4(bound.port())), -e_connrefused);
}

inline void socket_port_in_use(context &context)
{
	sock first, second, elsewhere;

	KTCP_REQUIRE_EQ(first.listen(KTCP_INET, loopback4()), 0);
	KTCP_CHECK_EQ(second.listen(KTCP_INET, loopback4(first.port())), -e_addrinuse);
	KTCP_CHECK_EQ(second.listen(KTCP_INET, any(first.port())), -e_addrinuse);
	KTCP_CHECK_EQ(elsewhere.listen(KTCP_INET, ipv4(127, 0, 0, 2, first.port())), 0);
}

inline void socket_address_not_ours(context &context)
{
	sock one;

	/* 192.0.2.0/24 is for documentation (RFC 5737). */
	KTCP_CHECK_EQ(one.listen(KTCP_INET, ipv4(192, 0, 2, 1, 0)), -e_addrnotavail);
}

inline void socket_ipv4_takes_no_ipv6_address(context &context)
{
	sock one, two;

	KTCP_CHECK_EQ(one.listen(KTCP_INET, loopback6()), -e_afnosupport);
	KTCP_CHECK_EQ(two.connect(KTCP_INET, loopback6(7)), -e_afnosupport);
}

/* One listener at ::, for any value of net.ipv6.bindv6only. */
inline void socket_dual_stack_takes_both(context &context)
{
	sock listener, four, six, server4, server6;
	struct ktcp_endpoint peer, itself;
	const int error = listener.listen(KTCP_INET6, any());

	if (error == -e_afnosupport)
		return; /* no IPv6 here */
	KTCP_REQUIRE_EQ(error, 0);
	KTCP_REQUIRE_EQ(four.connect(KTCP_INET, loopback4(listener.port())), 0);
	KTCP_REQUIRE_EQ(server4.accept(listener), 0);
	KTCP_REQUIRE_EQ(ktcp_sock_remote(server4.raw(), &peer), 0);
	KTCP_REQUIRE_EQ(ktcp_sock_local(four.raw(), &itself), 0);
	KTCP_CHECK(same(peer, itself)); /* v4-mapped on both sides */
	KTCP_CHECK(peer.address[10] == 0xff && peer.address[12] == 127);

	const int six_error = six.connect(KTCP_INET6, loopback6(listener.port()));

	if (six_error == -e_addrnotavail)
		return; /* the loopback interface has no IPv6 address */
	KTCP_REQUIRE_EQ(six_error, 0);
	KTCP_REQUIRE_EQ(server6.accept(listener), 0);
	KTCP_REQUIRE_EQ(ktcp_sock_remote(server6.raw(), &peer), 0);
	KTCP_REQUIRE_EQ(ktcp_sock_local(six.raw(), &itself), 0);
	KTCP_CHECK(same(peer, itself));
}

inline void socket_v6only_refuses_ipv4(context &context)
{
	sock listener, client, other;
	const int error = listener.listen(KTCP_INET6, any(), true);

	if (error == -e_afnosupport)
		return;
	KTCP_REQUIRE_EQ(error, 0);
	KTCP_CHECK_EQ(client.connect(KTCP_INET, loopback4(listener.port())), -e_connrefused);
	/* And leaves the port to IPv4. */
	KTCP_CHECK_EQ(other.listen(KTCP_INET, any(listener.port())), 0);
}

/* The server closes first, and its side of the connection stays in TIME-WAIT. */
inline void socket_rebinds_over_time_wait(context &context)
{
	sock listener, client, server, again;
	struct ktcp_endpoint where = loopback4();
	char byte;

	KTCP_REQUIRE_EQ(listener.create(KTCP_INET), 0);
	ktcp_sock_set_reuseaddr(listener.raw());
	KTCP_REQUIRE_EQ(ktcp_sock_bind(listener.raw(), &where), 0);
	KTCP_REQUIRE_EQ(ktcp_sock_listen(listener.raw(), 1), 0);
	where.port = static_cast<std::uint16_t>(listener.port());
	KTCP_REQUIRE_EQ(client.connect(KTCP_INET, where), 0);
	KTCP_REQUIRE_EQ(server.accept(listener), 0);
	server.close();
	KTCP_CHECK_EQ(client.recv(&byte, 1), 0);
	client.close();
	listener.close();
	ktcp_msleep(moment_ms);
	KTCP_CHECK_EQ(again.listen(KTCP_INET, where), -e_addrinuse);
	KTCP_REQUIRE_EQ(again.create(KTCP_INET), 0);
	ktcp_sock_set_reuseaddr(again.raw());
	KTCP_CHECK_EQ(ktcp_sock_bind(again.raw(), &where), 0);
}

/* Bytes of every value, with every option that a server sets. */
inline void socket_carries_all_bytes_both_ways(context &context)
{
	struct everything {
		unsigned char sent[256];
		unsigned char back[256];
	};
	box<pair> both;
	box<everything> data;

	KTCP_REQUIRE(both && data);
	KTCP_REQUIRE_EQ(both->connect(), 0);
	for (struct socket *each : { both->client.raw(), both->server.raw() }) {
		ktcp_sock_set_nodelay(each);
		ktcp_sock_set_keepalive(each);
		ktcp_sock_set_oobinline(each);
		ktcp_sock_set_rcvbuf(each, 65536);
		ktcp_sock_set_sndbuf(each, 65536);
		ktcp_sock_set_user_timeout(each, 10000);
	}
	for (unsigned i = 0; i < 256; i++)
		data->sent[i] = static_cast<unsigned char>(i);

	struct {
		sock &from, &to;
	} ways[] = { { both->client, both->server }, { both->server, both->client } };

	for (auto &way : ways) {
		KTCP_CHECK(way.from.send_all(data->sent, 256));
		KTCP_CHECK(way.to.recv_all(data->back, 256));
		for (unsigned i = 0; i < 256; i++)
			if (data->back[i] != i) {
				KTCP_CHECK_EQ(data->back[i], i);
				break;
			}
	}
}

inline void socket_recv_writes_only_received_bytes(context &context)
{
	box<pair> both;
	char buffer[16];

	KTCP_REQUIRE(both);
	KTCP_REQUIRE_EQ(both->connect(), 0);
	KTCP_CHECK_EQ(ktcp_sock_recv(both->server.raw(), buffer, sizeof(buffer)), -e_again);
	for (char &each : buffer)
		each = '.';
	KTCP_CHECK_EQ(ktcp_sock_send(both->client.raw(), "abc", 3, 0), 3);
	KTCP_CHECK(both->server.recv_all(buffer, 2));
	KTCP_CHECK(buffer[0] == 'a' && buffer[1] == 'b' && buffer[2] == '.');
	KTCP_CHECK(both->server.recv_all(buffer, 1));
	KTCP_CHECK(buffer[0] == 'c' && buffer[1] == 'b' && buffer[2] == '.');
}

inline void socket_readable_tells_when_to_recv(context &context)
{
	box<pair> both;
	char byte;

	KTCP_REQUIRE(both);
	KTCP_REQUIRE_EQ(both->connect(), 0);
	/* It may always say yes, but no only if that is so. */
	if (!ktcp_sock_readable(both->server.raw()))
		KTCP_CHECK_EQ(ktcp_sock_recv(both->server.raw(), &byte, 1), -e_again);
	KTCP_CHECK_EQ(ktcp_sock_send(both->client.raw(), "a", 1, 0), 1);
	KTCP_CHECK_EQ(ktcp_sock_wait(both->server.raw(), KTCP_SOCK_READABLE, patience_ms), 0);
	KTCP_CHECK(ktcp_sock_readable(both->server.raw()));
	KTCP_CHECK_EQ(ktcp_sock_recv(both->server.raw(), &byte, 1), 1);
	KTCP_CHECK_EQ(ktcp_sock_shutdown(both->client.raw(), KTCP_SHUT_WR), 0);
	KTCP_CHECK_EQ(ktcp_sock_wait(both->server.raw(), KTCP_SOCK_READABLE, patience_ms), 0);
	KTCP_CHECK(ktcp_sock_readable(both->server.raw()));
}

inline void socket_is_clean_until_something_comes(context &context)
{
	box<pair> both;
	char byte;

	KTCP_REQUIRE(both);
	KTCP_REQUIRE_EQ(both->connect(), 0);
	KTCP_CHECK(ktcp_sock_is_clean(both->server.raw()));
	KTCP_CHECK_EQ(ktcp_sock_send(both->client.raw(), "a", 1, 0), 1);
	KTCP_CHECK_EQ(ktcp_sock_wait(both->server.raw(), KTCP_SOCK_READABLE, patience_ms), 0);
	KTCP_CHECK(!ktcp_sock_is_clean(both->server.raw()));
	KTCP_CHECK_EQ(ktcp_sock_recv(both->server.raw(), &byte, 1), 1);
	KTCP_CHECK(ktcp_sock_is_clean(both->server.raw()));
	KTCP_CHECK_EQ(ktcp_sock_shutdown(both->client.raw(), KTCP_SHUT_WR), 0);
	KTCP_CHECK_EQ(ktcp_sock_wait(both->server.raw(), KTCP_SOCK_READABLE, patience_ms), 0);
	KTCP_CHECK(!ktcp_sock_is_clean(both->server.raw()));
}

/* A buffer may be put as soon as it was taken; the pool's next one is another's. */
inline void socket_sends_pages_as_they_were(context &context)
{
	constexpr std::size_t size = 4096, sent_once = 2000;
	struct ktcp_page_pool *pool = ktcp_page_pool_create(size, 0);
	box<pair> both;
	struct received {
		unsigned char bytes[sent_once];
	};
	box<received> in;

	KTCP_CHECK(pool);
	if (pool && both && in && both->connect() == 0) {
		for (unsigned salt = 0; salt < 4; salt++) {
			void *buffer = ktcp_page_pool_get(pool, KTCP_GFP_KERNEL);
			void *next;

			KTCP_CHECK(buffer);
			if (!buffer)
				break;
			usable(buffer, sent_once, salt);
			KTCP_CHECK(both->client.send_all(buffer, sent_once, KTCP_SEND_PAGES));
			ktcp_page_pool_put(pool, buffer);
			next = ktcp_page_pool_get(pool, KTCP_GFP_KERNEL);
			if (next) {
				usable(next, size, 99);
				ktcp_page_pool_put(pool, next);
			}
			KTCP_CHECK(both->server.recv_all(in->bytes, sent_once));
			KTCP_CHECK(holds(in->bytes, sent_once, salt));
		}
	} else {
		KTCP_CHECK(!"a connection and memory for it");
	}
	ktcp_page_pool_destroy(pool);
}

/*
 * A peer that does not read: sends are taken until the buffers are full, then refused. Once it
 * reads there is room again, and no byte was lost or doubled.
 */
inline void socket_send_stops_and_goes_on(context &context)
{
	constexpr std::size_t piece = 4096, most = 64 << 20;
	struct pieces {
		unsigned char out[piece];
		unsigned char in[piece];
	};
	box<pair> both;
	box<pieces> data;
	std::size_t sent = 0, received = 0;
	long status;
	bool stopped = false;

	KTCP_REQUIRE(both && data);
	KTCP_REQUIRE_EQ(both->connect(), 0);
	/* Bytes under way may still make room; at last there is none. */
	for (int times = 0; times < 100 && !stopped; times++) {
		do {
			for (std::size_t i = 0; i < piece; i++)
				data->out[i] = static_cast<unsigned char>((sent + i) % 251);
			status = both->client.send(data->out, piece);
			if (status > 0)
				sent += static_cast<std::size_t>(status);
		} while (status > 0 && sent < most);
		KTCP_REQUIRE_EQ(status, -e_again);
		stopped = ktcp_sock_wait(both->client.raw(), KTCP_SOCK_WRITABLE, 200) ==
			  -e_timedout;
	}
	KTCP_CHECK(stopped);
	while (received < sent) {
		const long got = both->server.recv(data->in, piece);

		KTCP_REQUIRE(got > 0);
		for (long i = 0; i < got; i++, received++)
			KTCP_REQUIRE_EQ(data->in[i], received % 251);
	}
	KTCP_CHECK_EQ(received, sent);
	KTCP_CHECK_EQ(ktcp_sock_wait(both->client.raw(), KTCP_SOCK_WRITABLE, patience_ms), 0);
	KTCP_CHECK_EQ(ktcp_sock_send(both->client.raw(), "x", 1, 0), 1);
}

inline void socket_wait_times_out(context &context)
{
	constexpr unsigned tick_ms = 10;
	box<pair> both;

	KTCP_REQUIRE(both);
	KTCP_REQUIRE_EQ(both->connect(), 0);

	const std::uint64_t before = ktcp_now_ms();

	KTCP_CHECK_EQ(ktcp_sock_wait(both->server.raw(), KTCP_SOCK_READABLE, 40), -e_timedout);
	KTCP_CHECK(ktcp_now_ms() - before + tick_ms >= 40);
	KTCP_CHECK_EQ(ktcp_sock_wait(both->listener.raw(), KTCP_SOCK_READABLE, 1), -e_timedout);
}

inline void socket_wait_returns_at_once_when_ready(context &context)
{
	box<pair> both;
	char byte;

	KTCP_REQUIRE(both);
	KTCP_REQUIRE_EQ(both->connect(), 0);
	KTCP_CHECK_EQ(ktcp_sock_wait(both->server.raw(), KTCP_SOCK_WRITABLE, -1), 0);
	KTCP_CHECK_EQ(
		ktcp_sock_wait(both->server.raw(), KTCP_SOCK_READABLE | KTCP_SOCK_WRITABLE, -1), 0);
	KTCP_CHECK_EQ(ktcp_sock_send(both->client.raw(), "a", 1, 0), 1);
	KTCP_CHECK_EQ(ktcp_sock_wait(both->server.raw(), KTCP_SOCK_READABLE, patience_ms), 0);
	KTCP_CHECK_EQ(ktcp_sock_wait(both->server.raw(), KTCP_SOCK_READABLE, 0), 0);
	KTCP_CHECK_EQ(ktcp_sock_recv(both->server.raw(), &byte, 1), 1);
	KTCP_CHECK_EQ(ktcp_sock_wait(both->server.raw(), KTCP_SOCK_READABLE, 0), -e_timedout);
}

/* Somebody who sleeps in ktcp_sock_wait(). */
struct sleeper {
	sock *on = nullptr;
	counter returned;
	int status = 0;

	static int run(void *argument)
	{
		auto &self = *static_cast<sleeper *>(argument);

		self.status = ktcp_sock_wait(self.on->raw(), KTCP_SOCK_READABLE, -1);
		self.returned.add();
		return 0;
	}
};

inline void socket_wait_is_woken_by_data(context &context)
{
	box<pair> both;
	box<sleeper> waiter;
	box<thread> other;

	KTCP_REQUIRE(both && waiter && other);
	KTCP_REQUIRE_EQ(both->connect(), 0);
	waiter->on = &both->server;
	KTCP_REQUIRE_EQ(other->start(sleeper::run, &*waiter), 0);
	ktcp_msleep(moment_ms);
	KTCP_CHECK_EQ(waiter->returned.get(), 0);
	KTCP_CHECK_EQ(ktcp_sock_send(both->client.raw(), "a", 1, 0), 1);
	KTCP_CHECK(waiter->returned.reaches(1));
	other->stop();
	KTCP_CHECK_EQ(waiter->status, 0);
}

inline void socket_wait_ends_when_its_thread_stops(context &context)
{
	box<pair> both;
	box<sleeper> waiter;
	box<thread> other;

	KTCP_REQUIRE(both && waiter && other);
	KTCP_REQUIRE_EQ(both->connect(), 0);
	waiter->on = &both->server;
	KTCP_REQUIRE_EQ(other->start(sleeper::run, &*waiter), 0);
	ktcp_msleep(moment_ms);
	other->stop();
	KTCP_CHECK_EQ(waiter->returned.get(), 1);
	KTCP_CHECK_EQ(waiter->status, -e_intr);
}

/* Somebody who sleeps in ktcp_sock_wait_for_poke(), for no event, again and again. */
struct poked_sleeper {
	sock *on = nullptr;
	counter returned;
	bool poked = false;

	static int run(void *argument)
	{
		auto &self = *static_cast<poked_sleeper *>(argument);

		while (ktcp_sock_wait_for_poke(self.on->raw(), 0, -1, &self.poked) == 0)
			self.returned.add();
		return 0;
	}
};

inline void socket_wait_ends_when_it_is_poked(context &context)
{
	box<pair> both;
	box<poked_sleeper> waiter;
	box<thread> other;
	bool poked = false;

	KTCP_REQUIRE(both && waiter && other);
	KTCP_REQUIRE_EQ(both->connect(), 0);
	/* Before the wait: it is the next one that ends. */
	ktcp_sock_poke(both->client.raw(), &poked);
	KTCP_CHECK_EQ(ktcp_sock_wait_for_poke(both->client.raw(), KTCP_SOCK_READABLE, -1, &poked),
		      0);
	KTCP_CHECK(!poked);
	KTCP_CHECK_EQ(ktcp_sock_wait_for_poke(both->client.raw(), KTCP_SOCK_READABLE, 1, &poked),
		      -e_timedout);
	KTCP_CHECK_EQ(ktcp_sock_wait_for_poke(both->client.raw(), KTCP_SOCK_WRITABLE, -1, &poked),
		      0);

	waiter->on = &both->server;
	KTCP_REQUIRE_EQ(other->start(poked_sleeper::run, &*waiter), 0);
	ktcp_msleep(moment_ms);
	/* Nothing but that is waited for, while the connection is there. */
	KTCP_CHECK_EQ(ktcp_sock_send(both->client.raw(), "a", 1, 0), 1);
	KTCP_CHECK_EQ(ktcp_sock_shutdown(both->server.raw(), KTCP_SHUT_WR), 0);
	ktcp_msleep(moment_ms);
	KTCP_CHECK_EQ(waiter->returned.get(), 0);
	ktcp_sock_poke(both->server.raw(), &waiter->poked);
	KTCP_CHECK(waiter->returned.reaches(1));
	ktcp_sock_poke(both->server.raw(), &waiter->poked);
	KTCP_CHECK(waiter->returned.reaches(2));
	other->stop();
	KTCP_CHECK_EQ(waiter->returned.get(), 2);
}

inline void socket_half_close_leaves_the_other_half(context &context)
{
	box<pair> both;
	char buffer[8];

	KTCP_REQUIRE(both);
	KTCP_REQUIRE_EQ(both->connect(), 0);
	KTCP_CHECK_EQ(ktcp_sock_send(both->client.raw(), "end", 3, 0), 3);
	KTCP_CHECK_EQ(ktcp_sock_shutdown(both->client.raw(), KTCP_SHUT_WR), 0);
	KTCP_CHECK(both->server.recv_all(buffer, 3));
	/* The end of the stream, again and again. */
	KTCP_CHECK_EQ(both->server.recv(buffer, 8), 0);
	KTCP_CHECK_EQ(ktcp_sock_recv(both->server.raw(), buffer, 8), 0);
	KTCP_CHECK_EQ(ktcp_sock_wait(both->server.raw(), KTCP_SOCK_READABLE, 0), 0);
	KTCP_CHECK(both->server.send_all("answer", 6));
	KTCP_CHECK(both->client.recv_all(buffer, 6));
	KTCP_CHECK(buffer[0] == 'a' && buffer[5] == 'r');
}

inline void socket_send_after_shutdown_is_epipe(context &context)
{
	box<pair> both;

	KTCP_REQUIRE(both);
	KTCP_REQUIRE_EQ(both->connect(), 0);
	KTCP_CHECK_EQ(ktcp_sock_shutdown(both->client.raw(), KTCP_SHUT_WR), 0);
	KTCP_CHECK_EQ(ktcp_sock_send(both->client.raw(), "x", 1, 0), -e_pipe);
}

inline void socket_shutdown_wakes_a_waiter(context &context)
{
	box<pair> both;
	box<sleeper> waiter;
	box<thread> other;
	char byte;

	KTCP_REQUIRE(both && waiter && other);
	KTCP_REQUIRE_EQ(both->connect(), 0);
	waiter->on = &both->server;
	KTCP_REQUIRE_EQ(other->start(sleeper::run, &*waiter), 0);
	ktcp_msleep(moment_ms);
	KTCP_CHECK_EQ(waiter->returned.get(), 0);
	KTCP_CHECK_EQ(ktcp_sock_shutdown(both->server.raw(), KTCP_SHUT_RDWR), 0);
	KTCP_CHECK(waiter->returned.reaches(1));
	other->stop();
	KTCP_CHECK_EQ(waiter->status, 0);
	KTCP_CHECK_EQ(ktcp_sock_recv(both->server.raw(), &byte, 1), 0);
	KTCP_CHECK_EQ(both->client.recv(&byte, 1), 0);
}

inline void socket_reset_is_an_error(context &context)
{
	box<pair> both;
	char byte;

	KTCP_REQUIRE(both);
	KTCP_REQUIRE_EQ(both->connect(), 0);
	both->client.reset();
	KTCP_CHECK_EQ(both->server.recv(&byte, 1), -e_connreset);
	KTCP_CHECK_EQ(ktcp_sock_send(both->server.raw(), "x", 1, 0), -e_pipe);
}

/* A send is told of it, and takes the error. A reader must not have a part for the whole. */
inline void socket_reset_is_no_end_of_the_stream(context &context)
{
	box<pair> both;
	char byte;

	KTCP_REQUIRE(both);
	KTCP_REQUIRE_EQ(both->connect(), 0);
	both->client.reset();
	KTCP_CHECK_EQ(ktcp_sock_wait(both->server.raw(), KTCP_SOCK_READABLE, patience_ms), 0);
	KTCP_CHECK_EQ(ktcp_sock_send(both->server.raw(), "x", 1, 0), -e_connreset);
	KTCP_CHECK_EQ(ktcp_sock_recv(both->server.raw(), &byte, 1), -e_connreset);
	KTCP_CHECK_EQ(ktcp_sock_recv(both->server.raw(), &byte, 1), -e_connreset);
}

inline void socket_that_is_lost_says_so(context &context)
{
	box<pair> reset, ended;
	char byte;

	KTCP_REQUIRE(reset && ended);
	KTCP_REQUIRE_EQ(reset->connect(), 0);
	KTCP_CHECK(!ktcp_sock_is_lost(reset->server.raw()));
	reset->client.reset();
	KTCP_CHECK_EQ(ktcp_sock_wait(reset->server.raw(), KTCP_SOCK_READABLE, patience_ms), 0);
	KTCP_CHECK(ktcp_sock_is_lost(reset->server.raw()));
	KTCP_CHECK_EQ(ktcp_sock_recv(reset->server.raw(), &byte, 1), -e_connreset);
	KTCP_CHECK(ktcp_sock_is_lost(reset->server.raw()));
	/* Both have finished: that is no loss. */
	KTCP_REQUIRE_EQ(ended->connect(), 0);
	KTCP_CHECK_EQ(ktcp_sock_shutdown(ended->client.raw(), KTCP_SHUT_WR), 0);
	KTCP_CHECK_EQ(ended->server.recv(&byte, 1), 0);
	KTCP_CHECK(!ktcp_sock_is_lost(ended->server.raw()));
	KTCP_CHECK_EQ(ktcp_sock_shutdown(ended->server.raw(), KTCP_SHUT_WR), 0);
	KTCP_CHECK_EQ(ended->client.recv(&byte, 1), 0);
	ktcp_msleep(moment_ms);
	KTCP_CHECK(!ktcp_sock_is_lost(ended->server.raw()));
	KTCP_CHECK(!ktcp_sock_is_lost(ended->client.raw()));
}

/* The peer has closed, so it answers bytes with a reset. Its own stream is whole. */
inline void socket_reset_behind_the_end_is_no_loss(context &context)
{
	box<pair> both;
	char byte;

	KTCP_REQUIRE(both);
	KTCP_REQUIRE_EQ(both->connect(), 0);
	KTCP_CHECK(both->client.send_all("a", 1));
	both->client.close();
	KTCP_CHECK_EQ(ktcp_sock_wait(both->server.raw(), KTCP_SOCK_READABLE, patience_ms), 0);
	ktcp_msleep(moment_ms);
	static_cast<void>(ktcp_sock_send(both->server.raw(), "x", 1, 0));
	ktcp_msleep(moment_ms);
	KTCP_CHECK(!ktcp_sock_is_lost(both->server.raw()));
	KTCP_CHECK(both->server.recv_all(&byte, 1));
	KTCP_CHECK_EQ(ktcp_sock_recv(both->server.raw(), &byte, 1), 0);
}

inline void socket_wait_for_a_poke_ends_when_lost(context &context)
{
	box<pair> reset, ended;
	bool poked = false;
	char byte;

	KTCP_REQUIRE(reset && ended);
	KTCP_REQUIRE_EQ(reset->connect(), 0);
	KTCP_CHECK_EQ(ktcp_sock_wait_for_poke(reset->server.raw(), 0, 1, &poked), -e_timedout);
	reset->client.reset();
	KTCP_CHECK_EQ(ktcp_sock_wait_for_poke(reset->server.raw(), 0, patience_ms, &poked), 0);
	KTCP_REQUIRE_EQ(ended->connect(), 0);
	KTCP_CHECK_EQ(ktcp_sock_shutdown(ended->client.raw(), KTCP_SHUT_WR), 0);
	KTCP_CHECK_EQ(ended->server.recv(&byte, 1), 0);
	KTCP_CHECK_EQ(ktcp_sock_shutdown(ended->server.raw(), KTCP_SHUT_WR), 0);
	KTCP_CHECK_EQ(ended->client.recv(&byte, 1), 0);
	KTCP_CHECK_EQ(ktcp_sock_wait_for_poke(ended->server.raw(), 0, moment_ms, &poked),
		      -e_timedout);
}

/* Bytes that were sent before the close arrive, and then the end of the stream. */
inline void socket_close_delivers(context &context)
{
	box<pair> both;
	char buffer[8];

	KTCP_REQUIRE(both);
	KTCP_REQUIRE_EQ(both->connect(), 0);
	KTCP_CHECK_EQ(ktcp_sock_send(both->server.raw(), "goodbye", 7, 0), 7);
	KTCP_CHECK_EQ(ktcp_sock_hold_net(both->server.raw()), 0);
	both->server.close();
	KTCP_CHECK(both->client.recv_all(buffer, 7));
	KTCP_CHECK(buffer[0] == 'g' && buffer[6] == 'e');
	KTCP_CHECK_EQ(both->client.recv(buffer, 1), 0);
}

inline void socket_incoming_cpu_is_known(context &context)
{
	box<pair> both;
	char byte;

	KTCP_REQUIRE(both);
	KTCP_REQUIRE_EQ(both->connect(), 0);
	KTCP_CHECK_EQ(ktcp_sock_send(both->client.raw(), "a", 1, 0), 1);
	KTCP_CHECK(both->server.recv_all(&byte, 1));
	KTCP_CHECK(ktcp_sock_incoming_cpu(both->server.raw()) >= 0);
}

} // namespace ktcp_test

#endif
