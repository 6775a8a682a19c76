/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Addresses, sockets that close themselves, and both ends of a connection on loopback. */
#ifndef KTCP_TESTS_CONFORMANCE_SOCKETS_HPP
#define KTCP_TESTS_CONFORMANCE_SOCKETS_HPP

#include <ktcp/port/socket.h>

#include "support.hpp"

namespace ktcp_test
{

inline struct ktcp_endpoint ipv4(unsigned a, unsigned b, unsigned c, unsigned d, unsigned port)
{
	struct ktcp_endpoint made = {};

	made.address[10] = made.address[11] = 0xff;
	made.address[12] = static_cast<std::uint8_t>(a);
	made.address[13] = static_cast<std::uint8_t>(b);
	made.address[14] = static_cast<std::uint8_t>(c);
	made.address[15] = static_cast<std::uint8_t>(d);
	made.port = static_cast<std::uint16_t>(port);
	return made;
}

inline struct ktcp_endpoint loopback4(unsigned port = 0)
{
	return ipv4(127, 0, 0, 1, port);
}

inline struct ktcp_endpoint loopback6(unsigned port = 0)
{
	struct ktcp_endpoint made = {};

	made.address[15] = 1;
	made.port = static_cast<std::uint16_t>(port);
	return made;
}

inline struct ktcp_endpoint any(unsigned port = 0)
{
	struct ktcp_endpoint made = {};

	made.port = static_cast<std::uint16_t>(port);
	return made;
}

inline bool same(const struct ktcp_endpoint &a, const struct ktcp_endpoint &b)
{
	for (unsigned i = 0; i < sizeof(a.address); i++)
		if (a.address[i] != b.address[i])
			return false;
	return a.port == b.port;
}

/* A socket, or none; closed so that what it sent arrives. */
class sock {
    public:
	sock() noexcept = default;
	sock(const sock &) = delete;
	sock &operator=(const sock &) = delete;

	~sock()
	{
		close();
	}

	int create(enum ktcp_family family) noexcept
	{
		return ktcp_sock_create(nullptr, family, &raw_);
	}

	/* Listening at @where; an error is returned, and then there is no socket. */
	int listen(enum ktcp_family family, const struct ktcp_endpoint &where,
		   bool v6only = false) noexcept
	{
		int error = create(family);

		if (error)
			return error;
		if (family == KTCP_INET6)
			ktcp_sock_set_v6only(raw_, v6only);
		error = ktcp_sock_bind(raw_, &where);
		if (!error)
			error = ktcp_sock_listen(raw_, 8);
		if (error)
			close();
		return error;
	}

	int connect(enum ktcp_family family, const struct ktcp_endpoint &where) noexcept
	{
		int error = create(family);

		if (error)
			return error;
		if (family == KTCP_INET6)
			ktcp_sock_set_v6only(raw_, false);
		error = connected(ktcp_sock_connect(raw_, &where));
		if (error)
			close();
		return error;
	}

	/* Waits for the outcome of a ktcp_sock_connect() that returned @status. */
	int connected(int status) noexcept
	{
		while (status == -e_inprogress) {
			status = ktcp_sock_wait(raw_, KTCP_SOCK_WRITABLE, patience_ms);
			if (status == 0)
				status = ktcp_sock_connected(raw_);
		}
		return status;
	}

	/* Tries until there is a connection: for a listener that is hooked. */
	int poll_accept(const sock &listener) noexcept
	{
		const std::uint64_t until = ktcp_now_ms() + patience_ms;

		for (;;) {
			const int error = ktcp_sock_accept(listener.raw(), &raw_);

			if (error != -e_again || ktcp_now_ms() >= until)
				return error;
			ktcp_msleep(1);
		}
	}

	/* Waits for a connection. */
	int accept(const sock &listener) noexcept
	{
		const int error = ktcp_sock_wait(listener.raw(), KTCP_SOCK_READABLE, patience_ms);

		return error ? error : ktcp_sock_accept(listener.raw(), &raw_);
	}

	void close() noexcept
	{
		if (!raw_)
			return;
		ktcp_sock_hold_net(raw_);
		ktcp_sock_release(raw_);
		raw_ = nullptr;
	}

	void reset() noexcept
	{
		ktcp_sock_no_linger(raw_);
		ktcp_sock_release(raw_);
		raw_ = nullptr;
	}

	unsigned port() const noexcept
	{
		struct ktcp_endpoint local = {};

		return ktcp_sock_local(raw_, &local) ? 0 : local.port;
	}

	struct socket *raw() const noexcept
	{
		return raw_;
	}

	/* Waits until there is something; bytes, 0 at the end, or an error. */
	long recv(void *buffer, std::size_t size) noexcept
	{
		for (;;) {
			const long got = ktcp_sock_recv(raw_, buffer, size);

			if (got != -e_again)
				return got;
			if (const int error = ktcp_sock_wait(raw_, KTCP_SOCK_READABLE, patience_ms))
				return error;
		}
	}

	/* Exactly @size bytes: true if they came. */
	bool recv_all(void *buffer, std::size_t size) noexcept
	{
		for (std::size_t have = 0; have < size;) {
			const long got = recv(static_cast<char *>(buffer) + have, size - have);

			if (got <= 0)
				return false;
			have += static_cast<std::size_t>(got);
		}
		return true;
	}

	/* As ktcp_sock_send(), trying again where there is no memory for a moment. */
	long send(const void *data, std::size_t size, unsigned int flags = 0) noexcept
	{
		for (;;) {
			const long sent = ktcp_sock_send(raw_, data, size, flags);

			if (sent != -e_nobufs)
				return sent;
			ktcp_msleep(1);
		}
	}

	/* All of it: true if it was taken. */
	bool send_all(const void *data, std::size_t size, unsigned int flags = 0) noexcept
	{
		for (std::size_t done = 0; done < size;) {
			const long sent = send(static_cast<const char *>(data) + done, size - done,
					       flags);

			if (sent >= 0)
				done += static_cast<std::size_t>(sent);
			else if (sent != -e_again ||
				 ktcp_sock_wait(raw_, KTCP_SOCK_WRITABLE, patience_ms))
				return false;
		}
		return true;
	}

    private:
	struct socket *raw_ = nullptr;
};

/* A connection's two ends. */
struct pair {
	sock listener, client, server;

	int connect() noexcept
	{
		int error = listener.listen(KTCP_INET, loopback4());

		if (!error)
			error = client.connect(KTCP_INET, loopback4(listener.port()));
		if (!error)
			error = server.accept(listener);
		return error;
	}
};

} // namespace ktcp_test

#endif
