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
 * From accept to teardown: the listener's callback queues accept_work. That takes connections
 * out of the backlog and adds them to the session table. The model advances each session, and
 * retires it. The last one lets stop() go on.
 */
#ifndef KTCP_SERVER_HPP
#define KTCP_SERVER_HPP

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <span>
#include <string_view>
#include <utility>

#include <ktcp/base/atomic.hpp>
#include <ktcp/base/setting.hpp>
#include <ktcp/connection.hpp>
#include <ktcp/engine/admission.hpp>
#include <ktcp/engine/event_driven.hpp>
#include <ktcp/engine/listeners.hpp>
#include <ktcp/engine/model.hpp>
#include <ktcp/engine/proxied.hpp>
#include <ktcp/engine/server_files.hpp>
#include <ktcp/engine/session.hpp>
#include <ktcp/engine/session_resources.hpp>
#include <ktcp/engine/session_table.hpp>
#include <ktcp/engine/softirq.hpp>
#include <ktcp/engine/thread_per_connection.hpp>
#include <ktcp/engine/work_per_connection.hpp>
#include <ktcp/kernel/log.hpp>
#include <ktcp/server_options.hpp>

namespace ktcp
{

/**
 * A handler can serve a connection: it is copyable, and callable as
 * `ktcp::task operator()(ktcp::connection &peer) const`.
 *
 * A handler must not sleep, since the event-driven model resumes it in softirq. One that takes a
 * mutex, or allocates with gfp::kernel, says `static constexpr bool may_sleep = true;`. The server
 * takes all its turns in process context then. One that sleeps now and then asks first:
 * `co_await peer.may_sleep()`.
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

/* A handler may say that it sleeps. None of its turns is taken in softirq then. */
template <class Handler>
constexpr bool may_sleep = requires
{
	requires Handler::may_sleep;
};

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

/* The properties that a handler's type may declare. */
struct habits {
	bool may_sleep;
	bool speaks_first;
	std::span<const char *const> counters = {};
};

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
	 * max_per_source, max_outgoing, accept_rate, timeouts, user_timeout_ms, drain_ms, buffer_memory.
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
		return live_ ? live_->listeners.port() : 0;
	}

	/** The most connections it serves at once: the option, or the model's limit if that is less. */
	unsigned int max_connections() const noexcept
	{
		return live_ ? static_cast<unsigned int>(live_->max_connections) : 0;
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
			   const void *handler) noexcept;

    private:
	static constexpr unsigned int accept_retry_ms = 20;

	/* Everything that exists only while the server runs. */
	struct running {
		running(const server_options &options, detail::habits habits) noexcept
			: options(options), habits(habits), drain_ms(options.drain_ms),
			  admission(this->options),
			  listeners(this->options, habits.speaks_first, on_connection, this),
			  sessions(options.max_per_source),
			  files(sessions, options.net, options.proc_group, habits.counters)
		{
		}

		result<void> set_up(const struct model &model, session::handler_function handle,
				    const void *handler) noexcept;
		result<void> make_turns() noexcept;
		result<void> choose_cpus() noexcept;
		void limit(const server_options &wanted) noexcept;
		result<void> change(const server_options &wanted) noexcept;
		static task proxied(const void *self, connection &peer);
		task_of<void> name_client(session &peer);
		result<void> publish() noexcept;
		void unlisten() noexcept;
		void begin_stop() noexcept;
		void stop() noexcept;
		void give_up() noexcept;
		void accept() noexcept;
		bool accept_at(detail::listener &at) noexcept;
		bool accept_one(detail::listener &at) noexcept;

		static void on_connection(void *server, unsigned int events)
		{
			running &self = *static_cast<running *>(server);

			if (events == KTCP_SOCK_CONNECTED && !self.habits.speaks_first)
				self.accept_soon();
			else
				self.accept_now();
		}

		void accept_now() noexcept
		{
			accept_work.queue_on(sessions.use().control);
		}

		/* Its first bytes are likely to come before the timer. */
		void accept_soon() noexcept
		{
			/* Acquire and release: accept() finds the connections that came before. */
			if (!accepting_soon.exchange(true, memory_order_acq_rel))
				accept_timer.queue_in(sessions.use().control, accept_latest_ms);
		}

		void accept_is_due() noexcept
		{
			accepting_soon.exchange(false, memory_order_acq_rel);
			accept_now();
		}

		static constexpr unsigned int accepts_per_turn = 64;
		static constexpr unsigned int accept_latest_ms = 2;
		static constexpr std::size_t least_buffer_bytes = 16384;
		static constexpr std::size_t most_buffer_bytes =
			65535; /* ktcp::received counts so far */

		server_options options;
		const detail::habits habits;
		/* Of the options that change() takes, in place of those: */
		setting<unsigned int> max_connections = 0, drain_ms;
		atomic<unsigned int> changed = 0; /* the accept work is to heed these: */
		static constexpr unsigned int heed_listeners = 1, heed_rules = 2;
		detail::admission admission;
		session::handler_function handle_client = nullptr; /* behind a proxy … */
		const void *client_handler = nullptr; /* … with this */
		detail::listeners listeners;
		session_table sessions;
		server_files
			files; /* while there are sessions: during a drain, they show which are left */
		work<running> accept_work{ *this, [](running &self) { self.accept(); } };
		delayed_work<running> accept_timer{ *this,
						    [](running &self) { self.accept_is_due(); } };
		/* For listeners that are lost. */
		delayed_work<running> listen_timer{ *this,
						    [](running &self) { self.accept_now(); } };
		/* Of the accept work: a connection that waits in a backlog may have the old options. */
		bool listeners_changed = false;
		atomic<bool> accepting_soon = false; /* accept_timer is set for it */
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
				       detail::habits habits, session::handler_function handle,
				       const void *handler) noexcept
{
	if (live_)
		return errc::ebusy;
	if (options.buffer_bytes < running::least_buffer_bytes ||
	    options.buffer_bytes > running::most_buffer_bytes) {
		KTCP_LOG_ERR_RATELIMITED("buffers of %zu bytes: must be %zu to %zu",
					 options.buffer_bytes, running::least_buffer_bytes,
					 running::most_buffer_bytes);
		return errc::einval;
	}

	void *memory = ktcp_kmalloc(sizeof(running), KTCP_GFP_KERNEL);

	if (!memory) {
		KTCP_LOG_ERR_RATELIMITED("no memory to start; free some and load again");
		return errc::enomem;
	}
	live_ = new (memory) running(options, habits);

	auto status = live_->set_up(model, handle, handler);

	if (status) {
		status = live_->listeners.listen();
		if (status) {
			/* An event before, such as the end of a listener, may have been told in vain. */
			live_->accept_now();
			status = live_->publish();
		}
		if (!status)
			live_->give_up();
	}
	if (!status)
		destroy();
	return status;
}

