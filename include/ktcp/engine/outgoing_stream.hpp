// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * An outgoing connection: a stream of a strand's beside the accepted one. Users see ktcp/connect.hpp.
 *
 * Its life:
 *   made       memory and a place in the strand's list; in any turn
 *   begin()    the socket, hooked, sends its SYN; in a turn that may sleep, for connecting looks for a port
 *   prepare()  asks what came of that, once the hook was told; from then on it is a stream as any
 *   drop()     no coroutine uses it any more; in any turn
 *   let_go()   the hook is taken away under the socket's lock, and the socket is closed; in process
 *              context, in a turn of the strand's or at its end
 *
 * Its hook's events are the strand's (strand::event_source), and only the strand's turns use it. The
 * claim protects this socket as it does the accepted one. When let_go() has returned, no callback of it
 * runs or comes, and the strand lives longer than that.
 *
 * Where a turn has bottom halves off, the accepted socket's lock is held. This one's is tried for each
 * call (ktcp_sock_try_bh()). Precedent: mptcp's subflows, whose work takes the one lock when it has
 * the other.
 */
#ifndef KTCP_ENGINE_OUTGOING_STREAM_HPP
#define KTCP_ENGINE_OUTGOING_STREAM_HPP

#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <new>
#include <utility>

#include <ktcp/base/atomic.hpp>
#include <ktcp/engine/second_stream.hpp>
#include <ktcp/engine/strand.hpp>
#include <ktcp/kernel/socket_options.hpp>
#include <ktcp/port/memory.h>
#include <ktcp/stream.hpp>

namespace ktcp
{

/** How an outgoing connection is made. */
struct connect_options {
	unsigned int timeout_ms =
		10000; /**< it must be there by then; 0: as long as the kernel tries */
	endpoint local = {}; /**< address and port of this side; unspecified: the kernel's choice */
	socket_options socket = {}; /**< mark, device, congestion control … */
	bool reuse = false; /**< a connection that another handler has left with keep() will do */
};

namespace detail
{

/* See above. */
class outgoing_stream : public second_stream, ktcp_sock_hook {
    public:
	/*
	 * nullptr: there is no memory for it. In a turn.
	 * @source: the owner's peer, which stays as it is; nullptr: that is a proxy, and no source.
	 */
	static outgoing_stream *make(strand &owner, page_pool &buffers, outgoing_room &room,
				     const endpoint *source, const endpoint &to,
				     const connect_options &how) noexcept
	{
		void *const memory = ktcp_kmalloc(sizeof(outgoing_stream),
						  static_cast<ktcp_gfp>(owner.frame_flags()));

		return memory ? ::new (memory)
					outgoing_stream(owner, buffers, room, source, to, how) :
				nullptr;
	}

	/* This one is ready when there is an outcome, in its status. */
	void set_waiting(waiter &one) noexcept
	{
		one.known_by = &waiting_;
		waiting_ = &one;
	}

	/* Go on with connecting. */
	void connect_on() noexcept;

	/* When it is closed, keep its socket for so many milliseconds instead, if it is as good as new. */
	void keep(unsigned int ms) noexcept
	{
		keep_ms_ = ms;
		kept_at_ = moved();
	}

	/* Is its socket one that was kept? */
	bool is_reused() const noexcept
	{
		return reused_;
	}

    private:
	enum class stage : std::uint8_t { asked, connecting, over };

	outgoing_stream(strand &owner, page_pool &buffers, outgoing_room &room,
			const endpoint *source, const endpoint &to,
			const connect_options &how) noexcept
		: second_stream(owner, buffers, functions), ktcp_sock_hook{ on_event, {} },
		  room_(room), source_(source), to_(to), how_(how)
	{
	}

	~outgoing_stream() = default;

	static void on_event(struct ktcp_sock_hook *hook, unsigned int events)
	{
		auto &self = *static_cast<outgoing_stream *>(hook);

		/* Release: the turn that takes the strand's event sees it. */
		if (events & KTCP_SOCK_STATE)
			self.told_.store(true, memory_order_release);
		self.owner().post(strand::event_source);
	}

	result<void> enter() noexcept;
	result<void> begin() noexcept;
	bool reuse() noexcept;
	bool connected_to_itself() noexcept;

	/* May it stand for another one to the same target? */
	bool is_plain() const noexcept
	{
		return how_.local == endpoint() && how_.socket.is_default();
	}

	/* No byte has gone either way since keep(): no question is without its answer. */
	bool is_quiet() const noexcept
	{
		const traffic now = moved();

		return now.bytes_in == kept_at_.bytes_in && now.bytes_out == kept_at_.bytes_out;
	}

