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
 * From accept to teardown: the listener's callback queues accept_; that takes connections
 * out of the backlog and adds them to the session table; the model advances each session
 * and retires it; the last one lets stop() go on.
 */
#ifndef KTCP_SERVER_HPP
#define KTCP_SERVER_HPP

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

#include <ktcp/atomic.hpp>
#include <ktcp/connection.hpp>
#include <ktcp/log.hpp>
#include <ktcp/model/event_driven.hpp>
#include <ktcp/model/session.hpp>
#include <ktcp/model/softirq.hpp>
#include <ktcp/model/thread_per_connection.hpp>
#include <ktcp/model/work_per_connection.hpp>
#include <ktcp/server_files.hpp>

namespace ktcp
{

/**
 * What can serve a connection: copyable, and callable as
 * `ktcp::task operator()(ktcp::connection &peer) const`.
 *
 * It must not sleep: the event-driven model resumes it in softirq. One that takes a mutex, or
 * allocates with gfp::kernel, says `static constexpr bool may_sleep = true;`, and all its turns are
 * taken in process context; one that sleeps now and then asks first: `co_await peer.may_sleep()`.
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

/** As a Model: chosen by server_options::model when the server starts. */
struct any_model {
	/** Those that may be named. */
	static constexpr const struct model *all[] = {
		&event_driven::table,
		&softirq::table,
		&work_per_connection::table,
		&thread_per_connection::table,
	};
};

namespace detail
{

/* A handler may say that it sleeps; then none of its turns is taken in softirq. */
template <class Handler>
constexpr bool may_sleep = requires
{
	requires Handler::may_sleep;
};

} // namespace detail

/** What a server is told when it starts. */
struct server_options {
	const char *name = "ktcp"; /**< in the log, of threads, queues and caches; see start() */
	std::uint16_t port = 0; /**< to listen on, all addresses, IPv4 and IPv6 */
	int backlog = 1024; /**< connections that may wait to be accepted */
	std::string_view model = "event"; /**< server<Handler, any_model>: which */
	enum placement placement = placement::incoming; /**< where sessions run */
	unsigned int max_connections = 65536; /**< beyond this, new ones are reset at once */
	unsigned int max_per_source = 0; /**< of one peer (IPv4 address, IPv6 /64); 0: any number */
	session_timeouts timeouts = {}; /**< of a quiet peer */
	unsigned int user_timeout_ms = 0; /**< TCP_USER_TIMEOUT; 0: the system's */
	unsigned int drain_ms = 0; /**< how long stop() lets connections finish by themselves */
	struct net *net = nullptr; /**< the network namespace; nullptr: the initial one */
	const char *folder = nullptr; /**< below /proc/net; nullptr: as the name */
};

/** What a server does, whatever its handler and its model. Process context. */
class server_base {
    public:
	server_base(const server_base &) = delete;
	server_base &operator=(const server_base &) = delete;

	/**
	 * Stop listening, end every connection, and wait until nothing of the server is left:
	 * no socket, work, thread, memory or callback. However the peers behave, this takes
	 * server_options::drain_ms and as long as the handlers' next few awaits. The server can
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
	 * The first half of stop(), for where several stop together or a network namespace ends
	 * (pernet): nothing new is served from here on, and every connection is being ended, without
	 * a drain. An RCU grace period must pass before stop(), which then waits for the rest.
	 */
	void begin_stop() noexcept
	{
		if (live_)
			live_->begin_stop();
	}

	/** The port it listens on (host order), 0 before start() and after stop(). */
	std::uint16_t port() const noexcept
	{
		return live_ ? live_->options.port : 0;
	}

	/** How many connections it serves at once: what was asked for, or the most that the model can. */
	unsigned int max_connections() const noexcept
	{
		return live_ ? live_->options.max_connections : 0;
	}

    protected:
	server_base() noexcept = default;

	~server_base()
	{
		stop();
	}

	/** As server::start(), once the model is known. */
	result<void> start(const server_options &options, const struct model &model, bool may_sleep,
			   session_table::handler_function handle, const void *handler) noexcept;

    private:
	/* Everything that exists only while the server runs. */
	struct running : private ktcp_sock_hook {
		explicit running(const server_options &options) noexcept
			: ktcp_sock_hook{ on_connection, {} }, options(options),
			  sessions(options.max_per_source)
		{
		}

		result<void> set_up(const struct model &model, bool may_sleep,
				    session_table::handler_function handle,
				    const void *handler) noexcept;
		result<void> make_turns() noexcept;
		result<void> listen() noexcept;
		result<void> open_listener() noexcept;
		void close_listener() noexcept;
		void listen_again() noexcept;
		result<void> publish() noexcept;
		result<ktcp::socket> bound(enum family family) noexcept;
		void unlisten() noexcept;
		void begin_stop() noexcept;
		void stop() noexcept;
		void accept() noexcept;
		bool accept_one() noexcept;
		void sweep() noexcept;