/* Turns in softirq run where packets arrive, so only if no other placement was chosen. */
inline result<void> server_base::running::make_turns() noexcept
{
	auto &use = sessions.use();
	auto made = engine::create();

	if (!made && made.error() == errc::eopnotsupp) {
		KTCP_LOG_NOTE_RATELIMITED("this kernel's softirqs do not exclude each other: "
					  "connections are served by work items");
		return {};
	}
	use.turns = KTCP_TRY(std::move(made));
	use.pages = KTCP_TRY(softirq_pages::create());
	return {};
}

inline result<void> server_base::running::choose_cpus() noexcept
{
	const std::string_view text = options.cpus;

	if (text.empty())
		return {};
	if (options.placement == placement::anywhere) {
		KTCP_LOG_ERR_RATELIMITED(
			"cpus=%.*s: not with unbound=1, where the scheduler chooses; leave out one",
			static_cast<int>(text.size()), text.data());
		return errc::einval;
	}

	const auto read = sessions.use().cpus.assign(text, ktcp_nr_cpus());

	if (!read) {
		KTCP_LOG_ERR_RATELIMITED("cpus=%.*s: character %zu: %s; this machine has 0 to %u",
					 static_cast<int>(text.size()), text.data(), read.at + 1,
					 read.error, ktcp_nr_cpus() - 1);
		return errc::einval;
	}
	options.placement = placement::spread;
	return {};
}

