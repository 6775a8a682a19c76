// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* proxy: each connection goes on to a target, byte for byte, with the end of each direction. */
#include <ktcp/connect.hpp>
#include <ktcp/net/endpoint_parse.hpp>
#include <ktcp/relay.hpp>
#include <ktcp/server_module.hpp>

namespace
{

struct handler {
	ktcp::endpoint target;
	unsigned int connect_ms;

	ktcp::task operator()(ktcp::connection &client) const
	{
		auto server = co_await ktcp::connect(client, target, { .timeout_ms = connect_ms });

		if (!server || !co_await ktcp::relay(client, *server))
			client.reset_at_end();
	}
};

struct proxy {
	ktcp::parsed<ktcp::endpoint> target = ktcp::parse_endpoint(ktcp::params::target());
	ktcp::server_module<handler> server{ handler{
		target.value, static_cast<unsigned int>(ktcp::params::connect_ms()) } };

	ktcp::result<void> start() noexcept
	{
		if (target)
			return server.start();
		KTCP_LOG_ERR("target: character %zu: %s", target.at + 1, target.error);
		return ktcp::errc::einval;
	}
};

} // namespace

KTCP_MODULE_OBJECT(proxy)
