// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * pooled: each piece that a client sends is a question to the target, whose answer is as long. Its connections
 * to the target are kept, for the next question of any client.
 */
#include <ktcp/connect.hpp>
#include <ktcp/net/endpoint_parse.hpp>
#include <ktcp/server_module.hpp>

namespace
{

struct handler {
	ktcp::endpoint target;

	ktcp::task operator()(ktcp::connection &client) const
	{
		while (auto question = co_await client.read()) {
			bool reused = false;
			auto done = co_await ask(client, *question, true, reused);

			/* The target may have ended it meanwhile. To ask it twice does no harm. */
			if (!done && reused)
				done = co_await ask(client, *question, false, reused);
			if (!done) {
				client.reset_at_end();
				break;
			}
		}
	}

	ktcp::task_of<void> ask(ktcp::connection &client, std::span<const std::byte> question,
				bool reuse, bool &reused) const
	{
		auto server = co_await ktcp::connect(client, target, { .reuse = reuse });

		if (!server)
			co_return server.error();
		reused = server.is_reused();
		KTCP_CO_CHECK(co_await server->write(question));

		const auto answer = co_await server->read_exactly(question.size());

		if (!answer && answer.end_of_stream())
			co_return ktcp::errc::epipe;
		if (!answer)
			co_return answer.error();
		server.keep(static_cast<unsigned int>(ktcp::params::keep_ms()));
		reused = false; /* it has answered: what fails now is the client's */
		co_return co_await client.write(*answer);
	}
};

struct pooled {
	ktcp::parsed<ktcp::endpoint> target = ktcp::parse_endpoint(ktcp::params::target());
	ktcp::server_module<handler> server{ handler{ target.value } };

	ktcp::result<void> start() noexcept
	{
		return target ? server.start() : ktcp::result<void>(ktcp::errc::einval);
	}
};

} // namespace

KTCP_MODULE_OBJECT(pooled)
