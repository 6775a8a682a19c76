// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * An acceptor: it takes a server's connections out of the backlogs, and adds them to the session table.
 *
 * A listener's callback queues the accept work, at once or a moment later. The work refuses a peer by the rules, or
 * for want of room. It listens again at a listener that was lost.
 */
#ifndef KTCP_ENGINE_ACCEPTOR_HPP
#define KTCP_ENGINE_ACCEPTOR_HPP

#include <algorithm>
#include <cstdint>
#include <utility>

#include <ktcp/base/atomic.hpp>
#include <ktcp/base/setting.hpp>
#include <ktcp/engine/admission.hpp>
#include <ktcp/engine/listeners.hpp>
#include <ktcp/engine/session_table.hpp>
#include <ktcp/engine/statistics.hpp>
#include <ktcp/kernel/log.hpp>
#include <ktcp/kernel/workqueue.hpp>
#include <ktcp/port/time.h>
#include <ktcp/server_options.hpp>

namespace ktcp::detail
{

/* Of one server. Process context, but for what the listeners call. */
class acceptor {
    public:
	/*
	 * @options, @rules and @sessions outlive this. @at_once: it accepts a connection before the peer has sent
	 * a byte.
	 */
	acceptor(const server_options &options, bool at_once, admission &rules,
		 session_table &sessions) noexcept
		: at_once_(at_once), rules_(rules), sessions_(sessions),
		  listeners_(options, at_once, on_connection, this),
		  user_timeout_ms_(options.user_timeout_ms)
	{
	}

	/* As listeners::listen(). From here on connections may be accepted, even if it fails. */
	result<void> listen() noexcept
	{
		KTCP_TRY(listeners_.listen());
		/* An event before, such as the end of a listener or of a device, may have been told in vain. */
		on_connection(this, KTCP_SOCK_STATE);
		return {};
	}

	/* The most sessions from now on. */
	void limit(unsigned int most) noexcept
	{
		most_ = most;
	}

	/* They are so many. */
	unsigned int limit() const noexcept
	{
		return most_;
	}

	/* The port (host order); 0: not known yet. */
	std::uint16_t port() const noexcept
	{
		return listeners_.port();
	}

	/*
	 * Heed other options of the listeners, and rules that may be others. The accept work does: the listeners are
	 * its own, and between its look at the rules and the table no connection is missed.
	 */
	void change(const server_options &wanted) noexcept
	{
		const bool of_listener = listeners_.change(wanted);

		/* Pairs with accept(): a run that takes the bits sees the new settings and rules. */
		changed_.fetch_or(of_listener ? heed_listeners | heed_rules : heed_rules,
				  memory_order_release);
		accept_now();
	}

	/* Accept no more. An RCU grace period must pass before the table goes. The order matters. */
	void close() noexcept
	{
		/* From here on the accept work does nothing, and the listeners are ours … */
		unlistening_.store(true, memory_order_relaxed);
		accept_work_.cancel_sync();
		/* … whose callbacks may still queue the work or its timer, until they are closed.
		 * Closing resets the children that wait in the backlog. RCU covers the callback's last
		 * instructions, once for the whole server. */
		listeners_.close();
		accept_timer_.cancel_sync();
		listen_timer_.cancel_sync();
		accept_work_.cancel_sync();
	}

    private:
	static constexpr unsigned int accepts_per_turn = 64;
	static constexpr unsigned int accept_latest_ms = 2;
	static constexpr unsigned int accept_retry_ms = 20;
	static constexpr unsigned int heed_listeners = 1, heed_rules = 2, heed_devices = 4;

	static void on_connection(void *of, unsigned int events)
	{
		acceptor &self = *static_cast<acceptor *>(of);

		/* Pairs with accept(): a run that takes the bit finds the devices as they are now. */
		if (events & KTCP_SOCK_STATE)
			self.changed_.fetch_or(heed_devices, memory_order_release);
		if (events == KTCP_SOCK_CONNECTED && !self.at_once_)
			self.accept_soon();
		else
			self.accept_now();
	}

	void accept_now() noexcept
	{
		accept_work_.queue_on(sessions_.use().control);
	}

	/* Its first bytes are likely to come before the timer. */
	void accept_soon() noexcept
	{
		/* Acquire and release: accept() finds the connections that came before. */
		if (!accepting_soon_.exchange(true, memory_order_acq_rel))
			accept_timer_.queue_in(sessions_.use().control, accept_latest_ms);
	}

	void accept_is_due() noexcept
	{
		/* Pairs with accept_soon(): a callback that found it set had queued its connection before. */
		accepting_soon_.exchange(false, memory_order_acq_rel);
		accept_now();
	}

