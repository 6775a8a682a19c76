// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * A stream of bytes both ways, over a socket. Coroutines of one strand read and write it. An accepted
 * connection is a stream.
 *
 * @code
 * while (auto received = co_await peer.read())
 *	if (!co_await peer.write(*received))
 *		break;
 * @endcode
 *
 * Reading and writing are two slots. One coroutine may wait for bytes while another waits for room. A
 * second one in the same slot gets EBUSY.
 */
#ifndef KTCP_STREAM_HPP
#define KTCP_STREAM_HPP

#include <concepts>
#include <cstddef>
#include <span>
#include <string_view>

#include <ktcp/engine/stream_base.hpp>
#include <ktcp/engine/stream_message.hpp>
#include <ktcp/engine/stream_operation.hpp>
#include <ktcp/kernel/buffer.hpp>
#include <ktcp/kernel/file.hpp>
#include <ktcp/received.hpp>

namespace ktcp
{

namespace detail
{

/* The pieces that write() of several takes. */
template <class Text>
concept writable = std::convertible_to<const Text &, std::string_view> ||
	std::convertible_to<const Text &, std::span<const std::byte>>;

template <writable Text>
std::span<const std::byte> bytes_of(const Text &text) noexcept
{
	if constexpr (std::convertible_to<const Text &, std::string_view>)
		return std::as_bytes(std::span(std::string_view(text)));
	else
		return text;
}

} // namespace detail

/** A socket that a strand's coroutines read and write. */
class stream : public detail::stream_base {
    public:
	using read_operation = detail::read_operation; /**< the awaiter that read() returns */
	using read_more_operation = detail::read_more_operation; /**< … and read_more() */
	using message_operation =
		detail::message_operation; /**< … and read_until(), read_line(), read_exactly() */
	using write_operation = detail::write_operation; /**< … and write() */
	template <std::size_t Pieces>
	using gather_operation = detail::gather_operation<Pieces>; /**< … of several pieces */
	using finish_operation = detail::finish_operation; /**< … and finish_sending() */

	/** `co_await peer.read()`: a ktcp::received, of at least a byte unless the stream ended. */
	[[nodiscard]] read_operation read() noexcept
	{
		return read_operation(*this);
	}

	/**
	 * `co_await peer.read_more(held)`: a result<size_t>, the number of bytes that came behind the
	 * held ones, 0 at the end of the stream. The held bytes may move.
	 * @param held  the result of a read() of this peer, with at least a byte of its buffer.
	 * Errors: ENOBUFS (the bytes fill a buffer), EINVAL and a warning (@p held has no buffer of
	 * this peer's), and read()'s. The held bytes stay.
	 */
	[[nodiscard]] read_more_operation read_more(received &held) noexcept
	{
		return read_more_operation(*this, held);
	}

	/**
	 * `co_await peer.read_until("\r\n\r\n", 4096)`: a ktcp::message, the bytes before the
	 * delimiter. Both are taken off the stream.
	 * @param delimiter  at least a byte; must stay as it is until then.
	 * @param limit  bytes of the longest message. Message and delimiter share a buffer (16 KiB),
	 *               so a larger limit means the rest of that buffer.
	 * Errors: EMSGSIZE (longer), EBADMSG (the stream ended inside the message), EINVAL and a
	 * warning (no delimiter), ENOMEM, and read()'s. On failure the received bytes stay: the next
	 * read of any kind begins with them.
	 * Cost: a look at each byte. Where more bytes came behind the message, the shorter of the two
	 * is copied into a buffer of its own.
	 */
	[[nodiscard]] message_operation read_until(std::string_view delimiter,
						   std::size_t limit) noexcept
	{
		return message_operation(*this, delimiter, limit, false);
	}

	/** The same for a line, which ends with a line feed, or carriage return and line feed. */
	[[nodiscard]] message_operation read_line(std::size_t limit) noexcept
	{
		return message_operation(*this, "\n", limit, true);
	}

	/**
	 * `co_await peer.read_exactly(size)`: a ktcp::message of @p size bytes, a buffer (16 KiB) at
	 * most. For more: ktcp::read_exactly() of ktcp/buffer_chain.hpp.
	 * Errors: as read_until(); EMSGSIZE means that no buffer holds @p size bytes.
	 */
	[[nodiscard]] message_operation read_exactly(std::size_t size) noexcept
	{
		return message_operation(*this, size);
	}

	/**
	 * `co_await peer.write(bytes)`: a result<void>, once TCP has taken all of them.
	 * @param data  must stay as it is until then.
	 * @param more  another write follows at once, so TCP sends no short segment yet (MSG_MORE).
	 * Errors: EPIPE, ECONNRESET, ETIMEDOUT, ESHUTDOWN …
	 */
	[[nodiscard]] write_operation write(std::span<const std::byte> data,
					    bool more = false) noexcept
	{
		return write_operation(*this, data, more);
	}

	/** The same for text. */
	[[nodiscard]] write_operation write(std::string_view text, bool more = false) noexcept
	{
		return write(std::as_bytes(std::span(text)), more);
	}

	/**
	 * The same for all bytes of a read(), by this stream or another one. If they fill half of a
	 * buffer, TCP takes the buffer's pages in place of a copy.
	 */
	[[nodiscard]] write_operation write(const received &bytes, bool more = false) noexcept
	{
		return write_operation(*this, bytes, more);
	}

	/**
	 * `co_await peer.write(head, body, "\n")`: texts and bytes, one after the other, flushed once
	 * (MSG_MORE). Each must stay as it is until then.
	 * Cost: a send for each.
	 */
	template <class... Text>
		requires(sizeof...(Text) > 1 && (detail::writable<Text> && ...))
	[[nodiscard]] gather_operation<sizeof...(Text)> write(const Text &...text) noexcept
	{
		return gather_operation<sizeof...(Text)>(*this, { detail::bytes_of(text)... });
	}

	/**
	 * `co_await peer.write(pages)`: the same for pages of a file, without copying them. Pages
	 * that TCP has taken are taken off @p pages.
	 */
	[[nodiscard]] write_operation write(file_pages &pages, bool more = false) noexcept
	{
		return write_operation(*this, pages, more);
	}

	/**
	 * `co_await peer.finish_sending()`: a result<void>. It sends the FIN, so that the peer sees
	 * the end of the stream (shutdown(SHUT_WR)). Reading goes on.
	 * Errors: ENOTCONN, ESHUTDOWN, ETIMEDOUT.
	 */
	[[nodiscard]] finish_operation finish_sending() noexcept
	{
		return finish_operation(*this);
	}

	/**
	 * Lend the handler one of the buffers that read() fills, for its own use. It goes before the stream does,
	 * in a turn of the connection's: not in run_blocking(), nor behind a channel to another connection.
	 * Errors: ENOMEM. In softirq the kernel does not reclaim memory for it, so ENOMEM is more
	 * likely there. After may_sleep() the kernel does.
	 */
	result<buffer> borrow() noexcept
	{
		return buffer::from<stream_base>(*this, owner().frame_flags());
	}

	/**
	 * Reset the connection when it is closed. The reset tells the peer that its data is incomplete.
	 * An accepted connection is closed when its handler returns.
	 */
	void reset_at_end() noexcept
	{
		stream_base::reset_at_end();
	}

	/** The executor of the coroutines that use this stream. */
	ktcp::executor &executor() noexcept
	{
		return owner();
	}

	/** May a read() find bytes at once? true may be wrong. */
	bool readable() const noexcept
	{
		return stream_base::readable();
	}

    protected:
	using stream_base::stream_base;
	~stream() = default;
};

} // namespace ktcp

#endif
