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

#include <algorithm>
#include <array>
#include <concepts>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>

#include <ktcp/base/atomic.hpp>
#include <ktcp/engine/statistics.hpp>
#include <ktcp/engine/strand.hpp>
#include <ktcp/kernel/buffer.hpp>
#include <ktcp/kernel/file.hpp>
#include <ktcp/kernel/log.hpp>
#include <ktcp/kernel/socket.hpp>
#include <ktcp/port/time.h>
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
class stream {
	class operation;
	class gather;

    public:
	class read_operation;
	class read_more_operation;
	class message_operation;
	class write_operation;
	template <std::size_t Pieces>
	class gather_operation;
	class finish_operation;

	stream(const stream &) = delete;
	stream &operator=(const stream &) = delete;

	/** `co_await peer.read()`: a ktcp::received, of at least a byte unless the stream ended. */
	[[nodiscard]] read_operation read() noexcept;

	/**
	 * `co_await peer.read_more(held)`: a result<size_t>, the number of bytes that came behind the
	 * held ones, 0 at the end of the stream. The held bytes may move.
	 * @param held  the result of a read() of this peer, with at least a byte of its buffer.
	 * Errors: ENOBUFS (the bytes fill a buffer), EINVAL and a warning (@p held has no buffer of
	 * this peer's), and read()'s. The held bytes stay.
	 */
	[[nodiscard]] read_more_operation read_more(received &held) noexcept;

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
						   std::size_t limit) noexcept;

	/** The same for a line, which ends with a line feed, or carriage return and line feed. */
	[[nodiscard]] message_operation read_line(std::size_t limit) noexcept;

	/**
	 * `co_await peer.read_exactly(size)`: a ktcp::message of @p size bytes, a buffer (16 KiB) at
	 * most. For more: ktcp::read_exactly() of ktcp/buffer_chain.hpp.
	 * Errors: as read_until(); EMSGSIZE means that no buffer holds @p size bytes.
	 */
	[[nodiscard]] message_operation read_exactly(std::size_t size) noexcept;

	/**
	 * `co_await peer.write(bytes)`: a result<void>, once TCP has taken all of them.
	 * @param data  must stay as it is until then.
	 * @param more  another write follows at once, so TCP sends no short segment yet (MSG_MORE).
	 * Errors: EPIPE, ECONNRESET, ETIMEDOUT, ESHUTDOWN …
	 */
	[[nodiscard]] write_operation write(std::span<const std::byte> data,
					    bool more = false) noexcept;

	/** The same for text. */
	[[nodiscard]] write_operation write(std::string_view text, bool more = false) noexcept;

	/**
	 * The same for all bytes of a read(), by this stream or another one. If they fill half of a
	 * buffer, TCP takes the buffer's pages in place of a copy.
	 */
	[[nodiscard]] write_operation write(const received &bytes, bool more = false) noexcept;

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
	[[nodiscard]] write_operation write(file_pages &pages, bool more = false) noexcept;

	/**
	 * `co_await peer.finish_sending()`: a result<void>. It sends the FIN, so that the peer sees
	 * the end of the stream (shutdown(SHUT_WR)). Reading goes on.
	 * Errors: ENOTCONN, ESHUTDOWN, ETIMEDOUT.
	 */
	[[nodiscard]] finish_operation finish_sending() noexcept;

	/**
	 * Lend the handler one of the buffers that read() fills, for its own use.
	 * Errors: ENOMEM. In softirq the kernel does not reclaim memory for it, so ENOMEM is more
	 * likely there. After may_sleep() the kernel does.
	 */
	result<buffer> borrow() noexcept
	{
		return buffer::from(buffers_, strand_.frame_flags());
	}

	/**
	 * Reset the connection when it is closed. The reset tells the peer that its data is incomplete.
	 * An accepted connection is closed when its handler returns.
	 */
	void reset_at_end() noexcept
	{
		reset_at_end_ = true;
	}

	/** The executor of the coroutines that use this stream. */
	ktcp::executor &executor() noexcept
	{
		return strand_;
	}

	/** May a read() find bytes at once? true may be wrong. */
	bool readable() const noexcept
	{
		return kept_ || socket_.readable();
	}

    protected:
	/**
	 * @param owner  its coroutines use the stream.
	 * @param buffers  where read() borrows its buffers; both must outlive this.
	 * @param outgoing  its lock is not the one that a turn in softirq holds.
	 */
	stream(strand &owner, ktcp::socket &&socket, page_pool &buffers,
	       bool outgoing = false) noexcept
		: strand_(owner), socket_(std::move(socket)), buffers_(buffers), outgoing_(outgoing)
	{
	}

	~stream() = default;

	/** Whose coroutines use it. */
	strand &owner() noexcept
	{
		return strand_;
	}

	/** Where it borrows its buffers. */
	page_pool &buffers() noexcept
	{
		return buffers_;
	}

	/** The socket below. Only this class sends and receives on it. */
	ktcp::socket &socket() noexcept
	{
		return socket_;
	}

	/** The same, to ask it. */
	const ktcp::socket &socket() const noexcept
	{
		return socket_;
	}

	/** @name A turn. Of who takes it */
	/** @{ */

	/** It begins: while it lasts, nothing is waited for. */
	void wait_for_nothing() noexcept
	{
		change(readable_or_writable, 0);
	}

	/** Operations that wait since an earlier turn. */
	struct waiting {
		operation *reading; /**< or nullptr */
		operation *writing; /**< the same */

		/** Anything? */
		explicit operator bool() const noexcept
		{
			return reading || writing;
		}
	};

	/** All of it. */
	waiting waits() const noexcept
	{
		return { reading_, writing_ };
	}

	/** Try the operation of this slot again. Return: the coroutine to resume, if it is over. */
	std::coroutine_handle<> try_again(operation *of_old) noexcept;

	/** This coroutine will not be resumed any more. */
	void unpark(std::coroutine_handle<> who) noexcept;

	/** @} */

	/** The socket's events that are waited for. */
	std::uint32_t interest() const noexcept
	{
		return starved() ? 0 : wanted_.load(memory_order_relaxed) & readable_or_writable;
	}

	/**
	 * Milliseconds that the peer has been quiet: it sent no byte, and acknowledged none. While
	 * bytes of its wait to be read it waits for us, but where we wait for it. Any context.
	 */
	std::uint32_t idle_ms() const noexcept
	{
		if (!writing() && socket_.has_unread())
			return 0;
		return std::min(socket_.unheard_ms(), socket_.untaken_ms());
	}

	/**
	 * While writing(): milliseconds in which the peer has acknowledged none of the bytes that wait
	 * for it; right up to 24 days. Any context.
	 */
	std::uint32_t stalled_ms(std::uint64_t now_ms) const noexcept
	{
		/* The other context may just have begun to wait. */
		const auto waits =
			static_cast<std::int32_t>(static_cast<std::uint32_t>(now_ms) -
						  waits_since_.load(memory_order_relaxed));

		return waits > 0 ?
			       std::min(static_cast<std::uint32_t>(waits), socket_.untaken_ms()) :
			       0;
	}

	/** Does it wait for its peer to take bytes? A hint, from any context. */
	bool writing() const noexcept
	{
		return wanted_.load(memory_order_relaxed) & KTCP_SOCK_WRITABLE;
	}

	/** Did sends fail for want of memory, with nothing queued? No event of TCP's comes then. */
	bool starved() const noexcept
	{
		return wanted_.load(memory_order_relaxed) & is_starved;
	}

	/** Its bytes so far. Any context. */
	traffic moved() const noexcept
	{
		return { .bytes_in = bytes_in_.value(), .bytes_out = bytes_out_.value() };
	}

	/** Have the next read of any kind begin with what the last one brought. */
	void put_back(received &&bytes) noexcept
	{
		if (!bytes)
			return;
		drop_kept();
		take_back();
		keep(std::exchange(bytes.data_, nullptr), std::exchange(bytes.begin_, 0),
		     std::exchange(bytes.end_, 0));
	}

	/** Give back the bytes that no read has taken. */
	void drop_kept() noexcept
	{
		if (kept_)
			give_back(std::exchange(kept_, nullptr));
	}

	/** Does a coroutine still hold bytes that it read? */
	bool has_lent() const noexcept
	{
		return borrowers_;
	}

	/** Is its peer to know that something is missing? */
	bool is_reset_at_end() const noexcept
	{
		return reset_at_end_;
	}

    private:
	friend class borrowed_bytes;
	friend class connection;

	outcome attempt(operation &op) noexcept;
	outcome attempt_read(operation &op) noexcept;
	result<std::byte *> make_room(operation &op) noexcept;
	void move_to(std::byte *buffer, received &held) noexcept;
	outcome attempt_message(message_operation &op) noexcept;
	result<std::size_t> receive_behind_kept() noexcept;
	outcome hand_out(message_operation &op) noexcept;
	outcome failed_to_read(operation &op, error_code why) noexcept;
	result<std::byte *> another_buffer() noexcept;
	outcome attempt_write(operation &op) noexcept;
	outcome attempt_gather(gather &op) noexcept;
	outcome attempt_finish(operation &op) noexcept;
	outcome wait_for(std::uint32_t event) noexcept;
	outcome wait_for_room() noexcept;
	operation *&slot_of(const operation &op) noexcept;
	result<std::size_t> recv(std::span<std::byte> into) noexcept;
	std::size_t take_kept(std::span<std::byte> into) noexcept;
	result<std::size_t> send(const operation &op) noexcept;

	/* The one call or the other; EINPROGRESS: that must be in process context. */
	template <class Softirq, class Process>
	result<std::size_t> in_softirq_or(Softirq in_softirq, Process in_process) noexcept
	{
		if (!strand_.in_softirq())
			return in_process();
		if (!outgoing_)
			return in_softirq();

		struct sock *const locked = ::ktcp_sock_try_bh(socket_.raw());

		if (!locked)
			return errc::einprogress;

		result<std::size_t> outcome = in_softirq();

		::ktcp_sock_unlock_bh(locked);
		return outcome;
	}

	static constexpr unsigned int many_borrowers = 63;

	void lend() noexcept
	{
		if (borrowers_ != many_borrowers)
			borrowers_++;
	}

	void take_back() noexcept
	{
		if (borrowers_ != many_borrowers)
			borrowers_--;
	}

	/* Are these bytes in the buffer that the last read() brought? */
	bool is_lent(std::span<const std::byte> data) const noexcept
	{
		return lent_ && data.data() >= lent_ &&
		       data.data() + data.size() <= lent_ + buffers_.buffer_size();
	}

	void give_back(std::byte *buffer) noexcept
	{
		/* From here on the memory may become anything, and must not be sent as pages. */
		if (lent_ == buffer)
			lent_ = nullptr;
		buffers_.put(buffer);
	}

	/* Bytes that came behind a message, or before one that is not whole yet. */
	std::string_view kept() const noexcept
	{
		if (!kept_)
			return {};
		return { reinterpret_cast<const char *>(kept_) + kept_begin_,
			 static_cast<std::size_t>(kept_end_ - kept_begin_) };
	}

	void keep(std::byte *buffer, std::size_t begin, std::size_t end) noexcept
	{
		kept_ = buffer;
		kept_begin_ = static_cast<std::uint16_t>(begin);
		kept_end_ = static_cast<std::uint16_t>(end);
	}

	strand &strand_;
	ktcp::socket socket_;
	page_pool &buffers_;
	operation *reading_ = nullptr, *writing_ = nullptr; /* that a coroutine waits for */
	std::byte *kept_ = nullptr; /* a buffer with bytes for the next read, or nullptr */
	const std::byte *lent_ = nullptr; /* where the last read's bytes are */
	tally bytes_in_, bytes_out_;
	std::uint16_t kept_begin_ = 0, kept_end_ = 0; /* of kept_ */
	atomic<std::uint32_t> waits_since_ = 0; /* for room: the low half of ktcp_now_ms() */
	/* The socket's events that it waits for, and these bits. Written in turns. */
	static constexpr std::uint8_t readable_or_writable = KTCP_SOCK_READABLE |
							     KTCP_SOCK_WRITABLE;
	static constexpr std::uint8_t has_waited = 0x20; /* for room, since bytes were last taken */
	static constexpr std::uint8_t was_denied = 0x40; /* the last send found no memory … */
	static constexpr std::uint8_t is_starved = 0x80; /* … nor did the one before */
	atomic<std::uint8_t> wanted_ = 0;

	void change(std::uint8_t clear, std::uint8_t set) noexcept
	{
		const std::uint8_t was = wanted_.load(memory_order_relaxed);

		wanted_.store(static_cast<std::uint8_t>((was & ~clear) | set),
			      memory_order_relaxed);
	}
	const bool outgoing_ : 1; /* its lock is not the one that a turn in softirq holds */
	bool reset_at_end_ : 1 = false;
	std::uint8_t borrowers_ : 6 = 0; /* holders of read bytes; 63 are many, and stay many */
};

