/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* port/socket.h, hooks: they are told of their events, and of nothing once they are gone. */
#ifndef KTCP_TESTS_CONFORMANCE_CASES_HOOK_HPP
#define KTCP_TESTS_CONFORMANCE_CASES_HOOK_HPP

#include "cases_socket.hpp"
#include "sockets.hpp"

#define KTCP_HOOK_CASES(X)                      \
	X(hook_is_told_of_data)                 \
	X(hook_is_told_of_room)                 \
	X(hook_is_told_of_the_end)              \
	X(hook_is_told_of_a_reset)              \
	X(hook_leaves_the_past_to_be_looked_at) \
	X(hook_hears_nothing_after_unhook)      \
	X(hook_may_be_set_again)                \
	X(hook_may_receive_and_send_in_softirq) \
	X(hook_echoes_in_pieces_in_softirq)     \
	X(hook_may_use_a_second_socket)         \
	X(listener_hook_is_told_of_connections) \
	X(listener_hook_is_told_of_first_data)  \
	X(listener_hook_is_not_inherited)

namespace ktcp_test
{

/* Counts events, by kind. */
struct listening_hook : ::ktcp_sock_hook {
	counter readable, writable, state, connections;

	listening_hook() noexcept
	{
		event = on_event;
	}

	static void on_event(struct ktcp_sock_hook *hook, unsigned int events)
	{
		auto &self = *static_cast<listening_hook *>(hook);

		if (events & KTCP_SOCK_READABLE)
			self.readable.add();
		if (events & KTCP_SOCK_WRITABLE)
			self.writable.add();
		if (events & KTCP_SOCK_STATE)
			self.state.add();
		if (events & (KTCP_SOCK_READABLE | KTCP_SOCK_CONNECTED))
			self.connections.add();
	}

	int all() const noexcept
	{
		return connections.get() + writable.get() + state.get();
	}
};

/* A connection whose server side is hooked until the end of the scope. */
struct hooked_pair : pair {
	listening_hook hook;
	bool hooked = false;

	int connect_and_hook() noexcept
	{
		const int error = connect();

		if (!error) {
			::ktcp_sock_hook(server.raw(), &hook);
			hooked = true;
		}
		return error;
	}

	void unhook() noexcept
	{
		ktcp_sock_unhook(server.raw(), &hook);
		hooked = false;
	}

