// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * A stream as the engine sees it: a socket, the operations that wait for it, and the buffers that it lends.
 *
 * Reading and writing are two slots. One coroutine may wait for bytes while another waits for room. A turn tries
 * the waiting operations again, and resumes the coroutine whose operation is over. ktcp/stream.hpp is what a handler
 * sees.
 */
#ifndef KTCP_ENGINE_STREAM_BASE_HPP
#define KTCP_ENGINE_STREAM_BASE_HPP

#include <algorithm>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>

#include <ktcp/base/atomic.hpp>
#include <ktcp/engine/statistics.hpp>
#include <ktcp/engine/strand.hpp>
#include <ktcp/engine/stream_operation.hpp>
#include <ktcp/kernel/buffer.hpp>
#include <ktcp/kernel/log.hpp>
#include <ktcp/kernel/socket.hpp>
#include <ktcp/port/time.h>
#include <ktcp/received.hpp>

namespace ktcp
{

namespace detail
{

class message_operation;

/** A turn's view of a stream: its slots, and the buffers that it lends. */
class stream_base {
    public:
	stream_base(const stream_base &) = delete;
	stream_base &operator=(const stream_base &) = delete;

    protected:
	/**
	 * @param owner  its coroutines use the stream.
	 * @param buffers  where read() borrows its buffers; both must outlive this.
	 * @param outgoing  its lock is not the one that a turn in softirq holds.
	 */
	stream_base(strand &owner, ktcp::socket &&socket, page_pool &buffers,
		    bool outgoing = false) noexcept
		: strand_(owner), socket_(std::move(socket)), buffers_(buffers), outgoing_(outgoing)
	{
	}

	~stream_base() = default;

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
		stream_operation *reading; /**< or nullptr */
		stream_operation *writing; /**< the same */

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
	std::coroutine_handle<> try_again(stream_operation *of_old) noexcept;

	/** Try the operation that this coroutine waits for. Return: there is one, and it is over. */
	bool try_of(std::coroutine_handle<> who) noexcept;

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

		/* Where it has just been heard, as in most turns, the other clock is not read. */
		const std::uint32_t unheard = socket_.unheard_ms();

		return unheard ? std::min(unheard, socket_.untaken_ms()) : 0;
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
		/* Pairs with change(): a context that sees that it waits sees since when. */
		return wanted_.load(memory_order_acquire) & KTCP_SOCK_WRITABLE;
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

	/** May a read find bytes at once? true may be wrong. */
	bool readable() const noexcept
	{
		return kept_ || socket_.readable();
	}

	/** Has nothing come that no read has taken? */
	bool is_clean() const noexcept
	{
		return !kept_ && socket_.is_clean();
	}

	/** Does a coroutine still hold bytes that it read, or a buffer of its own? */
	bool has_lent() const noexcept
	{
		return borrowers_;
	}

	/** The number of buffers that it, and those who read from it, hold. */
	unsigned int held_buffers() const noexcept
	{
		return borrowers_ + (kept_ != nullptr);
	}

	/** @name A pool of buffers, for buffer::from() */
	/** @{ */

	/** As page_pool::get(). In the strand's turns. */
	[[nodiscard]] void *get(gfp flags) noexcept
	{
		void *const buffer = buffers_.get(flags);

		if (buffer)
			lend();
		return buffer;
	}

	/** As page_pool::put(). The same. */
	void put(void *buffer) noexcept
	{
		take_back();
		give_back(static_cast<std::byte *>(buffer));
	}

	/** As page_pool::buffer_size(). */
	std::size_t buffer_size() const noexcept
	{
		return buffers_.buffer_size();
	}

	/** @} */

	/** Reset the connection when it is closed. */
	void reset_at_end() noexcept
	{
		reset_at_end_ = true;
	}

	/** Is its peer to know that something is missing? */
	bool is_reset_at_end() const noexcept
	{
		return reset_at_end_;
	}

    private:
	friend class ktcp::borrowed_bytes;
	friend class ktcp::buffer;
	friend class stream_operation;

