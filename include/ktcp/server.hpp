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
#include <ktcp/base/defaults.hpp>
#include <ktcp/base/setting.hpp>
#include <ktcp/base/text.hpp>
#include <ktcp/connection.hpp>
#include <ktcp/engine/accept_rate.hpp>
#include <ktcp/engine/event_driven.hpp>
#include <ktcp/engine/peer_rules.hpp>
#include <ktcp/engine/proxied.hpp>
#include <ktcp/engine/server_files.hpp>
#include <ktcp/engine/session.hpp>
#include <ktcp/engine/softirq.hpp>
#include <ktcp/engine/thread_per_connection.hpp>
#include <ktcp/engine/work_per_connection.hpp>
#include <ktcp/kernel/log.hpp>
#include <ktcp/kernel/socket_options.hpp>
#include <ktcp/kernel/tcp_lookup.hpp>
#include <ktcp/port/listeners.h>

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

/** The settings of a server when it starts. Their defaults are those of a module's parameters. */
struct server_options {
	const char *name = "ktcp"; /**< names threads, queues and caches; see start() */
	std::uint16_t port = 0; /**< to listen on; 0: any free one */
	std::string_view address = defaults::
		address; /**< to listen on, eight at most with a comma between two; empty: all, of both families */
	socket_options socket = {}; /**< of the listener; its connections inherit them */
	int backlog = defaults::backlog; /**< connections that may wait to be accepted */
	std::string_view model = defaults::model; /**< of a server<Handler, any_model> */
	enum placement placement = placement::incoming; /**< where sessions run */
	std::string_view cpus =
		defaults::cpus; /**< placement::spread over these, as 0-3,8; empty: over all */
	unsigned int max_connections =
		defaults::max_connections; /**< beyond this, new ones are reset at once */
	unsigned int max_per_source =
		defaults::max_per_source; /**< of one peer (IPv4 address, IPv6 /64); 0: any number */
	unsigned int accept_rate =
		defaults::accept_rate; /**< connections a second of one peer; 0: any number */
	const peer_rules *peers = nullptr; /**< who is served, which outlives it; nullptr: all */
	const prefix_list *proxies =
		nullptr; /**< whose connections begin with a PROXY header, and no others are served */
	unsigned int max_outgoing = 0; /**< that handlers may connect(); 0: max_connections */
	session_timeouts timeouts = {}; /**< of a quiet peer */
	unsigned int user_timeout_ms =
		defaults::user_timeout_ms; /**< TCP_USER_TIMEOUT; 0: the system's */
	unsigned int drain_ms =
		defaults::drain_ms; /**< how long stop() lets connections finish by themselves */
	struct net *net = nullptr; /**< the network namespace; nullptr: the initial one */
	const char *folder = nullptr; /**< below /proc/net; nullptr: as the name */
	unsigned long long buffer_memory =
		defaults::buffer_mb *
		1048576ull; /**< bytes of all buffers; 0: an eighth of the memory */
	std::size_t buffer_bytes =
		16384; /**< of one buffer that a read fills, 16384 to 65535; see server::start() */
	std::uint32_t proc_group =
		defaults::proc_group; /**< its members may read the list of connections; 0: root's */
	server_file own_file = {}; /**< beside the server's own in its folder */
};

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
		return live_ ? live_->options.port : 0;
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
			   detail::habits habits, session_table::handler_function handle,
			   const void *handler) noexcept;

    private:
	static constexpr unsigned int accept_retry_ms = 20;
	static constexpr unsigned int most_addresses = 8;

	/* Everything that exists only while the server runs. */
	struct running {
		/** One address that it listens at. The listener's callback finds the server by it. */
		struct door : ktcp_sock_hook {
			explicit door() noexcept : ktcp_sock_hook{ on_connection, {} }
			{
			}

			running *server = nullptr; /**< whose it is */
			std::string_view address; /**< as the user names it */
			ktcp::socket
				listener; /**< accept_work's, once it is there; none while it is lost */
			struct ktcp_listener shown = {}; /**< it, as other modules see it … */
			bool is_shown = false; /**< … and whether they do */
			std::uint64_t retry_at_ms =
				0; /**< while it is lost: when it is tried again … */
			unsigned int retry_ms =
				accept_retry_ms; /**< … and for how long after that not */
		};

		running(const server_options &options, detail::habits habits) noexcept
			: options(options), habits(habits), backlog(options.backlog),
			  user_timeout_ms(options.user_timeout_ms), drain_ms(options.drain_ms),
			  sessions(options.max_per_source),
			  files(sessions, options.net, options.proc_group, habits.counters)
		{
		}

		result<void> set_up(const struct model &model,
				    session_table::handler_function handle,
				    const void *handler) noexcept;
		result<void> make_turns() noexcept;
		result<void> choose_cpus() noexcept;
		void limit(const server_options &wanted) noexcept;
		result<void> change(const server_options &wanted) noexcept;
		std::uint64_t statistics::*refusal(const endpoint &peer) noexcept;
		std::uint64_t statistics::*refusal_at_once(const result<endpoint> &peer) noexcept;
		static task proxied(const void *self, connection &peer);
		task_of<void> name_client(session &peer);

		/* Do its connections begin with a header of a proxy's? */
		bool behind_proxies() const noexcept
		{
			return options.proxies && !options.proxies->empty();
		}
		void end_denied() noexcept;
		void heed(door &at) noexcept;
		result<void> listen() noexcept;
		result<void> listen_at(std::string_view address) noexcept;
		result<void> open(door &at) noexcept;
		void show(door &at, const result<endpoint> &local) noexcept;
		static void close(door &at) noexcept;
		void listen_again(door &at) noexcept;
		result<void> publish() noexcept;
		result<ktcp::socket> bound(const door &at, enum family family,
					   const endpoint &local) noexcept;
		void say_port_in_use() noexcept;
		void unlisten() noexcept;
		void begin_stop() noexcept;
		void stop() noexcept;
		void give_up() noexcept;
		void accept() noexcept;
		bool accept_at(door &at) noexcept;
		bool accept_one(door &at) noexcept;

		static void on_connection(struct ktcp_sock_hook *hook, unsigned int events)
		{
			running &self = *static_cast<door *>(hook)->server;

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

		std::span<door> all_doors() noexcept
		{
			return { doors, door_count };
		}

		static constexpr unsigned int accepts_per_turn = 64;
		static constexpr unsigned int accept_latest_ms = 2;
		static constexpr unsigned int longest_retry_ms = 5000;
		static constexpr std::size_t least_buffer_bytes = 16384;
		static constexpr std::size_t most_buffer_bytes =
			65535; /* ktcp::received counts so far */

		server_options options;
		const detail::habits habits;
		/* Of the options that change() takes, in place of those: */
		setting<int> backlog;
		setting<unsigned int> max_connections = 0, user_timeout_ms, drain_ms;
		atomic<unsigned int> changed = 0; /* the accept work is to heed these: */
		static constexpr unsigned int heed_listeners = 1, heed_rules = 2;
		accept_rate rate;
		session_table::handler_function handle_client = nullptr; /* behind a proxy … */
		const void *client_handler = nullptr; /* … with this */
		door doors[most_addresses];
		unsigned int door_count = 0;
		session_table sessions;
		server_files
			files; /* while there are sessions: during a drain, they show which are left */
		work<running> accept_work{ *this, [](running &self) { self.accept(); } };
		delayed_work<running> accept_timer{ *this,
						    [](running &self) { self.accept_is_due(); } };
		/* For listeners that are lost. */
		delayed_work<running> listen_timer{ *this,
						    [](running &self) { self.accept_now(); } };
		atomic<bool> accepting_soon = false; /* accept_timer is set for it */
		atomic<bool> listened = false; /* once, so a listener that is not there was lost */
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
				       detail::habits habits,
				       session_table::handler_function handle,
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
		status = live_->listen();
		if (status)
			status = live_->publish();
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
						 session_table::handler_function handle,
						 const void *handler) noexcept
{
	auto &use = sessions.use();
	const std::string_view name = options.name;
	const auto make = [&]() -> result<void> {
		KTCP_TRY(sessions.make_shards());
		KTCP_TRY(rate.change(options.accept_rate));
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
	use.handle = behind_proxies() ? proxied : handle;
	use.handler = behind_proxies() ? this : handler;
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

/*
 * A model may serve fewer than the user allows. A peer that could have all of those then gets the same part of
 * them as it would of the user's.
 */
inline void server_base::running::limit(const server_options &wanted) noexcept
{
	auto &use = sessions.use();
	const unsigned int all = use.model->most ?
					 std::min(wanted.max_connections, use.model->most()) :
					 wanted.max_connections;
	std::uint64_t of_a_peer = wanted.max_per_source;

	if (of_a_peer >= all && of_a_peer < wanted.max_connections)
		of_a_peer = (of_a_peer * all + wanted.max_connections - 1) / wanted.max_connections;
	max_connections = all;
	sessions.change_per_source(static_cast<unsigned int>(of_a_peer));
	if (wanted.max_outgoing)
		use.outgoing.most = wanted.max_outgoing;
	else
		use.outgoing.most = static_cast<unsigned int>(max_connections);
}

inline result<void> server_base::running::change(const server_options &wanted) noexcept
{
	KTCP_TRY(rate.change(wanted.accept_rate));

	const bool of_tcp = user_timeout_ms != wanted.user_timeout_ms;
	const bool of_listener = of_tcp || backlog != wanted.backlog;

	limit(wanted);
	backlog = wanted.backlog;
	user_timeout_ms = wanted.user_timeout_ms;
	drain_ms = wanted.drain_ms;
	sessions.use().buffers.limit(wanted.buffer_memory);
	sessions.change_timeouts(wanted.timeouts);
	if (of_tcp)
		sessions.change_user_timeout(wanted.user_timeout_ms);
	/* The accept work heeds it: the listeners are its own, and between its look at the rules and the
	 * table no connection is missed. */
	changed.fetch_or(of_listener ? heed_listeners | heed_rules : heed_rules,
			 memory_order_release);
	accept_now();
	return {};
}

/* End those that the rules do not admit any more. The rules are for clients. */
inline void server_base::running::end_denied() noexcept
{
	if (options.peers && options.peers->any())
		sessions.end_if(errc::eacces, [&](const session &each) {
			return !(behind_proxies() && options.proxies->contains(each.remote())) &&
			       !options.peers->admit(each.remote());
		});
}

/* Of a client by its address; nullptr: there is none. The unspecified address is unknown. */
inline std::uint64_t statistics::*server_base::running::refusal(const endpoint &peer) noexcept
{
	if (options.peers && options.peers->any() &&
	    (peer == endpoint() || !options.peers->admit(peer)))
		return &statistics::refused_denied;
	if (rate.limits() && !rate.admit(peer, ktcp_now_ms()))
		return &statistics::refused_rate;
	return nullptr;
}

/*
 * The same at accept, where the peer may be a proxy. One that has reset the connection has no address any
 * more. But its bytes may still be there, and are not served where an address must be known.
 */
inline std::uint64_t statistics::*
server_base::running::refusal_at_once(const result<endpoint> &peer) noexcept
{
	if (behind_proxies())
		return peer && options.proxies->contains(*peer) ? nullptr :
								  &statistics::refused_proxy;
	return refusal(peer ? *peer : endpoint());
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
	if (const auto why = refusal(header->client)) {
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
	if (options.peers && !options.peers->admit(header->client)) {
		sessions.count(&statistics::refused_denied);
		co_return errc::eacces;
	}
	co_return result<void>();
}

/* For those that have not been accepted yet. */
inline void server_base::running::heed(door &at) noexcept
{
	at.listener.set_user_timeout(user_timeout_ms);
	/* It listens, so this only gives it another backlog. */
	if (const auto status = at.listener.listen(backlog); !status)
		KTCP_LOG_WARN_RATELIMITED("port %u: the backlog stays as it was (error %d)",
					  options.port, status.error().code());
}

/* One socket for both families, or for IPv4 alone where IPv6 is off. */
inline result<ktcp::socket> server_base::running::bound(const door &at, enum family family,
							const endpoint &local) noexcept
{
	auto made = KTCP_TRY(ktcp::socket::create(family, options.net));

	made.set_reuseaddr(); /* an earlier load's connections may be in TIME-WAIT */
	/* A socket for all addresses takes both families, as if net.ipv6.bindv6only were 0. */
	if (family == family::inet6)
		made.set_v6only(!at.address.empty());
	made.set_nodelay();
	made.set_keepalive();
	if (user_timeout_ms)
		made.set_user_timeout(user_timeout_ms);
	made.set_oobinline(); /* an urgent byte is a byte like the others */
	KTCP_TRY(options.socket.apply(made));

	ktcp_endpoint where = local.raw();

	where.port = options.port;
	KTCP_TRY(made.bind(endpoint(where)));
	return made;
}

inline result<void> server_base::running::open(door &at) noexcept
{
	const endpoint local = KTCP_TRY(listen_address(at.address, options.net));
	auto made = bound(at, local.is_ipv4() ? family::inet : family::inet6, local);

	if (at.address.empty() && !made &&
	    (made.error() == errc::eafnosupport || made.error() == errc::eaddrnotavail)) {
		if (!listened.load(memory_order_relaxed))
			KTCP_LOG_NOTE_RATELIMITED("IPv6 is off: listening on IPv4 alone");
		made = bound(at, family::inet, local);
	}
	if (!made)
		return made.error();
	/* Before the hook is in: accept_work may run from then on, and has to find the listener. */
	at.listener = std::move(*made);

	/* Before listen(), so that every connection is announced. */
	const auto hooked = result<void>::from(ktcp_sock_hook_listener(at.listener.raw(), &at));

	if (!hooked) {
		at.listener = ktcp::socket();
		return hooked;
	}

	const auto listening = at.listener.listen(backlog);

	if (!listening)
		close(at);
	else if (!habits.speaks_first)
		at.listener.set_quickack(false); /* an answer carries the acknowledgement */
	return listening;
}

/* In the list of ktcp's listeners. */
inline void server_base::running::show(door &at, const result<endpoint> &local) noexcept
{
	const std::string_view name = options.folder ? std::string_view(options.folder) :
						       std::string_view(options.name);

	for (std::size_t i = 0; i + 1 < sizeof(at.shown.module); i++)
		at.shown.module[i] = i < name.size() ? name[i] : '\0';
	at.shown.local = local ? local->raw() : endpoint::any(options.port).raw();
	at.shown.net = ktcp_net_number(options.net);
	ktcp_listener_publish(&at.shown);
	at.is_shown = true;
}

/* On return no callback of the listener is under way, nor will one begin. */
inline void server_base::running::close(door &at) noexcept
{
	if (std::exchange(at.is_shown, false))
		ktcp_listener_withdraw(&at.shown);
	ktcp_sock_unhook_listener(at.listener.raw(), &at);
	at.listener = ktcp::socket();
}

/* At each address of the option; at all of the machine's where it is empty. */
inline result<void> server_base::running::listen() noexcept
{
	const std::string_view all = options.address;

	for (std::size_t at = 0; at <= all.size();) {
		const std::size_t end = std::min(all.find(',', at), all.size());

		KTCP_TRY(listen_at(slice(all, at, end - at)));
		at = end + 1;
	}
	/* From here on the listeners are the accept work's, if they are lost. */
	listened.store(true, memory_order_release);
	/* An earlier event, such as the end of a listener, may have been told in vain. */
	accept_now();
	return {};
}

inline result<void> server_base::running::listen_at(std::string_view address) noexcept
{
	if (door_count == most_addresses || (address.empty() && !options.address.empty())) {
		KTCP_LOG_ERR_RATELIMITED(
			"address=%.*s: there may be 1 to %u addresses, with a comma between two",
			static_cast<int>(options.address.size()), options.address.data(),
			most_addresses);
		return errc::einval;
	}

	door &at = doors[door_count];

	at.server = this;
	at.address = address;

	const auto listening = open(at);

	if (listening) {
		/* If any port would do: from here on, this one. */
		const auto local = at.listener.local();

		door_count++;
		if (local && !options.port)
			options.port = local->port();
		show(at, local);
	} else if (listening.error() == errc::eaddrinuse) {
		say_port_in_use();
	} else {
		KTCP_LOG_ERR_RATELIMITED(
			"cannot listen on port %u (error %d); choose another with port=",
			options.port, listening.error().code());
	}
	return listening;
}

/* It names the listener that is in the way, if it is one. */
inline void server_base::running::say_port_in_use() noexcept
{
	struct wanted {
		std::uint16_t port;
		std::uint32_t net;
		struct ktcp_listener found;
	} ours = { options.port, ktcp_net_number(options.net), {} };
	ktcp_tcp_identity holder = {};

	ktcp_listeners(
		[](void *context, const struct ktcp_listener *each) {
			auto &asked = *static_cast<wanted *>(context);

			if (each->local.port == asked.port && each->net == asked.net)
				asked.found = *each;
		},
		&ours);
	if (ours.found.local.port) {
		KTCP_LOG_ERR_RATELIMITED(
			"port %u is in use: the module %s listens at %s, a server of ktcp's; "
			"unload it, or choose another with port= or address=",
			options.port, ours.found.module,
			endpoint_text(endpoint(ours.found.local)).c_str());
		return;
	}

	static_cast<void>(count_listeners(options.net, [&](const ktcp_tcp_identity &each) {
		const bool is = each.local.port == options.port;

		if (is)
			holder = each;
		return is;
	}));
	if (holder.local.port)
		KTCP_LOG_ERR_RATELIMITED(
			"port %u is in use: %s listens, of user %u, inode %lu (ss -ltnpe); stop "
			"it, or choose another with port= or address=",
			options.port, endpoint_text(endpoint(holder.local)).c_str(), holder.user,
			holder.inode);
	else
		KTCP_LOG_ERR_RATELIMITED(
			"port %u is in use; stop the program that has it (ss -tanp), or choose "
			"another with port= or address=",
			options.port);
}

/* The listener was lost, by ss -K for example. Try until it is back, and log the obstacle once. */
inline void server_base::running::listen_again(door &at) noexcept
{
	const bool just_lost = static_cast<bool>(at.listener);

	if (just_lost) {
		KTCP_LOG_WARN_RATELIMITED(
			"port %u: the listening socket was ended from outside (ss -K, perhaps); "
			"listening again",
			options.port);
		close(at);
		at.retry_ms = accept_retry_ms;
	}

	const auto listening = open(at);

	if (listening) {
		sessions.count(&statistics::relistened);
		show(at, at.listener.local());
		if (!just_lost)
			KTCP_LOG_NOTE("listening on port %u again", options.port);
		/* No callback announced the connections that came before the hook was in. */
		accept_now();
		return;
	}
	if (just_lost)
		KTCP_LOG_WARN_RATELIMITED(
			"cannot listen on port %u again (error %d%s); trying until it can",
			options.port, listening.error().code(),
			listening.error() == errc::eaddrinuse ? ", it is in use: see ss -ltn" : "");
	at.retry_at_ms = ktcp_now_ms() + at.retry_ms;
	at.retry_ms = std::min(2 * at.retry_ms, longest_retry_ms);
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
	for (door &each : all_doors())
		if (each.listener)
			close(each);
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
	/* An event may also come before listen() is done, which looks again. Until then the first one has
	 * its connections accepted, and the others are none of ours. */
	const bool all = listened.load(memory_order_acquire);
	const unsigned int heeds = changed.exchange(0, memory_order_acquire);
	const std::uint64_t now = ktcp_now_ms();
	std::uint64_t retry_at = UINT64_MAX;
	bool more = false;

	for (door &each : all ? all_doors() : std::span<door>(doors, 1)) {
		if (!each.listener || !each.listener.listening()) {
			if (!all)
				continue;
			if (each.listener || each.retry_at_ms <= now)
				listen_again(each);
			if (!each.listener)
				retry_at = std::min(retry_at, each.retry_at_ms);
			continue;
		}
		if (heeds & heed_listeners)
			heed(each);
		more |= accept_at(each);
	}
	if (heeds & heed_rules)
		end_denied();
	if (retry_at != UINT64_MAX)
		listen_timer.queue_in(sessions.use().control,
				      retry_at > now ? static_cast<unsigned int>(retry_at - now) :
						       0);
	if (more)
		accept_now();
}

/* True: there may be more. */
inline bool server_base::running::accept_at(door &at) noexcept
{
	for (unsigned int taken = 0; taken < accepts_per_turn; taken++)
		if (!accept_one(at))
			return false;
	return true;
}

/* False: the listener or the timer calls again. */
inline bool server_base::running::accept_one(door &at) noexcept
{
	auto accepted = at.listener.accept();

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
		accept_timer.queue_in(sessions.use().control, accept_retry_ms);
		return false;
	}
	if (rate.limits() || behind_proxies() || (options.peers && options.peers->any()))
		if (const auto why = refusal_at_once(accepted->remote())) {
			sessions.refuse(std::move(*accepted), why);
			return true;
		}
	if (!sessions.has_room(max_connections)) {
		sessions.refuse(std::move(*accepted), &statistics::refused_full);
		return true;
	}
	/* A refused peer has been reset and counted; nothing is left to be done. */
	static_cast<void>(sessions.add(std::move(*accepted)));
	return true;
}

} // namespace ktcp

#endif
