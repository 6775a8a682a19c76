// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * The times at which one CPU's sessions are looked at.
 *
 * A session has no timer that each byte would set anew. The wheel looks at the session when a time
 * could be over. The session's model finds how long it has been quiet, ends it or wakes it, and says
 * when to look again.
 */
#ifndef KTCP_ENGINE_SESSION_TIMES_HPP
#define KTCP_ENGINE_SESSION_TIMES_HPP

#include <algorithm>
#include <cstdint>

#include <ktcp/engine/model.hpp>
#include <ktcp/engine/session.hpp>
#include <ktcp/engine/session_resources.hpp>
#include <ktcp/engine/timer_wheel.hpp>
#include <ktcp/kernel/sync.hpp>
#include <ktcp/kernel/workqueue.hpp>
#include <ktcp/port/thread.h>
#include <ktcp/port/time.h>

namespace ktcp::detail
{

/** A timer wheel, and the work item that turns it. Any context, but for close(). */
class session_times {
    public:
	/** @param use  must outlive this. */
	explicit session_times(session_resources &use) noexcept : use_(use)
	{
	}

	/** Look at @p one when @p due_ms has come. */
	void look_at(session &one, std::uint64_t due_ms) noexcept
	{
		auto held = schedule_.lock();

		held->wheel.advance(ktcp_now_ms());
		held->wheel.place(one, due_ms);
		set(*held, 0);
	}

	/** Take @p one off the wheel. When this returns no context looks at it. */
	void forget(session &one) noexcept
	{
		schedule_.lock()->wheel.remove(one);
	}

	/** Look at none from here on. Process context. */
	void close() noexcept
	{
		schedule_.lock()->closed = true;
		look_work_.cancel_sync();
	}

    private:
	struct schedule {
		timer_wheel wheel{ ktcp_now_ms() };
		std::uint64_t looks_at = timer_wheel::never; /* the time of look_work_ */
		bool closed = false; /* look_work_ is queued no more */
	};

	/* Queue look() for the next time, but @p pause_ms from now at the earliest. */
	void set(schedule &held, unsigned int pause_ms) noexcept
	{
		const std::uint64_t next = held.wheel.next_ms();

		if (held.closed || next >= held.looks_at)
			return;

		const std::uint64_t now = ktcp_now_ms();

		held.looks_at = next;
		look_work_.queue_in(
			use_.control,
			std::max(pause_ms, next > now ? static_cast<unsigned int>(next - now) : 0));
	}

	/*
	 * In pieces: accepting and retiring wait for the lock. A hundred thousand may be due at once. So other tasks
	 * have the CPU for a moment after each half a millisecond or so.
	 */
	void look() noexcept
	{
		constexpr unsigned int pieces_between_sleeps = 16;
		constexpr unsigned int pause_us = 50;
		const std::uint64_t now = ktcp_now_ms();
		unsigned int ended = 0;

		for (unsigned int pieces = 1; look_at_some(now, ended); pieces++)
			if (pieces % pieces_between_sleeps)
				ktcp_cond_resched();
			else
				ktcp_usleep(pause_us);
	}

	/*
	 * A piece. Return: are there more? Ended sessions take a while to close: a run ends as many as a CPU closes in
	 * half a millisecond. Then other tasks have a tick. The rest of those that are to end are put off meanwhile:
	 * timers and deadlines of others do not wait for them.
	 */
	bool look_at_some(std::uint64_t now, unsigned int &ended) noexcept
	{
		constexpr unsigned int looks_at_once = 64;
		constexpr unsigned int ended_at_once = 32;
		auto held = schedule_.lock();

		held->wheel.advance(now);
		for (unsigned int looked = 0; looked < looks_at_once; looked++) {
			const bool may_end = ended < ended_at_once;
			timer_wheel::entry *next = may_end ? held->wheel.pop_put_off() : nullptr;

			if (!next)
				next = held->wheel.pop_due();
			if (!next || held->closed) {
				held->looks_at = timer_wheel::never;
				set(*held, 1);
				return false;
			}

			session &one = static_cast<session &>(*next);

			if (!may_end &&
			    one.too_quiet(use_.timeouts, now) != session::silence::none) {
				held->wheel.put_off(one);
				continue;
			}

			const std::uint64_t due = use_.model->look(one, now);

			held->wheel.place(one, due);
			ended += due == timer_wheel::never;
		}
		return true;
	}

	session_resources &use_;
	spin_guarded<schedule> schedule_;
	delayed_work<session_times> look_work_{ *this, [](session_times &self) { self.look(); } };
};

} // namespace ktcp::detail

#endif
