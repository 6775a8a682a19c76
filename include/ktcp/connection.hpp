// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * One accepted connection, as its handler sees it.
 *
 * @code
 * ktcp::task operator()(ktcp::connection &peer) const
 * {
 *	while (auto received = co_await peer.read())
 *		if (!co_await peer.write(*received))
 *			break;
 * }
 * @endcode
 *
 * When the handler returns, the connection is closed and what it wrote is delivered.
 * Who waits where, when an operation cannot go on at once, is the execution model's
 * choice (model/): the handler is the same.
 */
#ifndef KTCP_CONNECTION_HPP
#define KTCP_CONNECTION_HPP

#include <algorithm>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>

#include <ktcp/atomic.hpp>
#include <ktcp/buffer.hpp>
#include <ktcp/file.hpp>
#include <ktcp/log.hpp>
#include <ktcp/port/time.h>
#include <ktcp/socket.hpp>
#include <ktcp/statistics.hpp>
#include <ktcp/task.hpp>

namespace ktcp
{

class connection;

/**
 * What a read() brought: bytes, the end of the stream, or an error. Holds the buffer
 * that the bytes are in, and gives it back when it goes.
 */
class [[nodiscard]] received {
    public:
	/** No bytes, and no buffer. */
	received() noexcept = default;

	received(received &&other) noexcept
		: peer_(other.peer_), data_(std::exchange(other.data_, nullptr)),
		  end_(std::exchange(other.end_, 0)), begin_(std::exchange(other.begin_, 0)),
		  status_(other.status_)
	{
	}

	received &operator=(received &&other) noexcept
	{
		std::swap(peer_, other.peer_);
		std::swap(data_, other.data_);
		std::swap(end_, other.end_);
		std::swap(begin_, other.begin_);
		std::swap(status_, other.status_);
		return *this;
	}

	~received();

	/** Are there bytes? */
	explicit operator bool() const noexcept
	{
		return begin_ != end_;
	}

	/** The bytes; valid for as long as this lives. */
	std::span<const std::byte> operator*() const noexcept
	{
		return { data_ + begin_, end_ - begin_ };
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
	friend class connection;

	/* @p data is a buffer of the peer's, or nullptr. */
	received(connection &peer, std::byte *data, std::size_t size, int status) noexcept
		: peer_(&peer), data_(data), end_(static_cast<std::uint32_t>(size)),
		  status_(static_cast<std::int16_t>(status))
	{
	}

	connection *peer_ = nullptr; /* outlives us: we are in its handler's frame */
	std::byte *data_ = nullptr; /* a buffer of the peer's, or nullptr; the bytes are … */
	std::uint32_t end_ = 0; /* … from begin_ to here */
	std::uint16_t begin_ = 0;
	std::int16_t status_ = 0;
};

/**
 * A peer. A handler gets one by reference and may use it until it returns.
 *
 * One operation at a time: co_await each before the next. An operation fails with
 * ETIMEDOUT when the peer was idle for too long, and with ESHUTDOWN when the server is
 * being stopped; a handler that goes on all the same is destroyed at its next await
 * but few.
 */
class connection : public executor {
	class operation;

    public:
	class read_operation;
	class read_more_operation;
	class write_operation;
	class may_sleep_operation;
	class finish_operation;

	connection(const connection &) = delete;
	connection &operator=(const connection &) = delete;

	/** `co_await peer.read()`: a ktcp::received, at least a byte unless the stream ended. */
	[[nodiscard]] read_operation read() noexcept;

	/**
	 * `co_await peer.read_more(held)`: a result<size_t>, how many bytes came behind those
	 * that are there, 0 at the end of the stream. The bytes may move.
	 * @param held  what a read() of this peer brought: at least a byte of its buffer.
	 * Errors: ENOBUFS (the bytes fill a buffer), EINVAL and a warning (@p held has no buffer of
	 * this peer's), and read()'s; the bytes stay.
	 */
	[[nodiscard]] read_more_operation read_more(received &held) noexcept;

	/**
	 * `co_await peer.write(bytes)`: a result<void>, once TCP has taken all of them.
	 * @param data  must stay as it is until then.
	 * @param more  more follows at once: no short segment yet (MSG_MORE).
	 * Errors: EPIPE, ECONNRESET, ETIMEDOUT, ESHUTDOWN …
	 */
	[[nodiscard]] write_operation write(std::span<const std::byte> data,
					    bool more = false) noexcept;

