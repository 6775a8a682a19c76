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
 * When the handler returns, the connection is closed and the written bytes are delivered.
 * An operation may have to wait. The execution model (engine/) decides what waits then: a
 * coroutine frame, a work item or a thread. The handler is the same.
 */
#ifndef KTCP_CONNECTION_HPP
#define KTCP_CONNECTION_HPP

#include <algorithm>
#include <bit>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <new>
#include <utility>

#include <ktcp/engine/second_stream.hpp>
#include <ktcp/engine/signal.hpp>
#include <ktcp/engine/statistics.hpp>
#include <ktcp/engine/strand.hpp>
#include <ktcp/kernel/buffer.hpp>
#include <ktcp/kernel/context.hpp>
#include <ktcp/kernel/socket.hpp>
#include <ktcp/port/time.h>
#include <ktcp/stream.hpp>
#include <ktcp/task.hpp>

namespace ktcp
{

namespace detail
{

class connect_operation;

} // namespace detail

/**
 * A peer. A handler gets one by reference and may use it until it returns.
 *
 * It is a stream, and the strand of all coroutines that serve it: they take turns, and never run
 * beside each other. A coroutine waits for one operation at a time; one may read while another
 * writes. An operation fails with ETIMEDOUT when the peer was idle for too long, and with ESHUTDOWN
 * while the server is being stopped. All of a connection's waits fail with ECONNRESET once its peer has reset it,
 * where no coroutine reads or writes. Bytes that were not read are lost then. They fail with EDQUOT where the
 * connection waits with buffers, and its source holds its share of them (engine/buffer_shares.hpp). They fail
 * with EBADF once its handler used an outgoing connection that is not there. A handler should return then. The
 * server destroys one that awaits some sixteen times more.
 */
class connection : public strand, public stream {
    public:
	class may_sleep_operation;

	/**
	 * `co_await peer.may_sleep()`: a result<process_context>. From then until its next await the
	 * handler may sleep, for a file or a lock, and only its own peer waits meanwhile.
	 * In the event-driven model it goes on in a worker of an unbound workqueue.
	 * Errors: ECONNRESET, ESHUTDOWN, ETIMEDOUT; the handler must not sleep then.
	 */
	[[nodiscard]] may_sleep_operation may_sleep() noexcept;

	/**
	 * Set the handler's deadline. Once @p ms milliseconds are over, or some 50 later, operations
	 * fail with ETIMEDOUT. The next expires_after() sets a new deadline, so a handler can still
	 * write a last word.
	 * @param ms  0: no deadline, until the next call. More than 2^31 - 1 (24 days) means that.
	 */
	void expires_after(unsigned int ms) noexcept
	{
		set_deadline(ms);
	}

	/**
	 * Was the connection ended, or is the deadline over (expires_after())? A handler that computes
	 * for long between two awaits asks now and then, and gives up on an error. Any context.
	 * Errors: ECONNRESET, ESHUTDOWN, ETIMEDOUT.
	 */
	result<void> check() const noexcept
	{
		KTCP_TRY(why_ended());
		if (until_deadline_ms(ktcp_now_ms()) == 0)
			return errc::etimedout;
		return {};
	}

	/** Is the deadline over (expires_after()), and no other one set? Any context. */
	bool is_expired() const noexcept
	{
		return expired();
	}

	/**
	 * Milliseconds that the peer has been quiet, as its TCP shows it: it has sent no byte, and
	 * acknowledged none of ours. 0 while bytes of its wait to be read and no write() waits for it.
	 * Any context.
	 */
	std::uint32_t idle_ms() const noexcept
	{
		return stream::idle_ms();
	}

	/**
	 * The most bytes that the peer's program may still have to read. Its TCP has not acknowledged
	 * some of them, and its receive buffer may hold others. A program that reads R bytes a second has
	 * read all that was written before by unread() / R seconds from now. Any context.
	 */
	std::uint32_t unread() const noexcept
	{
		return socket().unread();
	}

	/**
	 * Add one to a counter of the handler's, which the server shows beside its own: see
	 * connection_handler. Any context.
	 * @param which  its place in Handler::counters.
	 */
	template <class Counter>
	void count(Counter which) noexcept
	{
		strand::count(static_cast<unsigned int>(which));
	}

	/** Where the peer is, as it was when accepted; all zero if it was gone already. */
	const endpoint &remote() const noexcept
	{
		return remote_;
	}

