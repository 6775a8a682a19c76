// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * A server's connections while they live, and the functions of an execution model.
 *
 * A session is a connection in a server. The table lists the sessions, allocates them,
 * and knows when the last is gone. A model is a table of functions, so that a server can
 * choose one when the module is loaded. The handler's code is the same in all.
 *
 * The table has a shard for each CPU. A session belongs to the shard of the CPU where its packets
 * arrive. On its way it takes no lock of another shard, and writes no cache line of one. A reader
 * of the numbers adds the shards up.
 *
 * The life of a session:
 *   add()          allocated, listed, started by its model
 *   (the model)    advances it until it is finished, in one context at a time
 *   retire()       unlisted, so that no other context can reach it; its socket closed
 *   forget()       destroyed and its memory freed; perhaps the last one
 *
 * Only the context that advances a session retires it. Between add() and retire() other contexts
 * reach it through its shard's list and its shard's wheel alone, under their locks.
 *
 * A session has no timer that each byte would set anew. The wheel looks at the session when a time
 * could be over, finds how long it has been quiet, and looks again after the rest.
 */
#ifndef KTCP_ENGINE_SESSION_HPP
#define KTCP_ENGINE_SESSION_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <new>
#include <span>
#include <utility>

#include <ktcp/base/defaults.hpp>
#include <ktcp/base/list.hpp>
#include <ktcp/base/setting.hpp>
#include <ktcp/connection.hpp>
#include <ktcp/engine/cpu_list.hpp>
#include <ktcp/engine/engine.hpp>
#include <ktcp/engine/source_table.hpp>
#include <ktcp/engine/timer_wheel.hpp>
#include <ktcp/engine/trace.hpp>
#include <ktcp/kernel/per_cpu.hpp>
#include <ktcp/kernel/sync.hpp>
#include <ktcp/kernel/workqueue.hpp>
#include <ktcp/port/thread.h>

namespace ktcp
{

class session_table;
class session_reader;

namespace detail
{

struct session_shard;

} // namespace detail

/** A connection in the table. It opens the engine's side to the server and the models. */
class session : public connection, private timer_wheel::entry {
    public:
	using connection::age_ms;
	using connection::close;
	using connection::end;
	using connection::event_over;
	using connection::finish_in_softirq;
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
		return of_a_proxy_.load(memory_order_relaxed);
	}

    protected:
	session(session_table &table, ktcp::socket &&socket,
		const strand::operations &how = by_hand) noexcept;
	~session() = default;

	/** The table of this session. */
	session_table &table() const noexcept;

	/**
	 * Has it been quiet for too long, or is its handler's deadline over? Its operations fail from
	 * now on then. Return: true if so; a waiting session must advance. Any context.
	 */
	bool overdue(std::uint64_t now_ms) noexcept;

	/**
	 * When to look at it again, if no byte moves meanwhile; timer_wheel::never: it has no time
	 * that could be over. Only for the context that advances it.
	 */
	std::uint64_t next_look_ms(std::uint64_t now_ms) const noexcept;

	/** The CPU that its next turn is to run on; -1: the caller's. */
	int cpu() const noexcept;

    private:
	friend class session_reader;
	friend class session_table;
	friend struct detail::session_shard;

	/* Has the peer been quiet for too long, and for which of session_timeouts? */
	enum class silence { none, idle, write };

	silence too_quiet(std::uint64_t now_ms) const noexcept;

	/* The time until a send that found no memory is tried again. */
	static constexpr unsigned int retry_ms = 100;

	list_node node_;
	detail::session_shard &shard_;
};

/** On which CPU a session runs, if the workqueue is not unbound. */
enum class placement {
	incoming, /**< where its packets arrive (sk_incoming_cpu): warm caches */
	spread, /**< one CPU after the other, wherever the packets arrive */
	anywhere, /**< where the scheduler likes (WQ_UNBOUND) */
};

/** When a quiet session is ended; milliseconds, 0: never. */
struct session_timeouts {
	setting<unsigned int> idle_ms =
		defaults::idle_timeout_ms; /**< the peer sends no byte, and acknowledges none */
	setting<unsigned int> write_ms =
		defaults::write_timeout_ms; /**< it acknowledges none, and a write() waits for that */

