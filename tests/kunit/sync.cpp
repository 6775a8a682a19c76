// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* mutex, guarded<T> and completion, between kernel threads. Lockdep looks on. */
#include <ktcp/kernel/sync.hpp>

#include <ktcp/base/atomic.hpp>
#include <ktcp/kernel/thread.hpp>
#include <ktcp/port/time.h>

#include "suites.hpp"

namespace
{

/* A counter that is only right if no other thread interrupts between reading and writing. */
struct careful {
	static constexpr int rounds = 20;

	ktcp::guarded<int> counter;

	static int run(void *self)
	{
		for (int i = 0; i < rounds; ++i) {
			auto counter =
				static_cast<careful *>(self)->counter.lock(ktcp_test::may_sleep);
			const int before = *counter;

			ktcp_msleep(1); /* let the others try */
			*counter = before + 1;
		}
		return 0;
	}
};

void mutual_exclusion(ktcp_test::context &context)
{
	careful shared;

	*shared.counter.lock(ktcp_test::may_sleep) = 0;
	{
		ktcp::thread threads[3];

		for (ktcp::thread &each : threads)
			KTCP_CHECK(each.start("ktcp_careful", careful::run, &shared));
		/* A thread that is stopped before it ran never runs at all. */
		while (*shared.counter.lock(ktcp_test::may_sleep) < 3 * careful::rounds &&
		       !context.failed())
			ktcp_msleep(1);
	}
	KTCP_CHECK(*shared.counter.lock(ktcp_test::may_sleep) == 3 * careful::rounds);
}

struct rendezvous {
	ktcp::completion there;
	ktcp::completion back;
	ktcp::atomic<int> step{ 0 };

	static int run(void *self)
	{
		auto &meeting = *static_cast<rendezvous *>(self);

		meeting.there.wait(ktcp_test::may_sleep);
		meeting.step.fetch_add(1, ktcp::memory_order_relaxed);
		meeting.back.complete();
		return 0;
	}
};

void waits(ktcp_test::context &context)
{
	rendezvous meeting;
	ktcp::thread other;

	KTCP_CHECK(other.start("ktcp_waiter", rendezvous::run, &meeting));
	if (!other.started())
		return;
	ktcp_msleep(30);
	KTCP_CHECK(meeting.step.load(ktcp::memory_order_relaxed) == 0);
	meeting.there.complete();
	meeting.back.wait(ktcp_test::may_sleep);
	KTCP_CHECK(meeting.step.load(ktcp::memory_order_relaxed) == 1);
}

void complete_first(ktcp_test::context &context)
{
	ktcp::completion done;
	ktcp::thread other;

	/* Each complete() lets one wait() go, before or after it. */
	done.complete();
	done.complete();
	done.wait(ktcp_test::may_sleep);
	done.wait(ktcp_test::may_sleep);

	auto waiting = [](void *completion) {
		static_cast<ktcp::completion *>(completion)->wait(ktcp_test::may_sleep);
		return 0;
	};
	const uint64_t start = ktcp_now_ms();

	KTCP_CHECK(other.start("ktcp_third", waiting, &done));
	ktcp_msleep(50);
	done.complete();
	other.join();
	KTCP_CHECK(ktcp_now_ms() - start >= 50);
}

} // namespace

KTCP_SUITE(sync, { "a mutex keeps others out, across a sleep too", KTCP_CASE(mutual_exclusion) },
	   { "a completion is waited for", KTCP_CASE(waits) },
	   { "a completion may come before its wait", KTCP_CASE(complete_first) });
