// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * The event-driven model: a waiting connection is a coroutine frame and nothing else.
 *
 *   bytes arrive → sk_data_ready (softirq) sets an event bit → the turn, advance() → nothing left:
 *   give up the claim
 *
 * The session is a strand (engine/strand.hpp). A handler that never sleeps takes its turns as
 * engine/cpu_turns.hpp says: where the bytes arrive, behind the softirq, or in the CPU's thread.
 * Bottom halves are off there, and the turn holds the lock that TCP itself holds.
 *
 * The session's work item takes every turn of a handler that may sleep. It also takes a turn that
 * cannot go on without process context:
 *   - the handler asked to sleep, or a process owns the socket
 *   - an urgent byte comes, or there is no memory without sleeping
 *   - the connection ends
 *
 * The claim also keeps the session alive. Only a turn of the work item retires the session, after it
 * has taken the callbacks away under the socket's lock. No context can claim it then.
 *
 * Received and sent bytes bypass the security modules' socket hooks, which want process context.
 */
#ifndef KTCP_ENGINE_EVENT_DRIVEN_HPP
#define KTCP_ENGINE_EVENT_DRIVEN_HPP

#include <cstdint>
#include <utility>

#include <ktcp/engine/model.hpp>
#include <ktcp/engine/session.hpp>
#include <ktcp/engine/session_table.hpp>
#include <ktcp/engine/sleeper_queues.hpp>
#include <ktcp/engine/trace.hpp>
#include <ktcp/net/source_key.hpp>

namespace ktcp
{

/** A session that the context which claims it advances. */
class event_session : public session, ktcp_sock_hook, work_base<event_session> {
    public:
	event_session(session_table &table, ktcp::socket &&accepted) noexcept
		: session(table, std::move(accepted), how), ktcp_sock_hook{ on_event, {} }
	{
	}

	/** Install the callbacks, and take one turn: data may have come before them. */
	void start() noexcept
	{
		set_local(socket().is_local());
		::ktcp_sock_hook(socket().raw(), this);
		/* It began claimed: earlier events have only left their bits. */
		if (!turns()) {
			queue();
			return;
		}

		const engine::here here(turns());

		here->add(*this);
	}

	/**
	 * Leave events for the claimed turn, or claim the next. Process context or softirq,
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
		if (events & event_over) /* closing needs process context */
			queue();
		else
			begin(here);
	}

	/**
	 * The same under a spin_lock_irq, which a hard interrupt may have taken. That is an RCU read
	 * section, from the claim to the wake-up.
	 */
	void post_beside(std::uint32_t events) noexcept
	{
		if (!claim(events))
			return;
		if (!turns() || asked_to_sleep())
			queue();
		else
			turns().beside().add_beside(*this);
	}

	/**
	 * Is one of its times over? Then end it, or tell its handler. With the wheel's lock held, so
	 * it does not run beside the session's end.
	 * Return: when to look again.
	 */
	std::uint64_t look(std::uint64_t now_ms) noexcept
	{
		const bool over = table().overdue(*this, now_ms);

		/* Another context advances it, sees that, and may change its times: look again soon. */
		if (!claim(over ? event_over : 0))
			return why_ended() ? now_ms : timer_wheel::never;

		const std::uint64_t next = next_look_ms(table().use().timeouts, now_ms);

		/* No event tells that memory is back, or that a timer is due. */
		if (over || starved() || next_timer_ms() <= now_ms || !give_up_claim(interest()))
			queue();
		return next;
	}

    private:
	friend work_base<event_session>;

	static const strand::operations how;

	/* So many turns may follow each other for what came meanwhile, from other CPUs: then others are next. */
	static constexpr unsigned int most_in_a_row = 8;

	engine &turns() noexcept
	{
		return table().use().turns;
	}

	static void on_event(struct ktcp_sock_hook *hook, unsigned int events)
	{
		event_session &self = static_cast<event_session &>(*hook);

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
		if (!asked_to_sleep() && here->has_room(*this))
			here->end_inline(*this, turn_locked(KTCP_TURN_INLINE));
		else
			begin(here);
	}

	/* With the claim: have the next turn taken as soon as it can be. Gives the session away. */
	void begin(const engine::here &here) noexcept
	{
		if (asked_to_sleep()) /* the handler is likely to ask again */
			queue();
		else
			here->add(*this);
	}

	/* With the claim: pass it on to the work item, on a queue for sleepers if it is likely to sleep. */
	void queue() noexcept
	{
		if (asked_to_sleep())
			queue_to_sleep();
		else
			queue_on(table().use().queue, cpu());
	}

	[[gnu::noinline]] void queue_to_sleep() noexcept
	{
		using share = detail::sleeper_queues::share;

		const auto place = table().use().sleepers.enter(is_of_a_proxy() ? nullptr :
										  &remote());

		if (place.has != share::none) /* it has the claim */
			claim(place.has == share::own ? event_own_place : event_anyones_place);
		queue_on(place.on, -1);
	}

