// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * A stream of a strand's beside the accepted one, as a turn sees it. Outgoing connections are such
 * (engine/outgoing_stream.hpp); servers whose handlers have none contain none of their code.
 */
#ifndef KTCP_ENGINE_SECOND_STREAM_HPP
#define KTCP_ENGINE_SECOND_STREAM_HPP

#include <climits>
#include <coroutine>
#include <utility>

#include <ktcp/base/atomic.hpp>
#include <ktcp/base/list.hpp>
#include <ktcp/base/result.hpp>
#include <ktcp/base/setting.hpp>
#include <ktcp/engine/kept_sockets.hpp>
#include <ktcp/engine/source_table.hpp>
#include <ktcp/kernel/socket.hpp>
#include <ktcp/kernel/sync.hpp>
#include <ktcp/net/endpoint.hpp>
#include <ktcp/stream.hpp>
#include <ktcp/task.hpp>

namespace ktcp
{

namespace detail
{

/* An outgoing connection that is connected, and not closed yet. */
struct open_outgoing {
	explicit open_outgoing(ktcp::socket &its) noexcept : socket(its)
	{
	}

	ktcp::socket &socket;
	list_node node;
};

/*
 * The outgoing connections of a server share this. A source (net/source_key.hpp) has as many as its connections made.
 * It may have one more than are free: half of all while no other has any. Of n that take what they can each has
 * 1 / (n + 1). So there is always one for the next source.
 */
struct outgoing_room {
	/* So many at once. @of_a_source: so many of them; 0: its share, or any number where it has none. */
	void limit(unsigned int all, unsigned int of_a_source, bool has_share) noexcept
	{
		most = all;
		shares = has_share && !of_a_source;
		sources.change(of_a_source);
	}

	/*
	 * One more, if there may be. @source: nullptr: of none. Errors: EDQUOT, ENOMEM. Process context.
	 * Each adds before it looks, so two that take the last one at once may both fail, and never both have it.
	 */
	result<void> enter(const endpoint *source) noexcept
	{
		/* Relaxed, as in leave(): a bound, and nothing else. */
		const unsigned int before = count.fetch_add(1, memory_order_relaxed), all = most;
		auto status = before < all ? result<void>() : errc::edquot;

		if (status && source)
			status = sources.enter(*source, shares ? all - before : UINT_MAX);
		if (!status)
			count.fetch_sub(1, memory_order_relaxed);
		return status;
	}

	/* One less. Process context. */
	void leave(const endpoint *source) noexcept
	{
		if (source)
			sources.leave(*source);
		count.fetch_sub(1, memory_order_relaxed);
	}

	/*
	 * It is connected, and has the write timeout from now on. One that was kept may have had another one.
	 * Process context.
	 */
	void connected(open_outgoing &one, bool was_kept) noexcept
	{
		auto held = open.lock();

		held->push_back(one);
		if (write_ms || was_kept)
			one.socket.set_user_timeout(write_ms);
	}

	/* It is about to be closed; perhaps it never was connected. Process context. */
	void closing(open_outgoing &one) noexcept
	{
		auto held = open.lock();

		/* With the lock: those beside it in the list write its links. */
		if (one.node.linked())
			held->erase(one);
	}

	/* Another write timeout, also for those that are connected. Process context, one at a time. */
	void change_write_timeout(unsigned int ms) noexcept
	{
		if (write_ms == ms)
			return;
		write_ms = ms; /* before the lock: one that is connected behind us finds it */

		auto held = open.lock();

		for (open_outgoing &each : *held)
			each.socket.set_user_timeout(ms);
	}

	struct net *net = nullptr; /* where they are; nullptr: in the initial namespace */
	setting<unsigned int> most = 0;
	setting<bool> shares = true; /* has a source its share? */
	setting<unsigned int> write_ms = 0; /* TCP_USER_TIMEOUT, once they are connected */
	atomic<unsigned int> count = 0;
	source_table sources{ UINT_MAX };
	guarded<list<open_outgoing, &open_outgoing::node>, process_mutex> open;
	kept_sockets kept;
};

/* See above. In the turns of its strand alone. */
class second_stream : public stream {
    public:
	/* There is an owner, until drop(). */
	void hold() noexcept
	{
		held_ = true;
	}

	/* There is none. */
	void drop() noexcept
	{
		held_ = false;
	}

	/* Is it without an owner, a reader of its bytes, and a waiter? Where no coroutine is ready. */
	bool is_left() const noexcept
	{
		return !held_ && !waiting_ && !has_lent();
	}

	/* A turn begins. */
	void begin_turn() noexcept
	{
		wait_for_nothing();
		old_ = stream::waits();
	}

	/* Go on until it can be read and written. Its waiter may be ready then. */
	void prepare() noexcept
	{
		if (waiting_)
			how_.prepare(*this);
	}

	/* Try the older operations again. Returns the coroutine that goes on, nullptr: there is none. */
	std::coroutine_handle<> next() noexcept
	{
		for (auto **each : { &old_.reading, &old_.writing })
			if (*each)
				if (const auto who = try_again(std::exchange(*each, nullptr)))
					return who;
		return nullptr;
	}

	/* Close it, and free its memory. @linger_ms: as socket::close(). Process context. */
	void let_go(unsigned int linger_ms) noexcept
	{
		how_.let_go(*this, linger_ms);
	}

	using stream::held_buffers;
	using stream::starved;
	using stream::try_of;
	using stream::unpark;
	using stream::waits;

	second_stream *next_one = nullptr; /* in the strand's list */

    protected:
	struct operations {
		void (*prepare)(second_stream &self);
		void (*let_go)(second_stream &self, unsigned int linger_ms);
	};

	second_stream(strand &owner, page_pool &buffers, const operations &how) noexcept
		: stream(owner, ktcp::socket(), buffers, true), how_(how)
	{
	}

	~second_stream() = default;

	waiter *waiting_ = nullptr; /* until it is prepared */

    private:
	const operations &how_;
	waiting old_ = {};
	bool held_ = false;
};

} // namespace detail
} // namespace ktcp

#endif
