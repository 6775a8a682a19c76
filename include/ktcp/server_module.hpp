// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * A kernel module that is one server, or one in every network namespace.
 *
 * @code
 * // hello.module.h
 * KTCP_MODULE("greets", "you", "1.0")
 * KTCP_PARAM_INT(port, 7000, 1, 65535, "TCP port to listen on")
 * #include <ktcp/server_params.h>
 *
 * // hello.cpp
 * #include <ktcp/server_module.hpp>
 * struct hello {
 *	ktcp::task operator()(ktcp::connection &peer) const;
 * };
 * KTCP_SERVER_MODULE(hello)
 * @endcode
 */
#ifndef KTCP_SERVER_MODULE_HPP
#define KTCP_SERVER_MODULE_HPP

#include <climits>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

#include <ktcp/base/list.hpp>
#include <ktcp/base/text.hpp>
#include <ktcp/kernel/log.hpp>
#include <ktcp/kernel/pernet.hpp>
#include <ktcp/kernel/sync.hpp>
#include <ktcp/module.hpp>
#include <ktcp/server.hpp>

namespace ktcp
{

namespace detail
{

/* "MODULE-NUMBER": other names than those of another namespace's server. */
class namespace_name {
    public:
	namespace_name(std::string_view module, std::uint32_t number) noexcept
	{
		char digits[10];
		std::size_t count = 0, used = 0;

		for (; number || !count; number /= 10)
			digits[count++] = static_cast<char>('0' + number % 10);
		/* So short that joined_name does not cut the number off. */
		for (const char each : slice(module, 0, 11))
			text_[used++] = each;
		text_[used++] = '-';
		while (count)
			text_[used++] = digits[--count];
		text_[used] = '\0';
	}

	const char *c_str() const noexcept
	{
		return text_;
	}

    private:
	char text_[11 + 1 + 10 + 1];
};

} // namespace detail

/**
 * A server with a Handler, as the module's parameters say; with netns_all=1 one in each network
 * namespace, as long as that lives. A handler that has `ktcp::server_file own_file() const` adds that
 * file to the folder of the first namespace's server below /proc/net. The handler serves all namespaces,
 * and the folders of others belong to the users who made them.
 */
template <class Handler>
class server_module {
    public:
	explicit server_module(Handler handler = Handler()) noexcept
		: handler_(std::move(handler)), server_(handler_)
	{
	}

	~server_module()
	{
		detail::server_heeds = nullptr;
	}

	/** At insmod. Errors: as server::start(), pernet::start(). */
	result<void> start() noexcept
	{
		KTCP_TRY(peers_.set(params::allow(), params::deny()));
		KTCP_TRY(read_prefixes("proxy_from", params::proxy_from(), proxies_));
		running = this;
		detail::server_heeds = [] { return running->parameters_changed(); };
		say_what_has_no_effect();
		if (params::memory_cgroup())
			ktcp_memory_charge();
		if (params::netns_all())
			return everywhere_.start();
		KTCP_TRY(server_.start(options()));
		announce(server_);
		if (!ktcp_is_in_init_net())
			KTCP_LOG_NOTE(
				"it listens in the first network namespace, and not in the one that loads "
				"it; netns_all=1 has a server in each");
		return {};
	}

    private:
	using server_type = server<Handler, any_model>;

	/* In one namespace. */
	class local_server {
	    public:
		explicit local_server(struct net *net) noexcept
			: net_(net), name_(KTCP_MODULE_NAME, ktcp_net_number(net)),
			  server_(running->handler_)
		{
		}

		/* A namespace that the server cannot be in is made all the same; the initial one tells. */
		result<void> start() noexcept
		{
			server_options chosen = options();

			chosen.net = net_;
			if (!ktcp_is_init_net(net_)) {
				chosen.name = name_.c_str();
				chosen.folder = KTCP_MODULE_NAME;
				chosen.own_file = {}; /* it tells of all of them */
				chosen.awaits_device = true; /* a new namespace has none but lo */
			}

			const auto status = server_.start(chosen);

			if (status)
				enlist();
			if (ktcp_is_init_net(net_)) {
				if (status)
					announce(server_);
				return status;
			}
			if (!status)
				KTCP_LOG_WARN_RATELIMITED(
					"no server in network namespace %u (error %d); "
					"load the module again to have one there",
					ktcp_net_number(net_), status.code());
			return {};
		}

		void pre_exit() noexcept
		{
			delist(); /* no change() beside what follows */
			server_.begin_stop();
		}

		/** Heed the parameters as they are now. */
		result<void> change() noexcept
		{
			return server_.change(options());
		}

		list_node node; /**< in the list of them */

	    private:
		/* A change that came while it started is heeded here; later ones find it in the list. */
		void enlist() noexcept
		{
			auto held = running->local_.lock();

			held->push_back(*this);
			static_cast<void>(change()); /* it has what it started with */
		}

		void delist() noexcept
		{
			const auto held = running->local_.lock();

			if (node.linked())
				servers::erase(*this);
		}

		struct net *net_;
		detail::namespace_name name_;
		server_type server_;
	};

	using servers = list<local_server, &local_server::node>;

