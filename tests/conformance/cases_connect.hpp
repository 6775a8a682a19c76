/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* port/socket.h, connecting: every outcome is told, to a hook and to who sleeps. */
#ifndef KTCP_TESTS_CONFORMANCE_CASES_CONNECT_HPP
#define KTCP_TESTS_CONFORMANCE_CASES_CONNECT_HPP

#include "cases_hook.hpp"
#include "sockets.hpp"

#define KTCP_CONNECT_CASES(X)                      \
	X(connect_is_told_to_the_hook)             \
	X(connect_is_told_when_refused)            \
	X(connect_is_told_when_refused_later)      \
	X(connect_leaves_the_past_to_be_looked_at) \
	X(connect_has_no_way)                      \
	X(connect_waits_for_a_silent_peer)         \
	X(connect_is_ended_by_a_shutdown)          \
	X(connect_was_reset_meanwhile)             \
	X(connect_has_its_local_address)           \
	X(connect_finds_its_local_address_in_use)  \
	X(connect_finds_no_port)                   \
	X(connect_keeps_its_hook_when_it_is_through)

namespace ktcp_test
{

/* A socket that connects, hooked before it does and until the end of the scope. */
struct connecting {
	sock socket;
	listening_hook hook;
	bool hooked = false;

	int begin(const struct ktcp_endpoint &where) noexcept
	{
		const int error = socket.create(KTCP_INET);

		if (error)
			return error;
		::ktcp_sock_hook(socket.raw(), &hook);
		hooked = true;
		return ktcp_sock_connect(socket.raw(), &where);
	}

	/* Wait for the hook, and return the outcome: 0 or a negative errno. */
	int outcome() noexcept
	{
		const std::uint64_t until = ktcp_now_ms() + patience_ms;

		for (int heard = 0;;) {
			const int status = ktcp_sock_connected(socket.raw());

			if (status != -e_inprogress || ktcp_now_ms() >= until)
				return status;
			/* An event need not be the last. */
			if (!hook.state.reaches(heard + 1))
				return -e_timedout;
			heard = hook.state.get();
		}
	}

	void unhook() noexcept
	{
		if (hooked)
			ktcp_sock_unhook(socket.raw(), &hook);
		hooked = false;
	}

	~connecting()
	{
		unhook();
	}
};

/* Listens, and has as many connections waiting as it lets: it does not answer the next one. */
struct silent_peer {
	sock listener, waiting;

	int listen() noexcept
	{
		struct ktcp_endpoint where = loopback4();
		int error = listener.create(KTCP_INET);

		if (!error)
			error = ktcp_sock_bind(listener.raw(), &where);
		if (!error)
			error = ktcp_sock_listen(listener.raw(), 0);
		if (!error)
			error = waiting.connect(KTCP_INET, address());
		if (!error)
			error = ktcp_sock_wait(listener.raw(), KTCP_SOCK_READABLE, patience_ms);
		return error;
	}

