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

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

#include <ktcp/log.hpp>
#include <ktcp/module.hpp>
#include <ktcp/pernet.hpp>
#include <ktcp/server.hpp>
#include <ktcp/text.hpp>

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
 * namespace, as long as that lives.
 */
template <connection_handler Handler>
class server_module {
    public:
	explicit server_module(Handler handler = Handler()) noexcept
		: handler_(std::move(handler)), server_(handler_)
	{
	}

	/** At insmod. Errors: as server::start(), pernet::start(). */
	result<void> start() noexcept
	{
		prototype = &handler_;
		if (params::netns_all())
			return everywhere_.start();
		KTCP_TRY(server_.start(options()));
		announce(server_);
		return {};
	}

    private:
	using server_type = server<Handler, any_model>;

	/* In one namespace. */
	class local_server {
	    public:
		explicit local_server(struct net *net) noexcept
			: net_(net), name_(KTCP_MODULE_NAME, ktcp_net_number(net)),
			  server_(*prototype)
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
			}

			const auto status = server_.start(chosen);

			if (ktcp_is_init_net(net_)) {
				if (status)
					announce(server_);
				return status;
			}
			if (!status)
				KTCP_LOG_WARN("no server in network namespace %u (error %d); "
					      "load the module again to have one there",
					      ktcp_net_number(net_), status.code());
			return {};
		}

		void pre_exit() noexcept
		{
			server_.begin_stop();
		}

	    private:
		struct net *net_;
		detail::namespace_name name_;
		server_type server_;
	};

	static server_options options() noexcept
	{
		return {
			.name = KTCP_MODULE_NAME,
			.port = static_cast<std::uint16_t>(params::port()),
			.backlog = static_cast<int>(params::backlog()),
			.model = params::model(),
			.placement = params::unbound() ? placement::anywhere :
				     params::spread()  ? placement::spread :
							 placement::incoming,
			.max_connections = number(params::max_connections()),
			.max_per_source = number(params::max_per_source()),
			.timeouts = { .idle_ms = number(params::idle_timeout_ms()),
				      .write_ms = number(params::write_timeout_ms()) },
			.user_timeout_ms = number(params::user_timeout_ms()),
			.drain_ms = number(params::drain_ms()),
		};
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

	/* Of each namespace's handler. A module is one object, and there is one of these. */
	static inline constinit const Handler *prototype = nullptr;

	Handler handler_;
	server_type server_; /* or … */
	pernet<local_server> everywhere_;
};

} // namespace ktcp

/** The module is a server with a @p Handler and nothing else; once, at the end of its source. */
#define KTCP_SERVER_MODULE(Handler) KTCP_MODULE_OBJECT(ktcp::server_module<Handler>)

#endif
