// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* socket over struct socket and the kernel's TCP, on the loopback interface. */
#include <ktcp/kernel/socket.hpp>

#include <ktcp/base/atomic.hpp>
#include <ktcp/kernel/buffer.hpp>
#include <ktcp/kernel/thread.hpp>
#include <ktcp/port/sync.h>
#include <ktcp/port/time.h>

#include "net.h"
#include "suites.hpp"

using ktcp::endpoint;
using ktcp::errc;
using ktcp::family;

namespace
{

constexpr int patience_ms = 5000;

/* Both ends of a connection, and the listener it came through. */
struct pair {
	ktcp::socket listener;
	ktcp::socket client;
	ktcp::socket server;
};

ktcp::result<ktcp::socket> listen_on(const endpoint &where, enum family family,
				     struct ktcp_sock_hook *hook = nullptr)
{
	ktcp::socket listener = KTCP_TRY(ktcp::socket::create(family));

	listener.set_v6only(false);
	KTCP_TRY(listener.bind(where));
	if (hook)
		KTCP_TRY(ktcp::result<void>::from(ktcp_sock_hook_listener(listener.raw(), hook)));
	KTCP_TRY(listener.listen(16));
	return listener;
}

ktcp::result<ktcp::socket> accept_from(ktcp::socket &listener)
{
	KTCP_TRY(listener.wait(KTCP_SOCK_READABLE, patience_ms));
	return listener.accept();
}

ktcp::result<pair> connected(family family = family::inet6)
{
	pair made;
	endpoint any = family == family::inet6 ? endpoint::ipv6_loopback(0) :
						 endpoint::ipv4(127, 0, 0, 1, 0);

	made.listener = KTCP_TRY(listen_on(any, family));
	made.client = KTCP_TRY(ktcp::socket::create(family));
	KTCP_TRY(made.client.connect(KTCP_TRY(made.listener.local())));
	made.server = KTCP_TRY(accept_from(made.listener));
	return made;
}

/* Byte number i of every stream here. All 256 values, with a period that is not 2^n. */
constexpr std::byte pattern(std::size_t i)
{
	return std::byte(i % 251 + i / 251 % 256);
}

/* Receive @p size bytes and the end of the stream; how many were as pattern() says? */
std::size_t received(ktcp::socket &from, std::size_t size)
{
	std::byte bytes[512];
	std::size_t at = 0;

	while (at < size) {
		auto got = from.recv(bytes);

		if (!got || *got == 0)
			break;
		for (std::size_t i = 0; i < *got; ++i, ++at)
			if (bytes[i] != pattern(at))
				return at;
	}

	auto end = from.recv(bytes);

	return end && *end == 0 ? at : at + 1;
}

std::byte *filled(ktcp::buffer &memory)
{
	std::span<std::byte> bytes = memory.bytes();

	for (std::size_t i = 0; i < bytes.size(); ++i)
		bytes[i] = pattern(i);
	return bytes.data();
}

void addresses(ktcp_test::context &context)
{
	for (enum family family : { family::inet, family::inet6 }) {
		auto made = connected(family);

		KTCP_CHECK(made);
		if (!made)
			return;

		auto client = made->client.local();
		auto server = made->server.local();

		KTCP_CHECK(client && server);
		if (!client || !server)
			return;
		KTCP_CHECK(*made->client.remote() == *server);
		KTCP_CHECK(*made->server.remote() == *client);
		KTCP_CHECK(client->port() != 0 && client->port() != server->port());
		KTCP_CHECK(client->is_ipv4() == (family == family::inet));
	}
}

void dual_stack(ktcp_test::context &context)
{
	auto listener = listen_on(endpoint::any(0), family::inet6);

	KTCP_CHECK(listener);
	if (!listener)
		return;

	const uint16_t port = listener->local()->port();
	auto four = ktcp::socket::create(family::inet);
	auto six = ktcp::socket::create(family::inet6);

	KTCP_CHECK(four && six);
	if (!four || !six)
		return;
	KTCP_CHECK(four->connect(endpoint::ipv4(127, 0, 0, 1, port)));

	auto first = accept_from(*listener);

	KTCP_CHECK(first && first->remote() && first->remote()->is_ipv4());
	KTCP_CHECK(six->connect(endpoint::ipv6_loopback(port)));

	auto second = accept_from(*listener);

	KTCP_CHECK(second && second->remote() && !second->remote()->is_ipv4());
}

void v6only(ktcp_test::context &context)
{
	auto listener = ktcp::socket::create(family::inet6);
	auto four = ktcp::socket::create(family::inet);

	KTCP_CHECK(listener && four);
	if (!listener || !four)
		return;
	listener->set_v6only(true);
	KTCP_CHECK(listener->bind(endpoint::any(0)));
	KTCP_CHECK(listener->listen(1));

	auto refused = four->connect(endpoint::ipv4(127, 0, 0, 1, listener->local()->port()));

	KTCP_CHECK(!refused && refused.error() == errc::econnrefused);
}

void port_in_use(ktcp_test::context &context)
{
	auto first = listen_on(endpoint::any(0), family::inet6);

	KTCP_CHECK(first);
	if (!first)
		return;

	const uint16_t port = first->local()->port();
	auto second = listen_on(endpoint::any(port), family::inet6);
	auto third = listen_on(endpoint::ipv4(127, 0, 0, 1, port), family::inet);

	KTCP_CHECK(!second && second.error() == errc::eaddrinuse);
	KTCP_CHECK(!third && third.error() == errc::eaddrinuse);
	*first = ktcp::socket();

	auto again = listen_on(endpoint::any(port), family::inet6);

	KTCP_CHECK(again);
}

void errors(ktcp_test::context &context)
{
	std::byte one{};
	auto idle = ktcp::socket::create(family::inet6);
	auto listener = listen_on(endpoint::any(0), family::inet6);

	KTCP_CHECK(idle && listener);
	if (!idle || !listener)
		return;
	KTCP_CHECK(listener->accept().error() == errc::eagain);
	KTCP_CHECK(listener->wait(KTCP_SOCK_READABLE, 30).error() == errc::etimedout);
	KTCP_CHECK(idle->remote().error() == errc::enotconn);
	KTCP_CHECK(idle->try_send({ &one, 1 }).error() == errc::epipe);
	KTCP_CHECK(idle->try_recv({ &one, 1 }).error() == errc::enotconn);
	KTCP_CHECK(idle->shutdown(ktcp::shutdown_how::rdwr).error() == errc::enotconn);
	/* No host is there, and it is not this machine. */
	KTCP_CHECK(idle->connect(endpoint::ipv6_loopback(1)).error() == errc::econnrefused);
	idle = ktcp::socket::create(family::inet);
	KTCP_CHECK(idle &&
		   idle->bind(endpoint::ipv4(192, 0, 2, 1, 0)).error() == errc::eaddrnotavail);
	KTCP_CHECK(idle && idle->bind(endpoint::ipv6_loopback(0)).error() == errc::eafnosupport);
}

void half_close(ktcp_test::context &context)
{
	std::byte bytes[8];
	auto made = connected();

	KTCP_CHECK(made);
	if (!made)
		return;
	KTCP_CHECK(made->server.try_recv(bytes).error() == errc::eagain);
	for (std::size_t i = 0; i < sizeof(bytes); ++i)
		bytes[i] = pattern(i);
	KTCP_CHECK(made->client.send_all(bytes));
	KTCP_CHECK(made->client.shutdown(ktcp::shutdown_how::wr));
	KTCP_CHECK(made->client.try_send(bytes).error() == errc::epipe);
	KTCP_CHECK(received(made->server, sizeof(bytes)) == sizeof(bytes));
	/* The other direction is open still. */
	KTCP_CHECK(made->server.send_all(bytes));
	KTCP_CHECK(made->server.shutdown(ktcp::shutdown_how::wr));
	KTCP_CHECK(received(made->client, sizeof(bytes)) == sizeof(bytes));
}

/* A thread that sends a whole buffer and closes. */
struct sender {
	ktcp::socket to;
	ktcp::buffer data;
	ktcp::result<void> outcome = errc::eagain;

