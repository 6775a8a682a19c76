// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * A work item per connection, blocked while its peer is quiet: for comparison.
 *
 * A workqueue runs at most max_active items at once (512 on 6.1). It can serve no more connections
 * than that, so the server accepts no more.
 */
#ifndef KTCP_ENGINE_WORK_PER_CONNECTION_HPP
#define KTCP_ENGINE_WORK_PER_CONNECTION_HPP

#include <cstdint>
#include <utility>

#include <ktcp/engine/blocking.hpp>
#include <ktcp/engine/model.hpp>

namespace ktcp
{

/** The model of kecho and khttpd with CMWQ. */
class work_per_connection {
    public:
	/** The functions that a server calls. */
	static const struct model table;

    private:
	class work_session : public blocking_session {
	    public:
		work_session(session_table &table, ktcp::socket &&accepted) noexcept
			: blocking_session(table, std::move(accepted)),
			  life_(*this, [](work_session &self) { self.live(); })
		{
		}

		void start() noexcept
		{
			life_.queue_on(table().use().queue, cpu());
		}

	    private:
		void live() noexcept
		{
			run_to_end();
			table().retire(*this);
			table().forget(*this);
		}

		work<work_session> life_;
	};
};

/** @cond for doxygen, which takes the initializers for members */
inline constexpr struct model work_per_connection::table = {
	.name = "work",
	.session_size = sizeof(work_session),
	.blocks = true,
	/* Beyond what a queue can block on at once, a connection would wait for another to leave. */
	.most = [] { return static_cast<unsigned int>(workqueue::most_active()); },
	.in_softirq = false,
	.construct = [](void *memory, session_table &table, ktcp::socket &&socket) -> session & {
		return *new (memory) work_session(table, std::move(socket));
	},
	.start = [](session &self) -> result<void> {
		static_cast<work_session &>(self).start();
		return {};
	},
	.wake = [](session &self) { static_cast<work_session &>(self).wake(); },
	.look = nullptr, /* it sleeps until its next time at most */
	.destroy = [](session &self) { static_cast<work_session &>(self).~work_session(); },
};
/** @endcond */

} // namespace ktcp

#endif