/** @cond private, which doxygen does not see */
/* One await on a stream. Trivially destructible, as g++-12 wants awaiters. */
class stream::operation {
    public:
	bool await_ready() noexcept
	{
		return peer_->attempt(*this) == outcome::done;
	}

	void await_suspend(std::coroutine_handle<> self) noexcept
	{
		peer_->slot_of(*this) = this;
		waiting_ = self.address();
	}

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

	operation(stream &peer, kind what) noexcept : peer_(&peer), kind_(what)
	{
	}

	operation(stream &peer, std::span<const std::byte> data, bool more) noexcept
		: peer_(&peer), data_(const_cast<std::byte *>(data.data())), size_(data.size()),
		  kind_(kind::write), more_(more)
	{
	}

	operation(stream &peer, const received &bytes, bool more) noexcept
		: operation(peer, *bytes, more)
	{
		in_buffer_ = true;
	}

	operation(stream &peer, file_pages &pages, bool more) noexcept
		: peer_(&peer), pages_(&pages), size_(pages.size()), kind_(kind::write_pages),
		  more_(more)
	{
	}

	friend class stream;

	union {
		stream *peer_; /* its stream; while a coroutine waits for it … */
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
/** @endcond */

/** The awaiter that read() returns. */
class [[gnu::warn_unused]] stream::read_operation : public operation {
    public:
	explicit read_operation(stream &peer) noexcept : operation(peer, kind::read)
	{
	}