	static int run(void *self)
	{
		auto &mine = *static_cast<sender *>(self);

		mine.outcome = mine.to.send_all(mine.data.bytes());
		mine.to.close(patience_ms);
		return 0;
	}
};

void megabyte(ktcp_test::context &context)
{
	constexpr std::size_t size = 1 << 20;
	auto made = connected();
	auto data = ktcp::buffer::kmalloc(size, ktcp::gfp::kernel);

	KTCP_CHECK(made && data);
	if (!made || !data)
		return;
	filled(*data);

	sender other{ std::move(made->client), std::move(*data) };
	ktcp::thread thread;

	KTCP_CHECK(thread.start("ktcp_sender", sender::run, &other));
	KTCP_CHECK(received(made->server, size) == size);
	thread.join();
	KTCP_CHECK(other.outcome);
}

void backpressure(ktcp_test::context &context)
{
	auto made = connected();
	auto data = ktcp::buffer::kmalloc(16384, ktcp::gfp::kernel);
	std::size_t sent = 0;

	KTCP_CHECK(made && data);
	if (!made || !data)
		return;
	std::span<std::byte> bytes = data->bytes();

	for (;;) {
		for (std::size_t i = 0; i < bytes.size(); ++i)
			bytes[i] = pattern(sent + i);
		auto taken = made->client.try_send(bytes);

		if (!taken) {
			KTCP_CHECK(taken.error() == errc::eagain);
			break;
		}
		KTCP_CHECK(*taken > 0 && *taken <= bytes.size());
		sent += *taken;
		if (sent > (std::size_t(64) << 20)) {
			KTCP_CHECK(!"a peer that reads nothing takes 64 MiB");
			return;
		}
	}
	KTCP_CHECK(sent > 0);
	KTCP_CHECK(made->client.wait(KTCP_SOCK_WRITABLE, 50).error() == errc::etimedout);

	/* The peer reads some of it: there is room again, and every byte arrives. */
	std::size_t at = 0;
	bool roomy = false;

	while (at < sent) {
		auto got = made->server.recv(bytes);

		KTCP_CHECK(got && *got > 0);
		if (!got || *got == 0)
			return;
		for (std::size_t i = 0; i < *got; ++i, ++at) {
			if (bytes[i] == pattern(at))
				continue;
			KTCP_CHECK(!"a byte was changed on its way");
			return;
		}
		if (!roomy && at > sent / 2)
			roomy = made->client.wait(KTCP_SOCK_WRITABLE, patience_ms).has_value();
	}
	KTCP_CHECK(roomy);
	KTCP_CHECK(at == sent);
}

struct receiver {
	ktcp::socket &from;
	ktcp::result<std::size_t> outcome = errc::eagain;