	friend bool operator==(const session_timeouts &,
			       const session_timeouts &) noexcept = default;
};

/** The functions and properties of an execution model, which a server uses: a constant table. */
struct model {
	const char *name; /**< as a module parameter spells it */
	std::size_t session_size; /**< bytes of this model's session, event state and all */
	bool blocks; /**< a waiting session holds a workqueue's worker */
	unsigned int (*most)(); /**< sessions that there can be at once; nullptr: any number */
	bool in_softirq; /**< it resumes handlers that never sleep in softirq */

	/** Make a session in @p memory, not started. */
	session &(*construct)(void *memory, session_table &table, ktcp::socket &&socket);

	/** Begin to advance it. On failure it was not started, and never will be. */
	result<void> (*start)(session &self);

	/** Have a waiting session advance, since it was ended. With the list's lock. */
	void (*wake)(session &self);

	/**
	 * A time of the session may be over: end the session, or tell its handler. With the wheel's
	 * lock. Return: when to look again, or timer_wheel::never.
	 * nullptr: sessions look at their times themselves.
	 */
	std::uint64_t (*look)(session &self, std::uint64_t now_ms);

	/** The destructor. */
	void (*destroy)(session &self);
};

/** A session as a listing shows it: its state at one moment. */
struct session_view {
	endpoint remote; /**< its peer's address, as far as it is known */
	std::uint64_t age_ms; /**< since it was accepted */
	std::uint64_t idle_ms; /**< since its peer sent a byte, or acknowledged one */
	bool writing; /**< it waits until its peer takes bytes, not for bytes of its peer */
	traffic moved; /**< bytes and turns so far */
};

/**
 * A place among the sessions of a table, for listing them some at a time. It holds no lock between
 * two calls of next(). Sessions come and go meanwhile; one that stays is listed exactly once.
 * Process context.
 */
class session_reader {
    public:
	/** Before the first session. @param table  must outlive this. */
	explicit session_reader(session_table &table) noexcept;
	session_reader(const session_reader &) = delete;
	session_reader &operator=(const session_reader &) = delete;
	~session_reader();

	/** Back to before the first one. */
	void rewind() noexcept;

	/** Views of the next ones, as many as there is room for; none at the end. */
	std::span<session_view> next(std::span<session_view> room) noexcept;

    private:
	friend class session_table;

	friend struct detail::session_shard;

	void enter(unsigned int shard) noexcept;
	void leave() noexcept;

	session_table &table_;
	unsigned int shard_ = 0; /* it stands in this shard's list … */
	/* … under that shard's lock: */
	list_node node_;
	session *next_ = nullptr; /* nullptr: at its end */
};

namespace detail
{

/** The common data of one CPU's sessions. */
struct session_shard {
	/** The sessions, linked through themselves, and the counts of those that are gone. */
	struct listing {
		list<session, &session::node_> sessions;
		statistics counted; /* of the retired and the refused; accepted counts them all */
		list<session_reader, &session_reader::node_> readers; /* that stand here */
	};

	/** The times at which sessions are to be looked at. */
	struct schedule {
		timer_wheel wheel{ ktcp_now_ms() };
		std::uint64_t looks_at = timer_wheel::never; /* the time of look_work */
		bool closed = false; /* look_work is queued no more */
	};

	session_shard(session_table &owner, int cpu) noexcept : table(owner), cpu(cpu)
	{
	}

	/** Look at the sessions whose time may be over. */
	void look() noexcept;

	/** Look at @p one when @p due_ms has come. */
	void look_at(session &one, std::uint64_t due_ms) noexcept
	{
		auto held = times.lock();

		held->wheel.advance(ktcp_now_ms());
		held->wheel.place(one, due_ms);
		set(*held, 0);
	}

	/** Take @p one off the wheel. When this returns no context looks at it. */
	void forget_time(session &one) noexcept
	{
		times.lock()->wheel.remove(one);
	}

	/** Queue look() for the next time, but @p pause_ms from now at the earliest. */
	void set(schedule &held, unsigned int pause_ms) noexcept;

