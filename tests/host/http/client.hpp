// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * One client of a service, in one thread: what it sends arrives in the pieces that the test
 * says, and every byte that comes back is kept. Below is a port of a few lines (port.cpp), with
 * the files of the user-space port.
 *
 * @code
 * client one(service);
 * one.send("GET / HTTP/1.1\r\n");	// and whatever the server does about it
 * one.send("Host: h\r\n\r\n");
 * one.received();
 * @endcode
 */
#ifndef KTCP_TESTS_HOST_HTTP_CLIENT_HPP
#define KTCP_TESTS_HOST_HTTP_CLIENT_HPP

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <ktcp/connection.hpp>

/* The kernel's end of the client's connection. */
struct socket {
	std::deque<std::string> arriving; /* an empty one: the client has finished sending */
	std::string sent;
	std::vector<std::size_t> sends; /* how much each call took */
	std::size_t room = SIZE_MAX; /* what the client still reads */
	std::size_t most = SIZE_MAX; /* of it, what a call takes */
	bool seems_readable = false; /* a receive is tried though nothing has come */
	bool shut = false; /* the server has finished sending, and listens on */
	bool reset = false;
	bool released = false;
};

/* What there is but for sockets. */
struct fake_machine {
	std::uint64_t now_ms = 1000;
	std::uint64_t real_seconds = 1'704'067'200; /* Mon, 01 Jan 2024 00:00:00 GMT */
	std::size_t buffers = 0; /* that pools have lent */
	std::size_t allocations = 0;
	std::size_t failing = SIZE_MAX; /* the allocation that finds no memory */
	std::function<void()> rescheduled; /* what happens while long work goes on */
};

extern fake_machine machine;

class client {
    public:
	/** @param handler  a service, which must outlive this. */
	template <class Service>
	explicit client(const Service &handler)
	{
		peer_.emplace(&socket_, pool_, call<Service>, &handler);
		advance();
	}

	client(const client &) = delete;
	client &operator=(const client &) = delete;

	/** The server must let go of a client that leaves. */
	~client();

	/** More arrives; then the server goes on until it waits, or is done. */
	void send(std::string_view bytes);

	/** Send no more. */
	void finish()
	{
		send({});
	}

	/** Read only so much from here on. */
	void read_only(std::size_t bytes) noexcept
	{
		socket_.room = bytes;
	}

	/** Read all. */
	void read_on();

	/** Have a call take only so much. */
	void take_at_most(std::size_t bytes) noexcept
	{
		socket_.most = bytes;
	}

	/** Have the server try to receive where nothing has come, as after a bare acknowledgement. */
	void seem_readable()
	{
		socket_.seems_readable = true;
		advance();
		socket_.seems_readable = false;
	}

	/** Time passes. */
	void wait_ms(std::uint64_t ms);

	/** The server is stopped. */
	void end()
	{
		peer_->end(ktcp::errc::eshutdown);
	}

	/** Has the server let go? */
	bool over() const noexcept
	{
		return !peer_;
	}

	bool was_reset() const noexcept
	{
		return socket_.reset;
	}

	/** Has the server said its last word, while it still listens? */
	bool was_shut() const noexcept
	{
		return socket_.shut;
	}

	/** Does the server wait for this to read? */
	bool is_waited_for() const noexcept
	{
		return peer_ && peer_->writing();
	}

	int until_deadline_ms() const noexcept
	{
		return peer_->until_deadline_ms(machine.now_ms);
	}

	std::string &received() noexcept
	{
		return socket_.sent;
	}

	const std::vector<std::size_t> &sends() const noexcept
	{
		return socket_.sends;
	}

    private:
	/* The engine's side, open to us. */
	class engine : public ktcp::connection {
	    public:
		using connection::advance;
		using connection::close;
		using connection::end;
		using connection::expire;
		using connection::progress;
		using connection::until_deadline_ms;
		using connection::writing;

		engine(struct ::socket *raw, ktcp::page_pool &buffers, handler_function handle,
		       const void *handler)
			: connection(ktcp::socket(raw), buffers, handle, handler)
		{
		}
	};

	template <class Service>
	static ktcp::task call(const void *handler, ktcp::connection &peer)
	{
		return (*static_cast<const Service *>(handler))(peer);
	}

	void advance();

	struct ::socket socket_;
	ktcp::page_pool pool_ = std::move(*ktcp::page_pool::create(16384));
	std::optional<engine> peer_;
};

#endif