	static int run(void *self)
	{
		auto &mine = *static_cast<receiver *>(self);
		std::byte one;

		mine.outcome = mine.from.recv({ &one, 1 });
		return 0;
	}
};

void shutdown_wakes(ktcp_test::context &context)
{
	auto made = connected();

	KTCP_CHECK(made);
	if (!made)
		return;

	receiver waiting{ made->server };
	ktcp::thread thread;

	KTCP_CHECK(thread.start("ktcp_receiver", receiver::run, &waiting));
	ktcp_msleep(50);
	KTCP_CHECK(!waiting.outcome);
	KTCP_CHECK(made->server.shutdown(ktcp::shutdown_how::rdwr));
	ktcp_msleep(50); /* join() would end the wait as well */
	KTCP_CHECK(waiting.outcome && *waiting.outcome == 0);
	thread.join();
}

void stop_wakes(ktcp_test::context &context)
{
	auto made = connected();

	KTCP_CHECK(made);
	if (!made)
		return;

	receiver waiting{ made->server };
	ktcp::thread thread;

	KTCP_CHECK(thread.start("ktcp_receiver", receiver::run, &waiting));
	ktcp_msleep(50);
	thread.join();
	KTCP_CHECK(!waiting.outcome && waiting.outcome.error() == errc::eintr);
}

void reset(ktcp_test::context &context)
{
	std::byte one{};
	auto made = connected();

	KTCP_CHECK(made);
	if (!made)
		return;
	made->client.abort();
	KTCP_CHECK(!made->client);
	KTCP_CHECK(made->server.recv({ &one, 1 }).error() == errc::econnreset);
	KTCP_CHECK(made->server.try_send({ &one, 1 }).error() == errc::epipe);
}

void closing_delivers(ktcp_test::context &context)
{
	constexpr std::size_t size = 100000;
	auto made = connected();
	auto data = ktcp::buffer::kmalloc(size, ktcp::gfp::kernel);

	KTCP_CHECK(made && data);
	if (!made || !data)
		return;
	filled(*data);

	auto taken = made->client.try_send(data->bytes());

	KTCP_CHECK(taken && *taken > 0);
	if (!taken)
		return;
	made->client.close(patience_ms);
	KTCP_CHECK(!made->client);
	KTCP_CHECK(received(made->server, *taken) == *taken);
}

/* As over a link that is down at the close and comes back. */
void closing_delivers_later(ktcp_test::context &context)
{
	constexpr std::size_t size = 20000;
	auto made = connected(family::inet);
	auto data = ktcp::buffer::kmalloc(size, ktcp::gfp::kernel);

	KTCP_CHECK(made && data);
	if (!made || !data)
		return;
	filled(*data);
	KTCP_CHECK(ktcp_kunit_loopback(false) == 0);

	auto taken = made->client.try_send(data->bytes());

	made->client.close(4 * patience_ms);
	ktcp_msleep(100);
	KTCP_CHECK(made->server.wait(KTCP_SOCK_READABLE, 0).error() == errc::etimedout);
	KTCP_CHECK(ktcp_kunit_loopback(true) == 0);
	KTCP_CHECK(taken && *taken == size);
	/* Retransmitted by a timer that outlived the close. */
	KTCP_CHECK(made->server.wait(KTCP_SOCK_READABLE, patience_ms));
	if (!context.failed())
		KTCP_CHECK(received(made->server, size) == size);
}

/* A socket holds no namespace while it lives, and one that was closed until it is done. */
void namespaces(ktcp_test::context &context)
{
	struct net *net = ktcp_kunit_net_create();
	std::byte bytes[8];

	KTCP_CHECK(net);
	if (!net)
		return;
	for (std::size_t i = 0; i < sizeof(bytes); ++i)
		bytes[i] = pattern(i);
	{
		auto listener = ktcp::socket::create(family::inet6, net);
		auto client = ktcp::socket::create(family::inet6, net);

		KTCP_CHECK(listener && listener->bind(endpoint::ipv6_loopback(7)) &&
			   listener->listen(1));
		KTCP_CHECK(client && client->connect(endpoint::ipv6_loopback(7)));
		auto server = listener ? accept_from(*listener) :
					 ktcp::result<ktcp::socket>(errc::enotconn);

		KTCP_CHECK(server && server->send_all(bytes));
		if (server)
			server->close(patience_ms);
		KTCP_CHECK(client && received(*client, sizeof(bytes)) == sizeof(bytes));
		if (client)
			client->close(patience_ms);
	}
	KTCP_CHECK(ktcp_kunit_net_gone(net));
}

void urgent(ktcp_test::context &context)
{
	auto made = connected();
	std::byte bytes[3] = { pattern(0), pattern(1), pattern(2) };

	KTCP_CHECK(made);
	if (!made)
		return;
	made->server.set_oobinline();
	KTCP_CHECK(made->client.send_all({ bytes, 1 }));
	KTCP_CHECK(ktcp_kunit_send_urgent(made->client.raw(), bytes + 1) == 1);
	KTCP_CHECK(made->client.send_all({ bytes + 2, 1 }));
	KTCP_CHECK(made->client.shutdown(ktcp::shutdown_how::wr));
	KTCP_CHECK(received(made->server, 3) == 3);
}

/* TCP may have all three bytes in one packet. */
void urgent_and_not_in_line(ktcp_test::context &context)
{
	auto made = connected();
	const std::byte bytes[3] = { pattern(0), pattern(77), pattern(1) };

	KTCP_CHECK(made);
	if (!made)
		return;
	KTCP_CHECK(made->client.send_all({ bytes, 1 }));
	KTCP_CHECK(ktcp_kunit_send_urgent(made->client.raw(), bytes + 1) == 1);
	KTCP_CHECK(made->client.send_all({ bytes + 2, 1 }));
	KTCP_CHECK(made->client.shutdown(ktcp::shutdown_how::wr));
	KTCP_CHECK(ktcp_kunit_peer_has_all(made->client.raw()));
	KTCP_CHECK(received(made->server, 2) == 2);
}

/* It has nothing to be read, and is not as a new one. */
void out_of_order(ktcp_test::context &context)
{
	auto made = connected();

	KTCP_CHECK(made);
	if (!made)
		return;
	KTCP_CHECK(made->server.is_clean());
	KTCP_CHECK(ktcp_kunit_send_out_of_order(made->client.raw()) == 1);

	unsigned int left_ms = patience_ms;

	for (; made->server.is_clean() && left_ms; left_ms--)
		ktcp_msleep(1);
	KTCP_CHECK(!made->server.is_clean());
	KTCP_CHECK(!made->server.readable());
	made->client.abort();
}

void inherited(ktcp_test::context &context)
{
	auto listener = ktcp::socket::create(family::inet6);
	auto client = ktcp::socket::create(family::inet6);
	std::byte bytes[3] = { pattern(0), pattern(1), pattern(2) };

	KTCP_CHECK(listener && client);
	if (!listener || !client)
		return;
	listener->set_v6only(false);
	listener->set_reuseaddr();
	listener->set_nodelay();
	listener->set_keepalive();
	listener->set_oobinline();
	KTCP_CHECK(listener->bind(endpoint::ipv6_loopback(0)));
	KTCP_CHECK(listener->listen(1));
	KTCP_CHECK(client->connect(*listener->local()));

	/* Urgent before it is accepted: only an inherited option keeps it in line. */
	KTCP_CHECK(client->send_all({ bytes, 1 }));
	KTCP_CHECK(ktcp_kunit_send_urgent(client->raw(), bytes + 1) == 1);
	KTCP_CHECK(client->send_all({ bytes + 2, 1 }));
	KTCP_CHECK(client->shutdown(ktcp::shutdown_how::wr));

	auto server = accept_from(*listener);

	KTCP_CHECK(server);
	if (!server)
		return;
	KTCP_CHECK(received(*server, 3) == 3);
	KTCP_CHECK(ktcp_kunit_has_nodelay(server->raw()));
	KTCP_CHECK(ktcp_kunit_has_keepalive(server->raw()));
	KTCP_CHECK(!ktcp_kunit_has_nodelay(client->raw()));
	KTCP_CHECK(!ktcp_kunit_has_keepalive(client->raw()));
}

/* A hook that counts; C++ objects derive from it as the models' do. */
struct counting : ktcp_sock_hook {
	explicit counting(void (*told)(struct ktcp_sock_hook *, unsigned int) = on_event) noexcept
		: ktcp_sock_hook{ told, {} }
	{
	}

