// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * The operations of a stream, which coroutines await. A coroutine's frame holds its operation until then.
 *
 * An operation has the bytes, how many of them are done, and the outcome. The stream carries it out
 * (engine/stream_base.hpp).
 */
#ifndef KTCP_ENGINE_STREAM_OPERATION_HPP
#define KTCP_ENGINE_STREAM_OPERATION_HPP

#include <array>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <span>

#include <ktcp/base/error.hpp>
#include <ktcp/base/result.hpp>
#include <ktcp/kernel/file.hpp>
#include <ktcp/received.hpp>

namespace ktcp::detail
{

class stream_base;

/* One await on a stream. Trivially destructible, as g++-12 wants awaiters. */
class stream_operation {
    public:
	bool await_ready() noexcept; /* in stream_base.hpp, as the next */
	void await_suspend(std::coroutine_handle<> self) noexcept;

	/** It is over, with this negative errno. No coroutine waits for it any more. */
	void fail(int status) noexcept
	{
		size_ = 0;
		status_ = status;
	}

    protected:
	enum class kind : std::uint8_t {
		read,
		read_more,
		message,
		write,
		write_pages,
		gather,
		finish
	};

	stream_operation(stream_base &peer, kind what) noexcept : peer_(&peer), kind_(what)
	{
	}

	friend class stream_base;

	union {
		stream_base *peer_; /* its stream; while a coroutine waits for it … */
		void *waiting_; /* … the coroutine: it stands in the stream's slot then */
	};
	union {
		std::byte *data_ = nullptr; /* write: the bytes still to be sent, not changed … */
		file_pages *pages_; /* … or these; read: … */
	};
	std::size_t size_ = 0; /* … the bytes that came, in a buffer that is the handler's then */
	int status_ = 0;
	std::uint16_t begin_ = 0; /* read: where in data_ it begins */
	kind kind_;
	/* Bits, for an operation is a part of each coroutine's frame. */
	bool more_ : 1 = false;
	bool in_buffer_ : 1 = false; /* write: the bytes are in a buffer that a read() brought */
};

/** The awaiter that read() returns. */
class [[gnu::warn_unused]] read_operation : public stream_operation {
    public:
	explicit read_operation(stream_base &peer) noexcept : stream_operation(peer, kind::read)
	{
	}

	received await_resume() noexcept
	{
		return received(*peer_, data_, begin_, size_, status_);
	}
};

/** The awaiter that read_more() returns. */
class [[gnu::warn_unused]] read_more_operation : public stream_operation {
    public:
	read_more_operation(stream_base &peer, received &held) noexcept
		: stream_operation(peer, kind::read_more), held_(held)
	{
	}

	result<std::size_t> await_resume() const noexcept
	{
		if (status_)
			return error_code::from(status_);
		return size_;
	}

    private:
	friend class stream_base;

	received &held_;
};

/** The awaiter that finish_sending() returns. */
class [[gnu::warn_unused]] finish_operation : public stream_operation {
    public:
	explicit finish_operation(stream_base &peer) noexcept : stream_operation(peer, kind::finish)
	{
	}

	result<void> await_resume() const noexcept
	{
		return result<void>::from(status_);
	}
};

/** The awaiter that write() returns. */
class [[gnu::warn_unused]] write_operation : public stream_operation {
    public:
	write_operation(stream_base &peer, std::span<const std::byte> data, bool more) noexcept
		: stream_operation(peer, kind::write)
	{
		data_ = const_cast<std::byte *>(data.data());
		size_ = data.size();
		more_ = more;
	}

	write_operation(stream_base &peer, const received &bytes, bool more) noexcept
		: write_operation(peer, *bytes, more)
	{
		in_buffer_ = true;
	}

	write_operation(stream_base &peer, file_pages &pages, bool more) noexcept
		: stream_operation(peer, kind::write_pages)
	{
		pages_ = &pages;
		size_ = pages.size();
		more_ = more;
	}

	result<void> await_resume() const noexcept
	{
		return result<void>::from(status_);
	}

	/** Of bytes, not of pages: where those begin that TCP has not taken. */
	const std::byte *rest() const noexcept
	{
		return data_;
	}
};

/** Pieces that are written one after the other. */
class gather : public stream_operation {
    protected:
	/** Bytes of one. */
	using piece = std::span<const std::byte>;

	explicit gather(stream_base &peer) noexcept : stream_operation(peer, kind::gather)
	{
	}

	/** Where they are; from now on they stay there. */
	void begin(const piece *pieces, std::size_t count) noexcept
	{
		next_ = pieces;
		end_ = pieces + count;
		static_cast<void>(advance());
	}

    private:
	friend class stream_base;

	/* The next piece that has bytes; false: there is none. More follows if one behind it has. */
	bool advance() noexcept
	{
		skip();
		if (next_ == end_)
			return false;
		data_ = const_cast<std::byte *>(next_->data());
		size_ = next_->size();
		++next_;
		skip();
		more_ = next_ != end_;
		return true;
	}

	void skip() noexcept
	{
		while (next_ != end_ && next_->empty())
			++next_;
	}

	const piece *next_ = nullptr, *end_ = nullptr;
};

/** The awaiter that write() of several pieces returns. */
template <std::size_t Pieces>
class [[gnu::warn_unused]] gather_operation : public gather {
    public:
	gather_operation(stream_base &peer, const std::array<piece, Pieces> &pieces) noexcept
		: gather(peer), pieces_(pieces)
	{
	}

	bool await_ready() noexcept
	{
		begin(pieces_.data(), Pieces);
		return stream_operation::await_ready();
	}

	result<void> await_resume() const noexcept
	{
		return result<void>::from(status_);
	}

    private:
	std::array<piece, Pieces> pieces_;
};

} // namespace ktcp::detail

#endif