    protected:
	/** Makes a handler's coroutine for a peer. */
	using handler_function = task (*)(const void *handler, connection &peer);

	/** Why advance() came back. */
	enum class progress : std::uint8_t {
		waiting, /**< until one of interest() happens */
		yielded, /**< its share of the turn is used up; there may be more to do at once */
		asked_to_sleep, /**< the same, and the next turn must be where it may sleep */
		needs_process, /**< the same, and the next turn must be in process context */
		finished, /**< the handler has returned, or is not to be resumed any more */
	};

	/**
	 * @param buffers  where read() borrows its buffers; must outlive this.
	 * @param how  what is done with its turns, if others are to take them.
	 */
	connection(ktcp::socket &&socket, page_pool &buffers, handler_function handle,
		   const void *handler, const strand::operations &how = by_hand) noexcept
		: strand(how), stream(static_cast<strand &>(*this), std::move(socket), buffers),
		  handle_(handle), handler_(handler)
	{
		const std::uint64_t now_ms = ktcp_now_ms();

		accepted_high_ = static_cast<std::uint8_t>(now_ms >> 32);
		accepted_low_ = static_cast<std::uint32_t>(now_ms);
	}

	~connection()
	{
		if (started_)
			task_.~task();
	}

	/**
	 * Go on with the handler until it waits, has used up its share, or is done. A handler that is
	 * done stays so. Process context, one caller at a time. After progress::asked_to_sleep the
	 * caller must be one that may sleep long without keeping others waiting.
	 */
	progress advance() noexcept;

	/**
	 * The same from inside an event with KTCP_SOCK_SOFTIRQ, with a smaller share: other CPUs
	 * spin on the socket's lock meanwhile. An operation that softirq cannot do ends the turn with
	 * progress::needs_process.
	 * @param pages  memory for the bytes that it sends.
	 */
	progress advance_in_softirq(const softirq_pages &pages) noexcept;

	/**
	 * Send the FIN now, if the connection ends in good order. After progress::finished, and where
	 * advance_in_softirq() may be called.
	 * Return: false if close() has to end the connection otherwise.
	 */
	bool finish_in_softirq() noexcept;

	/**
	 * Did the handler ask to sleep in its last turn? It is likely to ask again, so its next turn
	 * begins where it may. Only for the context that advances it.
	 */
	bool asked_to_sleep() const noexcept
	{
		return asked_to_sleep_;
	}

	/** After progress::waiting: the events that are worth an advance(). */
	std::uint32_t interest() const noexcept
	{
		return event_over | event_source | KTCP_SOCK_STATE | stream::interest();
	}

	/** Bytes and turns so far. Any context. */
	traffic moved() const noexcept
	{
		traffic all = stream::moved();

		all.turns = turns_.value();
		all.exhausted = exhausted_.value();
		return all;
	}

	/** Milliseconds since it was accepted. */
	std::uint64_t age_ms(std::uint64_t now_ms) const noexcept
	{
		constexpr std::uint64_t known = (1ull << 40) - 1; /* 34 years */

		return (now_ms - (std::uint64_t{ accepted_high_ } << 32 | accepted_low_)) & known;
	}

	/** The CPU that handled its last packet, a hint; -1 if none did. */
	int incoming_cpu() const noexcept
	{
		return socket().incoming_cpu();
	}

	/** Set the peer's address. Before the first turn. */
	void set_remote(const endpoint &remote) noexcept
	{
		remote_ = remote;
	}

	/** The strand's sources besides its stream. Return: nullptr if there is no memory for them. */
	detail::sources *sources() noexcept;

	/** Was a send of one of its streams denied memory, so that no event will go on with it? */
	bool starved() const noexcept
	{
		return stream::starved() || second_starved_;
	}

	/** Have a timer fire in a turn when so many milliseconds are over. It needs sources(). */
	void arm(detail::timer &one, unsigned int ms) noexcept;

	/** When the next of its timers is due; UINT64_MAX: there is none. For who advances. */
	std::uint64_t next_timer_ms() const noexcept
	{
		return more_ && !more_->timers.empty() ?
			       static_cast<detail::timer *>(more_->timers.first())->due_ms :
			       UINT64_MAX;
	}

	/**
	 * Destroy the handler's coroutines and close the socket. TCP delivers the bytes that the
	 * handler wrote before it returned. A connection that was ended has a second for that.
	 * Process context; no callback may be left.
	 */
	void close() noexcept;