	void close(unsigned int linger_ms) noexcept
	{
		room_.closing(open_);
		if (socket()) {
			const bool whole = keep_ms_ && is_plain() && !is_reset_at_end() &&
					   is_quiet() && is_clean();

			::ktcp_sock_unhook(socket().raw(), this);
			drop_kept();
			if (is_reset_at_end())
				socket().abort();
			else if (!whole || !room_.kept.keep(socket(), to_, keep_ms_))
				socket().close(linger_ms);
		}
		if (entered_)
			room_.leave(source_);
		this->~outgoing_stream();
		ktcp_kfree(this);
	}

	void finish(int status) noexcept
	{
		stage_ = stage::over;
		if (waiting_) {
			waiting_->status = status;
			owner().make_ready(*waiting_);
		}
	}

	static const operations functions;

	outgoing_room &room_;
	const endpoint *const source_;
	const endpoint to_;
	const connect_options how_;
	open_outgoing open_{ socket() };
	atomic<bool> told_ = false; /* by the hook, since it was asked last */
	traffic kept_at_ = {}; /* at the last keep() */
	unsigned int keep_ms_ = 0; /* 0: it is closed */
	stage stage_ = stage::asked;
	bool entered_ = false; /* it counts in its room */
	bool reused_ = false;
};

/** @cond for doxygen, which takes the initializers for members */
inline constexpr second_stream::operations outgoing_stream::functions = {
	.prepare = [](second_stream &self) { static_cast<outgoing_stream &>(self).connect_on(); },
	.let_go =
		[](second_stream &self, unsigned int linger_ms) {
			static_cast<outgoing_stream &>(self).close(linger_ms);
		},
};
/** @endcond */

/* From here on it counts. Sleeps. */
inline result<void> outgoing_stream::enter() noexcept
{
	const auto status = room_.enter(source_);

	entered_ = status.has_value();
	return status;
}

/* Sleeps. */
inline result<void> outgoing_stream::begin() noexcept
{
	ktcp::socket made = KTCP_TRY(
		ktcp::socket::create(to_.is_ipv4() ? family::inet : family::inet6, room_.net));

	/* As an accepted one. */
	made.set_nodelay();
	made.set_keepalive();
	made.set_oobinline();
	KTCP_TRY(how_.socket.set(made));
	if (how_.local != endpoint()) {
		if (how_.local.port())
			made.set_reuseaddr(); /* its last connection may be in TIME-WAIT */
		else
			KTCP_TRY(made.set_option(KTCP_SOCK_BIND_NO_PORT, 1));
		KTCP_TRY(made.bind(how_.local));
	}
	socket() = std::move(made);
	/* Before it connects: so no outcome is missed. */
	::ktcp_sock_hook(socket().raw(), this);
	return socket().try_connect(to_);
}

/*
 * Have a kept one, if there is one that nothing has happened to. The hook tells of events from here on, so the
 * look comes behind it. Sleeps for its lock.
 */
inline bool outgoing_stream::reuse() noexcept
{
	while (how_.reuse && is_plain() && (socket() = room_.kept.take(to_))) {
		::ktcp_sock_hook(socket().raw(), this);
		if (socket().is_clean()) {
			reused_ = true;
			return true;
		}
		::ktcp_sock_unhook(socket().raw(), this);
		socket().close();
	}
	return false;
}

/*
 * The kernel may choose the target's port as the local one, if it has no listener. Then its SYN meets
 * itself (RFC 9293 section 3.5, simultaneous open).
 */
inline bool outgoing_stream::connected_to_itself() noexcept
{
	const auto here = socket().local();

	return here && *here == to_;
}

inline void outgoing_stream::connect_on() noexcept
{
	strand &by = owner();
	result<void> status;

	if (stage_ == stage::over)
		return;
	if (const int why = by.to_tell()) {
		if (by.tell())
			finish(why);
		else
			by.note(outcome::over);
		return;
	}
	if (stage_ == stage::asked) {
		if (!by.turn_may_sleep() ||
		    by.note(by.spend() ? outcome::done : outcome::yield) != outcome::done)
			return;
		stage_ = stage::connecting;
		status = enter();
		if (status && !reuse())
			status = begin();
	} else {
		/* Pairs with on_event(). An event that this misses claims the strand's next turn. */
		if (!told_.load(memory_order_acquire))
			return;
		if (by.in_softirq()) {
			by.note(outcome::process);
			return;
		}
		/* connected() takes the lock that the hook is told under: a later outcome sets it again. */
		told_.store(false, memory_order_relaxed);
		status = socket().connected();
	}
	if (!status && status.error() == errc::einprogress)
		return;
	if (status && connected_to_itself())
		status = errc::econnrefused;
	if (status)
		room_.connected(open_, reused_);
	finish(status.code());
}

} // namespace detail
} // namespace ktcp

#endif
