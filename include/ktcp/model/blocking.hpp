// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * What the two blocking models share: advance, and sleep whenever the handler waits.
 *
 * The socket keeps its own callbacks, so that a shutdown wakes the sleeper.
 */
#ifndef KTCP_MODEL_BLOCKING_HPP
#define KTCP_MODEL_BLOCKING_HPP

#include <ktcp/model/session.hpp>
#include <ktcp/port/thread.h>

namespace ktcp
{

/** A session that has a context of its own to block in. */
class blocking_session : public session {
    public:
	/** Wake it after end(). List locked, so the socket is there. */
	void wake() noexcept
	{
		/* It fails if the peer is gone, and then nobody waits for long. */
		static_cast<void>(socket().shutdown(shutdown_how::rdwr));
	}

    protected:
	/** @cond */
	using session::session;
	/** @endcond */

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
	static constexpr unsigned int starved_sleep_ms = 10;

	void wait() noexcept
	{
		if (starved())
			ktcp_msleep(starved_sleep_ms);
		else /* whatever ended the wait, the next attempt finds it out */
			static_cast<void>(socket().wait(interest() & (KTCP_SOCK_READABLE |
								      KTCP_SOCK_WRITABLE),
							until_deadline_ms(ktcp_now_ms())));
		expire(ktcp_now_ms());
	}
};

} // namespace ktcp

#endif