		static void on_connection(struct ktcp_sock_hook *hook, unsigned int)
		{
			running &self = *static_cast<running *>(hook);

			self.accept_work.queue_in(self.sessions.use().control, 0);
		}

		unsigned int sweep_period_ms() const noexcept
		{
			unsigned int period = longest_sweep_ms;

			for (const unsigned int limit :
			     { options.timeouts.idle_ms, options.timeouts.write_ms })
				if (limit && limit / 4 < period)
					period = limit / 4 ? limit / 4 : 1;
			return period;
		}

		static constexpr unsigned int longest_sweep_ms = 1000;
		static constexpr unsigned int accepts_per_turn = 64;
		static constexpr unsigned int accept_retry_ms = 20;
		static constexpr unsigned int longest_retry_ms = 5000;
		static constexpr std::size_t buffer_bytes =
			16384; /* ktcp::received counts to 65535 */

		server_options options;
		ktcp::socket listener; /* accept_work's, once there is one; none while it is lost */
		session_table sessions;
		server_files files{ sessions };
		delayed_work<running> accept_work{ *this, [](running &self) { self.accept(); } };
		delayed_work<running> sweep_work{ *this, [](running &self) { self.sweep(); } };
		atomic<bool> listened = false; /* so that what is lost can only be that */
		unsigned int listen_retry_ms = accept_retry_ms; /* while the listener is lost */
		atomic<bool> unlistening = false; /* accepting is over */
		bool stopping = false; /* begin_stop() was called */
	};

	void destroy() noexcept
	{
		live_->~running();
		ktcp_kfree(std::exchange(live_, nullptr));
	}

	running *live_ = nullptr;
};

/**
 * A server that runs @p Handler for each connection, in @p Model.
 * Make one, start() it, stop() it; it is neither copied nor moved.
 */
template <connection_handler Handler, class Model = event_driven>
	requires(execution_model<Model> || std::same_as<Model, any_model>)
class server : public server_base {
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
	 * other live server: slab caches are named after it.
	 * Errors, each with a line in the log: EADDRINUSE, EINVAL (no such model), ENOMEM,
	 * EBUSY (it runs already) …  Process context.
	 */
	result<void> start(const server_options &options) noexcept
	{
		if constexpr (std::same_as<Model, any_model>) {
			for (const struct model *each : any_model::all)
				if (options.model == each->name &&
				    !(each == &softirq::table && detail::may_sleep<Handler>))
					return server_base::start(options, *each,
								  detail::may_sleep<Handler>,
								  handle, &handler_);
			KTCP_LOG_ERR("model=%.*s: %s", static_cast<int>(options.model.size()),
				     options.model.data(),
				     detail::may_sleep<Handler> ?
					     "this server may sleep; must be event, work or thread" :
					     "must be event, softirq, work or thread");
			return errc::einval;
		} else {
			return server_base::start(options, Model::table, detail::may_sleep<Handler>,
						  handle, &handler_);
		}
	}

    private:
	static task handle(const void *handler, connection &peer)
	{
		return (*static_cast<const Handler *>(handler))(peer);
	}

	Handler handler_;
};

namespace detail
{

/* "name-suffix", cut to what a workqueue or a cache shows. */
class joined_name {
    public:
	joined_name(std::string_view name, std::string_view suffix) noexcept
	{
		add(name, sizeof(text_) - suffix.size() - 1);
		add(suffix, sizeof(text_) - 1);
		text_[used_] = '\0';
	}

	const char *c_str() const noexcept
	{
		return text_;
	}

    private:
	void add(std::string_view part, std::size_t limit) noexcept
	{
		for (char each : part)
			if (used_ < limit)
				text_[used_++] = each;
	}