	void accept() noexcept
	{
		/* Cancelling and queueing the work order this read. */
		if (unlistening_.load(memory_order_relaxed))
			return;
		const unsigned int heeds = changed_.exchange(0, memory_order_acquire);
		/* Else an event came before, and listen() looks again. Its bit is set when they are complete. */
		const bool all = listeners_.complete();
		std::uint64_t retry_at = listeners::when_told;
		bool more = false;

		if (heeds & heed_listeners)
			heed_user_timeout(listeners_.user_timeout_ms());
		for (listener &each : listeners_.all()) {
			if (all && heeds & heed_devices)
				listeners_.look_for_devices(each);
			if (each.listens()) {
				if (heeds & heed_listeners)
					listeners_.heed(each);
				more |= accept_at(each);
			} else if (all && listen_again(each)) {
				more = true;
			} else if (all) {
				retry_at = std::min(retry_at, listeners_.retry_at_ms(each));
			}
		}
		if (heeds & heed_rules)
			rules_.end_denied(sessions_);
		if (retry_at != listeners::when_told) {
			const std::uint64_t now = ktcp_now_ms();

			listen_timer_.queue_in(
				sessions_.use().control,
				retry_at > now ? static_cast<unsigned int>(retry_at - now) : 0);
		}
		if (more)
			accept_now();
	}

	/* Return: it listens. When all listeners are open: until then was_open() is the start's. */
	bool listen_again(listener &at) noexcept
	{
		const bool again = at.was_open();

		if (!listeners_.listen_again(at))
			return false;
		if (again)
			sessions_.count(&statistics::relistened);
		return true;
	}

	/* Of the sessions, too. A listener's other options are none of theirs. */
	void heed_user_timeout(unsigned int ms) noexcept
	{
		if (ms == user_timeout_ms_)
			return;
		user_timeout_ms_ = ms;
		user_timeout_changed_ = true;
		sessions_.change_user_timeout(ms);
	}

	/* True: there may be more. */
	bool accept_at(listener &at) noexcept
	{
		for (unsigned int taken = 0; taken < accepts_per_turn; taken++)
			if (!accept_one(at))
				return false;
		return true;
	}

	/* False: the listener or the timer calls again. */
	bool accept_one(listener &at) noexcept
	{
		auto accepted = at.accept();

		if (!accepted) {
			if (accepted.error() == errc::eagain)
				return false;
			if (accepted.error() == errc::econnaborted)
				return true;
			if (accepted.error() == errc::ebusy) {
				sessions_.count(&statistics::refused_taken);
				KTCP_LOG_WARN_RATELIMITED(
					"port %u: a BPF program has put a connection into a sockmap, and it "
					"was reset; keep that program off this port (bpftool cgroup tree)",
					listeners_.port());
				return true;
			}
			/* No memory or no file: the backlog is not empty, and nothing would announce it
			 * again. */
			accept_timer_.queue_in(sessions_.use().control, accept_retry_ms);
			return false;
		}
		if (rules_.refuses())
			if (const auto why = rules_.refusal_at_accept(accepted->remote())) {
				sessions_.refuse(std::move(*accepted), why);
				return true;
			}
		if (!sessions_.has_room(most_)) {
			sessions_.refuse(std::move(*accepted), &statistics::refused_full);
			return true;
		}
		if (user_timeout_changed_)
			accepted->set_user_timeout(user_timeout_ms_);
		/* A refused peer has been reset and counted; nothing is left to be done. */
		static_cast<void>(sessions_.add(std::move(*accepted)));
		return true;
	}

	const bool at_once_;
	setting<unsigned int> most_ = 0; /* max_connections, which change() changes */
	atomic<unsigned int> changed_ = 0; /* the accept work is to heed these */
	admission &rules_;
	session_table &sessions_;
	listeners listeners_;
	work<acceptor> accept_work_{ *this, [](acceptor &self) { self.accept(); } };
	delayed_work<acceptor> accept_timer_{ *this, [](acceptor &self) { self.accept_is_due(); } };
	/* For listeners that are lost. */
	delayed_work<acceptor> listen_timer_{ *this, [](acceptor &self) { self.accept_now(); } };
	/* Of the accept work: a connection that waits in a backlog may have an older one. */
	unsigned int user_timeout_ms_;
	bool user_timeout_changed_ = false;
	atomic<bool> accepting_soon_ = false; /* accept_timer_ is set for it */
	atomic<bool> unlistening_ = false; /* accepting is over */
};

} // namespace ktcp::detail

#endif
