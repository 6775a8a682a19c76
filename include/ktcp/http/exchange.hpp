// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * One request and its response: their shared state, and its consequence for the connection.
 *
 * The request and the response set the facts; whether the connection is kept, closed or listened to
 * is decided here and nowhere else.
 */
#ifndef KTCP_HTTP_EXCHANGE_HPP
#define KTCP_HTTP_EXCHANGE_HPP

#include <cstddef>
#include <cstdint>

namespace ktcp::http
{

/** The state of a connection after an exchange. */
enum class fate : std::uint8_t {
	next_request,
	close,
	linger, /**< say the last word, and listen until the client has had time to read it */
	over, /**< say nothing more; a response that was cut has set a reset, if it needs one (stream) */
};

/** The facts of one exchange. Any context. */
struct exchange {
	/** A head may have so many bytes, and as many more as the request's head had, in one buffer. */
	static constexpr std::size_t head_most = 4096;

	/** @name The request */
	/** @{ */
	bool keep_alive = true; /**< the client lets the connection go on */
	bool expects_continue = false; /**< the client waits to be told to send its body */
	bool body_begun = false; /**< some of the body has been read, or was asked for */
	bool body_over = true; /**< none of the body is left to be read */
	bool body_chunked = false; /**< nobody knows how long it is before it is over */
	std::uint16_t refused = 0; /**< the status that says why it cannot be served; 0: it can */
	std::uint64_t body_left = 0; /**< of a body whose length is known */
	/** @} */
	/** @name The response */
	/** @{ */
	bool begun = false; /**< its head is in the output */
	bool close = false; /**< the connection ends with it */
	/** The most bytes of its head; that much room is there when the handler begins. */
	std::size_t head_room = head_most;
	/** @} */

	/** Does the client still wait for its 100? */
	constexpr bool waits() const noexcept
	{
		return expects_continue && !body_begun && !body_over;
	}

	/** Is it to get one? Within a response it would be part of that (RFC 9110, section 15.2). */
	constexpr bool wants_interim() const noexcept
	{
		return waits() && !begun;
	}

	/**
	 * The response's head is made now: does the connection end with it? A body that the handler
	 * has begun to read is read over, and one that is sure to be little.
	 * Else the connection ends, and where the client waits to be told. This head has to say so (RFC 9112, section
	 * 9.6). How much has come of a chunked body depends on how its bytes were cut.
	 * @param delimited  the response's end shows without the connection's.
	 * @param little  bytes of a body that are read over.
	 */
	constexpr bool begin(bool delimited, std::uint64_t little) noexcept
	{
		begun = true;
		close = close || !delimited || !keep_alive || refused || waits() ||
			(!body_over && !body_begun && (body_chunked || body_left > little));
		return close;
	}

	/**
	 * The response is complete, and the rest of the body was read over where it may be.
	 * @param more  the client has sent more than was used.
	 */
	constexpr fate ended(bool more) const noexcept
	{
		if (!close && !refused && body_over)
			return fate::next_request;
		/* A close with unread bytes would reset the connection, and the reset overtake the
		 * answer. A client that asked for the end sends no more, unless it already has. */
		return keep_alive || refused || !body_over || more ? fate::linger : fate::close;
	}
};

} // namespace ktcp::http

#endif