	/* Live parameters were changed: all servers of the module heed them. */
	result<void> parameters_changed() noexcept
	{
		KTCP_TRY(peers_.set(params::allow(), params::deny()));
		KTCP_TRY(server_.change(options()));
		say_if_probes_have_no_effect();

		auto held = local_.lock();

		for (local_server &each : *held)
			KTCP_TRY(each.change());
		return {};
	}

	static server_options options() noexcept
	{
		return {
			.name = KTCP_MODULE_NAME,
			.port = static_cast<std::uint16_t>(params::port()),
			.address = params::address(),
			.socket = { .keepalive_idle_s = number(params::keepalive_idle_s()),
				    .keepalive_interval_s = number(params::keepalive_interval_s()),
				    .keepalive_probes = number(params::keepalive_probes()),
				    .mark = number(params::mark()),
				    .tos = number(params::tos()),
				    .rcvbuf = number(params::rcvbuf()),
				    .sndbuf = number(params::sndbuf()),
				    .fastopen = number(params::fastopen()),
				    .congestion = params::congestion().data(),
				    .device = params::device().data() },
			.backlog = static_cast<int>(params::backlog()),
			.model = params::model(),
			.placement = params::unbound() ? placement::anywhere :
				     params::spread()  ? placement::spread :
							 placement::incoming,
			.cpus = params::cpus(),
			.max_connections = number(params::max_connections()),
			/* Without a limit they are counted all the same: one may be set later. */
			.max_per_source = params::max_per_source() ?
						  number(params::max_per_source()) :
						  UINT_MAX,
			.accept_rate = number(params::accept_rate()),
			.peers = &running->peers_,
			.proxies = &running->proxies_,
			.timeouts = { .idle_ms = number(params::idle_timeout_ms()),
				      .write_ms = number(params::write_timeout_ms()) },
			.user_timeout_ms = number(params::user_timeout_ms()),
			.drain_ms = number(params::drain_ms()),
			.buffer_memory = static_cast<unsigned long long>(params::buffer_mb()) << 20,
			.proc_group = number(params::proc_group()),
			.own_file = own_file(running->handler_),
		};
	}

	/* Parameters that others leave without effect. The server refuses those that it cannot heed at all. */
	void say_what_has_no_effect() noexcept
	{
		const bool threads = params::model() == "thread";
		const bool cpus = !params::cpus().empty();

		if (threads && (params::unbound() || params::spread() || cpus))
			KTCP_LOG_NOTE_RATELIMITED(
				"%s has no effect with model=thread, where the scheduler chooses the CPU; "
				"leave out one",
				cpus		  ? "cpus=" :
				params::unbound() ? "unbound=1" :
						    "spread=1");
		else if (params::unbound() && params::spread())
			KTCP_LOG_NOTE_RATELIMITED(
				"spread=1 has no effect with unbound=1, where the scheduler chooses the CPU; "
				"leave out one");
		say_if_probes_have_no_effect();
		if (params::netns_all() && params::drain_ms())
			KTCP_LOG_NOTE_RATELIMITED(
				"drain_ms=%u has no effect with netns_all=1; leave out one",
				number(params::drain_ms()));
	}

	/* Once for each timeout, which may be changed meanwhile. At load, and where parameters are changed. */
	void say_if_probes_have_no_effect() noexcept
	{
		const unsigned int idle_ms = number(params::idle_timeout_ms());
		const unsigned int probe_s = number(params::keepalive_idle_s());

		if (std::exchange(told_idle_ms_, idle_ms) == idle_ms || !idle_ms || !probe_s ||
		    probe_s < idle_ms / 1000)
			return;
		KTCP_LOG_NOTE_RATELIMITED(
			"keepalive_idle_s=%u has no effect with idle_timeout_ms=%u, which ends a "
			"silent peer before; give a smaller one, or a longer timeout",
			probe_s, idle_ms);
	}

	static server_file own_file(const Handler &handler) noexcept
	{
		if constexpr (requires { handler.own_file(); })
			return handler.own_file();
		else
			return {};
	}

	static void announce(server_type &started) noexcept
	{
		KTCP_LOG_NOTE("listening on port %u, model %.*s, up to %u connections%s",
			      started.port(), static_cast<int>(params::model().size()),
			      params::model().data(), started.max_connections(),
			      params::netns_all() ? ", in every network namespace" : "");
	}

	/* in range: the parameter refused what is not */
	static unsigned int number(long parameter) noexcept
	{
		return static_cast<unsigned int>(parameter);
	}

	/* A module is one object, and there is one of these. */
	static inline constinit server_module *running = nullptr;

	Handler handler_;
	peer_rules peers_;
	prefix_list proxies_;
	unsigned int told_idle_ms_ = 0;
	server_type server_; /* or … */
	guarded<servers, detail::process_mutex> local_;
	pernet<local_server> everywhere_; /* … which are in the list meanwhile */
};

} // namespace ktcp

/** The module is a server with a @p Handler and nothing else; once, at the end of its source. */
#define KTCP_SERVER_MODULE(Handler) KTCP_MODULE_OBJECT(ktcp::server_module<Handler>)

#endif