	received await_resume() noexcept
	{
		return received(*peer_, data_, begin_, size_, status_);
	}
};

/** The awaiter that read_more() returns. */
class [[gnu::warn_unused]] stream::read_more_operation : public operation {
    public:
	read_more_operation(stream &peer, received &held) noexcept
		: operation(peer, kind::read_more), held_(held)
	{
	}

	result<std::size_t> await_resume() const noexcept
	{
		if (status_)
			return error_code::from(status_);
		return size_;
	}

    private:
	friend class stream;

	received &held_;
};

/** The awaiter that read_until(), read_line() and read_exactly() return. */
class [[gnu::warn_unused]] stream::message_operation : public operation {
    public:
	/* Up to a delimiter; of a line a carriage return before it is none of its bytes. */
	message_operation(stream &peer, std::string_view delimiter, std::size_t limit,
			  bool line) noexcept
		: operation(peer, kind::message), delimiter_(delimiter), limit_(limit), line_(line)
	{
	}

	/* So many bytes. */
	message_operation(stream &peer, std::size_t size) noexcept
		: operation(peer, kind::message), limit_(size), exactly_(true)
	{
	}

	message await_resume() noexcept
	{
		/* Its size was known before its failure was. */
		return data_ ? message(*peer_, data_, begin_, size_, status_) :
			       message(*peer_, nullptr, 0, 0, status_);
	}

