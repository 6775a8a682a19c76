// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * The common part of the two blocking models: advance, and sleep whenever the handler waits.
 *
 * The socket keeps its own callbacks, so that its events wake the sleeper.
 */
#ifndef KTCP_ENGINE_BLOCKING_HPP
#define KTCP_ENGINE_BLOCKING_HPP

#include <algorithm>
#include <climits>
#include <cstdint>
#include <utility>

#include <ktcp/engine/session.hpp>
#include <ktcp/engine/session_table.hpp>
#include <ktcp/port/thread.h>

namespace ktcp
{

/** A session that has a context of its own to block in. */
class blocking_session : public session {
    public:
	/**
	 * Wake it after end(). List locked, so the socket is there. A shutdown would wake it, too. But its reader
	 * could take that for the end of the peer's stream, and the peer would see an end behind half an answer.
	 */
	void wake() noexcept
	{
		socket().poke(poked_);
	}

    protected:
	blocking_session(session_table &table, ktcp::socket &&accepted) noexcept
		: session(table, std::move(accepted), how)
	{
	}

	/** Until the handler is done. */
	void run_to_end() noexcept
	{
		for (;;) {
			switch (advance()) {
			case progress::waiting:
				wait();
				break;
			case progress::yielded:
				ktcp_cond_resched();
				break;
			case progress::asked_to_sleep:
			case progress::needs_process:
				break; /* it may, right here */
			case progress::finished:
				return;
			}
		}
	}

    private:
	static const strand::operations how;

	/* Any context, also a hard interrupt. */
	static void wake_up(strand &self, std::uint32_t) noexcept
	{
		auto &session = static_cast<blocking_session &>(self);

		/* Pairs with finds_no_room(): the poke is a release, and the end of a wait a full barrier. */
		session.woken_.store(true, memory_order_relaxed);
		session.socket().poke(session.poked_);
	}

	void wait() noexcept
	{
		if (starved() || finds_no_room())
			ktcp_msleep(detail::starved_sleep_ms);
		else /* the next attempt finds out why the wait ended */
			static_cast<void>(socket().wait(interest() & (KTCP_SOCK_READABLE |
								      KTCP_SOCK_WRITABLE),
							patience_ms(ktcp_now_ms()), &poked_));
		static_cast<void>(table().overdue(*this, ktcp_now_ms()));
	}

	/* Did the socket say that there is room, and take nothing? See detail::starved_sleep_ms. */
	bool finds_no_room() noexcept
	{
		const std::uint64_t sent = moved().bytes_out;
		/* Not if something else ended the wait. */
		const bool again = writing() && waited_for_room_at_ == sent &&
				   !woken_.exchange(false, memory_order_relaxed);

		/* After a nap the socket is asked once more. */
		waited_for_room_at_ = writing() && !again ? sent : UINT64_MAX;
		return again;
	}

	/* For how long it may sleep; -1: any time. */
	int patience_ms(std::uint64_t now_ms) const noexcept
	{
		const std::uint64_t next = next_look_ms(table().use().timeouts, now_ms);

		return next == timer_wheel::never ?
			       -1 :
			       static_cast<int>(std::min<std::uint64_t>(next - now_ms, INT_MAX));
	}

	std::uint64_t waited_for_room_at_ = UINT64_MAX; /* bytes that were sent before the wait */
	bool poked_ = false; /* the port's */
	atomic<bool> woken_ = false; /* by a poke, since somebody asked */
};

/** @cond for doxygen, which takes the initializers for members */
inline constexpr strand::operations blocking_session::how = {
	.take_turn = nullptr,
	.to_process = nullptr,
	.let_go = nullptr,
	.post = wake_up,
	.post_beside = wake_up,
	.outgoing = outgoing_of,
	.sleepers = sleepers_of,
	.count = count_for,
	.hold = hold_for,
};
/** @endcond */

} // namespace ktcp

#endif
