// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * What answers requests.
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
 * What can answer a request: copyable, and callable as
 * `ktcp::task operator()(http::request &, http::response &) const`, or as one that returns a
 * ktcp::task_of<void>, so that it can end with `co_return co_await response.send(...)`; what
 * is returned changes nothing, for the response knows whether it is complete. It need not be a
 * coroutine: after response.reply() it may return an empty task.
 *
 * It may also have `void done(const request &, const response &) const`, which is called when
 * the response is complete, or what is to come of it; for requests that were refused
 * without asking the handler, too. In any context: it must not sleep.
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
