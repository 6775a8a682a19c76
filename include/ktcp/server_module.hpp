// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * A kernel module that is one server.
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

#include <ktcp/log.hpp>
#include <ktcp/module.hpp>
#include <ktcp/server.hpp>

namespace ktcp
{

/** A server with a Handler, as the module's parameters say. */
template <connection_handler Handler>
class server_module {
    public:
	/** At insmod. Errors: as server::start(). */
	result<void> start() noexcept
	{
		KTCP_TRY(server_.start({
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
		}));
		KTCP_LOG_NOTE("listening on port %u, model %.*s, up to %u connections",
			      server_.port(), static_cast<int>(params::model().size()),
			      params::model().data(), server_.max_connections());
		return {};
	}

    private:
	/* in range: the parameter refused what is not */
	static unsigned int number(long parameter) noexcept
	{
		return static_cast<unsigned int>(parameter);
	}

	server<Handler, any_model> server_;
};

} // namespace ktcp

#define KTCP_SERVER_MODULE(Handler) KTCP_MODULE_OBJECT(ktcp::server_module<Handler>)

#endif