	/** From here on look() is not called any more. Process context. */
	void close_times() noexcept
	{
		times.lock()->closed = true;
		look_work.cancel_sync();
	}

	session_table &table;
	const int cpu;
	guarded<listing> live;
	spin_guarded<schedule> times;
	delayed_work<session_shard> look_work{ *this, [](session_shard &self) { self.look(); } };
	atomic<std::size_t> count = 1; /* sessions, and the table's own until its close() */
};

/** Counts of any context, apart from a session's turn; the handlers' may be many. */
struct loose_counters {
	/** One of them. */
	struct counter {
		atomic<std::uint64_t> number = 0;
	};

	counter timed_out_idle, timed_out_write;
	counter handlers[statistics::handlers_most];
};

} // namespace detail

/** The sessions of one server. Process context throughout. */
class session_table {
    public:
	/** The common data of one CPU's sessions. */
	using shard = detail::session_shard;
	/** Makes a handler's coroutine for a peer. */
	using handler_function = task (*)(const void *handler, connection &peer);

	/** The table's tools and settings; fixed while sessions live, but for the timeouts. */
	struct resources {
		const struct model *model = nullptr; /**< how they wait */
		handler_function handle = nullptr; /**< makes a handler's coroutine … */
		const void *handler = nullptr; /**< … of this */
		const char *name = "ktcp"; /**< threads are named after it */
		enum placement placement = placement::incoming; /**< on which CPU they run */
		cpu_list cpus; /**< those of placement::spread; empty: all */
		bool behind_proxies = false; /**< a peer is a proxy until it names a client */
		session_timeouts timeouts; /**< when quiet ones are ended */
		kmem_cache sessions; /**< objects of model->session_size */
		page_pool buffers; /**< read() borrows from it */
		engine turns; /**< begins the event model's turns; none: work items alone do */
		softirq_pages pages; /**< memory of bytes that are sent in softirq */
		detail::outgoing_room outgoing; /**< handlers' own connections share it */
		workqueue queue; /**< sessions run on it */
		workqueue sleepers; /**< sessions that asked to sleep run on it; unbound */
		workqueue control; /**< accepts, looks at times, reaps: no handler blocks on it */
	};

	/** @param per_source  sessions that a peer may have, 0: any number. */
	explicit session_table(unsigned int per_source) noexcept : sources_(per_source)
	{
	}

	session_table(const session_table &) = delete;
	session_table &operator=(const session_table &) = delete;

	~session_table()
	{
		while (shard_count_) {
			shard *const last = shards_[--shard_count_];

			last->~shard();
			ktcp_kfree(last);
		}
		ktcp_kfree(shards_);
	}

	/** Make the shards: before the first add(). Errors: ENOMEM. */
	result<void> make_shards() noexcept
	{
		loose_ = KTCP_TRY(per_cpu<detail::loose_counters>::create());

		const unsigned int cpus = ktcp_nr_cpus();

		shards_ = static_cast<shard **>(
			ktcp_kmalloc(cpus * sizeof(shard *), KTCP_GFP_KERNEL));
		if (!shards_)
			return errc::enomem;
		while (shard_count_ < cpus) {
			void *const memory = ktcp_kmalloc(sizeof(shard), KTCP_GFP_KERNEL);

			if (!memory)
				return errc::enomem;
			shards_[shard_count_] = new (memory)
				shard(*this, static_cast<int>(shard_count_));
			shard_count_++;
		}
		open_shards_.store(cpus, memory_order_relaxed);
		return {};
	}

	/** As source_table::change(). */
	void change_per_source(unsigned int limit) noexcept
	{
		sources_.change(limit);
	}

	/** Other times from now on, for the sessions that are there, too. Process context, one at a time. */
	void change_timeouts(const session_timeouts &those) noexcept;

	/** TCP_USER_TIMEOUT of the sessions that are there. Process context. */
	void change_user_timeout(unsigned int ms) noexcept
	{
		for (unsigned int i = 0; i < shard_count_; i++) {
			auto live = shards_[i]->live.lock();

			for (session &each : live->sessions)
				each.socket().set_user_timeout(ms);
		}
	}

