// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * Outgoing connections whose exchange has ended well, for the next connect() to their target. Users see
 * ktcp/connect.hpp.
 *
 * A stream belongs to its strand. So a server keeps the socket alone: the stream that goes has taken its hook
 * off, and the one that comes puts its own on. Both are done under the socket's lock, in process context. The
 * module's claim on the socket stays meanwhile (ktcp_sock_unhook()), so no BPF program takes it.
 *
 * No callback tells of what happens to a kept socket. It is looked at when it is taken: bytes, a FIN and a
 * reset are each a reason to close it. A work item closes the others when their time is over, and with them
 * those that have ended.
 *
 * The time is ktcp_boottime_ms()'s, since the peer's server counts on while this machine sleeps. The work item's
 * timer does not. So none is taken whose time is over, and the work item may close it later.
 */
#ifndef KTCP_ENGINE_KEPT_SOCKETS_HPP
#define KTCP_ENGINE_KEPT_SOCKETS_HPP

#include <cstddef>
#include <cstdint>
#include <new>
#include <utility>

#include <ktcp/base/list.hpp>
#include <ktcp/kernel/socket.hpp>
#include <ktcp/kernel/sync.hpp>
#include <ktcp/kernel/workqueue.hpp>
#include <ktcp/net/endpoint.hpp>
#include <ktcp/port/memory.h>
#include <ktcp/port/time.h>

namespace ktcp
{

namespace detail
{

/* Those of one server. Process context throughout. */
class kept_sockets {
    public:
	/* The most at once. */
	static constexpr unsigned int most = 64;

	kept_sockets() noexcept = default;
	kept_sockets(const kept_sockets &) = delete;
	kept_sockets &operator=(const kept_sockets &) = delete;

	/* Where the work item runs. Before the first keep(). */
	void use(workqueue &queue) noexcept
	{
		queue_ = &queue;
	}

	/*
	 * Keep a connection to @to for so many milliseconds, if there is memory. It is unhooked, and as good as
	 * new. Of too many, one that has ended goes, or the oldest. Return: it was taken.
	 */
	bool keep(ktcp::socket &one, const endpoint &to, unsigned int ms) noexcept
	{
		void *const memory = queue_ ? ktcp_kmalloc(sizeof(entry), KTCP_GFP_KERNEL) :
					      nullptr;

		if (!memory)
			return false;

		ktcp::socket gone;
		{
			auto held = all_.lock();

			if (held->count == most)
				gone = remove(*held, least(*held));

			auto &made = *::new (memory)
					     entry(std::move(one), to, ktcp_boottime_ms() + ms);

			held->sockets.push_back(made);
			held->count++;
			look_by(*held, made.until_ms);
		}
		if (gone)
			gone.close(); /* which takes its lock */
		return true;
	}

	/* The one to @to that was kept last, and its time is not over; no socket: there is none. It may have
	 * ended meanwhile. */
	ktcp::socket take(const endpoint &to) noexcept
	{
		const std::uint64_t now = ktcp_boottime_ms();
		auto held = all_.lock();
		entry *found = nullptr;

		for (entry &each : held->sockets)
			if (each.to == to && each.until_ms > now)
				found = &each;
		return found ? remove(*held, *found) : ktcp::socket();
	}

	/* Close all. No keep() follows, and none is under way. */
	void close_all() noexcept
	{
		work_.cancel_sync();
		close_until(UINT64_MAX);
	}

    private:
	struct entry {
		entry(ktcp::socket &&one, const endpoint &target, std::uint64_t until) noexcept
			: socket(std::move(one)), to(target), until_ms(until)
		{
		}

		ktcp::socket socket;
		const endpoint to;
		const std::uint64_t until_ms;
		list_node node;
	};

	struct state {
		list<entry, &entry::node> sockets; /* in the order in which they were kept */
		unsigned int count = 0;
		std::uint64_t looks_at = UINT64_MAX; /* when work_ is to run */
	};

	/* Of some: the first that has ended or has a byte, or else the oldest. */
	static entry &least(state &held) noexcept
	{
		for (entry &each : held.sockets)
			if (!each.socket.is_clean())
				return each;
		return *held.sockets.begin();
	}

	static ktcp::socket remove(state &held, entry &one) noexcept
	{
		ktcp::socket taken = std::move(one.socket);

		held.sockets.erase(one);
		held.count--;
		one.~entry();
		ktcp_kfree(&one);
		return taken;
	}

	void look_by(state &held, std::uint64_t when_ms) noexcept
	{
		if (when_ms >= held.looks_at)
			return;

		const std::uint64_t now = ktcp_boottime_ms();

		held.looks_at = when_ms;
		work_.queue_in(*queue_,
			       when_ms > now ? static_cast<unsigned int>(when_ms - now) : 0);
	}

	/* Those whose time is over by then, or that have ended. Closing takes the socket's lock, so it is done
	 * without ours. */
	void close_until(std::uint64_t ms) noexcept
	{
		for (;;) {
			ktcp::socket over;
			{
				auto held = all_.lock();

				for (entry &each : held->sockets)
					if (each.until_ms <= ms || !each.socket.is_clean()) {
						over = remove(*held, each);
						break;
					}
			}
			if (!over)
				return;
			over.close();
		}
	}

	void look() noexcept
	{
		{
			auto held = all_.lock();

			held->looks_at = UINT64_MAX;
		}
		close_until(ktcp_boottime_ms());

		auto held = all_.lock();

		for (const entry &each : held->sockets)
			look_by(*held, each.until_ms);
	}

	workqueue *queue_ = nullptr;
	guarded<state, process_mutex> all_;
	delayed_work<kept_sockets> work_{ *this, [](kept_sockets &self) { self.look(); } };
};

} // namespace detail
} // namespace ktcp

#endif
