// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * A TCP server: a listener, and a handler that runs once per connection.
 *
 * @code
 * struct echo {
 *	ktcp::task operator()(ktcp::connection &peer) const
 *	{
 *		while (auto received = co_await peer.read())
 *			if (!co_await peer.write(*received))
 *				break;
 *	}
 * };
 *
 * ktcp::server<echo> server;			// event-driven
 * KTCP_TRY(server.start({ .name = "echo", .port = 7 }));
 * ...
 * server.stop();				// also in the destructor
 * @endcode
 *
 * From accept to teardown: the acceptor takes connections out of the backlog and adds them to the
 * session table. The model advances each session, and retires it. The last one lets stop() go on.
 */
#ifndef KTCP_SERVER_HPP
#define KTCP_SERVER_HPP

#include <algorithm>
#include <concepts>
#include <cstdint>
#include <iterator>
#include <new>
#include <span>
#include <utility>

#include <ktcp/connection.hpp>
#include <ktcp/engine/event_driven.hpp>
#include <ktcp/engine/habits.hpp>
#include <ktcp/engine/model.hpp>
#include <ktcp/engine/running_server.hpp>
#include <ktcp/engine/session.hpp>
#include <ktcp/engine/softirq.hpp>
#include <ktcp/engine/statistics.hpp>
#include <ktcp/engine/thread_per_connection.hpp>
#include <ktcp/engine/work_per_connection.hpp>
#include <ktcp/kernel/context.hpp>
#include <ktcp/kernel/log.hpp>
#include <ktcp/port/memory.h>
#include <ktcp/server_options.hpp>
#include <ktcp/task.hpp>

namespace ktcp
{

/**
 * A handler can serve a connection: it is copyable, and callable as
 * `ktcp::task operator()(ktcp::connection &peer) const`.
 *
 * A handler must not sleep, since the event-driven model resumes it in softirq. One that takes a
 * mutex, or allocates with gfp::kernel, says `static constexpr bool may_sleep = true;`. The server
 * takes all its turns in process context then. One that sleeps now and then asks first:
 * `co_await peer.may_sleep()`. Either has a ktcp::process_context, for which what sleeps asks
 * (ktcp/kernel/context.hpp).
 *
 * The server accepts a connection when its peer has sent a byte, or after some milliseconds. A
 * handler that writes before it reads says `static constexpr bool speaks_first = true;`. The server
 * accepts its connections at once.
 *
 * A handler may have up to eight counters of its own, `static constexpr const char *counters[] = {
 * "commands", "timed_out_command" };`. It counts by connection::count(), and the server shows them
 * in /proc/net/NAME/statistics, behind its own.
 */
template <class Handler>
concept connection_handler = std::copy_constructible<Handler> &&
	requires(const Handler &handler, connection &peer)
{
	{
		handler(peer)
		} -> std::same_as<task>;
};

/** How handlers wait: event_driven, softirq, work_per_connection, thread_per_connection. */
template <class Model>
concept execution_model = std::same_as<decltype(Model::table), const struct model>;

/** As a Model: server_options::model chooses when the server starts. */
struct any_model {
	/** The models that may be named. */
	static constexpr const struct model *all[] = {
		&event_driven::table,
		&softirq::table,
		&work_per_connection::table,
		&thread_per_connection::table,
	};
};

namespace detail
{

/* A handler may say that it writes before it reads. The server accepts without waiting then. */
template <class Handler>
constexpr bool speaks_first = requires
{
	requires Handler::speaks_first;
};

/* The names of a handler's own counters. */
template <class Handler>
constexpr std::span<const char *const> counters_of() noexcept
{
	if constexpr (requires { Handler::counters; }) {
		static_assert(std::size(Handler::counters) <= statistics::handlers_most,
			      "a handler has eight counters at most");
		return Handler::counters;
	} else {
		return {};
	}
}

} // namespace detail

/** The part of a server that is the same for every handler and model. Process context. */
class server_base {
    public:
	server_base(const server_base &) = delete;
	server_base &operator=(const server_base &) = delete;

	/**
	 * Stop listening, end every connection, and wait until nothing of the server is left:
	 * no socket, work, thread, memory or callback. However the peers behave, this takes
	 * server_options::drain_ms and the time of the handlers' next few awaits. The server can
	 * be started again.
	 */
	void stop() noexcept
	{
		if (!live_)
			return;
		live_->stop();
		destroy();
	}

	/**
	 * The first half of stop(), for several servers that stop together or a network namespace
	 * that ends (pernet). The server accepts nothing more, and every connection is being ended,
	 * without a drain. An RCU grace period must pass before stop(), which waits for the rest.
	 */
	void begin_stop() noexcept
	{
		if (live_)
			live_->begin_stop();
	}