    private:
	friend class detail::group;
	friend class detail::signal;
	friend class detail::wait;
	friend class detail::connect_operation;

	/* A turn's share: enough to amortise the way here, too little to starve others. */
	static constexpr std::uint8_t budget_per_turn = 64;
	static constexpr std::uint8_t budget_per_softirq = 8;
	/* Coroutines that await each other move nothing, so they are counted apart. */
	static constexpr unsigned int resumes_per_turn = 1024;
	/* The time that a peer has to take its last bytes when the connection was ended. */
	static constexpr unsigned int ended_linger_ms = 1000;

	progress go_on() noexcept;
	bool start() noexcept;
	void try_again(detail::stream_operation *of_old, unsigned int &resumes) noexcept;
	void sleep_now(unsigned int &resumes) noexcept;
	void try_others(unsigned int &resumes) noexcept;
	void run_sources(unsigned int &resumes) noexcept;
	outcome attempt_to_sleep(int &status) noexcept;
	void look_at_sources() noexcept;
	void try_seconds(unsigned int &resumes) noexcept;
	bool try_without_share(std::coroutine_handle<> who) noexcept;
	void let_seconds_go() noexcept;
	void settle() noexcept;

	/* In counted_: the number of buffers, up to the next power of two. */
	static unsigned int buffers_of(unsigned int counted) noexcept
	{
		return counted ? 1u << (counted - 1) : 0;
	}

	/* Are there buffers that settle() has to count, or has counted? */
	bool holds_buffers() const noexcept
	{
		return held_buffers() || counted_ || second_streams();
	}

	detail::second_stream *second_streams() const noexcept
	{
		return more_ ? more_->seconds : nullptr;
	}

	/* Does a coroutine of it wait for anything that can come? */
	bool waits() const noexcept
	{
		for (auto *each = second_streams(); each; each = each->next_one)
			if (each->waits())
				return true;
		return stream::waits() || sleepy_ ||
		       (more_ && (!more_->waiting.empty() || !more_->joining.empty() ||
				  !more_->timers.empty() || !more_->later.empty()));
	}

	endpoint remote_;
	std::uint32_t accepted_low_; /* when: with accepted_high_ 40 bits of ktcp_now_ms() */
	/* Until the first turn, the maker of the coroutine; from then on … */
	union {
		handler_function handle_;
		task task_; /* … the coroutine … */
	};
	union {
		const void *handler_;
		may_sleep_operation *sleepy_; /* … and those of its coroutines that ask to sleep */
	};
	tally turns_, exhausted_;
};

/** The awaiter that may_sleep() returns. */
class [[gnu::warn_unused]] connection::may_sleep_operation {
    public:
	explicit may_sleep_operation(connection &peer) noexcept : peer_(peer)
	{
	}

	bool await_ready() noexcept
	{
		return peer_.attempt_to_sleep(status_) == outcome::done;
	}

	void await_suspend(std::coroutine_handle<> self) noexcept
	{
		may_sleep_operation **last = &peer_.sleepy_;

		while (*last)
			last = &(*last)->next_;
		*last = this;
		who_ = self;
	}

	result<process_context> await_resume() const noexcept
	{
		if (status_)
			return error_code::from(status_);
		return process_context::promised();
	}

    private:
	friend class connection;

