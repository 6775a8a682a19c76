// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * Bytes that came from a peer, in a buffer that is given back when its owner goes. They are any
 * bytes (received), or a message with a known end (message).
 *
 * @code
 * while (auto line = co_await peer.read_line(512))
 *	if (!co_await peer.write(*line == "ping" ? "pong\n" : "what?\n"))
 *		break;
 * @endcode
 *
 * An owner is used where its connection's handler runs, and goes before the handler does.
 */
#ifndef KTCP_RECEIVED_HPP
#define KTCP_RECEIVED_HPP

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>

#include <ktcp/base/result.hpp>
#include <ktcp/kernel/log.hpp>

namespace ktcp
{

class connection;
class buffer_chain;

namespace detail
{

class message_operation;
class read_operation;
class stream_base;

template <class T>
class basic_task;

} // namespace detail

/** Bytes in a buffer of a connection's, and the duty to give it back. */
class borrowed_bytes {
    public:
	/** The bytes; valid for as long as this lives. */
	std::span<const std::byte> bytes() const noexcept
	{
		return { data_ + begin_, end_ - begin_ };
	}

	/** The same as text. */
	std::string_view text() const noexcept
	{
		return { reinterpret_cast<const char *>(data_) + begin_, end_ - begin_ };
	}

    protected:
	borrowed_bytes() noexcept = default;

	/* @data is a buffer of the peer's, or nullptr; the bytes are from begin to end of it. */
	borrowed_bytes(detail::stream_base &peer, std::byte *data, std::size_t begin,
		       std::size_t end, int status) noexcept; /* in engine/stream_base.hpp */

	/** Take over what @p other has, and leave it without bytes and with @p status. */
	borrowed_bytes(borrowed_bytes &other, std::int16_t status) noexcept
		: peer_(other.peer_), data_(std::exchange(other.data_, nullptr)),
		  end_(std::exchange(other.end_, 0)), begin_(std::exchange(other.begin_, 0)),
		  status_(std::exchange(other.status_, status))
	{
	}

	borrowed_bytes(borrowed_bytes &&other) noexcept : borrowed_bytes(other, other.status_)
	{
	}

	borrowed_bytes &operator=(borrowed_bytes &&other) noexcept
	{
		std::swap(peer_, other.peer_);
		std::swap(data_, other.data_);
		std::swap(end_, other.end_);
		std::swap(begin_, other.begin_);
		std::swap(status_, other.status_);
		return *this;
	}

	~borrowed_bytes(); /* in engine/stream_base.hpp */

	detail::stream_base *peer_ = nullptr; /**< outlives us: we are in its handler's frame */
	std::byte *data_ = nullptr; /**< a buffer of the peer's, or nullptr; the bytes are … */
	std::uint32_t end_ = 0; /**< … up to here */
	std::uint16_t begin_ = 0; /**< … from here */
	std::int16_t status_ = 0; /**< 0, or why there are none */
};

/** The result of a read(): bytes, the end of the stream, or an error. */
class [[nodiscard]] received : public borrowed_bytes {
    public:
	/** No bytes, and no buffer. */
	received() noexcept = default;

	/** Are there bytes? */
	explicit operator bool() const noexcept
	{
		return begin_ != end_;
	}

	/** The bytes; valid for as long as this lives. */
	std::span<const std::byte> operator*() const noexcept
	{
		return bytes();
	}

	/** The first @p size of them are done with; more than there are: all, and a warning. */
	void remove_prefix(std::size_t size) noexcept
	{
		const std::size_t held = end_ - begin_;

		if (size > held) {
			KTCP_WARN_ONCE("received::remove_prefix(%zu) of %zu bytes", size, held);
			size = held;
		}
		begin_ = static_cast<std::uint16_t>(begin_ + size);
	}

	/** No bytes: did the peer finish sending, in good order? */
	bool end_of_stream() const noexcept
	{
		return begin_ == end_ && status_ == 0;
	}

	/** Neither bytes nor the end: ECONNRESET, ETIMEDOUT, ESHUTDOWN, ENOMEM … */
	error_code error() const noexcept
	{
		return error_code::from(status_);
	}

    private:
	friend class detail::read_operation;
	friend class detail::stream_base;

	using borrowed_bytes::borrowed_bytes;
};

/** A message out of the stream, without its delimiter; it may be empty. Or none, and why. */
class [[nodiscard]] message : public borrowed_bytes {
    public:
	/** None. */
	message() noexcept
	{
		status_ = ended;
	}

	/** Moved from, there is none. */
	message(message &&other) noexcept : borrowed_bytes(other, ended)
	{
	}

	/** The other gets what this one had. */
	message &operator=(message &&other) noexcept = default;

	/** Is there one? */
	explicit operator bool() const noexcept
	{
		return status_ == 0;
	}

	/** It as text; valid for as long as this lives. */
	std::string_view operator*() const noexcept
	{
		return text();
	}

	/** None: did the peer finish sending, in good order, behind a whole message? */
	bool end_of_stream() const noexcept
	{
		return status_ == ended;
	}

	/**
	 * Neither a message nor the end: EMSGSIZE (longer than allowed), EBADMSG (the stream ended
	 * inside of it), ECONNRESET, ETIMEDOUT, ESHUTDOWN, ENOMEM …
	 */
	error_code error() const noexcept
	{
		return error_code::from(status_);
	}

    private:
	friend class detail::message_operation;
	friend class detail::stream_base;
	friend detail::basic_task<buffer_chain> read_all(connection &peer, std::size_t limit);

	static constexpr int ended = 1;

	explicit message(received &&bytes) noexcept : borrowed_bytes(std::move(bytes))
	{
	}

	/* Of the message's own bytes those that are from begin on in the buffer. */
	message(detail::stream_base &peer, std::byte *data, std::size_t begin, std::size_t size,
		int status) noexcept
		: borrowed_bytes(peer, data, begin, begin + size, status)
	{
	}
};

} // namespace ktcp

#endif
