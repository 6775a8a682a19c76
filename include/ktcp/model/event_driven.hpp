// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * The event-driven model: a waiting connection is a coroutine frame and nothing else.
 *
 *   bytes arrive → sk_data_ready (softirq) sets an event bit → the session's work item
 *   → advance() → nothing left: give up the claim
 *
 * One word holds the events and the claim. Whoever sets the claim bit owns the session's
 * next turn and queues its work item; whoever finds it set only leaves an event there.
 * The turn looks at the word again before it gives the claim up, in one compare-exchange,
 * so an event is either seen by this turn or starts the next: none is lost, and no two
 * turns ever run at once, wherever the callbacks come from (another CPU, inside our own
 * send, release_sock, shutdown). Precedent: tx_running in net/xfrm/espintcp.c.
 *
 * The claim is also what keeps the session alive: it is retired only inside a turn, after
 * the callbacks were taken away under the socket's lock, and then no work can be queued.
 */
#ifndef KTCP_MODEL_EVENT_DRIVEN_HPP
#define KTCP_MODEL_EVENT_DRIVEN_HPP

#include <cstdint>
#include <utility>

#include <ktcp/model/session.hpp>

namespace ktcp
{

/** A session that is advanced by whoever claims it, in its work item. */
class event_session : public session, protected ktcp_sock_hook {
    public:
	event_session(session_table &table, ktcp::socket &&accepted) noexcept
		: event_session(table, std::move(accepted), on_event)
	{
	}

	/** Let events in, and look once: data may have come before them. */
	void start() noexcept
	{
		::ktcp_sock_hook(socket().raw(), this);
		/* Born claimed: what happened until now has only left its bits. */
		queue();
	}

	/** Leave events for the turn that is claimed, or claim the next. Any context. */
	void post(std::uint32_t events) noexcept
	{
		if (claim(events))
			queue();
	}

    protected:
	event_session(session_table &table, ktcp::socket &&accepted,
		      decltype(ktcp_sock_hook::event) event) noexcept
		: session(table, std::move(accepted)), ktcp_sock_hook{ event, {} },
		  turn_(*this, [](event_session &self) { self.turn(); })
	{
	}

	/** Leave events; true: and the next turn is the caller's. */
	bool claim(std::uint32_t events) noexcept
	{
		/* Acquire: a new claimant sees what the last turn did. Release: it sees what we
		 * did before posting. */
		return !(state_.fetch_or(events | claimed, memory_order_acq_rel) & claimed);
	}

	/** With the claim: what comes from here on is looked at once more before leaving. */
	void take_events() noexcept
	{
		state_.fetch_and(claimed, memory_order_acq_rel);
	}

	/** With the claim. False: something of interest happened, go on. */
	bool give_up_claim() noexcept
	{
		std::uint32_t seen = state_.load(memory_order_relaxed);

		do {
			if (seen & interest())
				return false;
			/* Bits of no interest are dropped: an operation that begins later tries
			 * before it waits. */
		} while (!state_.compare_exchange(seen, 0, memory_order_acq_rel));
		return true;
	}

	/** Pass the claim on to the work item, where the turn may sleep if it is likely to. */
	void queue() noexcept
	{
		if (asked_to_sleep())
			turn_.queue_on(table().use().sleepers, -1);
		else
			turn_.queue_on(table().use().queue, cpu());
	}

    private:
	static constexpr std::uint32_t claimed = 1u << 31;

	static void on_event(struct ktcp_sock_hook *hook, unsigned int events)
	{
		static_cast<event_session *>(hook)->post(events);
	}

	void turn() noexcept
	{
		do {
			take_events();
			switch (advance()) {
			case progress::waiting:
				break;
			case progress::yielded:
			case progress::asked_to_sleep:
				queue();
				return;
			case progress::finished:
				::ktcp_sock_unhook(socket().raw(), this);
				table().retire(*this);
				table().forget(*this);
				return;
			}
		} while (!give_up_claim());
	}

	atomic<std::uint32_t> state_ = claimed;
	work<event_session> turn_;
};

/** The default model, for everything. */
struct event_driven {
	/** What a server asks of it. */
	static constexpr struct model table = {
		.name = "event",
		.session_size = sizeof(event_session),
		.blocks = false,
		.in_softirq = false,
		.construct = [](void *memory, session_table &table,
				ktcp::socket &&socket) -> session & {
			return *new (memory) event_session(table, std::move(socket));
		},
		.start = [](session &self) -> result<void> {
			static_cast<event_session &>(self).start();
			return {};
		},
		.wake = [](session &self,
			   std::uint32_t event) { static_cast<event_session &>(self).post(event); },
		.destroy =
			[](session &self) { static_cast<event_session &>(self).~event_session(); },
	};
};

} // namespace ktcp

#endif
