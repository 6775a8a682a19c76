// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * Outgoing connections: a handler's second stream, or its third.
 *
 * @code
 * auto server = co_await ktcp::connect(client, target, { .timeout_ms = 3000 });
 *
 * if (!server) {
 *	KTCP_LOG_WARN_RATELIMITED("no way to the target: %s",
 *				  ktcp::connect_error(server.error()));
 *	co_return;
 * }
 * co_await server->write("hello\n");
 * @endcode
 *
 * The stream is as an accepted one, of the strand of the connection that asked for it, and is used by
 * that connection's coroutines alone. It is closed when its owner goes, at the latest when the handler
 * returns, and what was written is delivered. Unloading ends it with the rest: its operations fail
 * with ESHUTDOWN.
 *
 * A connection that is made for each exchange costs a handshake. Some can be kept:
 *
 * @code
 * auto backend = co_await ktcp::connect(peer, target, { .reuse = true });
 *
 * if (backend && co_await backend->write(question))
 *	if (auto answer = co_await backend->read_line(512))
 *		backend.keep(10'000);	// for the next one
 * @endcode
 *
 * The server keeps up to 64, which end at the latest with it. It takes one only if nothing has come: no byte, not
 * even one out of order, no FIN and no reset. Bytes on their way do not show: a target may say something of its own
 * and close. So the first bytes need not be the answer, and a target that died in silence says nothing. within()
 * bounds the wait.
 *
 * Context: a handler's, in every model. Looking for a port sleeps, so the handler goes on in a worker
 * of an unbound workqueue for that, as after may_sleep(). The outcome costs one turn in process
 * context. Reading and writing are done wherever the connection's turns are.
 *
 * Bounds: server_options::max_outgoing for the server, and max_outgoing_per_source for the connections of one
 * source: half of those, unless others have some. Deadlines: ktcp's own, the same on every
 * kernel; then keepalive (connect_options::socket) and write_timeout_ms, as for accepted ones.
 * Kernel: kernel_connect(), tcp_v4_connect(). RFC 9293 section 3.5.
 */
#ifndef KTCP_CONNECT_HPP
#define KTCP_CONNECT_HPP

#include <coroutine>
#include <utility>

#include <ktcp/connection.hpp>
#include <ktcp/engine/outgoing_stream.hpp>
#include <ktcp/engine/wait.hpp>
#include <ktcp/kernel/log.hpp>
#include <ktcp/net/connect_error.hpp>

namespace ktcp
{

/**
 * The result of a connect(): a stream, or why there is none. Its owner: moved, not copied. It is of one connection from
 * its beginning. So a step that makes one fills its caller's: `task_of<void> open(connection &peer, outgoing &into)`.
 */
class [[nodiscard]] outgoing {
    public:
	/** None yet. @param peer  the connection whose coroutine is to use it. */
	explicit outgoing(connection &peer) noexcept : peer_(&peer)
	{
	}

	outgoing(outgoing &&other) noexcept
		: peer_(other.peer_), stream_(std::exchange(other.stream_, nullptr)),
		  status_(other.status_)
	{
	}

	/** Swaps the two. */
	outgoing &operator=(outgoing &&other) noexcept
	{
		std::swap(peer_, other.peer_);
		std::swap(stream_, other.stream_);
		std::swap(status_, other.status_);
		return *this;
	}

	/**
	 * The stream is closed at the end of a turn in process context. If the handler keeps bytes
	 * that were read from it, it is closed behind them. A handler's context.
	 */
	~outgoing()
	{
		if (stream_)
			stream_->drop();
	}

	/** Is there one? */
	explicit operator bool() const noexcept
	{
		return stream_;
	}

	/**
	 * The stream; valid for as long as this lives. Where there is none, that is a bug of the handler's, which
	 * ends its connection, with a warning. Each of its awaits fails with EBADF then, this one first.
	 */
	stream &operator*() const noexcept
	{
		return stream_ ? *stream_ : instead();
	}

	/** It, to be used; the same where there is none. */
	stream *operator->() const noexcept
	{
		return &**this;
	}

	/**
	 * The exchange has ended well: all that was asked has been answered, and read. When this goes, the
	 * connection is kept for a connect() of the same server, to the same target, with `reuse`.
	 *
	 * It is closed instead if a byte is read or written after this, or waits to be read. So it is if the
	 * peer has ended it, and behind finish_sending() and reset_at_end(). One with a local address or socket
	 * options of its own is never kept. The server keeps 64, which count no more towards max_outgoing. One
	 * more takes the place of one that has ended, or of the oldest.
	 *
	 * @param ms  milliseconds that it is kept for, at most, and a suspend counts, too. Less than the target
	 *            keeps an idle connection.
	 */
	void keep(unsigned int ms) noexcept
	{
		if (stream_)
			stream_->keep(ms);
	}

	/**
	 * Was it kept? Then the target may end it at the moment in which it is taken. The first exchange fails
	 * then: its read ends, or it or the write has an error (ECONNRESET, EPIPE …). A request that does no
	 * harm twice is sent again, on a connection that is made without `reuse`.
	 */
	bool is_reused() const noexcept
	{
		return stream_ && stream_->is_reused();
	}

	/** There is none: why. See connect_error(). */
	error_code error() const noexcept
	{
		return error_code::from(status_);
	}

    private:
	friend class detail::connect_operation;

	outgoing(connection &peer, detail::outgoing_stream *made, int status) noexcept
		: peer_(&peer), stream_(made), status_(status)
	{
		if (made)
			made->hold();
	}

	/* A stream of which each operation fails: the peer's, for it is told of the end. No byte reaches the peer. */
	[[gnu::noinline]] stream &instead() const noexcept
	{
		KTCP_WARN_ONCE("there is no outgoing connection: ask first, and see error()");
		detail::wait::end(*peer_, errc::ebadf);
		return *peer_;
	}

	connection *peer_;
	detail::outgoing_stream *stream_ = nullptr;
	int status_ = error_code(errc::enotconn).code();
};

namespace detail
{

class [[gnu::warn_unused]] connect_operation : public wait {
    public:
	connect_operation(connection &by, const endpoint &to, const connect_options &how) noexcept
		: wait(by), to_(to), how_(how)
	{
	}

	bool await_ready() noexcept
	{
		if (is_over())
			return true;
		if (is_gone())
			return false;

		outgoing_room *const room = by_->outgoing();

		if (!room)
			status = error_code(errc::eopnotsupp).code();
		else if (!(made_ = outgoing_stream::make(*by_, by_->buffers(), *room, source(*by_),
							 to_, how_)))
			status = error_code(errc::enomem).code();
		return !made_;
	}

	void await_suspend(std::coroutine_handle<> self) noexcept
	{
		if (!made_)
			return;
		made_->next_one = by_->more_->seconds;
		by_->more_->seconds = made_;
		made_->set_waiting(*this);
		if (how_.timeout_ms) {
			fire = [](timer &due) {
				auto &late = static_cast<connect_operation &>(due);

				late.fail(error_code(errc::etimedout).code());
				late.go_on();
			};
			park(how_.timeout_ms, self);
		} else {
			who = self;
			by_->more_->waiting.push_back(*this);
		}
		made_->connect_on();
	}

	outgoing await_resume() noexcept
	{
		return outgoing(*by_, status ? nullptr : made_, status);
	}

    private:
	const endpoint to_;
	const connect_options how_;
	outgoing_stream *made_ = nullptr;
};

} // namespace detail

/**
 * `co_await ktcp::connect(peer, to, { .timeout_ms = 3000 })`: a ktcp::outgoing.
 * @param peer  the connection of the coroutine that awaits.
 * @param to  its family is the socket's.
 * Errors, in words by connect_error(): ECONNREFUSED, ETIMEDOUT (the deadline, or the kernel's
 * patience), ESHUTDOWN, ENOMEM. No way: ENETUNREACH, EHOSTUNREACH, EACCES, EPERM. The local side:
 * EADDRNOTAVAIL (no port is left), EADDRINUSE, EAFNOSUPPORT. An option: EINVAL, ENODEV, ENOENT.
 * The bounds max_outgoing and max_outgoing_per_source: EDQUOT. In a test without a server: EOPNOTSUPP.
 */
[[nodiscard]] inline detail::connect_operation connect(connection &peer, const endpoint &to,
						       const connect_options &how = {}) noexcept
{
	return detail::connect_operation(peer, to, how);
}

} // namespace ktcp

#endif
