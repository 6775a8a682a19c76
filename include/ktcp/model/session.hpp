// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * A server's connections while they live, and what an execution model does with one.
 *
 * A session is a connection in a server. The table lists the sessions, allocates them,
 * and knows when the last is gone. A model is a table of functions, so that a server can
 * choose one when the module is loaded; the handler's code is the same in all.
 *
 * The life of a session:
 *   add()          allocated, listed, started by its model
 *   (the model)    advances it until it is finished, in one context at a time
 *   retire()       unlisted, so that nobody else can reach it; its socket closed
 *   forget()       destroyed and its memory freed; perhaps the last one
 *
 * Only the context that advances a session retires it, and between add() and retire()
 * others reach it through the list alone, under the list's lock.
 */
#ifndef KTCP_MODEL_SESSION_HPP
#define KTCP_MODEL_SESSION_HPP

#include <cstddef>
#include <cstdint>
#include <utility>

#include <ktcp/connection.hpp>
#include <ktcp/engine/engine.hpp>
#include <ktcp/list.hpp>
#include <ktcp/port/thread.h>
#include <ktcp/source_table.hpp>
#include <ktcp/sync.hpp>
#include <ktcp/workqueue.hpp>

namespace ktcp
{

class session_table;

/** A connection, its engine's side open to the server and the models, in the table. */
class session : public connection {
    public:
	using connection::age_ms;
	using connection::close;
	using connection::end;
	using connection::event_ended;
	using connection::event_expired;
	using connection::event_retry;
	using connection::expire;
	using connection::idle_ms;
	using connection::moved;
	using connection::socket;
	using connection::starved;
	using connection::why_ended;
	using connection::writing;

    protected:
	session(session_table &table, ktcp::socket &&socket) noexcept;
	~session() = default;

	/** The table that it is in. */
	session_table &table() noexcept
	{
		return table_;
	}

	/** Where its next turn is to run; -1 where whoever asks is. */
	int cpu() const noexcept;

    private:
	friend class session_table;

	session_table &table_;
	list_node node_;
	source *source_ = nullptr;
	int home_cpu_ = -1; /* placement::spread */
};

/** On which CPU a session runs, if the workqueue is not unbound. */
enum class placement {
	incoming, /**< where its packets arrive (sk_incoming_cpu): warm caches */
	spread, /**< one after the other, whatever the network card does */
	anywhere, /**< where the scheduler likes (WQ_UNBOUND) */
};

/** When a quiet session is ended; milliseconds, 0: never. */
struct session_timeouts {
	unsigned int idle_ms = 0; /**< no byte in either direction */
	unsigned int write_ms = 0; /**< no byte taken by a peer that we owe some */
};

/** What a server asks of an execution model: one constant table a model. */
struct model {
	const char *name; /**< as a module parameter spells it */
	std::size_t session_size; /**< bytes of this model's session, event state and all */
	bool blocks; /**< a waiting session holds a workqueue's worker */
	bool in_softirq; /**< handlers that never sleep are resumed where they must not */

	/** Make a session in @p memory, not started. */
	session &(*construct)(void *memory, session_table &table, ktcp::socket &&socket);

	/** Begin to advance it; on failure it was not started and will not be. */
	result<void> (*start)(session &self);

	/** It was ended or expired, or memory may be back: have a waiting session advance. List locked. */
	void (*wake)(session &self, std::uint32_t event);

	/** The destructor. */
	void (*destroy)(session &self);
};

/** The sessions of one server. Process context throughout. */
class session_table {
    public:
	/** Live sessions, linked through themselves. */
	using session_list = list<session, &session::node_>;
	/** What makes a handler's coroutine for a peer. */
	using handler_function = task (*)(const void *handler, connection &peer);

	/** What the table works with; fixed while sessions live. */
	struct resources {
		const struct model *model = nullptr; /**< how they wait */
		handler_function handle = nullptr; /**< makes a handler's coroutine … */
		const void *handler = nullptr; /**< … of this */
		const char *name = "ktcp"; /**< threads are named after it */
		enum placement placement = placement::incoming; /**< on which CPU they run */
		kmem_cache sessions; /**< objects of model->session_size */
		page_pool buffers; /**< what read() borrows */
		engine turns; /**< where event's turns begin; none: in work items alone */
		softirq_pages pages; /**< what it sends from in softirq */
		workqueue queue; /**< where sessions run */
		workqueue sleepers; /**< where they do that ask for a place to sleep; unbound */
		workqueue control; /**< accepting, sweeping, reaping: never where handlers block */
	};

	/** @param per_source  sessions a peer may have, 0: any number. */
	explicit session_table(unsigned int per_source) noexcept : sources_(per_source)
	{
	}

	/** What the table works with. To be filled before the first add(). */
	resources &use() noexcept
	{
		return use_;
	}

	/**
	 * Take an accepted socket over and start its session.
	 * Errors: EDQUOT (its peer has as many as it may), ENOMEM and the model's own; the
	 * socket was then reset.
	 */
	result<void> add(ktcp::socket &&socket) noexcept
	{
		void *memory = use_.sessions.alloc(gfp::kernel);

		if (!memory) {
			refuse(std::move(socket), &statistics::refused_memory);
			return errc::enomem;
		}

		/* A peer that is gone already has no address any more; its session ends soon. */
		const auto remote = socket.remote();
		session &made = use_.model->construct(memory, *this, std::move(socket));

		if (remote)
			made.set_remote(*remote);

		const auto listed = enlist(made);

		if (!listed) {
			refuse(std::move(made.socket()), listed.error() == errc::edquot ?
								 &statistics::refused_source :
								 &statistics::refused_memory);
			use_.model->destroy(made);
			use_.sessions.free(&made);
			return listed;
		}

		const auto started = use_.model->start(made);

		if (!started) {
			made.end(errc::enomem);
			made.socket().set_no_linger();
			retire(made);
			forget(made);
		}
		return started;
	}