    private:
	friend class stream;

	/*
	 * Is the message whole, with its delimiter? Then end_ is where it ends, and size_ is its size
	 * without the delimiter. A message that is too long sets status_ as soon as that is known. So
	 * the outcome does not depend on how the bytes were cut into segments.
	 */
	bool whole(std::string_view held, std::size_t most) noexcept
	{
		if (exactly_) {
			if (limit_ > most)
				status_ = error_code(errc::emsgsize).code();
			end_ = size_ = limit_;
			return !status_ && held.size() >= limit_;
		}
		if (delimiter_.empty()) {
			KTCP_WARN_ONCE("read_until(): the delimiter is empty");
			status_ = error_code(errc::einval).code();
			return false;
		}
		/* It may have begun at the end of what was looked at. */
		const std::size_t from = seen_ < delimiter_.size() ?
						 0 :
						 seen_ - (delimiter_.size() - 1);
		const std::size_t at = held.find(delimiter_, from);
		const bool found = at != held.npos;
		const std::size_t size =
			found ? at : held.size() - std::min(held.size(), delimiter_.size() - 1);

		if (!found)
			seen_ = held.size();
		size_ = size - (line_ && size && (!found || held[at - 1] == '\r'));
		end_ = at + delimiter_.size();
		if (size_ > limit_ || (!found && held.size() == most))
			status_ = error_code(errc::emsgsize).code();
		return found && !status_;
	}

