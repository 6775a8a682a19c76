// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * A kernel thread per connection: for comparison, and for handlers that block at length.
 *
 * A thread that has finished still runs this module's code on its way out. So it hands itself to a
 * reaper, which joins it before the session is forgotten. Unloading waits for that, and no thread
 * outlives the module.
 */
#ifndef KTCP_ENGINE_THREAD_PER_CONNECTION_HPP
#define KTCP_ENGINE_THREAD_PER_CONNECTION_HPP

#include <cstdint>
#include <utility>

#include <ktcp/engine/blocking.hpp>
#include <ktcp/engine/model.hpp>
#include <ktcp/kernel/thread.hpp>

namespace ktcp
{

/** The model of the first kecho and khttpd. */
class thread_per_connection {
    public:
	/** The functions that a server calls. */
	static const struct model table;

    private:
	class thread_session : public blocking_session {
	    public:
		thread_session(session_table &table, ktcp::socket &&accepted) noexcept
			: blocking_session(table, std::move(accepted)),
			  reap_(*this, [](thread_session &self) { self.table().forget(self); })
		{
		}

		result<void> start() noexcept
		{
			return thread_.start(
				table().use().name,
				[](void *self) {
					static_cast<thread_session *>(self)->live();
					return 0;
				},
				this);
		}

	    private:
		void live() noexcept
		{
			run_to_end();
			table().retire(*this);
			reap_.queue_on(table().use().control);
		}

		work<thread_session> reap_;
		thread thread_; /* joined by the destructor, which the reaper calls */
	};
};

/** @cond for doxygen, which takes the initializers for members */
inline constexpr struct model thread_per_connection::table = {
	.name = "thread",
	.session_size = sizeof(thread_session),
	.blocks = false, /* a thread of its own, no worker */
	.most = ktcp_kthread_most, /* the machine needs some itself */
	.in_softirq = false,
	.construct = [](void *memory, session_table &table, ktcp::socket &&socket) -> session & {
		return *new (memory) thread_session(table, std::move(socket));
	},
	.start = [](session &self) { return static_cast<thread_session &>(self).start(); },
	.wake = [](session &self) { static_cast<thread_session &>(self).wake(); },
	.look = nullptr, /* it sleeps until its next time at most */
	.destroy = [](session &self) { static_cast<thread_session &>(self).~thread_session(); },
};
/** @endcond */

} // namespace ktcp

#endif