	/** The same for text. */
	[[nodiscard]] write_operation write(std::string_view text, bool more = false) noexcept;

	/**
	 * `co_await peer.write(pages)`: the same for pages of a file, without copying them; what
	 * TCP has taken is taken off @p pages.
	 */
	[[nodiscard]] write_operation write(file_pages &pages, bool more = false) noexcept;

	/**
	 * `co_await peer.may_sleep()`: a result<void>; from then until its next await the handler
	 * may sleep, for a file's sake or a lock's, and keeps nobody waiting but its own peer.
	 * In the event-driven model it goes on in a worker of an unbound workqueue.
	 * Errors: ESHUTDOWN, ETIMEDOUT; then it must not sleep.
	 */
	[[nodiscard]] may_sleep_operation may_sleep() noexcept;

	/**
	 * `co_await peer.finish_sending()`: a result<void>; the peer learns that nothing more comes
	 * (shutdown(SHUT_WR)). Reading goes on.
	 * Errors: ENOTCONN, ESHUTDOWN, ETIMEDOUT.
	 */
	[[nodiscard]] finish_operation finish_sending() noexcept;

	/**
	 * From now on an operation fails with ETIMEDOUT once @p ms milliseconds are over, as exact
	 * as the server's sweep (a second, or a quarter of its shortest timeout). The next
	 * expires_after() starts afresh, so that a handler may still say good-bye.
	 * @param ms  0: never, until the next call; at most 2^31 - 1, 24 days, and more is that.
	 */
	void expires_after(unsigned int ms) noexcept
	{
		ms = std::min(ms, longest_deadline_ms);
		deadline_.store(ms ? deadline_at(ktcp_now_ms() + ms) : 0, memory_order_relaxed);
		if (!ended_.load(memory_order_relaxed))
			told_ = 0;
	}

	/**
	 * Was the connection ended, or is the deadline over (expires_after())? Long work between two
	 * awaits asks now and then, and gives up. Any context.
	 * Errors: ESHUTDOWN, ETIMEDOUT.
	 */
	result<void> check() const noexcept
	{
		KTCP_TRY(why_ended());
		if (until_deadline_ms(ktcp_now_ms()) == 0)
			return errc::etimedout;
		return {};
	}

	/**
	 * Reset the connection when the handler returns, so that the peer knows that what it got
	 * is not all of it.
	 */
	void reset_at_end() noexcept
	{
		reset_at_end_ = true;
	}

	/**
	 * One of the buffers that read() brings its bytes in, for the handler's own use.
	 * Errors: ENOMEM. In softirq the kernel does not reclaim memory for it, so ENOMEM is more
	 * likely there. After may_sleep() the kernel does.
	 */
	result<buffer> borrow() noexcept
	{
		return buffer::from(buffers_, frame_flags());
	}

	/** May a read() find something at once? true may be wrong. */
	bool readable() const noexcept
	{
		return socket_.readable();
	}

	/** Where the peer is, as it was when accepted; all zero if it was gone already. */
	const endpoint &remote() const noexcept
	{
		return remote_;
	}

    protected:
	/** What makes a handler's coroutine for a peer. */
	using handler_function = task (*)(const void *handler, connection &peer);

	/** Why advance() came back. */
	enum class progress : std::uint8_t {
		waiting, /**< until one of interest() happens */
		yielded, /**< its turn is over; there may be more to do at once */
		asked_to_sleep, /**< the same, and the next turn must be where it may sleep */
		needs_process, /**< the same, and the next turn must be in process context */
		finished, /**< the handler has returned, or is not to be resumed any more */
	};

	/** Events beside ktcp_sock_event's, in the same word. */
	static constexpr std::uint32_t event_ended = 8; /**< end() was called */
	static constexpr std::uint32_t event_retry = 16; /**< memory may be back */
	static constexpr std::uint32_t event_expired = 32; /**< expire() said so */