	~hooked_pair()
	{
		if (hooked)
			unhook();
	}
};

inline void hook_is_told_of_data(context &context)
{
	box<hooked_pair> both;
	char byte;

	KTCP_REQUIRE(both);
	KTCP_REQUIRE_EQ(both->connect_and_hook(), 0);
	for (int i = 1; i <= 3; i++) {
		const int before = both->hook.readable.get();

		KTCP_CHECK_EQ(ktcp_sock_recv(both->server.raw(), &byte, 1), -e_again);
		KTCP_CHECK_EQ(ktcp_sock_send(both->client.raw(), "a", 1, 0), 1);
		KTCP_CHECK(both->hook.readable.reaches(before + 1));
		KTCP_CHECK_EQ(ktcp_sock_recv(both->server.raw(), &byte, 1), 1);
	}
	KTCP_CHECK_EQ(both->hook.writable.get(), 0);
}

/* After -EAGAIN, and only then; often enough to send on to the end. */
inline void hook_is_told_of_room(context &context)
{
	constexpr std::size_t piece = 4096, most = 64 << 20;
	struct buffer {
		char bytes[piece];
	};
	box<hooked_pair> both;
	box<buffer> data;
	std::size_t sent = 0, received = 0;

	KTCP_REQUIRE(both && data);
	KTCP_REQUIRE_EQ(both->connect_and_hook(), 0);
	for (char &each : data->bytes)
		each = 'x';
	for (int times = 0; times < 4; times++) {
		const int before = both->hook.writable.get();
		long status;

		do {
			status = both->server.send(data->bytes, piece);
			if (status > 0)
				sent += static_cast<std::size_t>(status);
		} while (status > 0 && sent < most);
		KTCP_REQUIRE_EQ(status, -e_again);
		/* Read it all: the acknowledgements make room. */
		while (received < sent) {
			const long got = both->client.recv(data->bytes, piece);

			KTCP_REQUIRE(got > 0);
			received += static_cast<std::size_t>(got);
		}
		KTCP_CHECK(both->hook.writable.reaches(before + 1));
	}
}

inline void hook_is_told_of_the_end(context &context)
{
	box<hooked_pair> both;
	char byte;

	KTCP_REQUIRE(both);
	KTCP_REQUIRE_EQ(both->connect_and_hook(), 0);
	both->client.close();
	KTCP_CHECK(both->hook.readable.reaches(1));
	KTCP_CHECK_EQ(ktcp_sock_recv(both->server.raw(), &byte, 1), 0);
}

inline void hook_is_told_of_a_reset(context &context)
{
	box<hooked_pair> both;
	char byte;

	KTCP_REQUIRE(both);
	KTCP_REQUIRE_EQ(both->connect_and_hook(), 0);
	both->client.reset();
	KTCP_CHECK(both->hook.state.reaches(1));
	KTCP_CHECK_EQ(ktcp_sock_recv(both->server.raw(), &byte, 1), -e_connreset);
}

inline void hook_leaves_the_past_to_be_looked_at(context &context)
{
	box<hooked_pair> both;
	char byte;

	KTCP_REQUIRE(both);
	KTCP_REQUIRE_EQ(both->connect(), 0);
	KTCP_CHECK_EQ(ktcp_sock_send(both->client.raw(), "a", 1, 0), 1);
	KTCP_CHECK_EQ(ktcp_sock_wait(both->server.raw(), KTCP_SOCK_READABLE, patience_ms), 0);
	::ktcp_sock_hook(both->server.raw(), &both->hook);
	both->hooked = true;
	KTCP_CHECK(ktcp_sock_readable(both->server.raw()));
	KTCP_CHECK_EQ(ktcp_sock_recv(both->server.raw(), &byte, 1), 1);
}

inline void hook_hears_nothing_after_unhook(context &context)
{
	box<hooked_pair> both;
	char byte;

	KTCP_REQUIRE(both);
	KTCP_REQUIRE_EQ(both->connect_and_hook(), 0);
	KTCP_CHECK_EQ(ktcp_sock_send(both->client.raw(), "a", 1, 0), 1);
	both->unhook();

	const int heard = both->hook.all();

	KTCP_CHECK_EQ(ktcp_sock_send(both->client.raw(), "b", 1, 0), 1);
	KTCP_CHECK_EQ(ktcp_sock_shutdown(both->client.raw(), KTCP_SHUT_WR), 0);
	/* The socket's own wake-ups are back. */
	KTCP_CHECK(both->server.recv_all(&byte, 1));
	KTCP_CHECK(both->server.recv_all(&byte, 1));
	KTCP_CHECK_EQ(both->server.recv(&byte, 1), 0);
	KTCP_CHECK_EQ(both->hook.all(), heard);
}

inline void hook_may_be_set_again(context &context)
{
	box<hooked_pair> both;
	char byte;

	KTCP_REQUIRE(both);
	KTCP_REQUIRE_EQ(both->connect_and_hook(), 0);
	both->unhook();
	::ktcp_sock_hook(both->server.raw(), &both->hook);
	both->hooked = true;
	KTCP_CHECK_EQ(ktcp_sock_send(both->client.raw(), "a", 1, 0), 1);
	KTCP_CHECK(both->hook.readable.reaches(1));
	KTCP_CHECK_EQ(ktcp_sock_recv(both->server.raw(), &byte, 1), 1);
}

/* Sends back what comes, inside the event; work that cannot be done there is left to others. */
struct echoing_hook : ::ktcp_sock_hook {
	struct socket *on = nullptr;
	struct ktcp_softirq_pages *pages = nullptr;
	char bytes[16];
	counter events, echoed, left;

	echoing_hook() noexcept : pages(ktcp_softirq_pages_create())
	{
		event = on_event;
	}

	~echoing_hook()
	{
		ktcp_softirq_pages_destroy(pages);
	}

