// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * The event-driven model: a waiting connection is a coroutine frame and nothing else.
 *
 *   bytes arrive → sk_data_ready (softirq) sets an event bit → the turn, advance() → nothing left:
 *   give up the claim
 *
 * The session is a strand (engine/strand.hpp). Where the handler never sleeps, its turns are taken
 * as engine/cpu_turns.hpp says: where the bytes arrive, behind the softirq, or in the CPU's thread,
 * always with bottom halves off and under the lock that TCP itself holds there. A turn that cannot
 * go on like that (the handler asked to sleep, a process owns the socket, an urgent byte, no memory
 * without sleeping, the end) is the session's work item's, and so is every turn of a handler that
 * may sleep.
 *
 * The claim is also what keeps the session alive: it is retired only inside a turn of the work
 * item, after the callbacks were taken away under the socket's lock, and then nobody can claim it.
 *
 * Received and sent bytes pass by the security modules' socket hooks, which want process context.
 */
#ifndef KTCP_MODEL_EVENT_DRIVEN_HPP
#define KTCP_MODEL_EVENT_DRIVEN_HPP

#include <cstdint>
#include <utility>

#include <ktcp/model/session.hpp>

namespace ktcp
{

/** A session that is advanced by whoever claims it. */
class event_session : public session, protected ktcp_sock_hook, protected strand {
    public:
	event_session(session_table &table, ktcp::socket &&accepted) noexcept
		: session(table, std::move(accepted)), ktcp_sock_hook{ on_event, {} }, strand(how),
		  work_(*this, [](event_session &self) { self.turn(); })
	{
	}

	/** Let events in, and look once: data may have come before them. */
	void start() noexcept
	{
		::ktcp_sock_hook(socket().raw(), this);
		/* Born claimed: what happened until now has only left its bits. */
		if (!turns()) {
			queue();
			return;
		}

		const engine::here here(turns());

		here->add(*this);
	}

	/**
	 * Leave events for the turn that is claimed, or claim the next. Process context or softirq,
	 * interrupts on.
	 */
	void post(std::uint32_t events) noexcept
	{
		if (!turns()) {
			if (claim(events))
				queue();
			return;
		}

		/* From the claim to the wake-up in one RCU read section. */
		const engine::here here(turns());

		if (!claim(events))
			return;
		if (events & event_ended) /* closing needs process context */
			queue();
		else
			begin(here);
	}

    private:
	static const strand::operations how;

	engine &turns() noexcept
	{
		return table().use().turns;
	}

	static void on_event(struct ktcp_sock_hook *hook, unsigned int events)
	{
		event_session &self = *static_cast<event_session *>(hook);

		if (events & KTCP_SOCK_SOFTIRQ && self.turns())
			self.run_here(events);
		else
			self.post(events);
	}

	/* TCP holds the socket's lock. */
	void run_here(std::uint32_t events) noexcept
	{
		const engine::here here(turns());

		if (!claim(events))
			return;
		if (!asked_to_sleep() && here->has_room())
			here->end_inline(*this, turn_locked());
		else
			begin(here);
	}

	/* With the claim: a turn as soon as there may be one. It is given away. */
	void begin(const engine::here &here) noexcept
	{
		if (asked_to_sleep()) /* it is likely to ask again */
			queue();
		else
			here->add(*this);
	}

	/* With the claim: pass it on to the work item, where the turn may sleep if it is likely to. */
	void queue() noexcept
	{
		if (asked_to_sleep())
			work_.queue_on(table().use().sleepers, -1);
		else
			work_.queue_on(table().use().queue, cpu());
	}

	/* The drain's, and the thread's. */
	turn_end turn_here() noexcept
	{
		struct sock *const locked = ::ktcp_sock_trylock_bh(socket().raw());

		if (!locked) {
			queue();
			return turn_end::given_away;
		}

		const turn_end end = turn_locked();

		/* Given away or not, it cannot be destroyed before: that takes the lock. */
		::ktcp_sock_unlock_bh(locked);
		return end;
	}

	/* Bottom halves are off, and the socket's lock is held. */
	turn_end turn_locked() noexcept
	{
		do {
			take_events();
			switch (advance_in_softirq(table().use().pages)) {
			case progress::waiting:
				break;
			case progress::yielded:
				return turn_end::share_used;
			case progress::asked_to_sleep:
			case progress::needs_process:
			case progress::finished:
				queue();
				return turn_end::given_away;
			}
		} while (!give_up_claim(interest()));
		return turn_end::given_away;
	}

	/* The work item's. */
	void turn() noexcept
	{
		do {
			take_events();
			switch (advance()) {
			case progress::waiting:
				break;
			case progress::yielded:
			case progress::needs_process:
			case progress::asked_to_sleep:
				queue();
				return;
			case progress::finished:
				::ktcp_sock_unhook(socket().raw(), this);
				table().retire(*this);
				table().forget(*this);
				return;
			}
		} while (!give_up_claim(interest()));
	}

	work<event_session> work_;
};

/** @cond for doxygen, which takes the initializers for members */
inline constexpr strand::operations event_session::how = {
	.take_turn = [](strand &self) { return static_cast<event_session &>(self).turn_here(); },
	.to_process = [](strand &self) { static_cast<event_session &>(self).queue(); },
};
/** @endcond */

/** The default model, for everything. */
struct event_driven {
	/** What a server asks of it. */
	static constexpr struct model table = {
		.name = "event",
		.session_size = sizeof(event_session),
		.blocks = false,
		.in_softirq = true,
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