	outcome attempt(stream_operation &op) noexcept;
	bool may_begin(const stream_operation *other, stream_operation &op,
		       outcome &if_not) noexcept;
	outcome not_beside(stream_operation &op) noexcept;
	outcome tell_why(stream_operation &op, int why) noexcept;
	outcome attempt_other(stream_operation &op) noexcept;
	outcome attempt_read(stream_operation &op) noexcept;
	outcome receive(stream_operation &op) noexcept;
	outcome attempt_read_more(read_more_operation &op) noexcept;
	result<std::byte *> make_room(received &held) noexcept;
	void move_to(std::byte *buffer, received &held) noexcept;
	outcome failed_to_read(stream_operation &op, error_code why) noexcept;
	errc no_buffer() const noexcept;
	result<std::byte *> another_buffer() noexcept;
	/* In stream_message.hpp: */
	outcome attempt_message(stream_operation &one) noexcept;
	result<std::size_t> receive_behind_kept() noexcept;
	outcome hand_out(message_operation &op) noexcept;

	outcome attempt_write(stream_operation &op) noexcept;
	outcome write_on(stream_operation &op) noexcept;
	outcome attempt_gather(gather &op) noexcept;
	outcome attempt_finish(stream_operation &op) noexcept;
	outcome wait_for(std::uint32_t event) noexcept;
	outcome wait_for_room() noexcept;
	stream_operation *&slot_of(const stream_operation &op) noexcept;
	result<std::size_t> recv(std::span<std::byte> into) noexcept;
	std::size_t take_kept(std::span<std::byte> into) noexcept;
	result<std::size_t> send(const stream_operation &op) noexcept;

	/* The one call or the other; EINPROGRESS: that must be in process context. */
	template <class Softirq, class Process>
	[[gnu::always_inline]] result<std::size_t> in_softirq_or(Softirq in_softirq,
								 Process in_process) noexcept
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

	static constexpr unsigned int many_borrowers = UINT16_MAX;

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
	stream_operation *reading_ = nullptr, *writing_ = nullptr; /* that a coroutine waits for */
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