	static void on_event(struct ktcp_sock_hook *hook, unsigned int events)
	{
		auto &self = *static_cast<echoing_hook *>(hook);

		/* Before the event is told: a reader of that looks at this. */
		if (!(events & KTCP_SOCK_SOFTIRQ))
			self.left.add();
		self.events.add();
		if (!(events & KTCP_SOCK_SOFTIRQ))
			return;
		for (;;) {
			const long got = ktcp_sock_softirq_recv(self.on, self.bytes,
								sizeof(self.bytes));

			if (got <= 0)
				break;
			if (ktcp_sock_softirq_send(self.on, self.bytes,
						   static_cast<std::size_t>(got), 0,
						   self.pages) == got)
				self.echoed.add(static_cast<int>(got));
		}
	}
};

inline void hook_may_receive_and_send_in_softirq(context &context)
{
	box<pair> both;
	box<echoing_hook> hook;
	char back[4];

	KTCP_REQUIRE(both && hook && hook->pages);
	KTCP_REQUIRE_EQ(both->connect(), 0);
	hook->on = both->server.raw();
	::ktcp_sock_hook(both->server.raw(), &*hook);
	KTCP_CHECK_EQ(ktcp_sock_send(both->client.raw(), "ping", 4, 0), 4);
	KTCP_CHECK(hook->events.reaches(1));
	/* A port may have no softirq, or be prevented by the socket's owner. */
	if (!hook->left.get()) {
		KTCP_CHECK(both->client.recv_all(back, 4));
		KTCP_CHECK(back[0] == 'p' && back[3] == 'g');
		KTCP_CHECK(hook->echoed.reaches(4)); /* the bytes may be here before it is counted */
		KTCP_CHECK_EQ(hook->echoed.get(), 4);
	}
	ktcp_sock_unhook(both->server.raw(), &*hook);
}

/* Each message is read in pieces. All that is sent back stays as it was until it is read. */
inline void hook_echoes_in_pieces_in_softirq(context &context)
{
	constexpr int messages = 25;
	box<pair> both;
	box<echoing_hook> hook;
	char text[40];

	KTCP_REQUIRE(both && hook && hook->pages);
	KTCP_REQUIRE_EQ(both->connect(), 0);
	hook->on = both->server.raw();
	::ktcp_sock_hook(both->server.raw(), &*hook);
	for (int i = 0; i < messages; i++) {
		for (char &each : text)
			each = static_cast<char>('a' + i);
		text[0] = '<';
		text[sizeof(text) - 1] = '>';
		KTCP_CHECK_EQ(ktcp_sock_send(both->client.raw(), text, sizeof(text), 0),
			      static_cast<long>(sizeof(text)));
	}
	/* As above: a port may have no softirq. */
	while (hook->echoed.get() < messages * static_cast<int>(sizeof(text)) && !hook->left.get())
		ktcp_msleep(1);
	for (int i = 0; i < messages && !hook->left.get(); i++) {
		KTCP_REQUIRE(both->client.recv_all(text, sizeof(text)));
		KTCP_CHECK(text[0] == '<' && text[sizeof(text) - 1] == '>');
		for (unsigned int at = 1; at < sizeof(text) - 1; at++)
			KTCP_CHECK_EQ(text[at], 'a' + i);
	}
	ktcp_sock_unhook(both->server.raw(), &*hook);
}

/* Passes on to another socket what comes, inside the event. */
struct passing_hook : ::ktcp_sock_hook {
	struct socket *from = nullptr, *to = nullptr;
	struct ktcp_softirq_pages *pages = nullptr;
	char bytes[16];
	counter passed, left;

	passing_hook() noexcept : pages(ktcp_softirq_pages_create())
	{
		event = on_event;
	}

	~passing_hook()
	{
		ktcp_softirq_pages_destroy(pages);
	}

	static void on_event(struct ktcp_sock_hook *hook, unsigned int events)
	{
		auto &self = *static_cast<passing_hook *>(hook);
		::sock *const second = events & KTCP_SOCK_SOFTIRQ ? ktcp_sock_try_bh(self.to) :
								    nullptr;

		if (second) {
			const long got = ktcp_sock_softirq_recv(self.from, self.bytes,
								sizeof(self.bytes));

			if (got > 0 && ktcp_sock_softirq_send(self.to, self.bytes,
							      static_cast<std::size_t>(got), 0,
							      self.pages) == got)
				self.passed.add(static_cast<int>(got));
			ktcp_sock_unlock_bh(second);
		} else {
			self.left.add(4);
		}
	}
};

inline void hook_may_use_a_second_socket(context &context)
{
	box<pair> one, other;
	box<passing_hook> hook;
	char back[4];

	KTCP_REQUIRE(one && other && hook && hook->pages);
	KTCP_REQUIRE_EQ(one->connect(), 0);
	KTCP_REQUIRE_EQ(other->connect(), 0);
	hook->from = one->server.raw();
	hook->to = other->server.raw();
	::ktcp_sock_hook(one->server.raw(), &*hook);
	KTCP_CHECK_EQ(ktcp_sock_send(one->client.raw(), "ping", 4, 0), 4);
	/* The port may have no softirq, or another CPU the lock, or a process the socket. */
	while (hook->passed.get() + hook->left.get() < 4)
		ktcp_msleep(1);
	if (!hook->left.get()) {
		KTCP_CHECK(other->client.recv_all(back, 4));
		KTCP_CHECK(back[0] == 'p' && back[3] == 'g');
	}
	ktcp_sock_unhook(one->server.raw(), &*hook);
}

/* A listener that is hooked until the end of the scope. */
struct hooked_listener {
	sock listener;
	listening_hook hook;
	bool hooked = false;

	int listen_and_hook() noexcept
	{
		struct ktcp_endpoint where = loopback4();
		int error = listener.create(KTCP_INET);

		if (!error)
			error = ktcp_sock_bind(listener.raw(), &where);
		if (error)
			return error;
		ktcp_sock_hook_listener(listener.raw(), &hook);
		hooked = true;
		return ktcp_sock_listen(listener.raw(), 8);
	}