	std::string_view delimiter_;
	std::size_t limit_;
	std::size_t seen_ = 0; /* bytes without a delimiter in them */
	std::size_t end_ = 0; /* with the delimiter */
	bool line_ = false;
	bool exactly_ = false; /* limit_ bytes */
};

/** The awaiter that finish_sending() returns. */
class [[gnu::warn_unused]] stream::finish_operation : public operation {
    public:
	explicit finish_operation(stream &peer) noexcept : operation(peer, kind::finish)
	{
	}

	result<void> await_resume() const noexcept
	{
		return result<void>::from(status_);
	}
};

/** The awaiter that write() returns. */
class [[gnu::warn_unused]] stream::write_operation : public operation {
    public:
	using operation::operation;

	result<void> await_resume() const noexcept
	{
		return result<void>::from(status_);
	}
};

/** Pieces that are written one after the other. */
class stream::gather : public operation {
    protected:
	/** Bytes of one. */
	using piece = std::span<const std::byte>;

	explicit gather(stream &peer) noexcept : operation(peer, kind::gather)
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
	friend class stream;

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
class [[gnu::warn_unused]] stream::gather_operation : public gather {
    public:
	gather_operation(stream &peer, const std::array<piece, Pieces> &pieces) noexcept
		: gather(peer), pieces_(pieces)
	{
	}

	bool await_ready() noexcept
	{
		begin(pieces_.data(), Pieces);
		return operation::await_ready();
	}

	result<void> await_resume() const noexcept
	{
		return result<void>::from(status_);
	}

