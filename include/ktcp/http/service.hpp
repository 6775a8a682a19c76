// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * A connection handler that speaks HTTP/1.1 and 1.0, for a handler of requests.
 *
 * @code
 * struct greeting {
 *	ktcp::task_of<void> operator()(ktcp::http::request &, ktcp::http::response &response) const
 *	{
 *		response.status(200).field("Content-Type", "text/plain");
 *		co_return co_await response.send("hello\n");
 *	}
 * };
 *
 * ktcp::server<ktcp::http::service<greeting>> server;
 * @endcode
 *
 * Keep-alive, pipelining, bodies that nobody read, 100-continue, timeouts and refusals are
 * seen to here. A connection that waits for its next request holds no buffer.
 */
#ifndef KTCP_HTTP_SERVICE_HPP
#define KTCP_HTTP_SERVICE_HPP

#include <ktcp/http/request_handler.hpp>
#include <ktcp/http/response.hpp>

namespace ktcp::http
{

/** The ktcp::connection_handler for @p Handler. */
template <request_handler Handler>
class service {
    public:
	/** Does the handler sleep without asking? Then so do we. */
	static constexpr bool may_sleep = requires
	{
		requires Handler::may_sleep;
	};

	explicit service(Handler handler = Handler(), const struct options &options = {}) noexcept
		: handler_(std::move(handler)), options_(options)
	{
	}

	task operator()(connection &peer) const
	{
		stream bytes(peer, options_, clock_);
		unsigned int patience = options_.head_ms; /* for the first request */

		for (;;) {
			if (!bytes.input()) {
				bytes.input() = received(); /* no buffer while we wait */
				bytes.expect_to_write(bytes.output().size());
				if (!co_await peer.write(bytes.output()))
					co_return;
				bytes.written();
				peer.expires_after(patience);
				bytes.input() = co_await peer.read();
				if (!bytes.input())
					co_return;
				patience = options_.keep_alive_ms;
			}

			const auto next = co_await serve(bytes);

			if (next && *next == after::next_request)
				continue;
			if (!next || *next == after::reset)
				co_return;
			bytes.expect_to_write(bytes.output().size());
			if (!co_await peer.write(bytes.output()))
				co_return;
			bytes.written();
			if (*next == after::linger)
				static_cast<void>(co_await linger(peer));
			co_return;
		}
	}

    private:
	/* What becomes of the connection after a request. */
	enum class after {
		next_request,
		close,
		linger, /* close, when the client has had time to read why */
		reset,
	};

	/* How long, and for how many bytes, a client that was refused is listened to. */
	static constexpr unsigned int linger_ms = 2000;
	static constexpr std::size_t linger_bytes = 1 << 20;

	/* Answer the request that begins with the input; its response may still be in output(). */
	task_of<after> serve(stream &bytes) const
	{
		request asked(bytes);
		response answer(bytes, asked);
		connection &peer = bytes.peer();
		auto parsed = asked.parse(stream::text(bytes.input()));
		bool first = true;

		while (parsed == request::outcome::more) {
			/* The client may wait for an answer before it goes on. */
			bytes.expect_to_write(bytes.output().size());
			if (!co_await peer.write(bytes.output()))
				co_return after::reset;
			bytes.written();
			if (first)
				peer.expires_after(options_.head_ms);
			first = false;

			const auto got = co_await peer.read_more(bytes.input());

			if (got && *got) {
				parsed = asked.parse(stream::text(bytes.input()));
				continue;
			}
			if (got || got.error() == errc::econnreset)
				co_return after::close;
			if (got.error() != errc::etimedout && got.error() != errc::enobufs)
				co_return after::reset;
			asked.fail(got.error() == errc::etimedout ? errc::etimedout : errc::enobufs,
				   got.error() == errc::etimedout ? 408 : 431);
			break;
		}
		/* Room for a head; what is there may be the answers to a whole pipeline. */
		if (!bytes.open())
			co_return after::reset;
		if (bytes.room() < least_room) {
			bytes.expect_to_write(bytes.output().size());
			if (!co_await peer.write(bytes.output(), true))
				co_return after::reset;
			bytes.written();
			if (!bytes.open())
				co_return after::reset;
		}
		if (parsed != request::outcome::complete) {
			if (!asked.failed() || !co_await answer.fail(asked.failed()))
				co_return after::reset;
			done(asked, answer);
			co_return after::linger;
		}
		asked.accept_head();
		/* A handler without memory for its frame has not answered; finish() does. */
		static_cast<void>(co_await handler_(asked, answer));

		const auto finished = co_await answer.finish();

		done(asked, answer);
		if (!finished)
			co_return after::reset;

		std::size_t passed_over = 0;

		while (asked.has_body() && !asked.failed() && !answer.close_) {
			const auto piece = co_await asked.read_body();

			if (!piece)
				break;
			passed_over += piece->size();
			answer.close_ = passed_over > options_.chunk_overhead_bytes;
		}
		asked.leave_rest();
		if (asked.has_body() || asked.failed())
			co_return after::linger;
		co_return answer.close_ ? after::close : after::next_request;
	}

	/* A close with unread bytes would reset the connection, and the reset overtake the answer. */
	static task linger(connection &peer)
	{
		if (!co_await peer.may_sleep() || !peer.socket().shutdown(shutdown_how::wr))
			co_return;
		peer.expires_after(linger_ms);
		for (std::size_t heard = 0; heard < linger_bytes;) {
			const auto more = co_await peer.read();

			if (!more)
				break;
			heard += (*more).size();
		}
	}

	void done(const request &asked, const response &answer) const noexcept
	{
		if constexpr (requires { handler_.done(asked, answer); })
			handler_.done(asked, answer);
	}

	static constexpr std::size_t least_room = 4096;

	Handler handler_;
	struct options options_;
	mutable date_clock clock_;
};

} // namespace ktcp::http

#endif