	static void on_event(struct ktcp_sock_hook *hook, unsigned int events)
	{
		static_cast<counting *>(hook)->seen.fetch_or(events, ktcp::memory_order_relaxed);
	}

	unsigned int take() noexcept
	{
		return seen.exchange(0, ktcp::memory_order_relaxed);
	}

	/* One of @p events, soon: the softirq may be ksoftirqd's. */
	bool hears(unsigned int events) noexcept
	{
		for (int ms = 0; ms < patience_ms; ms++) {
			if (take() & events)
				return true;
			ktcp_msleep(1);
		}
		return false;
	}

	ktcp::atomic<unsigned int> seen{ 0 };
};

void hooks_restored(ktcp_test::context &context)
{
	std::byte bytes[4] = {};
	counting hook;
	auto made = connected();

	KTCP_CHECK(made);
	if (!made)
		return;
	KTCP_CHECK(ktcp_kunit_has_own_callbacks(made->server.raw()));
	ktcp_sock_hook(made->server.raw(), &hook);
	KTCP_CHECK(!ktcp_kunit_has_own_callbacks(made->server.raw()));
	KTCP_CHECK(made->client.send_all(bytes));
	KTCP_CHECK(hook.hears(KTCP_SOCK_READABLE));
	ktcp_sock_unhook(made->server.raw(), &hook);
	KTCP_CHECK(ktcp_kunit_has_own_callbacks(made->server.raw()));
	KTCP_CHECK(made->client.send_all(bytes));
	KTCP_CHECK(hook.take() == 0);
	/* The default ones wake a waiter again. */
	KTCP_CHECK(made->server.wait(KTCP_SOCK_READABLE, patience_ms));
}

/* Limits by address need it, and a listing shows it, though the peer has gone. */
void reset_before_accept(ktcp_test::context &context)
{
	for (const auto family : { family::inet, family::inet6 }) {
		auto listener = listen_on(family == family::inet ? endpoint::ipv4(127, 0, 0, 1, 0) :
								   endpoint::ipv6_loopback(0),
					  family);
		auto client = ktcp::socket::create(family);

		KTCP_CHECK(listener && client);
		if (!listener || !client)
			return;
		KTCP_CHECK(client->connect(*listener->local()));

		const auto from = client->local();

		client->abort();

		auto accepted = accept_from(*listener);

		KTCP_CHECK(from && accepted);
		if (!from || !accepted)
			return;

		const auto remote = accepted->remote();

		KTCP_CHECK(remote);
		KTCP_CHECK(remote && *remote == *from);
	}
}

/* The engine asks as soon as a connection is accepted, before any of its bytes has come. */
void local_peers_are_known(ktcp_test::context &context)
{
	for (enum family family : { family::inet, family::inet6 }) {
		auto made = connected(family);

		KTCP_CHECK(made);
		KTCP_CHECK(made && made->server.is_local());
	}
}

/* Whenever a child came and whenever it is accepted, it comes without the hook's code. */
void children_of_a_hook(ktcp_test::context &context)
{
	counting hook;
	auto listener = listen_on(endpoint::ipv6_loopback(0), family::inet6, &hook);
	ktcp::socket clients[3];

	KTCP_CHECK(listener);
	if (!listener)
		return;
	for (int i = 0; i < 3; ++i) {
		auto client = ktcp::socket::create(family::inet6);

		KTCP_CHECK(client);
		if (!client)
			return;
		clients[i] = std::move(*client);
		KTCP_CHECK(clients[i].connect(*listener->local()));
		if (i == 0) {
			KTCP_CHECK(hook.hears(KTCP_SOCK_READABLE | KTCP_SOCK_CONNECTED));
			auto hooked = accept_from(*listener);

			KTCP_CHECK(hooked && ktcp_kunit_has_own_callbacks(hooked->raw()));
		}
		if (i == 1) {
			ktcp_sock_unhook_listener(listener->raw(), &hook);
			auto before = accept_from(*listener);

			/* It was a child of the hooked listener, and is accepted by the other. */
			KTCP_CHECK(before && ktcp_kunit_has_own_callbacks(before->raw()));
		}
	}
	auto after = accept_from(*listener);

	KTCP_CHECK(after && ktcp_kunit_has_own_callbacks(after->raw()));
	ktcp_synchronize_rcu();
}

/* No data comes to a connection while the port looks for some (ktcp_listener_watch()). */
void newest_is_locked(ktcp_test::context &context)
{
	struct looking : counting {
		looking() noexcept : counting(look)
		{
		}

		static void look(struct ktcp_sock_hook *hook, unsigned int events)
		{
			looking &self = *static_cast<looking *>(hook);

			if (!ktcp_kunit_newest_is_locked(self.listener))
				self.unlocked.fetch_add(1, ktcp::memory_order_relaxed);
			on_event(hook, events);
		}

		::socket *listener = nullptr;
		ktcp::atomic<unsigned int> unlocked = 0;
	} hook;
	auto listener = listen_on(endpoint::ipv6_loopback(0), family::inet6, &hook);
	auto client = ktcp::socket::create(family::inet6);

	KTCP_CHECK(listener && client);
	if (!listener || !client)
		return;
	hook.listener = listener->raw();
	KTCP_CHECK(client->connect(*listener->local()));
	KTCP_CHECK(hook.hears(KTCP_SOCK_READABLE | KTCP_SOCK_CONNECTED));
	KTCP_CHECK(hook.unlocked.load(ktcp::memory_order_relaxed) == 0);
	ktcp_sock_unhook_listener(listener->raw(), &hook);
	ktcp_synchronize_rcu();
}

/* Lockdep says if the interrupt could meet what the listener's callback holds. */
void poked_by_a_hard_interrupt(ktcp_test::context &context)
{
	struct poke {
		::socket *on;
		bool poked = false;
	};
	counting hook;
	auto listener = listen_on(endpoint::ipv6_loopback(0), family::inet6, &hook);
	auto client = ktcp::socket::create(family::inet6);

	KTCP_CHECK(listener && client);
	if (!listener || !client)
		return;
	KTCP_CHECK(client->connect(*listener->local()));
	KTCP_CHECK(hook.hears(KTCP_SOCK_READABLE | KTCP_SOCK_CONNECTED));
	ktcp_sock_unhook_listener(listener->raw(), &hook);
	auto server = accept_from(*listener);

	KTCP_CHECK(server);
	if (!server)
		return;
	poke one = { server->raw() };

	KTCP_CHECK(ktcp_kunit_in_hard_interrupt(
		[](void *argument) {
			auto &that = *static_cast<poke *>(argument);

			ktcp_sock_poke(that.on, &that.poked);
		},
		&one));
	KTCP_CHECK(ktcp_sock_wait_for_poke(server->raw(), 0, patience_ms, &one.poked) == 0);
	KTCP_CHECK(!one.poked);
	ktcp_synchronize_rcu();
}

} // namespace