	/**
	 * @param buffers  where read() borrows its buffers; must outlive this.
	 */
	connection(ktcp::socket &&socket, page_pool &buffers, handler_function handle,
		   const void *handler) noexcept
		: socket_(std::move(socket)), buffers_(buffers), handle_(handle), handler_(handler),
		  accepted_ms_(ktcp_now_ms()), last_active_ms_(accepted_ms_)
	{
	}

	~connection() = default;

	/**
	 * Go on with the handler until it waits, has used up its turn, or is done. Once it is
	 * done, so it stays. Process context, one caller at a time; after
	 * progress::asked_to_sleep one where a long sleep is nobody else's loss.
	 */
	progress advance() noexcept;

	/**
	 * The same from inside an event with KTCP_SOCK_SOFTIRQ, with a smaller share: other CPUs
	 * spin on the socket's lock meanwhile. What cannot be done there needs_process.
	 * @param pages  for what it sends.
	 */
	progress advance_in_softirq(const softirq_pages &pages) noexcept;

	/**
	 * Did the handler ask to sleep in its last turn? Then its next one begins where it may,
	 * for it is likely to ask again. For who advances.
	 */
	bool asked_to_sleep() const noexcept
	{
		return asked_to_sleep_;
	}

	/** After progress::waiting: the events that are worth an advance(). */
	std::uint32_t interest() const noexcept
	{
		if (starved_.load(memory_order_relaxed))
			return event_retry | event_ended | event_expired | KTCP_SOCK_STATE;
		return wanted_.load(memory_order_relaxed) | event_ended | event_expired |
		       KTCP_SOCK_STATE;
	}

	/**
	 * Have every operation from now on fail with @p why. The model must then see to it that
	 * a waiting connection advances. Any context.
	 */
	void end(errc why) noexcept
	{
		std::uint16_t none = 0;

		ended_.compare_exchange(none, static_cast<std::uint16_t>(why),
					memory_order_release);
	}

	/**
	 * Is the handler's own deadline over (expires_after())? Then operations fail until it sets
	 * the next, and the model must see to it that a waiting connection advances. Any context.
	 */
	bool expire(std::uint64_t now_ms) noexcept
	{
		std::uint32_t deadline = deadline_.load(memory_order_relaxed);

		/* Only the deadline that was looked at: the handler may just have set another. */
		return deadline > deadline_over && left_ms(deadline, now_ms) == 0 &&
		       deadline_.compare_exchange(deadline, deadline_over, memory_order_relaxed);
	}

	/** Milliseconds until the handler's deadline; -1 if it has none. */
	int until_deadline_ms(std::uint64_t now_ms) const noexcept
	{
		const std::uint32_t deadline = deadline_.load(memory_order_relaxed);

		return deadline == 0		 ? -1 :
		       deadline == deadline_over ? 0 :
						   left_ms(deadline, now_ms);
	}

	/** Why it was ended, if it was. */
	result<void> why_ended() const noexcept
	{
		return result<void>::from(-ended_.load(memory_order_acquire));
	}

	/** What it moved so far. Any context. */
	traffic moved() const noexcept
	{
		return { .bytes_in = bytes_in_.value(),
			 .bytes_out = bytes_out_.value(),
			 .turns = turns_.value(),
			 .exhausted = exhausted_.value() };
	}

	/** Milliseconds since it was accepted. */
	std::uint64_t age_ms(std::uint64_t now_ms) const noexcept
	{
		return now_ms - accepted_ms_;
	}

	/** Milliseconds without a byte moved. */
	std::uint64_t idle_ms(std::uint64_t now_ms) const noexcept
	{
		const std::uint64_t last = last_active_ms_.load(memory_order_relaxed);

		return now_ms > last ? now_ms - last : 0;
	}

	/** The CPU that handled its last packet, a hint; -1 if none did. */
	int incoming_cpu() const noexcept
	{
		return socket_.incoming_cpu();
	}

	/** The socket below; what it sends and receives is ours. */
	ktcp::socket &socket() noexcept
	{
		return socket_;
	}

	/** Keep where the peer is. Before the first turn. */
	void set_remote(const endpoint &remote) noexcept
	{
		remote_ = remote;
	}

	/** Does it wait for its peer to take bytes? A hint, from any context. */
	bool writing() const noexcept
	{
		return wanted_.load(memory_order_relaxed) == KTCP_SOCK_WRITABLE;
	}