inline result<void> server_base::running::set_up(const struct model &model,
						 session::handler_function handle,
						 const void *handler) noexcept
{
	auto &use = sessions.use();
	const std::string_view name = options.name;
	const auto make = [&]() -> result<void> {
		KTCP_TRY(sessions.make_shards());
		KTCP_TRY(admission.change_rate(options.accept_rate));
		use.sessions = KTCP_TRY(kmem_cache::create(
			detail::joined_name(name, "_session").c_str(), model.session_size));
		use.buffers =
			KTCP_TRY(page_pool::create(options.buffer_bytes, options.buffer_memory));
		if (model.in_softirq && !habits.may_sleep &&
		    options.placement == placement::incoming)
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

	KTCP_TRY(choose_cpus());

	const auto status = make();

	if (!status) {
		KTCP_LOG_ERR_RATELIMITED("no memory to start (error %d); free some and load again",
					 status.code());
		return status;
	}
	use.model = &model;
	use.behind_proxies = admission.behind_proxies();
	use.handle = admission.behind_proxies() ? proxied : handle;
	use.handler = admission.behind_proxies() ? this : handler;
	handle_client = handle;
	client_handler = handler;
	use.name = options.name;
	use.placement = options.placement;
	use.timeouts = options.timeouts;
	use.outgoing.net = options.net;
	use.outgoing.kept.use(use.control);
	use.outgoing.write_ms = options.timeouts.write_ms;
	limit(options);
	return {};
}

/* A model may serve fewer than the user allows. A peer that could have all of those then gets half of them. */
inline void server_base::running::limit(const server_options &wanted) noexcept
{
	auto &use = sessions.use();
	const unsigned int all = use.model->most ?
					 std::min(wanted.max_connections, use.model->most()) :
					 wanted.max_connections;
	unsigned int of_a_peer = wanted.max_per_source;

	if (of_a_peer >= all && of_a_peer < wanted.max_connections)
		of_a_peer = (all + 1) / 2;
	max_connections = all;
	sessions.change_per_source(of_a_peer);
	if (wanted.max_outgoing)
		use.outgoing.most = wanted.max_outgoing;
	else
		use.outgoing.most = static_cast<unsigned int>(max_connections);
}

inline result<void> server_base::running::change(const server_options &wanted) noexcept
{
	KTCP_TRY(admission.change_rate(wanted.accept_rate));

	const bool of_listener = listeners.change(wanted);

	limit(wanted);
	drain_ms = wanted.drain_ms;
	sessions.use().buffers.limit(wanted.buffer_memory);
	sessions.change_timeouts(wanted.timeouts);
	/* The accept work heeds it: the listeners are its own, and between its look at the rules and the
	 * table no connection is missed. */
	changed.fetch_or(of_listener ? heed_listeners | heed_rules : heed_rules,
			 memory_order_release);
	accept_now();
	return {};
}

/* The coroutine of a connection from a proxy: the handler's is one that it awaits. */
inline task server_base::running::proxied(const void *of, connection &peer)
{
	auto &self = *const_cast<running *>(static_cast<const running *>(of));

	if (!co_await self.name_client(static_cast<session &>(peer))) {
		peer.reset_at_end();
		co_return;
	}

	const task served = self.handle_client(self.client_handler, peer);

	if (served.empty()) {
		self.sessions.count(&statistics::refused_memory);
		peer.reset_at_end();
	} else {
		static_cast<void>(co_await served);
	}
}

/* From here on the peer is the client that the proxy names. The counters and the rules want process context. */
inline task_of<void> server_base::running::name_client(session &peer)
{
	const auto header = co_await detail::receive_proxy_header(peer);

	peer.expires_after(0);
	KTCP_CO_CHECK(co_await peer.may_sleep());
	if (!header) {
		sessions.count(&statistics::refused_proxy);
		co_return header.error();
	}
	if (!header->names_client)
		co_return result<void>();
	if (const auto why = admission.refusal(header->client)) {
		sessions.count(why);
		co_return errc::eacces;
	}

	const auto named = sessions.rename(peer, header->client);

	if (!named) {
		sessions.count(named.error() == errc::edquot ? &statistics::refused_source :
							       &statistics::refused_memory);
		co_return named;
	}
	/* The rules may have changed just before the table had the client. */
	if (!admission.admits(header->client)) {
		sessions.count(&statistics::refused_denied);
		co_return errc::eacces;
	}
	co_return result<void>();
}

inline result<void> server_base::running::publish() noexcept
{
	const char *const folder = options.folder ? options.folder : options.name;
	const auto status = files.publish(folder, options.net, options.own_file);

	if (!status)
		KTCP_LOG_ERR_RATELIMITED(
			"cannot make /proc/net/%s (error %d)%s", folder, status.code(),
			status.error() == errc::eexist ?
				": it is there; the kernel or another server has this name, so "
				"give the module another one" :
				"");
	return status;
}

/* The order matters: each step says why. */
inline void server_base::running::unlisten() noexcept
{
	files.say_draining();
	/* From here on the accept work does nothing, and the listeners are ours … */
	unlistening.store(true, memory_order_relaxed);
	accept_work.cancel_sync();
	/* … whose callbacks may still queue the work or its timer, until they are closed.
	 * Closing resets the children that wait in the backlog. RCU covers the callback's last
	 * instructions, once for the whole server. */
	listeners.close();
	accept_timer.cancel_sync();
	listen_timer.cancel_sync();
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
		/* Busy connections could keep this CPU from us. So, without a drain, they are ended
		 * before we wait for anything. */
		if (drain_ms)
			unlisten();
		else
			begin_stop();
		ktcp_synchronize_rcu();
	}
	sessions.close();
	/* Times are still looked at meanwhile, so a slow peer still times out. */
	const bool told = stopping || sessions.drain(drain_ms);

	sessions.close_times();
	/* Accepting is over here, too: none is missed. */
	if (!told)
		sessions.end_all(errc::eshutdown);
	sessions.wait_until_empty();
	sessions.use().outgoing.kept.close_all(); /* the last session could still leave one */
	/* Last: a process that is stuck in a read may keep us here, when no peer is served any more. */
	files.unpublish();
	/* The work items that dropped the last session may still be on their way out; destroying
	 * the queues, in our destructor, waits for them. */
}