KTCP_SUITE(socket, { "both ends know both addresses", KTCP_CASE(addresses) },
	   { "one listener serves IPv4 and IPv6", KTCP_CASE(dual_stack) },
	   { "v6only keeps IPv4 out", KTCP_CASE(v6only) },
	   { "a port in use is EADDRINUSE until it is free", KTCP_CASE(port_in_use) },
	   { "errors are the kernel's", KTCP_CASE(errors) },
	   { "half-closed, the other direction stays open", KTCP_CASE(half_close) },
	   { "a megabyte arrives as it was sent", KTCP_CASE(megabyte) },
	   { "a full send buffer is EAGAIN until the peer reads", KTCP_CASE(backpressure) },
	   { "shutdown wakes a waiting receiver", KTCP_CASE(shutdown_wakes) },
	   { "stopping a thread wakes its waiting receiver", KTCP_CASE(stop_wakes) },
	   { "abort resets the connection", KTCP_CASE(reset) },
	   { "what was sent before close arrives", KTCP_CASE(closing_delivers) },
	   { "what was sent before close arrives over a link that was down",
	     KTCP_CASE(closing_delivers_later) },
	   { "closed sockets let their namespace go", KTCP_CASE(namespaces) },
	   { "an urgent byte stays in the stream with oobinline", KTCP_CASE(urgent) },
	   { "an urgent byte is left out without", KTCP_CASE(urgent_and_not_in_line) },
	   { "a byte out of order is no byte, and leaves no clean connection",
	     KTCP_CASE(out_of_order) },
	   { "a connection inherits its listener's options", KTCP_CASE(inherited) },
	   { "a connection reset before it is accepted has a peer", KTCP_CASE(reset_before_accept) },
	   { "a peer on this machine is known to be", KTCP_CASE(local_peers_are_known) },
	   { "unhooking puts the kernel's own callbacks back", KTCP_CASE(hooks_restored) },
	   { "accepted connections never carry a hook", KTCP_CASE(children_of_a_hook) },
	   { "a connection is locked while its listener is told", KTCP_CASE(newest_is_locked) },
	   { "a hard interrupt wakes who waits on a connection",
	     KTCP_CASE(poked_by_a_hard_interrupt) });