	/** How many there are, retired but not yet forgotten ones among them. */
	std::size_t count() const noexcept
	{
		return count_.load(memory_order_relaxed) - 1;
	}

	/** Unlist and close a session whose handler is done; its model calls, once. */
	void retire(session &self) noexcept
	{
		{
			auto live = live_.lock();

			live->erase(self);
			sources_.leave(self.source_);
			counted_.moved += self.moved();
			counted_.*closed_by(self.why_ended()) += 1;
		}
		self.close();
	}

	/** Reset a connection instead of adding it, and count why. */
	void refuse(ktcp::socket &&socket, std::uint64_t statistics::*why) noexcept
	{
		auto live = live_.lock();

		counted_.*why += 1;
		socket.abort();
	}

	/** Count what happens to no session. */
	void count(std::uint64_t statistics::*what) noexcept
	{
		auto live = live_.lock();

		counted_.*what += 1;
	}

	/** The numbers just now. */
	statistics count_all() noexcept
	{
		auto live = live_.lock();
		statistics now = counted_;

		for (session &each : *live) {
			now.active++;
			now.moved += each.moved();
		}
		return now;
	}

	/** The list, locked: for reading. */
	auto lock() noexcept
	{
		return live_.lock();
	}

	/** Destroy a retired session. The table may be gone when this returns. */
	void forget(session &self) noexcept
	{
		use_.model->destroy(self);
		use_.sessions.free(&self);
		drop();
	}

	/** End every session that is listed now, and wake it. */
	void end_all(errc why) noexcept
	{
		auto live = live_.lock();

		for (session &each : *live) {
			each.end(why);
			use_.model->wake(each, session::event_ended);
		}
	}

	/** End sessions that have been quiet for too long, see to their own deadlines; let those try again that found no memory. */
	void sweep(const session_timeouts &limits) noexcept
	{
		const std::uint64_t now = ktcp_now_ms();
		auto live = live_.lock();

		for (session &each : *live) {
			const std::uint64_t quiet_ms = each.idle_ms(now);

			if ((limits.idle_ms && quiet_ms >= limits.idle_ms) ||
			    (limits.write_ms && quiet_ms >= limits.write_ms && each.writing())) {
				each.end(errc::etimedout);
				use_.model->wake(each, session::event_ended);
			} else if (each.expire(now)) {
				use_.model->wake(each, session::event_expired);
			} else if (each.starved()) {
				use_.model->wake(each, session::event_retry);
			}
			ktcp_cond_resched();
		}
	}

	/** None may be added from here on; wait_until_empty() will come. */
	void close() noexcept
	{
		drop();
	}

	/** Sleep for at most @p ms until the last session is forgotten; false if some are left. */
	bool drain(unsigned int ms) noexcept
	{
		if (!empty_.wait_for(ms))
			return false;
		empty_.complete(); /* for wait_until_empty() */
		return true;
	}

	/** Sleep until the last session is forgotten. */
	void wait_until_empty() noexcept
	{
		empty_.wait();
	}

    private:
	friend class session;

	/* From here on others reach it. */
	result<void> enlist(session &made) noexcept
	{
		auto live = live_.lock();

		made.source_ = KTCP_TRY(sources_.enter(made.remote()));
		if (use_.placement == placement::spread)
			made.home_cpu_ = last_cpu_ = ktcp_next_online_cpu(last_cpu_);
		count_.fetch_add(1, memory_order_relaxed);
		counted_.accepted++;
		live->push_back(made);
		return {};
	}

	static std::uint64_t statistics::*closed_by(const result<void> &why) noexcept
	{
		if (why)
			return &statistics::closed;
		if (why.error() == errc::etimedout)
			return &statistics::timed_out;
		return why.error() == errc::enomem ? &statistics::refused_memory :
						     &statistics::stopped;
	}

	void drop() noexcept
	{
		/* Pairs with itself: the one who takes the last sees what the others did. */
		if (count_.fetch_sub(1, memory_order_acq_rel) == 1)
			empty_.complete();
	}

	resources use_;
	guarded<session_list> live_;
	/* under live_'s lock: */
	source_table sources_;
	statistics counted_; /* of those that were retired or refused; and accepted */
	int last_cpu_ = -1;
	atomic<std::size_t> count_ = 1; /* and the table's own, until wait_until_empty() */
	completion empty_;
};

inline session::session(session_table &table, ktcp::socket &&socket) noexcept
	: connection(std::move(socket), table.use().buffers, table.use().handle,
		     table.use().handler),
	  table_(table)
{
}

inline int session::cpu() const noexcept
{
	switch (table_.use_.placement) {
	case placement::incoming:
		return incoming_cpu();
	case placement::spread:
		return home_cpu_;
	case placement::anywhere:
		break;
	}
	return -1;
}

} // namespace ktcp

#endif