	void unhook() noexcept
	{
		ktcp_sock_unhook_listener(listener.raw(), &hook);
		hooked = false;
	}

	~hooked_listener()
	{
		if (hooked)
			unhook();
		listener.close();
		ktcp_synchronize_rcu();
	}
};

inline void listener_hook_is_told_of_connections(context &context)
{
	box<hooked_listener> at;
	sock clients[3], servers[3];

	KTCP_REQUIRE(at);
	KTCP_REQUIRE_EQ(at->listen_and_hook(), 0);
	for (int i = 0; i < 2; i++) {
		const unsigned port = at->listener.port();

		KTCP_REQUIRE_EQ(clients[i].connect(KTCP_INET, loopback4(port)), 0);
		KTCP_CHECK(at->hook.connections.reaches(i + 1));
		KTCP_CHECK_EQ(servers[i].poll_accept(at->listener), 0);
	}
	at->unhook();

	const int heard = at->hook.all();

	KTCP_REQUIRE_EQ(clients[2].connect(KTCP_INET, loopback4(at->listener.port())), 0);
	KTCP_CHECK_EQ(servers[2].accept(at->listener), 0);
	KTCP_CHECK_EQ(at->hook.all(), heard);
}

/* The hook tells of the first bytes of a connection that is not accepted yet, until it goes. */
inline void listener_hook_is_told_of_first_data(context &context)
{
	box<hooked_listener> at;
	sock client, server, late, late_server;
	char byte;

	KTCP_REQUIRE(at);
	KTCP_REQUIRE_EQ(at->listen_and_hook(), 0);
	KTCP_REQUIRE_EQ(client.connect(KTCP_INET, loopback4(at->listener.port())), 0);
	KTCP_CHECK(at->hook.connections.reaches(1));
	KTCP_CHECK_EQ(ktcp_sock_send(client.raw(), "a", 1, 0), 1);
	KTCP_CHECK(at->hook.readable.reaches(1));
	KTCP_REQUIRE_EQ(server.poll_accept(at->listener), 0);
	KTCP_CHECK(server.recv_all(&byte, 1));

	const int told = at->hook.connections.get();

	KTCP_REQUIRE_EQ(late.connect(KTCP_INET, loopback4(at->listener.port())), 0);
	KTCP_CHECK(at->hook.connections.reaches(told + 1));
	at->unhook();

	const int heard = at->hook.all();

	KTCP_CHECK_EQ(ktcp_sock_send(late.raw(), "b", 1, 0), 1);
	KTCP_REQUIRE_EQ(late_server.poll_accept(at->listener), 0);
	KTCP_CHECK(late_server.recv_all(&byte, 1));
	KTCP_CHECK(byte == 'b');
	KTCP_CHECK_EQ(at->hook.all(), heard);
}

/* An accepted socket has the default callbacks: it can be waited for, and hooked itself. */
inline void listener_hook_is_not_inherited(context &context)
{
	box<hooked_listener> at;
	box<listening_hook> own;
	box<sleeper> waiter;
	box<thread> other;
	sock client, server;
	char bytes[2];

	KTCP_REQUIRE(at && own && waiter && other);
	KTCP_REQUIRE_EQ(at->listen_and_hook(), 0);
	KTCP_REQUIRE_EQ(client.connect(KTCP_INET, loopback4(at->listener.port())), 0);
	KTCP_CHECK(at->hook.connections.reaches(1));
	/* Data from before the accept is there after it. */
	KTCP_CHECK_EQ(ktcp_sock_send(client.raw(), "a", 1, 0), 1);
	KTCP_CHECK(at->hook.readable.reaches(1));
	KTCP_REQUIRE_EQ(server.poll_accept(at->listener), 0);
	KTCP_CHECK(server.recv_all(bytes, 1));

	const int heard = at->hook.all();

	waiter->on = &server;
	KTCP_REQUIRE_EQ(other->start(sleeper::run, &*waiter), 0);
	ktcp_msleep(moment_ms);
	KTCP_CHECK_EQ(waiter->returned.get(), 0);
	KTCP_CHECK_EQ(ktcp_sock_send(client.raw(), "b", 1, 0), 1);
	KTCP_CHECK(waiter->returned.reaches(1));
	other->stop();
	KTCP_CHECK(server.recv_all(bytes, 1));
	::ktcp_sock_hook(server.raw(), &*own);
	KTCP_CHECK_EQ(ktcp_sock_send(client.raw(), "c", 1, 0), 1);
	KTCP_CHECK(own->readable.reaches(1));
	ktcp_sock_unhook(server.raw(), &*own);
	KTCP_CHECK_EQ(at->hook.all(), heard);
}

} // namespace ktcp_test

#endif