	connection &peer_;
	std::coroutine_handle<> who_;
	may_sleep_operation *next_ = nullptr;
	int status_ = 0;
};

inline connection::may_sleep_operation connection::may_sleep() noexcept
{
	return may_sleep_operation(*this);
}

inline outcome connection::attempt_to_sleep(int &status) noexcept
{
	if ((status = to_tell()))
		return tell() ? outcome::done : note(outcome::over);
	asked_to_sleep_ = true;
	if (!may_sleep_)
		return note(outcome::sleep);
	/* With nothing left of its share it asks again in the next turn. */
	return note(spend() ? outcome::done : outcome::yield);
}

inline connection::progress connection::advance() noexcept
{
	begin_turn(budget_per_turn, nullptr);
	may_sleep_ = asked_to_sleep_;
	asked_to_sleep_ = false;
	return go_on();
}

inline connection::progress connection::advance_in_softirq(const softirq_pages &pages) noexcept
{
	begin_turn(budget_per_softirq, &pages);
	may_sleep_ = asked_to_sleep_ = false;

	const progress came_to = go_on();

	end_turn();
	return came_to;
}

/* False: there is no memory for the handler's frame. */
[[gnu::noinline]] inline bool connection::start() noexcept
{
	task made = handle_(handler_, *this);

	if (made.empty() && in_softirq()) {
		note(outcome::process); /* which may sleep for the frame's memory */
		return true;
	}
	started_ = true;
	::new (static_cast<void *>(&task_)) task(std::move(made));
	sleepy_ = nullptr;
	if (task_.empty()) {
		end(errc::enomem);
		return false;
	}
	begin(task_);
	return true;
}

inline void connection::try_again(detail::stream_operation *of_old, unsigned int &resumes) noexcept
{
	if (has_next())
		return;
	if (const auto who = stream::try_again(of_old)) {
		resume_next(who);
		run(resumes);
	}
}

/* Those who asked to sleep, as far as this turn may and has a share for that. */
inline void connection::sleep_now(unsigned int &resumes) noexcept
{
	while (sleepy_ && !has_next()) {
		may_sleep_operation &first = *sleepy_;

		if (attempt_to_sleep(first.status_) != outcome::done)
			return;
		sleepy_ = first.next_;
		resume_next(first.who_);
		run(resumes);
	}
}

inline connection::progress connection::go_on() noexcept
{
	const auto old = stream::waits();
	unsigned int resumes = resumes_per_turn;

	turns_.add(1);
	wait_for_nothing();
	for (auto *each = second_streams(); each; each = each->next_one)
		each->begin_turn();
	if (!started_) {
		if (!start())
			return progress::finished;
		if (!started_)
			return progress::needs_process;
		run(resumes);
	} else if (task_.empty() || task_.done() || came_to(outcome::over)) {
		return progress::finished;
	} else {
		run(resumes); /* what the last turn's share was too small for */
		try_again(old.reading, resumes);
		try_again(old.writing, resumes);
		if (more_ || sleepy_)
			try_others(resumes);
	}
	if (more_)
		run_sources(resumes);
	if (has_next()) {
		/* They await no operation that could fail, and so tell them of the end. */
		note(why_ended() || tell() ? outcome::yield : outcome::over);
	} else if (task_.done() || !waits()) {
		return progress::finished;
	}
	if (came_to(outcome::over))
		return progress::finished;
	if (second_streams())
		let_seconds_go();
	if (came_to(outcome::yield))
		exhausted_.add(1);
	/* No operation of its stream waits, so none would find that out. The next turn tells the others. */
	if (!stream::waits() && socket().is_lost() && end(errc::econnreset))
		return progress::yielded;
	if (came_to_nothing()) {
		if (holds_buffers())
			settle();
		return progress::waiting;
	}
	return came_to(outcome::sleep)	 ? progress::asked_to_sleep :
	       came_to(outcome::process) ? progress::needs_process :
	       came_to(outcome::yield)	 ? progress::yielded :
					   progress::waiting;
}

/*
 * It waits, and others have none of the buffers that it holds meanwhile. If its source may hold no more, it ends. Its
 * next turn then follows at once, so that it gives them back before others take theirs. A buffer that is given back
 * within the turn is not counted.
 */
[[gnu::noinline]] inline void connection::settle() noexcept
{
	unsigned int holds = held_buffers();

	if (!counts_buffers())
		return;
	for (auto *each = second_streams(); each; each = each->next_one)
		holds += each->held_buffers();

	const auto now = static_cast<std::uint8_t>(holds ? std::bit_width(holds - 1) + 1 : 0);

	if (now == counted_)
		return;
	if (hold(buffers_of(counted_), buffers_of(now)))
		counted_ = now;
	else if (end(errc::edquot))
		post(event_over);
}

/* It resumes those that wait for something else than the connection's own stream. */
[[gnu::noinline]] inline void connection::try_others(unsigned int &resumes) noexcept
{
	try_seconds(resumes);
	sleep_now(resumes);
	if (more_)
		more_->ready.splice_back(more_->later);
	run(resumes);
}

[[gnu::noinline]] inline void connection::run_sources(unsigned int &resumes) noexcept
{
	while (!has_next()) {
		look_at_sources();
		if (!has_next())
			break;
		run(resumes);
	}
}

inline detail::sources *connection::sources() noexcept
{
	if (more_)
		return more_;

	void *const memory = ktcp_kmalloc(sizeof(detail::sources),
					  static_cast<ktcp_gfp>(frame_flags()));

	if (!memory)
		return nullptr;
	more_ = ::new (memory) detail::sources;
	more_->forget_slots = [](ktcp::executor &by, std::coroutine_handle<> who) {
		auto &self = static_cast<connection &>(by);

		self.unpark(who);
		for (auto *each = self.second_streams(); each; each = each->next_one)
			each->unpark(who);
		for (may_sleep_operation **each = &self.sleepy_; *each;)
			if ((*each)->who_ == who)
				*each = (*each)->next_;
			else
				each = &(*each)->next_;
	};
	return more_;
}

inline void connection::arm(detail::timer &one, unsigned int ms) noexcept
{
	detail::waiter *before = nullptr;

	one.due_ms = ktcp_now_ms() + std::min(ms, longest_deadline_ms);
	/* From the end: most are due behind those that were armed before. */
	for (before = more_->timers.last();
	     before && static_cast<detail::timer *>(before)->due_ms > one.due_ms;)
		before = more_->timers.previous(*before);
	more_->timers.insert_behind(before, one);
	if (!before)
		set_retimed();
}

inline void connection::try_seconds(unsigned int &resumes) noexcept
{
	for (auto *each = second_streams(); each && !has_next(); each = each->next_one) {
		each->prepare();
		run(resumes);
		while (!has_next()) {
			const auto who = each->next();

			if (!who)
				break;
			resume_next(who);
			run(resumes);
		}
	}
}

/* The operation of a stream's that this coroutine waits for. Is it over now? Then the coroutine may go on. */
inline bool connection::try_without_share(std::coroutine_handle<> who) noexcept
{
	begin_one_more();
	if (stream::try_of(who))
		return true;
	for (auto *each = second_streams(); each; each = each->next_one)
		if (each->try_of(who))
			return true;
	return false;
}

/* At a turn's end: close those without a user, as far as this turn may. */
[[gnu::noinline]] inline void connection::let_seconds_go() noexcept
{
	second_starved_ = false;
	for (detail::second_stream **at = &more_->seconds; *at;) {
		detail::second_stream &each = **at;

		if (has_next() || !each.is_left()) {
			second_starved_ |= each.starved();
			at = &each.next_one;
		} else if (in_softirq()) {
			note(outcome::process);
			return;
		} else {
			*at = each.next_one;
			each.let_go(0);
		}
	}
}

/* With none that is ready: what has come meanwhile? Those who waited for it are ready then. */
inline void connection::look_at_sources() noexcept
{
	detail::signal::take(more_->fired, *this);

	if (const int why = to_tell()) {
		while (detail::waiter *const each = more_->waiting.first()) {
			each->status = why;
			make_ready(*each);
		}
		/* A deadline has an operation that is told of the end. */
		for (detail::waiter *each = more_->timers.first(); each;) {
			detail::waiter *const next = more_->timers.next(*each);

			if (!static_cast<detail::timer *>(each)->fire) {
				each->status = why;
				make_ready(*each);
			}
			each = next;
		}
	}
	if (more_->timers.empty())
		return;

	const std::uint64_t now = ktcp_now_ms();

	while (next_timer_ms() <= now) {
		auto &due = static_cast<detail::timer &>(*more_->timers.first());

		take_out(due);
		if (due.fire)
			due.fire(due);
		else
			make_ready(due);
	}
}

inline bool connection::finish_in_softirq() noexcept
{
	if (is_reset_at_end() || !why_ended())
		return false;
	socket().softirq_finish();
	return true;
}

inline void connection::close() noexcept
{
	if (more_) /* so that no coroutine looks for itself there */
		for (detail::waiters *each : { &more_->ready, &more_->later, &more_->waiting,
					       &more_->joining, &more_->timers })
			while (detail::waiter *const first = each->first())
				take_out(*first);
	if (started_)
		task_ = task();
	drop_kept();

	const unsigned int linger_ms = why_ended() ? 0 : ended_linger_ms;

	while (more_ && more_->seconds) {
		detail::second_stream &first = *more_->seconds;

		more_->seconds = first.next_one;
		first.let_go(linger_ms);
	}
	if (counted_)
		hold(buffers_of(counted_), 0);
	if (is_reset_at_end())
		socket().abort();
	else
		socket().close(linger_ms);
}

} // namespace ktcp

#endif