	/** Did a send fail for want of memory, so that only event_retry goes on with it? */
	bool starved() const noexcept
	{
		return starved_.load(memory_order_relaxed);
	}

	/**
	 * Destroy the handler's coroutine and close the socket. What a handler wrote before it
	 * returned is delivered; a connection that was ended has a second for that.
	 * Process context; no callback may be left.
	 */
	void close() noexcept;

    private:
	friend class received;

	/* A turn's share: enough to amortise the way here, too little to starve others. An
	 * operation costs 1, and 1 more for each so many bytes that it moved, so that a turn lasts
	 * about as long whether messages are large or small. */
	static constexpr unsigned int budget_per_turn = 64;
	static constexpr unsigned int budget_per_softirq = 8;
	static constexpr std::size_t bytes_per_budget = 8192;
	/* So often a handler is told that its connection has ended before it is destroyed. */
	static constexpr unsigned int patience = 16;
	/* What a peer has left to take its last bytes when the connection was ended. */
	static constexpr unsigned int ended_linger_ms = 1000;

	bool attempt(operation &op) noexcept;
	bool attempt_read(operation &op) noexcept;
	bool make_room(operation &op) noexcept;
	void move_to(std::byte *buffer, received &held) noexcept;
	bool attempt_write(operation &op) noexcept;
	bool attempt_finish(operation &op) noexcept;
	bool told(operation &op, int status) noexcept;
	bool stop(progress why, std::uint32_t wanted = 0) noexcept;
	bool spend() noexcept;
	result<std::size_t> recv(std::span<std::byte> into) noexcept;
	result<std::size_t> send(const operation &op) noexcept;
	progress go_on() noexcept;
	progress stopped_at() noexcept;

	/* Deadlines are the low half of ktcp_now_ms(), but for two values that mean none and over. */
	static constexpr std::uint32_t deadline_over = 1;
	static constexpr unsigned int longest_deadline_ms = INT32_MAX;

	static std::uint32_t deadline_at(std::uint64_t ms) noexcept
	{
		const auto low = static_cast<std::uint32_t>(ms);

		return low > deadline_over ? low : deadline_over + 1;
	}

	static int left_ms(std::uint32_t deadline, std::uint64_t now_ms) noexcept
	{
		const auto left =
			static_cast<std::int32_t>(deadline - static_cast<std::uint32_t>(now_ms));

		return left > 0 ? left : 0;
	}

	void moved_some(std::size_t bytes) noexcept
	{
		const std::size_t cost = bytes / bytes_per_budget;

		budget_ = budget_ > cost ? static_cast<unsigned short>(budget_ - cost) : 0;
		last_active_ms_.store(ktcp_now_ms(), memory_order_relaxed);
	}

	void give_back(std::byte *buffer) noexcept
	{
		/* From here on the memory may become anything, and must not be sent as pages. */
		if (lent_ == buffer)
			lent_ = nullptr;
		buffers_.put(buffer);
	}

	void park(operation &op, std::coroutine_handle<> self) noexcept
	{
		pending_ = &op;
		::new (static_cast<void *>(&waiting_)) std::coroutine_handle<>(self);
	}

	ktcp::socket socket_;
	endpoint remote_;
	page_pool &buffers_;
	const softirq_pages *softirq_ = nullptr; /* set while in softirq */
	/* Until the first turn, what makes the coroutine; from then on … */
	union {
		handler_function handle_;
		operation *pending_; /* … what the handler waits for … */
	};
	union {
		const void *handler_;
		std::coroutine_handle<> waiting_; /* … and the coroutine that does */
	};
	task task_;
	const std::byte *lent_ = nullptr; /* where the last read's bytes are */
	const std::uint64_t accepted_ms_;
	atomic<std::uint64_t> last_active_ms_;
	tally bytes_in_, bytes_out_, turns_, exhausted_;
	atomic<std::uint32_t> deadline_ = 0; /* written by who advances, and by expire() */
	atomic<std::uint16_t> ended_ = 0; /* an errno, once */
	unsigned short budget_ = 0;
	atomic<std::uint8_t> wanted_ = 0; /* while it waits: for what; written by who advances */
	progress stopped_ = progress::waiting; /* why pending_ is */
	unsigned char told_ = 0;
	/* Of who advances alone, so that they may share a byte: */
	bool started_ : 1 = false;
	bool may_sleep_ : 1 = false; /* in this turn */
	bool asked_to_sleep_ : 1 = false; /* in this turn, and so it will in the next */
	bool reset_at_end_ : 1 = false;
	bool denied_ : 1 = false; /* the last send found no memory */
	atomic<bool> starved_ = false; /* two in a row did */
};

/* One await on a connection. Trivially destructible, as g++-12 wants awaiters. */
class connection::operation {
    public:
	bool await_ready() noexcept
	{
		return peer_.attempt(*this);
	}

