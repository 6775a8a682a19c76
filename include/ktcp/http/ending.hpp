// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * Why a request has no answer, or none that came from its handler, and the status that stands for it.
 */
#ifndef KTCP_HTTP_ENDING_HPP
#define KTCP_HTTP_ENDING_HPP

#include <cstdint>

#include <ktcp/base/error.hpp>

namespace ktcp::http
{

/** The cause, and so the one who ended the exchange. */
enum class ending : std::uint8_t {
	handler, /**< the handler failed, or said nothing */
	memory, /**< there was no memory */
	left, /**< the client reset the connection, or closed it while the handler waited for that */
	slow, /**< the client took too few bytes of the answers for too long */
	server, /**< the server stops, or the connection was idle for too long */
};

/** Is there a client that may hear of it? Any context. */
constexpr bool is_heard(ending why) noexcept
{
	return why == ending::handler || why == ending::memory;
}

/**
 * The status of the answer, or of the log alone if no client hears the answer. nginx logs the same two: 499, which
 * is no status of HTTP's, for a client that left, and 408 for one that is too slow. Any context.
 */
constexpr unsigned int status_of(ending why) noexcept
{
	switch (why) {
	case ending::handler:
		return 500;
	case ending::left:
		return 499;
	case ending::slow:
		return 408;
	case ending::memory:
	case ending::server:
		break;
	}
	return 503;
}

/**
 * The one who ended the connection, by an operation's error; ending::handler: it goes on.
 * @param in_time  for ETIMEDOUT: whose time it was.
 * Any context.
 */
constexpr ending ending_of(error_code why, ending in_time) noexcept
{
	switch (why.value()) {
	case errc::econnreset:
	case errc::epipe:
	case errc::ehostunreach:
	case errc::enetunreach:
		return ending::left;
	case errc::etimedout:
		return in_time;
	case errc::eshutdown:
		return ending::server;
	default:
		return ending::handler;
	}
}

} // namespace ktcp::http

#endif