		/* Pairs with writing(), whose context may have no claim: waits_since_ comes first. */
		wanted_.store(static_cast<std::uint8_t>((was & ~clear) | set),
			      memory_order_release);
	}
	const bool outgoing_ : 1; /* its lock is not the one that a turn in softirq holds */
	bool reset_at_end_ : 1 = false;
	std::uint16_t borrowers_ = 0; /* holders of buffers; many_borrowers stay as many */
};

inline bool stream_operation::await_ready() noexcept
{
	return peer_->attempt(*this) == outcome::done;
}

inline void stream_operation::await_suspend(std::coroutine_handle<> self) noexcept
{
	peer_->slot_of(*this) = this;
	waiting_ = self.address();
}

/* Reading and finding the end of a message is the one, writing and finishing the other. */
inline stream_operation *&stream_base::slot_of(const stream_operation &op) noexcept
{
	return op.kind_ <= stream_operation::kind::message ? reading_ : writing_;
}

inline std::coroutine_handle<> stream_base::try_again(stream_operation *op) noexcept
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

inline bool stream_base::try_of(std::coroutine_handle<> who) noexcept
{
	for (stream_operation *each : { reading_, writing_ })
		if (each && each->waiting_ == who.address())
			return static_cast<bool>(try_again(each));
	return false;
}

inline void stream_base::unpark(std::coroutine_handle<> who) noexcept
{
	for (stream_operation **each : { &reading_, &writing_ })
		if (*each && (*each)->waiting_ == who.address()) {
			change(each == &writing_ ? has_waited : 0, 0);
			std::exchange(*each, nullptr)->peer_ = this;
		}
}

/* So it does until this event, or a turn for another's sake. */
inline outcome stream_base::wait_for(std::uint32_t event) noexcept
{
	change(0, static_cast<std::uint8_t>(event));
	return outcome::wait;
}

/*
 * The same for room to send. It has waited since TCP took none of the bytes for the first time. Other
 * events of the connection do not begin that time anew.
 */
inline outcome stream_base::wait_for_room() noexcept
{
	if (!(wanted_.load(memory_order_relaxed) & has_waited)) {
		waits_since_.store(static_cast<std::uint32_t>(ktcp_now_ms()), memory_order_relaxed);
		change(0, has_waited);
	}
	strand_.set_retimed();
	return wait_for(KTCP_SOCK_WRITABLE);
}

inline outcome stream_base::not_beside(stream_operation &op) noexcept
{
	KTCP_WARN_ONCE("two coroutines read, or write, one stream at once");
	op.fail(error_code(errc::ebusy).code());
	return outcome::done;
}

inline outcome stream_base::tell_why(stream_operation &op, int why) noexcept
{
	if (!strand_.tell())
		return strand_.note(outcome::over);
	op.fail(why);
	return outcome::done;
}

/* With @p other in its slot: may it be tried? If not, what it came to. */
[[gnu::always_inline]] inline bool stream_base::may_begin(const stream_operation *other,
							  stream_operation &op,
							  outcome &if_not) noexcept
{
	if (other && other != &op) {
		if_not = not_beside(op);
		return false;
	}
	if (const int why = strand_.to_tell()) {
		if_not = tell_why(op, why);
		return false;
	}
	return true;
}

/*
 * The outcome is noted for the turn's end. Each turn of an echo reads, writes and reads. So these are functions
 * of their own, and an await calls its own at once, for its kind is known where it is compiled.
 */
[[gnu::always_inline]] inline outcome stream_base::attempt(stream_operation &op) noexcept
{
	switch (op.kind_) {
	case stream_operation::kind::read:
		return attempt_read(op);
	case stream_operation::kind::write:
	case stream_operation::kind::write_pages:
		return attempt_write(op);
	case stream_operation::kind::read_more:
	case stream_operation::kind::message:
	case stream_operation::kind::gather:
	case stream_operation::kind::finish:
		break;
	}
	return attempt_other(op);
}

inline outcome stream_base::attempt_other(stream_operation &op) noexcept
{
	outcome came = outcome::done;

	if (!may_begin(slot_of(op), op, came))
		return came;
	switch (op.kind_) {
	case stream_operation::kind::read_more:
		return strand_.note(attempt_read_more(static_cast<read_more_operation &>(op)));
	case stream_operation::kind::message:
		return strand_.note(attempt_message(op));
	case stream_operation::kind::gather:
		return strand_.note(strand_.spend() ? attempt_gather(static_cast<gather &>(op)) :
						      outcome::yield);
	case stream_operation::kind::finish:
		return strand_.note(strand_.spend() ? attempt_finish(op) : outcome::yield);
	case stream_operation::kind::read:
	case stream_operation::kind::write:
	case stream_operation::kind::write_pages:
		break; /* attempt() */
	}
	return came;
}

inline outcome stream_base::attempt_finish(stream_operation &op) noexcept
{
	if (strand_.in_softirq())
		return outcome::process;
	op.status_ = socket_.shutdown(shutdown_how::wr).code();
	return outcome::done;
}

/* A buffer with room to receive into, at its end: the held one if it has any. */
inline result<std::byte *> stream_base::make_room(received &held) noexcept
{
	if (held.peer_ != this || !held.data_) {
		KTCP_WARN_ONCE("read_more(): no read() of this peer's brought what is held");
		return errc::einval;
	}
	if (held.end_ < buffers_.buffer_size())
		return held.data_;
	if (held.begin_ == 0)
		return errc::enobufs;
	return another_buffer();
}

/* EINPROGRESS: there is no memory for one without sleeping. */
inline errc stream_base::no_buffer() const noexcept
{
	return strand_.in_softirq() ? errc::einprogress : errc::enomem;
}

/* Errors: no_buffer(). */
inline result<std::byte *> stream_base::another_buffer() noexcept
{
	auto *const buffer = static_cast<std::byte *>(buffers_.get(strand_.frame_flags()));

	if (!buffer)
		return no_buffer();
	return buffer;
}

/* Into another buffer: TCP may still be sending from this one. */
inline void stream_base::move_to(std::byte *buffer, received &held) noexcept
{
	const auto rest = *held;

	std::copy(rest.begin(), rest.end(), buffer);
	give_back(std::exchange(held.data_, buffer));
	held.begin_ = 0;
	held.end_ = static_cast<std::uint32_t>(rest.size());
}

inline outcome stream_base::attempt_read(stream_operation &op) noexcept
{
	outcome came = outcome::done;

	if (!may_begin(reading_, op, came))
		return came;
	if (!readable())
		return wait_for(KTCP_SOCK_READABLE);
	if (!strand_.spend())
		return strand_.note(outcome::yield);
	if (kept_) {
		lent_ = op.data_ = std::exchange(kept_, nullptr);
		op.begin_ = kept_begin_;
		op.size_ = kept_end_;
		return outcome::done;
	}
	return receive(op);
}

/* Apart, for most turns end with an attempt that finds nothing to receive. */
[[gnu::noinline]] inline outcome stream_base::receive(stream_operation &op) noexcept
{
	auto *const buffer = static_cast<std::byte *>(buffers_.get(strand_.frame_flags()));

	if (!buffer)
		return strand_.note(failed_to_read(op, no_buffer()));

	const auto got = recv({ buffer, buffers_.buffer_size() });

	if (got && *got) {
		op.size_ = *got;
		lent_ = op.data_ = buffer;
		return outcome::done;
	}
	buffers_.put(buffer);
	/* The end of the stream, or why not. */
	return got ? outcome::done : strand_.note(failed_to_read(op, got.error()));
}

inline outcome stream_base::attempt_read_more(read_more_operation &op) noexcept
{
	received &held = op.held_;

	if (!readable())
		return wait_for(KTCP_SOCK_READABLE);
	if (!strand_.spend())
		return outcome::yield;

	const auto room = make_room(held);

	if (!room)
		return failed_to_read(op, room.error());

	/* The held bytes move once new ones have come, and not before. */
	const bool moves = held.data_ != *room;
	const std::size_t used = moves ? (*held).size() : held.end_;
	const std::span into(*room + used, buffers_.buffer_size() - used);
	const auto got = kept_ ? result<std::size_t>(take_kept(into)) : recv(into);

	if (got && *got) {
		if (moves)
			move_to(*room, held);
		held.end_ += static_cast<std::uint32_t>(*got);
		op.size_ = *got;
		lent_ = op.data_ = *room;
		return outcome::done;
	}
	if (moves)
		buffers_.put(*room);
	/* The end of the stream, or why not. */
	return got ? outcome::done : failed_to_read(op, got.error());
}

inline outcome stream_base::failed_to_read(stream_operation &op, error_code why) noexcept
{
	if (why == errc::eagain)
		return wait_for(KTCP_SOCK_READABLE);
	if (why == errc::einprogress)
		return outcome::process;
	op.status_ = why.code();
	return outcome::done;
}

inline outcome stream_base::attempt_write(stream_operation &op) noexcept
{
	outcome came = outcome::done;

	if (!may_begin(writing_, op, came))
		return came;
	return strand_.note(strand_.spend() ? write_on(op) : outcome::yield);
}

[[gnu::always_inline]] inline outcome stream_base::write_on(stream_operation &op) noexcept
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
		if (op.kind_ == stream_operation::kind::write_pages)
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

[[gnu::always_inline]] inline result<std::size_t>
stream_base::recv(std::span<std::byte> into) noexcept
{
	auto got = in_softirq_or([&] { return socket_.softirq_recv(into); },
				 [&] { return socket_.try_recv(into); });

	if (got && *got) {
		bytes_in_.add(*got);
		strand_.charge(*got);
	}
	return got;
}

inline std::size_t stream_base::take_kept(std::span<std::byte> into) noexcept
{
	const std::size_t size = std::min<std::size_t>(into.size(), kept_end_ - kept_begin_);

	std::copy_n(kept_ + kept_begin_, size, into.data());
	kept_begin_ = static_cast<std::uint16_t>(kept_begin_ + size);
	if (kept_begin_ == kept_end_)
		give_back(std::exchange(kept_, nullptr));
	return size;
}

inline outcome stream_base::attempt_gather(gather &op) noexcept
{
	do {
		if (const outcome came = write_on(op); came != outcome::done)
			return came;
	} while (!op.status_ && op.advance());
	return outcome::done;
}

[[gnu::always_inline]] inline result<std::size_t>
stream_base::send(const stream_operation &op) noexcept
{
	unsigned int flags = op.more_ ? KTCP_SEND_MORE : 0;

	if (op.kind_ == stream_operation::kind::write_pages)
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

} // namespace detail

inline borrowed_bytes::borrowed_bytes(detail::stream_base &peer, std::byte *data, std::size_t begin,
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

} // namespace ktcp

#endif
