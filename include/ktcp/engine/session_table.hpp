// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * The sessions of one server. The table lists them, allocates them, and knows when the last is gone.
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
 */
#ifndef KTCP_ENGINE_SESSION_TABLE_HPP
#define KTCP_ENGINE_SESSION_TABLE_HPP

#include <cstddef>
#include <cstdint>
#include <new>
#include <utility>

#include <ktcp/base/atomic.hpp>
#include <ktcp/engine/buffer_shares.hpp>
#include <ktcp/engine/loose_counters.hpp>
#include <ktcp/engine/model.hpp>
#include <ktcp/engine/session.hpp>
#include <ktcp/engine/session_list.hpp>
#include <ktcp/engine/session_resources.hpp>
#include <ktcp/engine/session_times.hpp>
#include <ktcp/engine/source_table.hpp>
#include <ktcp/engine/statistics.hpp>
#include <ktcp/engine/timer_wheel.hpp>
#include <ktcp/engine/trace.hpp>
#include <ktcp/kernel/memory.hpp>
#include <ktcp/kernel/sync.hpp>
#include <ktcp/port/memory.h>
#include <ktcp/port/thread.h>
#include <ktcp/port/work.h>

namespace ktcp
{

namespace detail
{

/** The common data of one CPU's sessions. */
struct session_shard {
	/** The sessions, linked through themselves, and the counts of those that are gone. */
	struct listing {
		session_list sessions;
		statistics counted; /* of the retired and the refused; accepted counts them all */
	};

	session_shard(session_table &owner, session_resources &use, int cpu) noexcept
		: table(owner), cpu(cpu), times(use)
	{
	}

	session_table &table;
	const int cpu;
	guarded<listing, detail::process_mutex> live;
	session_times times;
	atomic<std::size_t> count = 1; /* sessions, and the table's own until its close() */
};

} // namespace detail

/** The sessions of one server. Process context throughout. */
class session_table {
    public:
	/** The common data of one CPU's sessions. */
	using shard = detail::session_shard;

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
		KTCP_TRY(loose_.make());
		KTCP_TRY(shares_.make());

		const unsigned int cpus = ktcp_nr_cpus();