	/** The table's tools and settings. Fill them before the first add(). */
	resources &use() noexcept
	{
		return use_;
	}

	/**
	 * Take an accepted socket over and start its session.
	 * Errors: EDQUOT (its peer has as many as it may), ENOMEM and the model's own. The socket
	 * has been reset then.
	 */
	result<void> add(ktcp::socket &&socket) noexcept
	{
		void *memory = use_.sessions.alloc(gfp::kernel);

		if (!memory) {
			refuse(std::move(socket), &statistics::refused_memory);
			return errc::enomem;
		}

		/* A peer that has left already has no address any more; its session ends soon. */
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

		if (traced()) /* before its first turn */
			::ktcp_trace_accepted(made.socket().raw(), &made.remote().raw());

		const auto started = use_.model->start(made);

		if (!started) {
			made.end(errc::enomem);
			made.socket().set_no_linger();
			retire(made);
			forget(made);
		}
		return started;
	}

	/** The number of sessions, with those retired and not yet forgotten. Until close(). */
	std::size_t count() const noexcept
	{
		std::size_t all = 0;

		for (unsigned int i = 0; i < shard_count_; i++)
			all += shards_[i]->count.load(memory_order_relaxed) - 1;
		return all;
	}

	/**
	 * Is there room for one more, if @p most are allowed? The caller must add it then. Exact: the
	 * table never has more, and refuses none while there is room. It adds the shards up only when
	 * the room it found the last time has been used. Only for the context that accepts.
	 */
	bool has_room(std::size_t most) noexcept
	{
		if (room_ == 0 || room_of_ != most) {
			const std::size_t there = count();

			room_ = there < most ? most - there : 0;
			room_of_ = most;
		}
		if (room_ == 0)
			return false;
		room_--;
		return true;
	}

	/** Unlist and close a session whose handler is done. Its model calls this, once. */
	void retire(session &self) noexcept
	{
		shard &home = self.shard_;

		{
			auto live = home.live.lock();

			/* Under it, so that change_timeouts() finds none here that has no time any more. */
			if (use_.model->look)
				home.forget_time(self);
			for (session_reader &each : live->readers)
				if (each.next_ == &self)
					each.next_ = live->sessions.next(self);
			live->sessions.erase(self);
			live->counted.moved += self.moved();
			live->counted.*closed_by(self.why_ended()) += 1;
		}
		if (!self.is_of_a_proxy())
			sources_.leave(self.remote());
		if (traced())
			::ktcp_trace_closed(self.socket().raw(), &self.remote().raw(),
					    self.why_ended() ? 0 : self.why_ended().error().code(),
					    self.moved().bytes_in, self.moved().bytes_out);
		self.close();
	}

	/**
	 * Its peer is another one: a proxy named it. In a turn of @p self in process context.
	 * Errors: EDQUOT (that peer has as many as it may), ENOMEM. It is as it was then.
	 */
	result<void> rename(session &self, const endpoint &peer) noexcept
	{
		KTCP_TRY(sources_.enter(peer));
		if (!self.is_of_a_proxy())
			sources_.leave(self.remote());

		const auto held = self.shard_.live.lock(); /* of those that list it */

		self.of_a_proxy_.store(false, memory_order_relaxed);
		self.set_remote(peer);
		return {};
	}

	/** Reset a connection instead of adding it, and count why. */
	void refuse(ktcp::socket &&socket, std::uint64_t statistics::*why) noexcept
	{
		count(why, socket.incoming_cpu());
		if (traced())
			trace_refused(socket, why);
		socket.abort(); /* takes the socket's lock, and sends: not under ours */
	}

	/** Count an event that belongs to no session; @p cpu: where it came, if known. */
	void count(std::uint64_t statistics::*what, int cpu = -1) noexcept
	{
		shard_of(cpu).live.lock()->counted.*what += 1;
	}

	/** Count one for a counter of the handler's; none has that place: nothing. Any context. */
	void count_for_handler(unsigned int which) noexcept
	{
		if (which < statistics::handlers_most)
			loose_.raw().handlers[which].number.fetch_add(1, memory_order_relaxed);
	}