    private:
	std::array<piece, Pieces> pieces_;
};

inline borrowed_bytes::borrowed_bytes(stream &peer, std::byte *data, std::size_t begin,
				      std::size_t end, int status) noexcept
	: peer_(&peer), data_(data), end_(static_cast<std::uint32_t>(end)),
	  begin_(static_cast<std::uint16_t>(begin)), status_(static_cast<std::int16_t>(status))
{
	if (data)
		peer.lend();
}

inline borrowed_bytes::~borrowed_bytes()
{
	if (!data_)
		return;
	peer_->take_back();
	peer_->give_back(data_);
}

inline stream::read_operation stream::read() noexcept
{
	return read_operation(*this);
}

inline stream::read_more_operation stream::read_more(received &held) noexcept
{
	return read_more_operation(*this, held);
}

inline stream::message_operation stream::read_until(std::string_view delimiter,
						    std::size_t limit) noexcept
{
	return message_operation(*this, delimiter, limit, false);
}

inline stream::message_operation stream::read_line(std::size_t limit) noexcept
{
	return message_operation(*this, "\n", limit, true);
}

inline stream::message_operation stream::read_exactly(std::size_t size) noexcept
{
	return message_operation(*this, size);
}

inline stream::finish_operation stream::finish_sending() noexcept
{
	return finish_operation(*this);
}

inline stream::write_operation stream::write(std::span<const std::byte> data, bool more) noexcept
{
	return write_operation(*this, data, more);
}

inline stream::write_operation stream::write(const received &bytes, bool more) noexcept
{
	return write_operation(*this, bytes, more);
}

inline stream::write_operation stream::write(file_pages &pages, bool more) noexcept
{
	return write_operation(*this, pages, more);
}

inline stream::write_operation stream::write(std::string_view text, bool more) noexcept
{
	return write(std::as_bytes(std::span(text)), more);
}

/* Reading and finding the end of a message is the one, writing and finishing the other. */
inline stream::operation *&stream::slot_of(const operation &op) noexcept
{
	return op.kind_ <= operation::kind::message ? reading_ : writing_;
}

inline std::coroutine_handle<> stream::try_again(operation *op) noexcept
{
	/* A coroutine that ran meanwhile may have taken it out. If it began another one there, that is
	 * tried. */
	if (!op || (op != reading_ && op != writing_))
		return nullptr;
	if (attempt(*op) != outcome::done)
		return nullptr;
	slot_of(*op) = nullptr;

	const auto who = std::coroutine_handle<>::from_address(op->waiting_);

	op->peer_ = this;
	return who;
}

inline void stream::unpark(std::coroutine_handle<> who) noexcept
{
	for (operation **each : { &reading_, &writing_ })
		if (*each && (*each)->waiting_ == who.address()) {
			change(each == &writing_ ? has_waited : 0, 0);
			std::exchange(*each, nullptr)->peer_ = this;
		}
}

/* So it does until this event, or a turn for another's sake. */
inline outcome stream::wait_for(std::uint32_t event) noexcept
{
	change(0, static_cast<std::uint8_t>(event));
	return outcome::wait;
}

/*
 * The same for room to send. It has waited since TCP took none of the bytes for the first time. Other
 * events of the connection do not begin that time anew.
 */
inline outcome stream::wait_for_room() noexcept
{
	if (!(wanted_.load(memory_order_relaxed) & has_waited)) {
		waits_since_.store(static_cast<std::uint32_t>(ktcp_now_ms()), memory_order_relaxed);
		change(0, has_waited);
	}
	strand_.set_retimed();
	return wait_for(KTCP_SOCK_WRITABLE);
}

/* The outcome is noted for the turn's end. */
inline outcome stream::attempt(operation &op) noexcept
{
	if (const operation *const other = slot_of(op); other && other != &op) {
		KTCP_WARN_ONCE("two coroutines read, or write, one stream at once");
		op.fail(error_code(errc::ebusy).code());
		return outcome::done;
	}
	if (const int why = strand_.to_tell()) {
		if (!strand_.tell())
			return strand_.note(outcome::over);
		op.fail(why);
		return outcome::done;
	}
	switch (op.kind_) {
	case operation::kind::read:
	case operation::kind::read_more:
		return strand_.note(attempt_read(op));
	case operation::kind::message:
		return strand_.note(attempt_message(static_cast<message_operation &>(op)));
	case operation::kind::gather:
		return strand_.note(strand_.spend() ? attempt_gather(static_cast<gather &>(op)) :
						      outcome::yield);
	case operation::kind::write:
	case operation::kind::write_pages:
		return strand_.note(strand_.spend() ? attempt_write(op) : outcome::yield);
	case operation::kind::finish:
		return strand_.note(strand_.spend() ? attempt_finish(op) : outcome::yield);
	}
	return outcome::done;
}

inline outcome stream::attempt_finish(operation &op) noexcept
{
	if (strand_.in_softirq())
		return outcome::process;
	op.status_ = socket_.shutdown(shutdown_how::wr).code();
	return outcome::done;
}

/* A buffer with room to receive into, at its end: the held one if it has any. */
inline result<std::byte *> stream::make_room(operation &op) noexcept
{
	const std::size_t whole = buffers_.buffer_size();
	received *const held = op.kind_ == operation::kind::read_more ?
				       &static_cast<read_more_operation &>(op).held_ :
				       nullptr;

	if (held && (held->peer_ != this || !held->data_)) {
		KTCP_WARN_ONCE("read_more(): no read() of this peer's brought what is held");
		return errc::einval;
	}
	if (held && held->end_ < whole)
		return held->data_;
	if (held && held->begin_ == 0)
		return errc::enobufs;
	return another_buffer();
}

/* EINPROGRESS: there is no memory for one without sleeping. */
inline result<std::byte *> stream::another_buffer() noexcept
{
	auto *const buffer = static_cast<std::byte *>(buffers_.get(strand_.frame_flags()));

	if (!buffer)
		return strand_.in_softirq() ? errc::einprogress : errc::enomem;
	return buffer;
}

/* Into another buffer: TCP may still be sending from this one. */
inline void stream::move_to(std::byte *buffer, received &held) noexcept
{
	const auto rest = *held;

	std::copy(rest.begin(), rest.end(), buffer);
	give_back(std::exchange(held.data_, buffer));
	held.begin_ = 0;
	held.end_ = static_cast<std::uint32_t>(rest.size());
}

inline outcome stream::attempt_read(operation &op) noexcept
{
	if (!readable())
		return wait_for(KTCP_SOCK_READABLE);
	if (!strand_.spend())
		return outcome::yield;
	if (kept_ && op.kind_ == operation::kind::read) {
		lent_ = op.data_ = std::exchange(kept_, nullptr);
		op.begin_ = kept_begin_;
		op.size_ = kept_end_;
		return outcome::done;
	}

	const auto room = make_room(op);

	if (!room)
		return failed_to_read(op, room.error());

	received *const held = op.kind_ == operation::kind::read_more ?
				       &static_cast<read_more_operation &>(op).held_ :
				       nullptr;
	/* The held bytes move once new ones have come, and not before. */
	const bool moves = held && held->data_ != *room;
	const std::size_t used = !held ? 0 : moves ? (**held).size() : held->end_;
	const std::span into(*room + used, buffers_.buffer_size() - used);
	const auto got = kept_ ? result<std::size_t>(take_kept(into)) : recv(into);

	if (got && *got) {
		if (moves)
			move_to(*room, *held);
		if (held)
			held->end_ += static_cast<std::uint32_t>(*got);
		op.size_ = *got;
		lent_ = op.data_ = *room;
		return outcome::done;
	}
	if (!held || moves)
		buffers_.put(*room);
	/* The end of the stream, or why not. */
	return got ? outcome::done : failed_to_read(op, got.error());
}

inline outcome stream::failed_to_read(operation &op, error_code why) noexcept
{
	if (why == errc::eagain)
		return wait_for(KTCP_SOCK_READABLE);
	if (why == errc::einprogress)
		return outcome::process;
	op.status_ = why.code();
	return outcome::done;
}

inline outcome stream::attempt_message(message_operation &op) noexcept
{
	for (bool paid = false;; paid = true) {
		const bool whole = op.whole(kept(), buffers_.buffer_size());

		if (whole || op.status_) {
			if (!paid && !strand_.spend()) {
				op.status_ = 0;
				return outcome::yield;
			}
			return op.status_ ? outcome::done : hand_out(op);
		}
		if (!socket_.readable())
			return wait_for(KTCP_SOCK_READABLE);
		if (!strand_.spend())
			return outcome::yield;

		const auto got = receive_behind_kept();

		if (!got)
			return failed_to_read(op, got.error());
		if (!*got) {
			op.status_ = kept_ ? error_code(errc::ebadmsg).code() : message::ended;
			return outcome::done;
		}
	}
}

/* 0 at the end of the stream. */
inline result<std::size_t> stream::receive_behind_kept() noexcept
{
	const std::size_t whole = buffers_.buffer_size();
	const bool fits = kept_ && kept_end_ < whole;
	std::byte *const into = fits ? kept_ : KTCP_TRY(another_buffer());
	const std::size_t used = fits ? kept_end_ : kept().size();
	const auto got = recv({ into + used, whole - used });

	if (!got || !*got) {
		if (!fits)
			buffers_.put(into);
		return got ? result<std::size_t>(0) : got.error();
	}
	if (!fits) {
		/* Another buffer: TCP may still be sending from the one that is full. */
		const auto held = kept();

		std::copy(held.begin(), held.end(), reinterpret_cast<char *>(into));
		if (kept_)
			give_back(kept_);
		keep(into, 0, used);
	}
	kept_end_ = static_cast<std::uint16_t>(kept_end_ + *got);
	return *got;
}

/* The message is whole: a buffer for it, and one for the bytes that came behind it. */
inline outcome stream::hand_out(message_operation &op) noexcept
{
	const std::size_t rest = kept().size() - op.end_;

	op.begin_ = kept_begin_;
	if (!rest) {
		lent_ = op.data_ = std::exchange(kept_, nullptr);
		return outcome::done;
	}
	if (op.size_) {
		const auto other = another_buffer();

		if (!other)
			return failed_to_read(op, other.error());
		if (op.size_ > rest) {
			std::copy_n(kept_ + kept_begin_ + op.end_, rest, *other);
			lent_ = op.data_ = kept_;
			keep(*other, 0, rest);
			return outcome::done;
		}
		std::copy_n(kept_ + kept_begin_, op.size_, *other);
		lent_ = op.data_ = *other;
		op.begin_ = 0;
	}
	kept_begin_ = static_cast<std::uint16_t>(kept_begin_ + op.end_);
	return outcome::done;
}

inline outcome stream::attempt_write(operation &op) noexcept
{
	while (op.size_) {
		const auto sent = send(op);

		if (!sent && sent.error() == errc::eagain) {
			change(is_starved | was_denied, 0);
			return wait_for_room();
		}
		if (!sent && sent.error() == errc::einprogress)
			return outcome::process;
		if (!sent && sent.error() == errc::enobufs) {
			/*
			 * Nothing is queued, so no acknowledgement will call us. Or the queue
			 * emptied just after the send gave up: then the next try succeeds. So
			 * only the second denial in a row counts.
			 */
			const bool again = wanted_.load(memory_order_relaxed) & was_denied;

			change(is_starved, again ? is_starved | was_denied : was_denied);
			return wait_for_room();
		}
		if (!sent) {
			op.status_ = sent.error().code();
			return outcome::done;
		}
		if (op.kind_ == operation::kind::write_pages)
			op.pages_->remove_prefix(*sent);
		else
			op.data_ += *sent;
		op.size_ -= *sent;
		bytes_out_.add(*sent);
		change(is_starved | was_denied | has_waited, 0);
		strand_.charge(*sent);
		/* Each send is part of the share, however long the write. */
		if (op.size_ && !strand_.spend())
			return outcome::yield;
	}
	return outcome::done;
}

inline result<std::size_t> stream::recv(std::span<std::byte> into) noexcept
{
	auto got = in_softirq_or([&] { return socket_.softirq_recv(into); },
				 [&] { return socket_.try_recv(into); });

	if (got && *got) {
		bytes_in_.add(*got);
		strand_.charge(*got);
	}
	return got;
}

inline std::size_t stream::take_kept(std::span<std::byte> into) noexcept
{
	const std::size_t size = std::min<std::size_t>(into.size(), kept_end_ - kept_begin_);

	std::copy_n(kept_ + kept_begin_, size, into.data());
	kept_begin_ = static_cast<std::uint16_t>(kept_begin_ + size);
	if (kept_begin_ == kept_end_)
		give_back(std::exchange(kept_, nullptr));
	return size;
}

inline outcome stream::attempt_gather(gather &op) noexcept
{
	do {
		if (const outcome came = attempt_write(op); came != outcome::done)
			return came;
	} while (!op.status_ && op.advance());
	return outcome::done;
}

inline result<std::size_t> stream::send(const operation &op) noexcept
{
	unsigned int flags = op.more_ ? KTCP_SEND_MORE : 0;

	if (op.kind_ == operation::kind::write_pages)
		return strand_.in_softirq() ? result<std::size_t>(errc::einprogress) :
					      socket_.try_send_pages(op.pages_->rest(), flags);

	const std::span data(op.data_, op.size_);

	/* Bytes that go out of the buffer they came in need no copy. But TCP then keeps the
	 * whole buffer until they are acknowledged, so they have to fill a good part of it. */
	if (op.size_ >= buffers_.buffer_size() / 2 && (op.in_buffer_ || is_lent(data)))
		flags |= KTCP_SEND_PAGES;
	const softirq_pages *const pages = strand_.in_softirq();

	return in_softirq_or([&] { return socket_.softirq_send(data, flags, *pages); },
			     [&] { return socket_.try_send(data, flags); });
}

} // namespace ktcp

#endif