		shards_ = kmalloc_array<shard *>(cpus);
		if (!shards_)
			return errc::enomem;
		while (shard_count_ < cpus) {
			void *const memory = ktcp_kmalloc(sizeof(shard), KTCP_GFP_KERNEL);

			if (!memory)
				return errc::enomem;
			shards_[shard_count_] = new (memory)
				shard(*this, use_, static_cast<int>(shard_count_));
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
	void change_timeouts(const session_timeouts &those) noexcept
	{
		/*
		 * Each is looked at once more. It is placed anew then, or it sleeps anew. A session that comes into
		 * a list behind us has the new times, since we let go of that list's lock before.
		 */
		if (use_.timeouts == those)
			return;
		use_.timeouts = those;
		use_.outgoing.change_write_timeout(those.write_ms);
		/* Before each wheel's lock: a keep_time() that places behind us sees it. */
		changes_.fetch_add(1, memory_order_release);
		for (unsigned int i = 0; i < shard_count_; i++) {
			auto live = shards_[i]->live.lock();

			for (session &each : live->sessions)
				if (use_.model->look)
					shards_[i]->times.look_at(each, 0);
				else
					each.post(0);
		}
	}

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
	session_resources &use() noexcept
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
				home.times.forget(self);
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

		self.mark(session::of_a_proxy, false);
		self.counted_ = 0; /* the proxy's were not */
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

	/** As strand::operations::hold. A proxy is no source. Where a source may have any number, it has no share. */
	bool hold(session &self, unsigned int before, unsigned int now) noexcept
	{
		if (self.is_of_a_proxy())
			return true;
		if (now < before)
			shares_.give_back(self.remote(), before - now);
		else if (sources_.limits())
			return shares_.take(self.remote(), now - before, use_.buffers);
		else
			shares_.take(self.remote(), now - before);
		return true;
	}

	/** As loose_counters::count_for_handler(). Any context. */
	void count_for_handler(unsigned int which) noexcept
	{
		loose_.count_for_handler(which);
	}

	/**
	 * The numbers just now, read from one CPU after the other. Any process may ask for them, as often as it
	 * likes. So readers wait for each other, and one at most holds up those that accept and retire, for a few
	 * sessions at a time. No number is less than it was the last time.
	 */
	statistics count_all() noexcept
	{
		const auto alone = counting_.lock();
		statistics now;

		for (unsigned int i = 0; i < shard_count_; i++)
			add_counts(*shards_[i], now);
		loose_.add_to(now);
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
	 * Has it been quiet for too long, or is its handler's deadline over? Its operations fail from
	 * now on then. Return: true if so; a waiting session must advance. Any context.
	 */
	bool overdue(session &self, std::uint64_t now_ms) noexcept
	{
		const session::silence of = self.too_quiet(use_.timeouts, now_ms);

		if (of == session::silence::none)
			return self.expire(now_ms);
		if (self.end(errc::etimedout)) {
			if (of == session::silence::write)
				loose_.count_write_timeout();
			else
				loose_.count_idle_timeout();
		}
		return true;
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
		const std::uint64_t next = self.next_look_ms(use_.timeouts, ktcp_now_ms());

		/* Perhaps stale. But those without the claim place it earlier, or look at it soon. */
		if (self.placed_by(next))
			return;
		self.shard_.times.look_at(self, next);
		/* Relaxed: the wheel's lock has ordered it. */
		if (changes_.load(memory_order_relaxed) != changes)
			self.shard_.times.look_at(self, 0);
	}

	/** Stop looking at sessions' times. Process context. */
	void close_times() noexcept
	{
		for (unsigned int i = 0; i < shard_count_; i++)
			shards_[i]->times.close();
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
		if (!empty_.wait_for(ms, process_context::promised()))
			return false;
		empty_.complete(); /* for wait_until_empty() */
		return true;
	}

	/** Sleep until the last session is forgotten. */
	void wait_until_empty() noexcept
	{
		empty_.wait(process_context::promised());
	}

    private:
	friend class session;

	/* From here on other contexts reach it. */
	result<void> enlist(session &made) noexcept
	{
		shard &home = made.shard_;

		/* A proxy is no source: its clients are, once it names them. */
		made.mark(session::of_a_proxy, use_.behind_proxies);
		if (!made.is_of_a_proxy())
			KTCP_TRY(sources_.enter(made.remote()));
		/* Relaxed: the table's own count keeps the shard open. drop() orders the end. */
		home.count.fetch_add(1, memory_order_relaxed);
		{
			auto live = home.live.lock();

			live->counted.accepted++;
			live->sessions.push_back(made);
			/* Under the list's lock: change_timeouts() comes before it, or after. */
			if (use_.model->look) {
				const std::uint64_t next = made.next_look_ms(use_.timeouts,
									     ktcp_now_ms());

				if (next != timer_wheel::never)
					home.times.look_at(made, next);
			}
		}
		return {};
	}

	/* With counting_. */
	static void add_counts(shard &of, statistics &now) noexcept
	{
		constexpr unsigned int at_once = 64;
		detail::session_list::sum sum;

		{
			auto live = of.live.lock();

			now += live->counted;
			now.active += live->sessions.size();
			live->sessions.begin_sum(sum);
		}
		while (of.live.lock()->sessions.add_some(at_once))
			ktcp_cond_resched();
		now.moved += sum.moved();
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
		/* EBADF: its handler used what is not there. */
		if (why || why.error() == errc::econnreset || why.error() == errc::ebadf)
			return &statistics::closed;
		if (why.error() == errc::etimedout)
			return &statistics::timed_out;
		if (why.error() == errc::eacces)
			return &statistics::refused_denied;
		if (why.error() == errc::edquot)
			return &statistics::refused_share;
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

	session_resources use_;
	shard **shards_ = nullptr;
	unsigned int shard_count_ = 0;
	guarded<counting, detail::process_mutex> counting_; /* of count_all() */
	source_table sources_;
	buffer_shares shares_;
	atomic<unsigned int> changes_ = 0; /* of the timeouts */
	/* Only for the context that accepts: */
	std::size_t room_ = 0, room_of_ = 0; /* what is left, of how many */
	int last_cpu_ = -1;
	atomic<unsigned int> open_shards_ = 0; /* with a count that is not 0 */
	detail::loose_counters loose_;
	completion empty_;
};

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

inline detail::outgoing_room *session::outgoing_of(strand &self) noexcept
{
	return &static_cast<session &>(self).table().use_.outgoing;
}

inline detail::sleeper_queues *session::sleepers_of(strand &self) noexcept
{
	return &static_cast<session &>(self).table().use_.sleepers;
}

inline void session::count_for(strand &self, unsigned int which) noexcept
{
	static_cast<session &>(self).table().count_for_handler(which);
}

inline bool session::hold_for(strand &self, unsigned int before, unsigned int now) noexcept
{
	auto &one = static_cast<session &>(self);

	return one.table().hold(one, before, now);
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

} // namespace ktcp

#endif