	/**
	 * The numbers just now, read from one CPU after the other. Any process may ask for them, as often as it
	 * likes. So readers wait for each other, and one at most holds up those that accept and retire.
	 */
	statistics count_all() noexcept
	{
		const auto alone = counting_.lock();
		statistics now;

		for (unsigned int i = 0; i < shard_count_; i++) {
			auto live = shards_[i]->live.lock();

			now += live->counted;
			for (session &each : live->sessions) {
				now.active++;
				now.moved += each.moved();
			}
		}
		loose_.for_each([&now](const detail::loose_counters &each) {
			now.timed_out_idle += each.timed_out_idle.number.load(memory_order_relaxed);
			now.timed_out_write +=
				each.timed_out_write.number.load(memory_order_relaxed);
			for (std::size_t i = 0; i < statistics::handlers_most; i++)
				now.handlers[i] +=
					each.handlers[i].number.load(memory_order_relaxed);
		});
		return now;
	}

	/** The number of shards. */
	unsigned int shards() const noexcept
	{
		return shard_count_;
	}

	/** One of the shards. */
	shard &shard_at(unsigned int index) noexcept
	{
		return *shards_[index];
	}

	/** Destroy a retired session. The table may be gone when this returns. */
	void forget(session &self) noexcept
	{
		shard &home = self.shard_;

		use_.model->destroy(self);
		use_.sessions.free(&self);
		drop(home);
	}

	/** End every session that is listed now, and wake it. */
	void end_all(errc why) noexcept
	{
		end_if(why, [](const session &) { return true; });
	}

	/** The same for those of whose peer @p is says so. It is called with a lock of the table's. */
	template <class Is>
	void end_if(errc why, Is is) noexcept
	{
		for (unsigned int i = 0; i < shard_count_; i++) {
			auto live = shards_[i]->live.lock();

			for (session &each : live->sessions) {
				if (!is(each))
					continue;
				each.end(why);
				use_.model->wake(each);
			}
		}
	}

	/**
	 * After a turn: place the session anew if it got a time that may be over earlier. Only for the
	 * context that advances it.
	 */
	void keep_time(session &self) noexcept
	{
		if (!self.take_retimed())
			return;

		/* Pairs with change_timeouts(), whose place for it may come before ours. */
		const unsigned int changes = changes_.load(memory_order_acquire);
		const std::uint64_t next = self.next_look_ms(ktcp_now_ms());

		if (self.placed_by(next))
			return;
		self.shard_.look_at(self, next);
		if (changes_.load(memory_order_relaxed) != changes)
			self.shard_.look_at(self, 0);
	}

	/** Stop looking at sessions' times. Process context. */
	void close_times() noexcept
	{
		for (unsigned int i = 0; i < shard_count_; i++)
			shards_[i]->close_times();
	}

