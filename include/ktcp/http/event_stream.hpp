// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * A response that goes on for as long as its handler likes: server-sent events, for a browser's
 * EventSource (HTML Living Standard, section 9.2).
 *
 * @code
 * ktcp::http::event_stream events(asked, to);
 *
 * for (;;) {
 *	if (const auto sent = co_await events.send("tick"); !sent)
 *		co_return sent;
 *	if (const auto waited = co_await asked.pause(1000); !waited)
 *		co_return waited;
 * }
 * @endcode
 */
#ifndef KTCP_HTTP_EVENT_STREAM_HPP
#define KTCP_HTTP_EVENT_STREAM_HPP

#include <cstddef>
#include <string_view>

#include <ktcp/http/request.hpp>
#include <ktcp/http/response.hpp>

namespace ktcp::http
{

/** Writes events to a response. Context: a handler's. */
class event_stream {
    public:
	/**
	 * Begins the response, with 200. Both must outlive this. Its head leaves with the first event. Where
	 * that may be long in coming, `co_await to.flush()` tells the browser that the stream is open.
	 */
	event_stream(request &asked, response &to) noexcept : asked_(asked), to_(to)
	{
		to.status(200).field("Content-Type", "text/event-stream");
		to.field("Cache-Control", "no-store");
	}

	/** Of the coroutines that take a stream of events. */
	ktcp::executor &executor() const noexcept
	{
		return to_.executor();
	}

	/**
	 * `co_await events.send(data)`: one event, which leaves at once; a result<void>.
	 * @param data  any lines.  @param type  the event's, `message` if it is empty. @param id  its.
	 * All must stay until then.
	 * Errors: EINVAL (a type or an id of several lines), EPIPE (a HEAD, which has had all that it
	 * gets: end), and the connection's.
	 */
	[[nodiscard]] task_of<void> send(std::string_view data, std::string_view type = {},
					 std::string_view id = {})
	{
		if (has_line_end(type) || has_line_end(id))
			co_return errc::einval;
		if (const auto sent = co_await line("event: ", type, !type.empty()); !sent)
			co_return sent;
		if (const auto sent = co_await line("id: ", id, !id.empty()); !sent)
			co_return sent;
		for (bool more = true; more;) {
			const std::size_t end = data.find_first_of("\r\n");
			const std::string_view each = slice(data, 0, end);

			more = end != data.npos;
			if (more)
				data = slice(data, end + (slice(data, end, 2) == "\r\n" ? 2 : 1));
			if (const auto sent = co_await line("data: ", each, true); !sent)
				co_return sent;
		}
		if (const auto sent = co_await to_.write("\n"); !sent)
			co_return sent;
		if (asked_.method() == method::head)
			co_return errc::epipe;
		co_return co_await to_.flush();
	}

    private:
	static bool has_line_end(std::string_view text) noexcept
	{
		return text.find_first_of("\r\n") != text.npos;
	}

	task_of<void> line(std::string_view name, std::string_view text, bool wanted)
	{
		if (!wanted)
			co_return result<void>();
		if (const auto sent = co_await to_.write(name); !sent)
			co_return sent;
		if (const auto sent = co_await to_.write(text); !sent)
			co_return sent;
		co_return co_await to_.write("\n");
	}

	request &asked_;
	response &to_;
};

} // namespace ktcp::http

#endif
