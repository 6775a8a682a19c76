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
			.unbound = params::unbound() != 0,
			.max_connections = static_cast<unsigned int>(params::max_connections()),
			.idle_timeout_ms = static_cast<unsigned int>(params::idle_timeout_ms()),
		}));
		KTCP_LOG_NOTE("listening on port %u, model %.*s, up to %u connections", server_.port(),
			      static_cast<int>(params::model().size()), params::model().data(),
			      server_.max_connections());
		return {};
	}

    private:
	server<Handler, any_model> server_;
};

} // namespace ktcp

#define KTCP_SERVER_MODULE(Handler) KTCP_MODULE_OBJECT(ktcp::server_module<Handler>)

#endif
