// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * What a request and its response must know of each other, and of the connection.
 */
#ifndef KTCP_HTTP_EXCHANGE_HPP
#define KTCP_HTTP_EXCHANGE_HPP

#include <cstddef>

namespace ktcp::http
{

/** One request and its response. */
struct exchange {
	/** A head may have so many bytes, and as many more as the request's head had. */
	static constexpr std::size_t head_most = 4096;

	/**
	 * Is the response's head in the output? From then on an interim response would stand inside
	 * of the final one (RFC 9110, section 15.2).
	 */
	bool begun = false;

	/** The connection ends with this response. */
	bool close = false;

	/** What the response's head may take; that much room is there when the handler begins. */
	std::size_t head_room = head_most;
};

} // namespace ktcp::http

#endif
