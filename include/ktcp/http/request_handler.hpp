// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * The types that answer requests.
 */
#ifndef KTCP_HTTP_REQUEST_HANDLER_HPP
#define KTCP_HTTP_REQUEST_HANDLER_HPP

#include <concepts>

#include <ktcp/task.hpp>

namespace ktcp::http
{

class request;
class response;

/**
 * A type that can answer a request. It is copyable, and callable as
 * `ktcp::task operator()(http::request &, http::response &) const`. It may return a
 * ktcp::task_of<void> instead, so that it can end with `co_return co_await response.send(...)`. An
 * error that it returns makes a 500 of a response below 400 that has not begun(), or a 503 for ENOMEM. One that
 * has begun and is not whole is abandoned: see response::abandon(). To any other response it makes no difference.
 * Where the connection has ended nothing is said, and the log tells who ended it: see http/ending.hpp. It need
 * not be a coroutine: after response.reply() it may return an empty task.
 *
 * It may also have `void done(const request &, const response &) const`. The service calls that
 * when the response is complete, or cannot be completed. It calls it also for requests that it
 * refused without asking the handler. In any context: it must not sleep. With
 * `ktcp::server_file own_file() const` it has a file beside the server's in /proc: see server_module.
 *
 * A coroutine may wait for others than its client, so the service sends the answers to earlier
 * requests of a pipeline before it. With `static constexpr bool waits_for_others = false` the handler
 * waits for its client and for files alone, and these answers leave together with its own.
 */
template <class Handler>
concept request_handler = std::copy_constructible<Handler> &&
	requires(const Handler &handler, request &request, response &response)
{
	requires std::same_as<decltype(handler(request, response)), task> ||
		std::same_as<decltype(handler(request, response)), task_of<void>>;
};

} // namespace ktcp::http

#endif