	/** Let no session be added from here on. wait_until_empty() must follow. */
	void close() noexcept
	{
		for (unsigned int i = 0; i < shard_count_; i++)
			drop(*shards_[i]);
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
	friend class session_reader;

	/* From here on other contexts reach it. */
	result<void> enlist(session &made) noexcept
	{
		shard &home = made.shard_;

		/* A proxy is no source: its clients are, once it names them. */
		made.of_a_proxy_.store(use_.behind_proxies, memory_order_relaxed);
		if (!made.is_of_a_proxy())
			KTCP_TRY(sources_.enter(made.remote()));
		home.count.fetch_add(1, memory_order_relaxed);
		{
			auto live = home.live.lock();

			live->counted.accepted++;
			live->sessions.push_back(made);
			/* Under the list's lock: change_timeouts() comes before it, or after. */
			if (use_.model->look) {
				const std::uint64_t next = made.next_look_ms(ktcp_now_ms());

				if (next != timer_wheel::never)
					home.look_at(made, next);
			}
		}
		return {};
	}

	shard &shard_of(int cpu) noexcept
	{
		const auto index = static_cast<unsigned int>(cpu);

		return *shards_[index < shard_count_ ? index : 0];
	}

	/* The shard of the next session: where its packets arrive, unless all CPUs are to share. */
	shard &home_of(const session &made) noexcept
	{
		if (use_.placement != placement::spread)
			return shard_of(made.incoming_cpu());
		last_cpu_ = next_cpu();
		return shard_of(last_cpu_);
	}

	/* One of the chosen that is online, isolated or not; any that is not, if none of them is online. */
	int next_cpu() const noexcept
	{
		int cpu = last_cpu_;

		for (unsigned int i = 0; i < shard_count_ && !use_.cpus.empty(); i++) {
			cpu = ktcp_next_online_cpu(cpu, true);
			if (use_.cpus.contains(cpu))
				return cpu;
		}
		return ktcp_next_online_cpu(last_cpu_, false);
	}

	static void trace_refused(ktcp::socket &socket, std::uint64_t statistics::*why) noexcept
	{
		const auto remote = socket.remote();
		const endpoint none;

		::ktcp_trace_refused(socket.raw(), &(remote ? *remote : none).raw(),
				     why == &statistics::refused_full	? "full" :
				     why == &statistics::refused_source ? "source" :
				     why == &statistics::refused_memory ? "memory" :
				     why == &statistics::refused_denied ? "denied" :
				     why == &statistics::refused_rate	? "rate" :
				     why == &statistics::refused_proxy	? "proxy" :
									  "peer");
	}

	static std::uint64_t statistics::*closed_by(const result<void> &why) noexcept
	{
		if (why || why.error() == errc::econnreset)
			return &statistics::closed;
		if (why.error() == errc::etimedout)
			return &statistics::timed_out;
		if (why.error() == errc::eacces)
			return &statistics::refused_denied;
		return why.error() == errc::enomem ? &statistics::refused_memory :
						     &statistics::stopped;
	}

	void drop(shard &home) noexcept
	{
		/* Each pairs with itself: the context that drops the last sees the others' work. It
		 * touches nothing of the shard after that. */
		if (home.count.fetch_sub(1, memory_order_acq_rel) == 1 &&
		    open_shards_.fetch_sub(1, memory_order_acq_rel) == 1)
			empty_.complete();
	}

	struct counting {};

	resources use_;
	shard **shards_ = nullptr;
	unsigned int shard_count_ = 0;
	guarded<counting> counting_; /* of count_all() */
	source_table sources_;
	atomic<unsigned int> changes_ = 0; /* of the timeouts */
	/* Only for the context that accepts: */
	std::size_t room_ = 0, room_of_ = 0; /* what is left, of how many */
	int last_cpu_ = -1;
	atomic<unsigned int> open_shards_ = 0; /* with a count that is not 0 */
	per_cpu<detail::loose_counters> loose_;
	completion empty_;
};

inline session_reader::session_reader(session_table &table) noexcept : table_(table)
{
	enter(0);
}

inline session_reader::~session_reader()
{
	leave();
}

inline void session_reader::enter(unsigned int shard) noexcept
{
	auto live = table_.shard_at(shard).live.lock();

	shard_ = shard;
	live->readers.push_back(*this);
	next_ = live->sessions.first();
}

inline void session_reader::leave() noexcept
{
	table_.shard_at(shard_).live.lock()->readers.erase(*this);
}

inline void session_reader::rewind() noexcept
{
	leave();
	enter(0);
}

/* It holds one lock at a time, for as many sessions as there is room for. */
inline std::span<session_view> session_reader::next(std::span<session_view> room) noexcept
{
	const std::uint64_t now = ktcp_now_ms();
	std::size_t count = 0;

	for (;;) {
		{
			auto live = table_.shard_at(shard_).live.lock();

			for (; count < room.size() && next_; next_ = live->sessions.next(*next_))
				room[count++] = { next_->remote(), next_->age_ms(now),
						  next_->idle_ms(), next_->writing(),
						  next_->moved() };
		}
		if (count == room.size() || shard_ + 1 == table_.shards())
			return room.first(count);
		leave();
		enter(shard_ + 1);
	}
}

inline session::session(session_table &table, ktcp::socket &&socket,
			const strand::operations &how) noexcept
	: connection(std::move(socket), table.use().buffers, table.use().handle,
		     table.use().handler, how),
	  shard_(table.home_of(*this))
{
}

inline session_table &session::table() const noexcept
{
	return shard_.table;
}

inline int session::cpu() const noexcept
{
	switch (table().use_.placement) {
	case placement::incoming:
		return incoming_cpu();
	case placement::spread:
		return shard_.cpu;
	case placement::anywhere:
		break;
	}
	return -1;
}

inline session::silence session::too_quiet(std::uint64_t now_ms) const noexcept
{
	const session_timeouts limits = table().use_.timeouts;

	if (limits.write_ms && writing() && stalled_ms(now_ms) >= limits.write_ms)
		return silence::write;
	return limits.idle_ms && idle_ms() >= limits.idle_ms ? silence::idle : silence::none;
}

inline bool session::overdue(std::uint64_t now_ms) noexcept
{
	const silence of = too_quiet(now_ms);

	if (of == silence::none)
		return expire(now_ms);
	if (end(errc::etimedout)) {
		detail::loose_counters &mine = table().loose_.raw();

		(of == silence::write ? mine.timed_out_write : mine.timed_out_idle)
			.number.fetch_add(1, memory_order_relaxed);
	}
	return true;
}

inline std::uint64_t session::next_look_ms(std::uint64_t now_ms) const noexcept
{
	const session_timeouts limits = table().use_.timeouts;
	std::uint64_t next = timer_wheel::never;
	const auto by = [&](std::uint64_t left_ms) { next = std::min(next, now_ms + left_ms); };
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

/*
 * Each is looked at once more. It is placed anew then, or it sleeps anew. A session that comes into a list
 * behind us has the new times, since we let go of that list's lock before.
 */
inline void session_table::change_timeouts(const session_timeouts &those) noexcept
{
	if (use_.timeouts == those)
		return;
	use_.timeouts = those;
	use_.outgoing.change_write_timeout(those.write_ms);
	changes_.fetch_add(1, memory_order_release);
	for (unsigned int i = 0; i < shard_count_; i++) {
		auto live = shards_[i]->live.lock();

		for (session &each : live->sessions)
			if (use_.model->look)
				shards_[i]->look_at(each, 0);
			else
				each.post(0);
	}
}

inline void detail::session_shard::set(schedule &held, unsigned int pause_ms) noexcept
{
	const std::uint64_t next = held.wheel.next_ms();

	if (held.closed || next >= held.looks_at)
		return;

	const std::uint64_t now = ktcp_now_ms();

	held.looks_at = next;
	look_work.queue_in(table.use().control,
			   std::max(pause_ms,
				    next > now ? static_cast<unsigned int>(next - now) : 0));
}

/*
 * In pieces: accepting and retiring wait for the lock, and ended sessions take a while to close. A run ends as
 * many as a CPU closes in half a millisecond. Then other tasks have a tick. The rest of those that are to end
 * are put off meanwhile: timers and deadlines of others do not wait for them.
 */
inline void detail::session_shard::look() noexcept
{
	constexpr unsigned int looks_at_once = 64;
	constexpr unsigned int ended_at_once = 32;
	const std::uint64_t now = ktcp_now_ms();
	unsigned int ended = 0;

	for (bool more = true; more; ktcp_cond_resched()) {
		auto held = times.lock();

		held->wheel.advance(now);
		for (unsigned int looked = 0; more && looked < looks_at_once; looked++) {
			const bool may_end = ended < ended_at_once;
			timer_wheel::entry *next = may_end ? held->wheel.pop_put_off() : nullptr;

			if (!next)
				next = held->wheel.pop_due();
			more = next;
			if (!next)
				break;

			session &one = static_cast<session &>(*next);

			if (!may_end && one.too_quiet(now) != session::silence::none) {
				held->wheel.put_off(one);
				continue;
			}

			const std::uint64_t due = table.use().model->look(one, now);

			held->wheel.place(one, due);
			ended += due == timer_wheel::never;
		}
		if (!more) {
			held->looks_at = timer_wheel::never;
			set(*held, 1);
		}
	}
}

} // namespace ktcp

#endif