	void await_suspend(std::coroutine_handle<> self) noexcept
	{
		peer_.park(*this, self);
	}

    protected:
	enum class kind : std::uint8_t { read, read_more, write, write_pages, may_sleep, finish };

	operation(connection &peer, kind what) noexcept : peer_(peer), kind_(what)
	{
	}

	operation(connection &peer, std::span<const std::byte> data, bool more) noexcept
		: peer_(peer), data_(const_cast<std::byte *>(data.data())), size_(data.size()),
		  kind_(kind::write), more_(more)
	{
	}

	operation(connection &peer, file_pages &pages, bool more) noexcept
		: peer_(peer), pages_(&pages), size_(pages.size()), kind_(kind::write_pages),
		  more_(more)
	{
	}

	friend class connection;

	connection &peer_;
	union {
		std::byte *data_ = nullptr; /* write: what is still to be sent (not written to) … */
		file_pages *pages_; /* … or this; read: … */
	};
	std::size_t size_ = 0; /* … what came, in a buffer that is the handler's from then on */
	int status_ = 0;
	kind kind_;
	bool more_ = false;
};

/** What read() returns, to be awaited. */
class connection::read_operation : public operation {
    public:
	explicit read_operation(connection &peer) noexcept : operation(peer, kind::read)
	{
	}

	received await_resume() noexcept
	{
		return received(peer_, data_, size_, status_);
	}
};

/** What read_more() returns, to be awaited. */
class connection::read_more_operation : public operation {
    public:
	read_more_operation(connection &peer, received &held) noexcept
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
	friend class connection;

	received &held_;
};

/** What may_sleep() returns, to be awaited. */
class connection::may_sleep_operation : public operation {
    public:
	explicit may_sleep_operation(connection &peer) noexcept : operation(peer, kind::may_sleep)
	{
	}

	result<void> await_resume() const noexcept
	{
		return result<void>::from(status_);
	}
};

/** What finish_sending() returns, to be awaited. */
class connection::finish_operation : public operation {
    public:
	explicit finish_operation(connection &peer) noexcept : operation(peer, kind::finish)
	{
	}

	result<void> await_resume() const noexcept
	{
		return result<void>::from(status_);
	}
};

/** What write() returns, to be awaited. */
class connection::write_operation : public operation {
    public:
	using operation::operation;