/* It could not start. Peers may have connected all the same: to an address before the one that fails. */
inline void server_base::running::give_up() noexcept
{
	begin_stop();
	ktcp_synchronize_rcu(); /* for the callbacks of the listeners */
	stop();
}

inline void server_base::running::accept() noexcept
{
	/* Cancelling and queueing the work order this read. */
	if (unlistening.load(memory_order_relaxed))
		return;
	const bool all =
		listeners.complete(); /* else an event came before, and listen() looks again */
	const unsigned int heeds = changed.exchange(0, memory_order_acquire);
	std::uint64_t retry_at = UINT64_MAX;
	bool more = false;

	if (heeds & heed_listeners) {
		sessions.change_user_timeout(listeners.user_timeout_ms());
		listeners_changed = true;
	}
	for (detail::listener &each : listeners.all()) {
		if (each.listens()) {
			if (heeds & heed_listeners)
				listeners.heed(each);
			more |= accept_at(each);
		} else if (all && listeners.listen_again(each)) {
			sessions.count(&statistics::relistened);
			more = true;
		} else if (all) {
			retry_at = std::min(retry_at, listeners.retry_at_ms(each));
		}
	}
	if (heeds & heed_rules)
		admission.end_denied(sessions);
	if (retry_at != UINT64_MAX) {
		const std::uint64_t now = ktcp_now_ms();

		listen_timer.queue_in(sessions.use().control,
				      retry_at > now ? static_cast<unsigned int>(retry_at - now) :
						       0);
	}
	if (more)
		accept_now();
}

/* True: there may be more. */
inline bool server_base::running::accept_at(detail::listener &at) noexcept
{
	for (unsigned int taken = 0; taken < accepts_per_turn; taken++)
		if (!accept_one(at))
			return false;
	return true;
}

/* False: the listener or the timer calls again. */
inline bool server_base::running::accept_one(detail::listener &at) noexcept
{
	auto accepted = at.accept();

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
				listeners.port());
			return true;
		}
		/* No memory or no file: the backlog is not empty, and nothing would announce it
		 * again. */
		accept_timer.queue_in(sessions.use().control, accept_retry_ms);
		return false;
	}
	if (admission.refuses())
		if (const auto why = admission.refusal_at_accept(accepted->remote())) {
			sessions.refuse(std::move(*accepted), why);
			return true;
		}
	if (!sessions.has_room(max_connections)) {
		sessions.refuse(std::move(*accepted), &statistics::refused_full);
		return true;
	}
	if (listeners_changed)
		accepted->set_user_timeout(listeners.user_timeout_ms());
	/* A refused peer has been reset and counted; nothing is left to be done. */
	static_cast<void>(sessions.add(std::move(*accepted)));
	return true;
}

} // namespace ktcp

#endif
