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
 * The service does keep-alive, pipelining, 100-continue, timeouts and refusals, and skips bodies
 * that no handler read. A connection that waits for its next request holds no buffer.
 */
#ifndef KTCP_HTTP_SERVICE_HPP
#define KTCP_HTTP_SERVICE_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>
#include <utility>

#include <ktcp/engine/server_files.hpp>
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

	/** May the handler wait for others than its client? See request_handler. */
	static constexpr bool waits_for_others = !requires
	{
		requires !Handler::waits_for_others;
	};

	/** How many clients were too slow, and for what. */
	static constexpr const auto &counters = wait_counters;

	service() noexcept requires std::is_default_constructible_v<Handler> : service(Handler())
	{
	}

	explicit service(Handler handler, const struct options &options = {}) noexcept
		: handler_(std::move(handler)), options_(options), clock_(options.server)
	{
	}

	/** The same with options that outlive this and its copies. Their numbers may change meanwhile. */
	service(Handler handler, const struct options *shared) noexcept
		: service(std::move(handler), *shared)
	{
		shared_ = shared;
	}

	task operator()(connection &peer) const
	{
		const struct options &options = shared_ ? *shared_ : options_;
		stream bytes(peer, options, clock_);
		unsigned int patience = options.head_ms; /* for the first request */
		wait what = wait::head;

		for (;;) {
			if (!bytes.input()) {
				bytes.input() = received(); /* no buffer while we wait */
				bytes.expect_to_write(bytes.output().size());
				if (!co_await bytes.write_output())
					co_return;
				bytes.expect(what, patience);
				bytes.input() = co_await peer.read();
				/* The time begins when the client has taken the last answer. */
				if (!bytes.input() && peer.is_expired() &&
				    peer.idle_ms() < patience) {
					const std::uint64_t now = ktcp_now_ms();

					static_cast<void>(co_await bytes.read_while_busy(
						what, patience, now - patience,
						now + bytes.at_least(patience, peer.unread())));
				}
				if (!bytes.input())
					co_return;
				patience = options.keep_alive_ms;
				what = wait::request;
			}

			const auto next = co_await serve(bytes);

			if (next && *next == fate::next_request)
				continue;
			if (next && *next != fate::over)
				static_cast<void>(co_await part(bytes, *next == fate::linger));
			co_return;
		}
	}

	/** As ktcp::server asks for it: a head is in one buffer. */
	std::size_t buffer_bytes() const noexcept
	{
		return options_.head.head_bytes;
	}

	/** As ktcp::server_module asks for it; the request handler's, if it has one. */
	server_file own_file() const noexcept requires requires(const Handler &handler)
	{
		handler.own_file();
	}
	{
		return handler_.own_file();
	}

    private:
	/* How long a client is listened to after the last word: in all, and without a byte. */
	static constexpr unsigned int linger_ms = 30'000;
	static constexpr unsigned int linger_silence_ms = 5000;

	/* Answer the request that begins with the input; its response may still be in output(). */
	task_of<fate> serve(stream &bytes) const
	{
		exchange state{ .head_room = exchange::head_most + options_.fields.size() };
		request asked(bytes, state);
		response answer(bytes, asked, state);
		auto parsed = asked.parse_input();

		if (parsed == request::outcome::more) {
			const auto whole = co_await receive_head(bytes, asked);

			if (!whole)
				co_return fate::over;
			parsed = *whole;
		}
		auto ready = bytes.open();
		/* Many responses of a pipeline leave together, but each head has its room. */
		if (ready && parsed == request::outcome::complete)
			state.head_room = std::min(state.head_room + asked.length(), bytes.size());
		if (ready && bytes.room() < state.head_room)
			ready = co_await flush(bytes);
		bytes.begin_response();
		if (parsed == request::outcome::more) /* one that has sent nothing, or has left */
			co_return ready ? fate::close : fate::over;
		if (!ready) {
			answer.cut_short(ready.error());
			answer.say_nothing();
			done(asked, answer);
			co_return fate::over;
		}
		if (parsed != request::outcome::complete) {
			answer.fail(state.refused);
			done(asked, answer);
			co_return state.ended(true);
		}
		asked.accept_head();

		using answering = decltype(handler_(asked, answer));
		const auto located = asked.resolve_path();

		if (!located)
			answer.refuse(located.error() == errc::einval ? 400 : 503);
		/* One that has replied at once is no coroutine; one that had no memory for its frame
		 * has not answered, and finish() does. */
		const auto handled = located ? handler_(asked, answer) : answering();

		if (!handled.empty()) {
			/* It may wait for others as long as it likes. Earlier answers do not wait with it. */
			if (waits_for_others && !bytes.output().empty())
				ready = co_await flush(bytes);
			bytes.expect_no_more();
			if (ready)
				ready = co_await handled;
		}
		/* The rest of a reply() goes out however the handler ended. */
		if (const auto rest = std::exchange(answer.rest_, {}); !rest.empty()) {
			const auto sent =
				co_await answer.write_through(std::as_bytes(std::span(rest)));

			if (ready)
				ready = sent;
		}
		if (!ready)
			answer.cut_short(ready.error());

		auto finished = answer.finish();

		if (!finished && finished.error() == errc::eagain) {
			if (co_await flush(bytes))
				finished = answer.finish();
			else if (!bytes.is_cut()) /* there is no memory for its end */
				bytes.cut();
		}
		done(asked, answer);
		/* The client is not told of this one, but may get the answers to earlier ones. */
		if (!finished)
			co_return bytes.is_cut() ? fate::over : fate::close;
		if (!state.close && asked.has_body())
			static_cast<void>(co_await pass_over_body(asked));
		if (bytes.is_cut())
			co_return fate::over;
		asked.leave_rest();
		co_return state.ended(static_cast<bool>(bytes.input()));
	}

	/* Go on until the head is complete, or must be refused. */
	task_of<request::outcome> receive_head(stream &bytes, request &asked) const
	{
		connection &peer = bytes.peer();

		/* The client may wait for an answer before it goes on. */
		if (!co_await flush(bytes))
			co_return errc::epipe;
		bytes.expect(wait::head, bytes.options().head_ms);
		for (;;) {
			const auto got = co_await peer.read_more(bytes.input());
			/* Also where nothing came: the bytes may have moved, and a refusal is logged with
			 * its target. */
			const auto parsed = asked.parse_input();

			if (got && *got) {
				if (parsed != request::outcome::more)
					co_return parsed;
			} else if (got || (got.error() == errc::etimedout && !asked.begun())) {
				/* It has left, or sent an empty line, which is no request. */
				co_return request::outcome::more;
			} else if (got.error() == errc::etimedout) {
				if (peer.is_expired())
					bytes.count(wait::head);
				co_return asked.refuse(408);
			} else if (got.error() == errc::enobufs) {
				co_return asked.refuse(431);
			} else {
				co_return got.error();
			}
		}
	}

	/* The next request begins behind it. An error: it is malformed, or too long. A handler may leave
	 * some of a body that it began, and how much depends on how the bytes were cut. So only the
	 * limits of every body apply to that; one that was not begun is little (exchange::begin()). */
	static task_of<void> pass_over_body(request &asked)
	{
		while (asked.has_body())
			KTCP_CO_CHECK(co_await asked.read_body());
		co_return result<void>();
	}

	/* Write the output, and have room for more. */
	static task_of<void> flush(stream &bytes)
	{
		bytes.expect_to_write(bytes.output().size());

		const auto written = co_await bytes.write_output();

		bytes.end_writing(static_cast<bool>(written));
		KTCP_CO_CHECK(written);
		co_return bytes.open();
	}

	/* Say the last word. A close with unread bytes would reset the connection, and the reset
	 * overtake the answer: then hear the client out. Some may have come while the word had to wait. */
	static task part(stream &bytes, bool linger)
	{
		connection &peer = bytes.peer();

		bytes.expect_to_write(bytes.output().size());

		const auto said = co_await bytes.write_output();

		if (!said || (!linger && !peer.readable()))
			co_return;
		bytes.input() = received();
		if (!co_await peer.finish_sending())
			co_return;

		/* A client that still reads is not silent. */
		std::uint64_t now = ktcp_now_ms();
		const std::uint64_t until = now + bytes.at_least(linger_ms, peer.unread());

		do {
			static_cast<void>(co_await bytes.read_while_busy(
				wait::end, linger_silence_ms, now, until));
			now = ktcp_now_ms();
		} while (bytes.input() && now < until);
	}

	void done(const request &asked, const response &answer) const noexcept
	{
		if constexpr (requires { handler_.done(asked, answer); })
			handler_.done(asked, answer);
	}

	Handler handler_;
	struct options options_;
	const struct options *shared_ = nullptr; /* in place of those */
	mutable date_clock clock_;
};

} // namespace ktcp::http

#endif