	/* A turn in the drain or the thread. */
	turn_end turn_here() noexcept
	{
		struct sock *const locked = ::ktcp_sock_trylock_bh(socket().raw());

		if (!locked) {
			queue();
			return turn_end::given_away;
		}

		const turn_end end = turn_locked(KTCP_TURN_DRAIN);

		/* Even a session that was given away is not destroyed before: that takes this lock. */
		::ktcp_sock_unlock_bh(locked);
		return end;
	}

	/* Bottom halves are off, and the socket's lock is held. */
	turn_end turn_locked(ktcp_turn_place place) noexcept
	{
		for (unsigned int row = 1;; row++) {
			take_events();

			const progress outcome = advance_in_softirq(table().use().pages);

			trace(place, outcome);
			table().keep_time(*this);
			switch (outcome) {
			case progress::waiting:
				break;
			case progress::yielded:
				return turn_end::share_used;
			case progress::finished:
				/* The FIN may carry the acknowledgement of the peer's. */
				if (finish_in_softirq())
					return turn_end::over;
				[[fallthrough]];
			case progress::asked_to_sleep:
			case progress::needs_process:
				queue();
				return turn_end::given_away;
			}
			if (give_up_claim(interest()))
				return turn_end::given_away;
			if (row == most_in_a_row)
				return turn_end::share_used;
		}
	}

	/* The work item. */
	void on_work() noexcept
	{
		/* The session may be gone behind its turns, and its peer another one. The queues stay until it returns. */
		detail::sleeper_queues &sleepers = table().use().sleepers;

		if (has_events(event_anyones_place)) {
			take_turns();
			sleepers.leave();
		} else if (has_events(event_own_place)) {
			const source_key source = source_key::of(remote());

			take_turns();
			sleepers.leave(source);
		} else {
			take_turns();
		}
	}

	/* Its turns. */
	void take_turns() noexcept
	{
		for (unsigned int row = 1;; row++) {
			take_events();

			const progress outcome = advance();

			trace(KTCP_TURN_WORK, outcome);
			table().keep_time(*this);
			switch (outcome) {
			case progress::waiting:
				break;
			case progress::yielded:
			case progress::needs_process:
			case progress::asked_to_sleep:
				queue();
				return;
			case progress::finished:
				let_go();
				return;
			}
			if (give_up_claim(interest()))
				return;
			if (row == most_in_a_row) {
				queue();
				return;
			}
		}
	}

	/* With the claim: tell that a turn was taken, if somebody listens. */
	void trace(ktcp_turn_place place, progress outcome) noexcept
	{
		if (traced())
			::ktcp_trace_turn(socket().raw(), place,
					  outcome == progress::waiting	? KTCP_TURN_WAITS :
					  outcome == progress::yielded	? KTCP_TURN_YIELDS :
					  outcome == progress::finished ? KTCP_TURN_OVER :
									  KTCP_TURN_SLEEPS);
	}

	/* With the claim, once the handler is done. */
	void let_go() noexcept
	{
		::ktcp_sock_unhook(socket().raw(), this);
		table().retire(*this);
		table().forget(*this);
	}
};

/** @cond for doxygen, which takes the initializers for members */
inline constexpr strand::operations event_session::how = {
	.take_turn = [](strand &self) { return static_cast<event_session &>(self).turn_here(); },
	.to_process = [](strand &self) { static_cast<event_session &>(self).queue(); },
	.let_go = [](strand &self) { static_cast<event_session &>(self).let_go(); },
	.post = [](strand &self,
		   std::uint32_t events) { static_cast<event_session &>(self).post(events); },
	.post_beside =
		[](strand &self, std::uint32_t events) {
			static_cast<event_session &>(self).post_beside(events);
		},
	.outgoing = outgoing_of,
	.sleepers = sleepers_of,
	.count = count_for,
	.hold = hold_for,
};
/** @endcond */

/** The default model, for everything. */
struct event_driven {
	/** Its functions, which a server calls. */
	static constexpr struct model table = {
		.name = "event",
		.session_size = sizeof(event_session),
		.blocks = false,
		.most = nullptr,
		.in_softirq = true,
		.construct = [](void *memory, session_table &table,
				ktcp::socket &&socket) -> session & {
			return *new (memory) event_session(table, std::move(socket));
		},
		.start = [](session &self) -> result<void> {
			static_cast<event_session &>(self).start();
			return {};
		},
		.wake =
			[](session &self) {
				static_cast<event_session &>(self).post(session::event_over);
			},
		.look =
			[](session &self, std::uint64_t now_ms) {
				return static_cast<event_session &>(self).look(now_ms);
			},
		.destroy =
			[](session &self) { static_cast<event_session &>(self).~event_session(); },
	};
};

} // namespace ktcp

#endif