	char text_[32];
	std::size_t used_ = 0;
};

} // namespace detail

inline result<void> server_base::start(const server_options &options, const struct model &model,
				       bool may_sleep, session_table::handler_function handle,
				       const void *handler) noexcept
{
	if (live_)
		return errc::ebusy;

	void *memory = ktcp_kmalloc(sizeof(running), KTCP_GFP_KERNEL);

	if (!memory) {
		KTCP_LOG_ERR("no memory to start; free some and load again");
		return errc::enomem;
	}
	live_ = new (memory) running(options);

	auto status = live_->set_up(model, may_sleep, handle, handler);

	if (status)
		status = live_->listen();
	if (status)
		status = live_->publish();
	if (!status)
		destroy();
	return status;
}

/* Turns in softirq: where packets arrive, so not where somebody asked for another place. */
inline result<void> server_base::running::make_turns() noexcept
{
	auto &use = sessions.use();
	auto made = engine::create();

	if (!made && made.error() == errc::eopnotsupp) {
		KTCP_LOG_NOTE("this kernel's softirqs do not exclude each other: "
			      "connections are served by work items");
		return {};
	}
	use.turns = KTCP_TRY(std::move(made));
	use.pages = KTCP_TRY(softirq_pages::create());
	return {};
}

inline result<void> server_base::running::set_up(const struct model &model, bool may_sleep,
						 session_table::handler_function handle,
						 const void *handler) noexcept
{
	auto &use = sessions.use();
	const std::string_view name = options.name;
	const auto make = [&]() -> result<void> {
		use.sessions = KTCP_TRY(kmem_cache::create(
			detail::joined_name(name, "_session").c_str(), model.session_size));
		use.buffers = KTCP_TRY(page_pool::create(buffer_bytes));
		if (model.in_softirq && !may_sleep && options.placement == placement::incoming)
			KTCP_TRY(make_turns());
		use.queue = KTCP_TRY(workqueue::create(
			options.name,
			{ .unbound = options.placement == placement::anywhere,
			  .max_active = model.blocks ? workqueue::most_active() : 0 }));
		use.sleepers = KTCP_TRY(workqueue::create(
			detail::joined_name(name, "_sleepers").c_str(),
			{ .unbound = true, .max_active = workqueue::most_active() }));
		use.control =
			KTCP_TRY(workqueue::create(detail::joined_name(name, "_control").c_str()));
		return {};
	};
	const auto status = make();

	if (!status) {
		KTCP_LOG_ERR("no memory to start (error %d); free some and load again",
			     status.code());
		return status;
	}
	use.model = &model;
	use.handle = handle;
	use.handler = handler;
	use.name = options.name;
	use.placement = options.placement;

	const auto most = static_cast<unsigned int>(workqueue::most_active());

	/* Beyond what a queue can block on at once, a connection would wait for another to leave. */
	if (model.blocks && options.max_connections > most)
		options.max_connections = most;
	return {};
}

/* One socket for both families, or for IPv4 alone where IPv6 is off. */
inline result<ktcp::socket> server_base::running::bound(enum family family) noexcept
{
	auto made = KTCP_TRY(ktcp::socket::create(family, options.net));

	made.set_reuseaddr(); /* an earlier load's connections may be in TIME-WAIT */
	if (family == family::inet6)
		made.set_v6only(false); /* whatever net.ipv6.bindv6only says */
	made.set_nodelay();
	made.set_keepalive();
	if (options.user_timeout_ms)
		made.set_user_timeout(options.user_timeout_ms);
	made.set_oobinline(); /* an urgent byte is a byte like the others */
	KTCP_TRY(made.bind(endpoint::any(options.port)));
	return made;
}

inline result<void> server_base::running::open_listener() noexcept
{
	auto made = bound(family::inet6);

	if (!made && (made.error() == errc::eafnosupport || made.error() == errc::eaddrnotavail)) {
		if (!listened.load(memory_order_relaxed))
			KTCP_LOG_NOTE("IPv6 is off: listening on IPv4 alone");
		made = bound(family::inet);
	}
	if (!made)
		return made.error();
	/* Before the hook is in: from then on accept_work may run, and has to find it. */
	listener = std::move(*made);

	/* Before listen(), so that no connection comes unannounced. */
	const auto hooked = result<void>::from(ktcp_sock_hook_listener(listener.raw(), this));

	if (!hooked) {
		listener = ktcp::socket();
		return hooked;
	}

	const auto listening = listener.listen(options.backlog);

	if (!listening)
		close_listener();
	return listening;
}

/* On return no callback of it is under way, nor will one begin. */
inline void server_base::running::close_listener() noexcept
{
	ktcp_sock_unhook_listener(listener.raw(), this);
	listener = ktcp::socket();
}

inline result<void> server_base::running::listen() noexcept
{
	const auto listening = open_listener();

	if (listening) {
		listened.store(true, memory_order_relaxed);
		/* If any would do: from here on, that one. */
		if (const auto local = listener.local(); local && !options.port)
			options.port = local->port();
		sweep_work.queue_in(sessions.use().control, sweep_period_ms());
	} else if (listening.error() == errc::eaddrinuse) {
		KTCP_LOG_ERR(
			"port %u is in use; stop who listens there (ss -ltn), or choose another "
			"with port=",
			options.port);
	} else {
		KTCP_LOG_ERR("cannot listen on port %u (error %d); choose another with port=",
			     options.port, listening.error().code());
	}
	return listening;
}

/* It was lost: by ss -K, say. Try until it is back, and say once what is in the way. */
inline void server_base::running::listen_again() noexcept
{
	const bool just_lost = static_cast<bool>(listener);

	if (just_lost) {
		KTCP_LOG_WARN_RATELIMITED(
			"port %u: the listening socket was ended from outside (ss -K, perhaps); "
			"listening again",
			options.port);
		close_listener();
		listen_retry_ms = accept_retry_ms;
	}

	const auto listening = open_listener();

	if (listening) {
		sessions.count(&statistics::relistened);
		if (!just_lost)
			KTCP_LOG_NOTE("listening on port %u again", options.port);
		/* What came before the hook was in has been announced to nobody. */
		accept_work.queue_in(sessions.use().control, 0);
		return;
	}
	if (just_lost)
		KTCP_LOG_WARN_RATELIMITED(
			"cannot listen on port %u again (error %d%s); trying until it can",
			options.port, listening.error().code(),
			listening.error() == errc::eaddrinuse ? ", it is in use: see ss -ltn" : "");
	accept_work.queue_in(sessions.use().control, listen_retry_ms);
	listen_retry_ms = std::min(2 * listen_retry_ms, longest_retry_ms);
}

inline result<void> server_base::running::publish() noexcept
{
	const char *const folder = options.folder ? options.folder : options.name;
	const auto status = files.publish(folder, options.net);

	if (!status) {
		KTCP_LOG_ERR("cannot make /proc/net/%s (error %d); is another server called so?",
			     folder, status.code());
		stop();
	}
	return status;
}

/* The order matters: see each step. */
inline void server_base::running::unlisten() noexcept
{
	files.unpublish(); /* nobody new finds us that way */
	/* From here on the accept work does nothing, and the listener is ours … */
	unlistening.store(true, memory_order_relaxed);
	accept_work.cancel_sync();
	/* … whose callback may still queue the work, until it is closed; that resets the children
	 * that wait in the backlog. RCU covers the callback's last instructions, once for the whole
	 * server. */
	if (listener)
		close_listener();
	accept_work.cancel_sync();
}

inline void server_base::running::begin_stop() noexcept
{
	unlisten();
	/* Accepting is over, so the list can only shrink: none is missed. */
	sessions.end_all(errc::eshutdown);
	stopping = true;
}

inline void server_base::running::stop() noexcept
{
	if (!stopping) {
		/* Busy connections could keep this CPU from us: those that get no drain are ended
		 * before we wait for anything. */
		if (options.drain_ms)
			unlisten();
		else
			begin_stop();
		ktcp_synchronize_rcu();
	}
	sessions.close();
	/* The sweep goes on meanwhile: a peer that is slow to finish is still timed out. */
	const bool told = stopping || sessions.drain(options.drain_ms);

	sweep_work.cancel_sync();
	/* Nor is one missed here. */
	if (!told)
		sessions.end_all(errc::eshutdown);
	sessions.wait_until_empty();
	/* The work items that dropped the last session may still be on their way out; destroying
	 * the queues, in our destructor, waits for them. */
}

inline void server_base::running::accept() noexcept
{
	/* Cancelling and queueing order it. */
	if (unlistening.load(memory_order_relaxed))
		return;
	if (!listener || !listener.listening()) {
		/* An event may come before the first listen(), too: nothing is lost then. */
		if (listened.load(memory_order_relaxed))
			listen_again();
		return;
	}
	for (unsigned int taken = 0; taken < accepts_per_turn; taken++)
		if (!accept_one())
			return;
	accept_work.queue_in(sessions.use().control, 0);
}

/* False: come back when the listener, or the timer, says so. */
inline bool server_base::running::accept_one() noexcept
{
	auto accepted = listener.accept();

	if (!accepted) {
		if (accepted.error() == errc::eagain)
			return false;
		if (accepted.error() == errc::econnaborted)
			return true;
		if (accepted.error() == errc::ebusy) {
			sessions.count(&statistics::refused_taken);
			KTCP_LOG_WARN_RATELIMITED(
				"port %u: a BPF program has put a connection into a sockmap, and it "
				"was reset; keep that program off this port (bpftool cgroup tree)",
				options.port);
			return true;
		}
		/* No memory or no file: the backlog is not empty, and nothing would announce it
		 * again. */
		accept_work.queue_in(sessions.use().control, accept_retry_ms);
		return false;
	}
	if (sessions.count() >= options.max_connections) {
		sessions.refuse(std::move(*accepted), &statistics::refused_full);
		return true;
	}
	/* A peer that is refused has been reset and counted, and that is all to be done. */
	static_cast<void>(sessions.add(std::move(*accepted)));
	return true;
}

inline void server_base::running::sweep() noexcept
{
	sessions.sweep(options.timeouts);
	sweep_work.queue_in(sessions.use().control, sweep_period_ms());
}

} // namespace ktcp

#endif
