// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * The softirq model: the handler goes on inside sk_data_ready, where the bytes arrived.
 *
 * It is the event-driven model with a shortcut. A callback that finds the session unclaimed,
 * in softirq, with the socket's lock held and no process owning it, runs the turn right
 * there: it receives with tcp_read_sock() and sends with tcp_sendmsg_locked(). Everything
 * else (the first turn, a full send buffer, want of memory, an urgent byte, a used-up share,
 * the end) goes to the work item, as there.
 *
 * A handler must not sleep, but after `co_await peer.may_sleep()`; say so of one that sleeps
 * without asking with `static constexpr bool may_sleep = true;`, and it is refused at compile
 * time. Received and sent bytes pass by the security
 * modules' socket hooks, which want process context.
 */
#ifndef KTCP_MODEL_SOFTIRQ_HPP
#define KTCP_MODEL_SOFTIRQ_HPP

#include <cstdint>
#include <utility>

#include <ktcp/model/event_driven.hpp>

namespace ktcp
{

/** An event_session that may run its turn in the callback. */
class softirq_session : public event_session {
    public:
	softirq_session(session_table &table, ktcp::socket &&accepted) noexcept
		: event_session(table, std::move(accepted), on_event)
	{
	}

    private:
	static void on_event(struct ktcp_sock_hook *hook, unsigned int events)
	{
		softirq_session &self = *static_cast<softirq_session *>(hook);

		if (events & KTCP_SOCK_SOFTIRQ)
			self.run_here(events);
		else
			self.post(events);
	}

	/* As event_session::turn(), but what ends a session sleeps: the work item does it. */
	void run_here(std::uint32_t events) noexcept
	{
		if (!claim(events))
			return;
		if (asked_to_sleep()) {
			queue();
			return;
		}
		do {
			take_events();
			switch (advance_in_softirq(table().use().pages)) {
			case progress::waiting:
				break;
			case progress::yielded:
			case progress::asked_to_sleep:
			case progress::finished:
				queue();
				return;
			}
		} while (!give_up_claim());
	}
};

/** The lowest cost per request, for handlers that never sleep. */
struct softirq {
	/** What a server asks of it. */
	static constexpr struct model table = {
		.name = "softirq",
		.session_size = sizeof(softirq_session),
		.blocks = false,
		.in_softirq = true,
		.construct = [](void *memory, session_table &table,
				ktcp::socket &&socket) -> session & {
			return *new (memory) softirq_session(table, std::move(socket));
		},
		.start = event_driven::table.start,
		.wake = event_driven::table.wake,
		.destroy =
			[](session &self) {
				static_cast<softirq_session &>(self).~softirq_session();
			},
	};
};

} // namespace ktcp

#endif