	struct ktcp_endpoint address() const noexcept
	{
		return loopback4(listener.port());
	}
};

inline void connect_is_told_to_the_hook(context &context)
{
	box<connecting> client;
	sock listener, server;
	struct ktcp_endpoint here, there;

	KTCP_REQUIRE(client);
	KTCP_REQUIRE_EQ(listener.listen(KTCP_INET, loopback4()), 0);
	KTCP_REQUIRE_EQ(client->begin(loopback4(listener.port())), -e_inprogress);
	KTCP_REQUIRE_EQ(client->outcome(), 0);
	KTCP_CHECK_EQ(ktcp_sock_connected(client->socket.raw()), 0);
	KTCP_REQUIRE_EQ(server.accept(listener), 0);
	KTCP_CHECK_EQ(ktcp_sock_local(client->socket.raw(), &here), 0);
	KTCP_CHECK_EQ(ktcp_sock_remote(server.raw(), &there), 0);
	KTCP_CHECK(same(here, there));
}

inline void connect_is_told_when_refused(context &context)
{
	box<connecting> client;
	sock bound;
	struct ktcp_endpoint where = loopback4();

	KTCP_REQUIRE(client);
	/* A port that no other socket can have, and that has no listener. */
	KTCP_REQUIRE_EQ(bound.create(KTCP_INET), 0);
	KTCP_REQUIRE_EQ(ktcp_sock_bind(bound.raw(), &where), 0);
	KTCP_REQUIRE_EQ(client->begin(loopback4(bound.port())), -e_inprogress);
	KTCP_CHECK_EQ(client->outcome(), -e_connrefused);
}

/* By the second SYN, a second later. */
inline void connect_is_told_when_refused_later(context &context)
{
	box<connecting> client;
	box<silent_peer> peer;

	KTCP_REQUIRE(client && peer);
	KTCP_REQUIRE_EQ(peer->listen(), 0);
	KTCP_REQUIRE_EQ(client->begin(peer->address()), -e_inprogress);
	peer->listener.close();
	KTCP_CHECK_EQ(client->outcome(), -e_connrefused);
}

/* Hooked behind the outcome: the caller looks. */
inline void connect_leaves_the_past_to_be_looked_at(context &context)
{
	box<connecting> client;
	sock listener;

	KTCP_REQUIRE(client);
	KTCP_REQUIRE_EQ(listener.listen(KTCP_INET, loopback4()), 0);
	KTCP_REQUIRE_EQ(client->socket.connect(KTCP_INET, loopback4(listener.port())), 0);
	::ktcp_sock_hook(client->socket.raw(), &client->hook);
	client->hooked = true;
	KTCP_CHECK_EQ(ktcp_sock_connected(client->socket.raw()), 0);
}

/* There are no connections with a group (RFC 9293 section 3.9.2.3). */
inline void connect_has_no_way(context &context)
{
	box<connecting> client;

	KTCP_REQUIRE(client);
	KTCP_CHECK_EQ(client->begin(ipv4(224, 0, 0, 1, 7)), -e_netunreach);
}

inline void connect_waits_for_a_silent_peer(context &context)
{
	box<connecting> client;
	box<silent_peer> peer;
	sock sleeping;
	struct ktcp_endpoint where;

	KTCP_REQUIRE(client && peer);
	KTCP_REQUIRE_EQ(peer->listen(), 0);
	where = peer->address();
	KTCP_REQUIRE_EQ(client->begin(where), -e_inprogress);
	KTCP_REQUIRE_EQ(sleeping.create(KTCP_INET), 0);
	KTCP_REQUIRE_EQ(ktcp_sock_connect(sleeping.raw(), &where), -e_inprogress);
	KTCP_CHECK_EQ(ktcp_sock_wait(sleeping.raw(), KTCP_SOCK_WRITABLE, moment_ms), -e_timedout);
	KTCP_CHECK_EQ(ktcp_sock_connected(sleeping.raw()), -e_inprogress);
	KTCP_CHECK_EQ(ktcp_sock_connected(client->socket.raw()), -e_inprogress);
	/* Both are closed in the midst of it, and no event comes behind the unhook. */
	client->unhook();

	const int heard = client->hook.all();

	client->socket.close();
	KTCP_CHECK_EQ(client->hook.all(), heard);
}

inline void connect_is_ended_by_a_shutdown(context &context)
{
	box<connecting> client;
	box<silent_peer> peer;

	KTCP_REQUIRE(client && peer);
	KTCP_REQUIRE_EQ(peer->listen(), 0);
	KTCP_REQUIRE_EQ(client->begin(peer->address()), -e_inprogress);

	const int heard = client->hook.state.get();

	KTCP_CHECK_EQ(ktcp_sock_shutdown(client->socket.raw(), KTCP_SHUT_RDWR), 0);
	KTCP_CHECK(client->hook.state.reaches(heard + 1));
	KTCP_CHECK_EQ(client->outcome(), -e_connaborted);
}

/* Connected, and reset by a peer that never accepted it, before anybody asks. */
inline void connect_was_reset_meanwhile(context &context)
{
	sock listener, client;
	struct ktcp_endpoint where;

	KTCP_REQUIRE_EQ(listener.listen(KTCP_INET, loopback4()), 0);
	where = loopback4(listener.port());
	KTCP_REQUIRE_EQ(client.create(KTCP_INET), 0);
	KTCP_REQUIRE_EQ(ktcp_sock_connect(client.raw(), &where), -e_inprogress);
	KTCP_REQUIRE_EQ(ktcp_sock_wait(listener.raw(), KTCP_SOCK_READABLE, patience_ms), 0);
	listener.close();
	KTCP_CHECK_EQ(ktcp_sock_wait(client.raw(), KTCP_SOCK_READABLE, patience_ms), 0);
	KTCP_CHECK_EQ(ktcp_sock_connected(client.raw()), -e_connreset);
}

inline void connect_has_its_local_address(context &context)
{
	sock listener, client, server;
	struct ktcp_endpoint where = ipv4(127, 0, 0, 2, 0), peer, here;
	const int on = 1;

	KTCP_REQUIRE_EQ(listener.listen(KTCP_INET, loopback4()), 0);
	KTCP_REQUIRE_EQ(client.create(KTCP_INET), 0);
	KTCP_CHECK_EQ(ktcp_sock_set_option(client.raw(), KTCP_SOCK_BIND_NO_PORT, &on, sizeof(on)),
		      0);
	KTCP_REQUIRE_EQ(ktcp_sock_bind(client.raw(), &where), 0);
	where = loopback4(listener.port());
	KTCP_REQUIRE_EQ(client.connected(ktcp_sock_connect(client.raw(), &where)), 0);
	KTCP_REQUIRE_EQ(server.accept(listener), 0);
	KTCP_CHECK_EQ(ktcp_sock_remote(server.raw(), &peer), 0);
	KTCP_CHECK_EQ(ktcp_sock_local(client.raw(), &here), 0);
	KTCP_CHECK(same(peer, here));
	KTCP_CHECK(same(here, ipv4(127, 0, 0, 2, here.port)));
}

inline void connect_finds_its_local_address_in_use(context &context)
{
	sock first, client;
	struct ktcp_endpoint where;

	KTCP_REQUIRE_EQ(first.listen(KTCP_INET, loopback4()), 0);
	KTCP_REQUIRE_EQ(client.create(KTCP_INET), 0);
	where = loopback4(first.port());
	KTCP_CHECK_EQ(ktcp_sock_bind(client.raw(), &where), -e_addrinuse);
}

/* Two connections cannot have the same two ends, even where they may have the same local one. */
inline void connect_finds_no_port(context &context)
{
	sock listener, first, second;
	struct ktcp_endpoint here = loopback4(), there;

	KTCP_REQUIRE_EQ(listener.listen(KTCP_INET, loopback4()), 0);
	there = loopback4(listener.port());
	KTCP_REQUIRE_EQ(first.create(KTCP_INET), 0);
	ktcp_sock_set_reuseaddr(first.raw());
	KTCP_REQUIRE_EQ(ktcp_sock_bind(first.raw(), &here), 0);
	KTCP_REQUIRE_EQ(first.connected(ktcp_sock_connect(first.raw(), &there)), 0);
	here = loopback4(first.port());
	KTCP_REQUIRE_EQ(second.create(KTCP_INET), 0);
	ktcp_sock_set_reuseaddr(second.raw());
	KTCP_REQUIRE_EQ(ktcp_sock_bind(second.raw(), &here), 0);
	KTCP_CHECK_EQ(ktcp_sock_connect(second.raw(), &there), -e_addrnotavail);
}

inline void connect_keeps_its_hook_when_it_is_through(context &context)
{
	box<connecting> client;
	sock listener, server;
	char byte;

	KTCP_REQUIRE(client);
	KTCP_REQUIRE_EQ(listener.listen(KTCP_INET, loopback4()), 0);
	KTCP_REQUIRE_EQ(client->begin(loopback4(listener.port())), -e_inprogress);
	KTCP_REQUIRE_EQ(client->outcome(), 0);
	KTCP_REQUIRE_EQ(server.accept(listener), 0);

	const int heard = client->hook.readable.get();

	KTCP_CHECK_EQ(ktcp_sock_recv(client->socket.raw(), &byte, 1), -e_again);
	KTCP_CHECK_EQ(ktcp_sock_send(server.raw(), "a", 1, 0), 1);
	KTCP_CHECK(client->hook.readable.reaches(heard + 1));
	KTCP_CHECK_EQ(ktcp_sock_recv(client->socket.raw(), &byte, 1), 1);
	KTCP_CHECK_EQ(ktcp_sock_send(client->socket.raw(), "b", 1, 0), 1);
	KTCP_CHECK(server.recv_all(&byte, 1) && byte == 'b');
}

} // namespace ktcp_test

#endif
