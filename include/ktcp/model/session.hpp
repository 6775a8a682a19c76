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

#include <ktcp/connection.hpp>
#include <ktcp/list.hpp>
#include <ktcp/port/thread.h>
#include <ktcp/sync.hpp>
#include <ktcp/workqueue.hpp>

namespace ktcp
{

class session_table;

/** A connection, its engine's side open to the server and the models, in the table. */
class session : public connection {
    public:
	using connection::close;
	using connection::end;
	using connection::event_ended;
	using connection::event_retry;
	using connection::idle_ms;
	using connection::starved;

    protected:
	session(session_table &table, ktcp::socket &&socket) noexcept;
	~session() = default;

	session_table &table() noexcept
	{
		return table_;
	}

    private:
	friend class session_table;

	session_table &table_;
	list_node node_;
};

/** What a server asks of an execution model: one constant table a model. */
struct model {
	const char *name; /**< as a module parameter spells it */
	std::size_t session_size; /**< bytes of this model's session, event state and all */
	bool blocks; /**< a waiting session holds a workqueue's worker */
	bool in_softirq; /**< handlers are resumed where they must not sleep */

	/** Make a session in @p memory, not started. */
	session &(*construct)(void *memory, session_table &table, ktcp::socket &&socket);

	/** Begin to advance it; on failure it was not started and will not be. */
	result<void> (*start)(session &self);

	/** It was ended, or memory may be back: have a waiting session advance. List locked. */
	void (*wake)(session &self, std::uint32_t event);

	/** The destructor. */
	void (*destroy)(session &self);
};

/** The sessions of one server. Process context throughout. */
class session_table {
    public:
	using handler_function = task (*)(const void *handler, connection &peer);

	/** What the table works with; fixed while sessions live. */
	struct resources {
		const struct model *model = nullptr;
		handler_function handle = nullptr;
		const void *handler = nullptr;
		const char *name = "ktcp"; /**< threads are named after it */
		bool follow_cpu = true; /**< run a session where its packets arrive */
		kmem_cache sessions; /**< objects of model->session_size */
		kmem_cache buffers; /**< what read() borrows */
		softirq_pages pages; /**< what a model in softirq sends from */
		workqueue queue; /**< where sessions run */
		workqueue control; /**< accepting, sweeping, reaping: never where handlers block */
	};

	resources &use() noexcept
	{
		return use_;
	}

	/**
	 * Take an accepted socket over and start its session.
	 * Errors: ENOMEM and the model's own; the socket was then reset.
	 */
	result<void> add(ktcp::socket &&socket) noexcept
	{
		void *memory = use_.sessions.alloc(gfp::kernel);

		if (!memory) {
			socket.abort();
			return errc::enomem;
		}

		session &made = use_.model->construct(memory, *this, std::move(socket));

		count_.fetch_add(1, memory_order_relaxed);
		live_.lock()->push_back(made);

		const auto started = use_.model->start(made);

		if (!started) {
			made.end(errc::enomem);
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
		live_.lock()->erase(self);
		self.close();
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

	/**
	 * End sessions that moved no byte for @p idle_limit_ms (0: none), and let those that found
	 * no memory try again.
	 */
	void sweep(unsigned int idle_limit_ms) noexcept
	{
		const std::uint64_t now = ktcp_now_ms();
		auto live = live_.lock();

		for (session &each : *live) {
			if (idle_limit_ms && each.idle_ms(now) >= idle_limit_ms) {
				each.end(errc::etimedout);
				use_.model->wake(each, session::event_ended);
			} else if (each.starved()) {
				use_.model->wake(each, session::event_retry);
			}
			ktcp_cond_resched();
		}
	}

	/** Sleep until the last session is forgotten. None may be added from here on. */
	void wait_until_empty() noexcept
	{
		drop();
		empty_.wait();
	}

    private:
	void drop() noexcept
	{
		/* Pairs with itself: the one who takes the last sees what the others did. */
		if (count_.fetch_sub(1, memory_order_acq_rel) == 1)
			empty_.complete();
	}

	resources use_;
	guarded<list<session, &session::node_>> live_;
	atomic<std::size_t> count_ = 1; /* and the table's own, until wait_until_empty() */
	completion empty_;
};

inline session::session(session_table &table, ktcp::socket &&socket) noexcept
	: connection(std::move(socket), table.use().buffers, table.use().handle,
		     table.use().handler),
	  table_(table)
{
}

} // namespace ktcp

#endif
