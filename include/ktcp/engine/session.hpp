// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * A session: a connection in a server. It knows when its peer has been quiet for too long.
 *
 * engine/session_table.hpp says how it lives, and engine/session_times.hpp when it is looked at.
 */
#ifndef KTCP_ENGINE_SESSION_HPP
#define KTCP_ENGINE_SESSION_HPP

#include <algorithm>
#include <cstdint>

#include <ktcp/base/defaults.hpp>
#include <ktcp/base/list.hpp>
#include <ktcp/base/setting.hpp>
#include <ktcp/connection.hpp>
#include <ktcp/engine/timer_wheel.hpp>

namespace ktcp
{

class session_table;

namespace detail
{

class session_list;
struct session_shard;
class session_times;

} // namespace detail

/** When a quiet session is ended; milliseconds, 0: never. */
struct session_timeouts {
	setting<unsigned int> idle_ms =
		defaults::idle_timeout_ms; /**< the peer sends no byte, and acknowledges none */
	setting<unsigned int> write_ms =
		defaults::write_timeout_ms; /**< it acknowledges none, and a write() waits for that */

	friend bool operator==(const session_timeouts &,
			       const session_timeouts &) noexcept = default;
};

/** A connection in the table. It opens the engine's side to the server and the models. */
class session : public connection, private timer_wheel::entry {
    public:
	using connection::age_ms;
	using connection::close;
	using connection::end;
	using connection::event_over;
	using connection::finish_in_softirq;
	using connection::handler_function;
	using connection::idle_ms;
	using connection::moved;
	using connection::put_back;
	using connection::socket;
	using connection::starved;
	using connection::why_ended;
	using connection::writing;

	/** Is its peer a proxy, which has named no client? Any context. */
	bool is_of_a_proxy() const noexcept
	{
		return has_mark(of_a_proxy);
	}

    protected:
	session(session_table &table, ktcp::socket &&socket,
		const strand::operations &how = by_hand) noexcept;
	~session() = default;

	/** The table of this session. */
	session_table &table() const noexcept;

	/** The CPU that its next turn is to run on; -1: the caller's. */
	int cpu() const noexcept;

	/** @name What every model has for strand::operations: it is the table's */
	/** @{ */

	/** strand::operations::outgoing. */
	static detail::outgoing_room *outgoing_of(strand &self) noexcept;
	/** strand::operations::sleepers. */
	static detail::sleeper_queues *sleepers_of(strand &self) noexcept;
	/** strand::operations::count. */
	static void count_for(strand &self, unsigned int which) noexcept;
	/** strand::operations::hold. */
	static bool hold_for(strand &self, unsigned int before, unsigned int now) noexcept;

	/** @} */

	/**
	 * When to look at it again, if no byte moves meanwhile; timer_wheel::never: it has no time
	 * that could be over. Only for the context that advances it.
	 * @param those  of its table.
	 */
	std::uint64_t next_look_ms(const session_timeouts &those,
				   std::uint64_t now_ms) const noexcept
	{
		const session_timeouts limits = those;
		std::uint64_t next = timer_wheel::never;
		const auto by = [&](std::uint64_t left_ms) {
			next = std::min(next, now_ms + left_ms);
		};
		const auto rest = [&](std::uint32_t limit_ms, std::uint32_t passed_ms) {
			by(limit_ms > passed_ms ? limit_ms - passed_ms : 0);
		};

		if (!why_ended())
			return next;
		if (limits.idle_ms)
			rest(limits.idle_ms, idle_ms());
		if (limits.write_ms && writing())
			rest(limits.write_ms, stalled_ms(now_ms));
		if (const int left_ms = until_deadline_ms(now_ms); left_ms >= 0 && !expired())
			by(static_cast<unsigned int>(left_ms));
		if (const std::uint64_t due_ms = next_timer_ms(); due_ms != UINT64_MAX)
			by(due_ms > now_ms ? due_ms - now_ms : 0);
		if (starved())
			by(retry_ms);
		return next;
	}

    private:
	friend class detail::session_list;
	friend class detail::session_times;
	friend class session_table;

	/* Has the peer been quiet for too long, and for which of session_timeouts? */
	enum class silence { none, idle, write };

	silence too_quiet(const session_timeouts &those, std::uint64_t now_ms) const noexcept
	{
		const session_timeouts limits = those;

		if (limits.write_ms && writing() && stalled_ms(now_ms) >= limits.write_ms)
			return silence::write;
		return limits.idle_ms && idle_ms() >= limits.idle_ms ? silence::idle :
								       silence::none;
	}

	/* The time until a send that found no memory is tried again. */
	static constexpr unsigned int retry_ms = 100;

	list_node node_;
	detail::session_shard &shard_;
};

} // namespace ktcp

#endif