	/**
	 * Take those of @p options that may change while it runs: backlog, max_connections,
	 * max_per_source, max_outgoing, max_outgoing_per_source, accept_rate, timeouts, user_timeout_ms, drain_ms,
	 * buffer_memory.
	 * Connections that are there heed them, too. None is ended for being one too many, but those that
	 * server_options::peers does not admit any more are. max_per_source that was 0 stays so. Nothing
	 * is done before start() and after stop(). Process context, not beside them.
	 * Errors: ENOMEM, and the rate is as it was.
	 */
	result<void> change(const server_options &options) noexcept
	{
		return live_ ? live_->change(options) : result<void>();
	}

	/** The port it listens on (host order), 0 before start() and after stop(). */
	std::uint16_t port() const noexcept
	{
		return live_ ? live_->port() : 0;
	}

	/** The most connections it serves at once: the option, or the model's limit if that is less. */
	unsigned int max_connections() const noexcept
	{
		return live_ ? live_->max_connections() : 0;
	}

    protected:
	server_base() noexcept = default;

	~server_base()
	{
		stop();
	}

	/** As server::start(), once the model is known. */
	result<void> start(const server_options &options, const struct model &model,
			   detail::habits habits, session::handler_function handle,
			   const void *handler) noexcept
	{
		if (live_)
			return errc::ebusy;
		if (options.buffer_bytes < detail::running_server::least_buffer_bytes ||
		    options.buffer_bytes > detail::running_server::most_buffer_bytes) {
			KTCP_LOG_ERR_RATELIMITED("buffers of %zu bytes: must be %zu to %zu",
						 options.buffer_bytes,
						 detail::running_server::least_buffer_bytes,
						 detail::running_server::most_buffer_bytes);
			return errc::einval;
		}

		void *memory = ktcp_kmalloc(sizeof(detail::running_server), KTCP_GFP_KERNEL);

		if (!memory) {
			KTCP_LOG_ERR_RATELIMITED("no memory to start; free some and load again");
			return errc::enomem;
		}
		live_ = new (memory) detail::running_server(options, habits);

		const auto status = live_->start(model, handle, handler);

		if (!status)
			destroy();
		return status;
	}

    private:
	void destroy() noexcept
	{
		live_->~running_server();
		ktcp_kfree(std::exchange(live_, nullptr));
	}

	detail::running_server *live_ = nullptr;
};

/**
 * A server that runs @p Handler for each connection, in @p Model.
 * Make one, start() it, stop() it; it is neither copied nor moved.
 */
template <class Handler, class Model = event_driven>
	requires(execution_model<Model> || std::same_as<Model, any_model>)
class server : public server_base {
	static_assert(std::copy_constructible<Handler>,
		      "a handler can be copied: the server keeps one of its own");
	static_assert(connection_handler<Handler>,
		      "a handler has: ktcp::task operator()(ktcp::connection &peer) const, with the "
		      "const at its end");
	static_assert(!(std::same_as<Model, softirq> && detail::may_sleep<Handler>),
		      "this handler may sleep (Handler::may_sleep), so the softirq model cannot run "
		      "it; use ktcp::event_driven");

    public:
	explicit server(Handler handler = Handler()) noexcept : handler_(std::move(handler))
	{
	}

	~server()
	{
		stop(); /* before the handler goes */
	}

	/**
	 * Listen, and serve until stop(). @p options.name must stay valid until then, and be of no
	 * other live server: slab caches are named after it. A handler whose messages need larger
	 * buffers has `std::size_t buffer_bytes() const`; the larger of both counts.
	 * Errors, each with a line in the log: EADDRINUSE, EINVAL (no such model, or no such size of
	 * a buffer), ENOMEM, EBUSY (it runs already) …  Process context.
	 */
	result<void> start(server_options options) noexcept
	{
		if constexpr (requires { handler_.buffer_bytes(); })
			options.buffer_bytes = std::max(options.buffer_bytes,
							handler_.buffer_bytes());
		if constexpr (std::same_as<Model, any_model>) {
			for (const struct model *each : any_model::all)
				if (options.model == each->name &&
				    !(each == &softirq::table && detail::may_sleep<Handler>))
					return server_base::start(options, *each, habits, handle,
								  &handler_);
			KTCP_LOG_ERR_RATELIMITED(
				"model=%.*s: %s", static_cast<int>(options.model.size()),
				options.model.data(),
				detail::may_sleep<Handler> ?
					"this server may sleep; must be event, work or thread" :
					"must be event, softirq, work or thread");
			return errc::einval;
		} else {
			return server_base::start(options, Model::table, habits, handle, &handler_);
		}
	}

    private:
	static constexpr detail::habits habits = {
		.may_sleep = detail::may_sleep<Handler>,
		.speaks_first = detail::speaks_first<Handler>,
		.counters = detail::counters_of<Handler>(),
	};

	static task handle(const void *handler, connection &peer)
	{
		return (*static_cast<const Handler *>(handler))(peer);
	}

	Handler handler_;
};

} // namespace ktcp

#endif