	result<void> await_resume() const noexcept
	{
		return result<void>::from(status_);
	}
};

inline received::~received()
{
	if (data_)
		peer_->give_back(data_);
}

inline connection::read_operation connection::read() noexcept
{
	return read_operation(*this);
}

inline connection::read_more_operation connection::read_more(received &held) noexcept
{
	return read_more_operation(*this, held);
}

inline connection::may_sleep_operation connection::may_sleep() noexcept
{
	return may_sleep_operation(*this);
}

inline connection::finish_operation connection::finish_sending() noexcept
{
	return finish_operation(*this);
}

inline connection::write_operation connection::write(std::span<const std::byte> data,
						     bool more) noexcept
{
	return write_operation(*this, data, more);
}

inline connection::write_operation connection::write(file_pages &pages, bool more) noexcept
{
	return write_operation(*this, pages, more);
}

inline connection::write_operation connection::write(std::string_view text, bool more) noexcept
{
	return write(std::as_bytes(std::span(text)), more);
}

/* The operation is not over: remember why, and for what it waits. */
inline bool connection::stop(progress why, std::uint32_t wanted) noexcept
{
	stopped_ = why;
	wanted_.store(static_cast<std::uint8_t>(wanted), memory_order_relaxed);
	return false;
}

/* An attempt is part of the turn's share. */
inline bool connection::spend() noexcept
{
	if (budget_ == 0)
		return stop(progress::yielded);
	budget_--;
	return true;
}

/* The connection, or its time, has ended. A handler that does not listen is not told for ever. */
inline bool connection::told(operation &op, int status) noexcept
{
	if (told_ == patience)
		return stop(progress::finished);
	told_++;
	op.size_ = 0;
	op.status_ = status;
	return true;
}

/* True: the operation is over. False: stopped_ says why not. */
inline bool connection::attempt(operation &op) noexcept
{
	if (const int why = ended_.load(memory_order_acquire))
		return told(op, -why);
	if (deadline_.load(memory_order_relaxed) == deadline_over)
		return told(op, error_code(errc::etimedout).code());
	switch (op.kind_) {
	case operation::kind::read:
	case operation::kind::read_more:
		return attempt_read(op);
	case operation::kind::write:
	case operation::kind::write_pages:
		return spend() && attempt_write(op);
	case operation::kind::may_sleep:
		asked_to_sleep_ = true;
		/* With nothing left of its share it asks again in the next turn. */
		return may_sleep_ ? spend() : stop(progress::asked_to_sleep);
	case operation::kind::finish:
		return spend() && attempt_finish(op);
	}
	return true;
}

inline bool connection::attempt_finish(operation &op) noexcept
{
	if (softirq_)
		return stop(progress::needs_process);
	op.status_ = socket_.shutdown(shutdown_how::wr).code();
	return true;
}

/*
 * Have a buffer with room to receive into, at its end: op.data_, the held one if it has any.
 * False without a status: there is no memory for one without sleeping.
 */
inline bool connection::make_room(operation &op) noexcept
{
	const std::size_t whole = buffers_.buffer_size();
	received *const held = op.kind_ == operation::kind::read_more ?
				       &static_cast<read_more_operation &>(op).held_ :
				       nullptr;

	if (held && (held->peer_ != this || !held->data_)) {
		KTCP_WARN_ONCE("read_more(): no read() of this peer's brought what is held");
		op.status_ = error_code(errc::einval).code();
		return false;
	}
	if (held && held->end_ < whole) {
		op.data_ = held->data_;
		return true;
	}
	if (held && held->begin_ == 0) {
		op.status_ = error_code(errc::enobufs).code();
		return false;
	}
	op.data_ = static_cast<std::byte *>(buffers_.get(frame_flags()));
	if (!op.data_ && !softirq_)
		op.status_ = error_code(errc::enomem).code();
	return op.data_;
}

/* Into another buffer: TCP may still be sending from this one. */
inline void connection::move_to(std::byte *buffer, received &held) noexcept
{
	const auto rest = *held;

	std::copy(rest.begin(), rest.end(), buffer);
	give_back(std::exchange(held.data_, buffer));
	held.begin_ = 0;
	held.end_ = static_cast<std::uint32_t>(rest.size());
}

inline bool connection::attempt_read(operation &op) noexcept
{
	if (!socket_.readable())
		return stop(progress::waiting, KTCP_SOCK_READABLE);
	if (!spend())
		return false;
	if (!make_room(op))
		return op.status_ != 0 || stop(progress::needs_process);

	received *const held = op.kind_ == operation::kind::read_more ?
				       &static_cast<read_more_operation &>(op).held_ :
				       nullptr;
	/* The bytes that are there move when others have come, and not before. */
	const bool moves = held && held->data_ != op.data_;
	const std::size_t used = !held ? 0 : moves ? (**held).size() : held->end_;
	const auto got = recv({ op.data_ + used, buffers_.buffer_size() - used });

	if (got && *got) {
		if (moves)
			move_to(op.data_, *held);
		if (held)
			held->end_ += static_cast<std::uint32_t>(*got);
		op.size_ = *got;
		lent_ = op.data_;
		bytes_in_.add(*got);
		moved_some(*got);
		return true;
	}
	if (!held || moves)
		buffers_.put(op.data_);
	op.data_ = nullptr;
	if (got)
		return true; /* the end of the stream */
	if (got.error() == errc::eagain)
		return stop(progress::waiting, KTCP_SOCK_READABLE);
	if (got.error() == errc::einprogress)
		return stop(progress::needs_process);
	op.status_ = got.error().code();
	return true;
}

inline bool connection::attempt_write(operation &op) noexcept
{
	while (op.size_) {
		const auto sent = send(op);

		if (!sent && sent.error() == errc::eagain) {
			denied_ = false;
			starved_.store(false, memory_order_relaxed);
			return stop(progress::waiting, KTCP_SOCK_WRITABLE);
		}
		if (!sent && sent.error() == errc::einprogress)
			return stop(progress::needs_process);
		if (!sent && sent.error() == errc::enobufs) {
			/*
			 * Nothing is queued, so no acknowledgement will call us. It may also be
			 * that the queue emptied just after the send gave up, and then trying
			 * again is all it takes; only the second denial in a row is believed.
			 */
			starved_.store(denied_, memory_order_relaxed);
			denied_ = true;
			return stop(progress::waiting, KTCP_SOCK_WRITABLE);
		}
		if (!sent) {
			op.status_ = sent.error().code();
			return true;
		}
		if (op.kind_ == operation::kind::write_pages)
			op.pages_->remove_prefix(*sent);
		else
			op.data_ += *sent;
		op.size_ -= *sent;
		bytes_out_.add(*sent);
		denied_ = false;
		starved_.store(false, memory_order_relaxed);
		moved_some(*sent);
		/* Each send is part of the share, however long the write. */
		if (op.size_ && !spend())
			return false;
	}
	return true;
}

inline result<std::size_t> connection::recv(std::span<std::byte> into) noexcept
{
	return softirq_ ? socket_.softirq_recv(into) : socket_.try_recv(into);
}

inline result<std::size_t> connection::send(const operation &op) noexcept
{
	unsigned int flags = op.more_ ? KTCP_SEND_MORE : 0;

	if (op.kind_ == operation::kind::write_pages)
		return softirq_ ? result<std::size_t>(errc::einprogress) :
				  socket_.try_send_pages(op.pages_->rest(), flags);

	const std::span data(op.data_, op.size_);

	/* Bytes on their way back out of the buffer they came in need no copy. TCP then keeps all
	 * of the buffer until they are acknowledged: only if they fill a good part of it. */
	if (op.size_ >= buffers_.buffer_size() / 2 && lent_ && op.data_ >= lent_ &&
	    op.data_ + op.size_ <= lent_ + buffers_.buffer_size())
		flags |= KTCP_SEND_PAGES;
	return softirq_ ? socket_.softirq_send(data, flags, *softirq_) :
			  socket_.try_send(data, flags);
}

inline connection::progress connection::advance() noexcept
{
	budget_ = budget_per_turn;
	may_sleep_ = asked_to_sleep_;
	asked_to_sleep_ = false;
	return go_on();
}

inline connection::progress connection::advance_in_softirq(const softirq_pages &pages) noexcept
{
	softirq_ = &pages;
	set_frame_flags(gfp::atomic);
	budget_ = budget_per_softirq;
	may_sleep_ = asked_to_sleep_ = false;

	const progress outcome = go_on();

	set_frame_flags(gfp::kernel);
	softirq_ = nullptr;
	return outcome;
}

inline connection::progress connection::go_on() noexcept
{
	turns_.add(1);
	wanted_.store(0, memory_order_relaxed); /* while it runs it waits for nothing */
	if (!started_) {
		task_ = handle_(handler_, *this);
		if (!task_ && softirq_)
			return progress::needs_process; /* which may sleep for the frame's memory */
		started_ = true;
		pending_ = nullptr;
		if (!task_) {
			end(errc::enomem);
			return progress::finished;
		}
		task_.start(*this);
	} else if (!task_ || task_.done() || !pending_) {
		return progress::finished;
	} else {
		if (!attempt(*pending_))
			return stopped_at();
		pending_ = nullptr;
		resume_next(waiting_);
	}
	run();
	if (task_.done() || !pending_)
		return progress::finished;
	return stopped_at();
}

inline connection::progress connection::stopped_at() noexcept
{
	if (stopped_ == progress::yielded)
		exhausted_.add(1);
	return stopped_;
}

inline void connection::close() noexcept
{
	task_ = task();
	if (reset_at_end_)
		socket_.abort();
	else
		socket_.close(ended_.load(memory_order_acquire) ? ended_linger_ms : 0);
}

} // namespace ktcp

#endif
