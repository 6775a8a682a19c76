// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * workqueue, work and delayed_work over CMWQ. The owner of a work item lives in the heap: a kernel
 * with debug objects wants items on a stack initialised differently.
 */
#include <ktcp/kernel/workqueue.hpp>

#include <ktcp/base/atomic.hpp>
#include <ktcp/kernel/memory.hpp>
#include <ktcp/kernel/sync.hpp>
#include <ktcp/port/time.h>

#include "suites.hpp"

using ktcp::memory_order_relaxed;
using ktcp::workqueue;

namespace
{

/* A work item that counts its runs, waits at a gate, and may queue itself again. */
struct item {
	explicit item(workqueue &where) noexcept : queue(where)
	{
	}

	void run()
	{
		entered.complete();
		if (gated)
			gate.wait(ktcp_test::may_sleep);
		runs.fetch_add(1, memory_order_relaxed);
		if (again > 0) {
			--again;
			requeued = work.queue_on(queue);
		}
	}

	workqueue &queue;
	bool gated = false;
	int again = 0;
	bool requeued = false;
	ktcp::atomic<int> runs{ 0 };
	ktcp::completion entered;
	ktcp::completion gate;
	ktcp::work<item> work{ *this, [](item &self) { self.run(); } };
	ktcp::delayed_work<item> later{ *this, [](item &self) { self.run(); } };
};

void runs_once(ktcp_test::context &context)
{
	auto queue = workqueue::create("ktcp_kunit");
	auto one = ktcp_test::make<item>(*queue);

	KTCP_CHECK(queue && one);
	if (!queue || !one)
		return;
	KTCP_CHECK(one->work.queue_on(*queue));
	one->entered.wait(ktcp_test::may_sleep);
	ktcp_msleep(20);
	KTCP_CHECK(one->runs.load(memory_order_relaxed) == 1);
	KTCP_CHECK(!one->work.cancel_sync());

	/* A CPU that does not exist: this one does. */
	KTCP_CHECK(one->work.queue_on(*queue, 4000));
	one->entered.wait(ktcp_test::may_sleep);
	KTCP_CHECK(!one->work.cancel_sync());
	KTCP_CHECK(one->runs.load(memory_order_relaxed) == 2);
}

void queued_already(ktcp_test::context &context)
{
	auto queue = workqueue::create("ktcp_kunit");
	auto one = ktcp_test::make<item>(*queue);

	KTCP_CHECK(queue && one);
	if (!queue || !one)
		return;
	one->gated = true;
	KTCP_CHECK(one->work.queue_on(*queue));
	one->entered.wait(ktcp_test::may_sleep);
	/* Running, not queued: once more. Queued: no more than that. */
	KTCP_CHECK(one->work.queue_on(*queue));
	KTCP_CHECK(!one->work.queue_on(*queue));
	one->gate.complete();
	one->gate.complete();
	one->entered.wait(ktcp_test::may_sleep);
	KTCP_CHECK(!one->work.cancel_sync());
	KTCP_CHECK(one->runs.load(memory_order_relaxed) == 2);
}

void queues_itself(ktcp_test::context &context)
{
	auto queue = workqueue::create("ktcp_kunit", { .unbound = true });
	auto one = ktcp_test::make<item>(*queue);

	KTCP_CHECK(queue && one);
	if (!queue || !one)
		return;
	one->again = 99;
	KTCP_CHECK(one->work.queue_on(*queue));
	for (int i = 0; i < 100; ++i)
		one->entered.wait(ktcp_test::may_sleep);
	KTCP_CHECK(!one->work.cancel_sync());
	KTCP_CHECK(one->requeued);
	KTCP_CHECK(one->runs.load(memory_order_relaxed) == 100);
}

void cancel(ktcp_test::context &context)
{
	/* Unbound: a bound queue has so many on each processor. */
	auto queue = workqueue::create("ktcp_kunit", { .unbound = true, .max_active = 1 });
	auto blocker = ktcp_test::make<item>(*queue);
	auto one = ktcp_test::make<item>(*queue);

	KTCP_CHECK(queue && blocker && one);
	if (!queue || !blocker || !one)
		return;
	blocker->gated = true;
	KTCP_CHECK(blocker->work.queue_on(*queue));
	blocker->entered.wait(ktcp_test::may_sleep);
	KTCP_CHECK(one->work.queue_on(*queue)); /* behind the blocker */
	ktcp_msleep(20);
	KTCP_CHECK(one->runs.load(memory_order_relaxed) == 0);
	KTCP_CHECK(one->work.cancel_sync());
	blocker->gate.complete();
	KTCP_CHECK(!blocker->work.cancel_sync()); /* waits for it */
	KTCP_CHECK(blocker->runs.load(memory_order_relaxed) == 1);
	ktcp_msleep(20);
	KTCP_CHECK(one->runs.load(memory_order_relaxed) == 0);
}

void max_active(ktcp_test::context &context)
{
	constexpr int allowed = 2;
	auto queue = workqueue::create("ktcp_kunit", { .unbound = true, .max_active = allowed });
	ktcp_test::owned<item> items[4];

	KTCP_CHECK(queue);
	if (!queue)
		return;
	for (auto &each : items) {
		each = ktcp_test::make<item>(*queue);
		KTCP_CHECK(each);
		if (!each)
			return;
		each->gated = true;
	}
	for (auto &each : items)
		KTCP_CHECK(each->work.queue_on(*queue));
	items[0]->entered.wait(ktcp_test::may_sleep);
	items[1]->entered.wait(ktcp_test::may_sleep);
	ktcp_msleep(50);
	/* The third would have said so, and can be taken back unrun. */
	KTCP_CHECK(items[2]->work.cancel_sync());
	items[0]->gate.complete();
	items[3]->entered.wait(ktcp_test::may_sleep);
	items[1]->gate.complete();
	items[3]->gate.complete();
	for (auto &each : items)
		KTCP_CHECK(!each->work.cancel_sync());
	KTCP_CHECK(items[2]->runs.load(memory_order_relaxed) == 0);
}

void destroying_drains(ktcp_test::context &context)
{
	ktcp_test::owned<item> one;

	{
		auto queue = workqueue::create("ktcp_kunit");

		KTCP_CHECK(queue);
		if (!queue)
			return;
		one = ktcp_test::make<item>(*queue);
		KTCP_CHECK(one);
		if (!one)
			return;
		one->again = 5;
		KTCP_CHECK(one->work.queue_on(*queue));
	}
	KTCP_CHECK(one->runs.load(memory_order_relaxed) == 6);
}

/* Its own work item ends it, and the memory with it. */
struct mayfly {
	explicit mayfly(ktcp::completion &last) noexcept : gone(last)
	{
	}

	void die()
	{
		ktcp::completion &last = gone;

		this->~mayfly();
		ktcp_kfree(this);
		last.complete();
	}

	ktcp::completion &gone;
	ktcp::work<mayfly> work{ *this, [](mayfly &self) { self.die(); } };
};

void ends_its_owner(ktcp_test::context &context)
{
	ktcp::completion gone;
	auto queue = workqueue::create("ktcp_kunit");

	KTCP_CHECK(queue);
	if (!queue)
		return;
	for (int i = 0; i < 50; ++i) {
		auto one = ktcp_test::make<mayfly>(gone);

		KTCP_CHECK(one);
		if (!one)
			return;
		KTCP_CHECK(one.release()->work.queue_on(*queue));
	}
	for (int i = 0; i < 50; ++i)
		gone.wait(ktcp_test::may_sleep);
}

void delay(ktcp_test::context &context)
{
	auto queue = workqueue::create("ktcp_kunit");
	auto one = ktcp_test::make<item>(*queue);

	KTCP_CHECK(queue && one);
	if (!queue || !one)
		return;

	const uint64_t start = ktcp_now_ms();

	KTCP_CHECK(!one->later.queue_in(*queue, 60));
	one->entered.wait(ktcp_test::may_sleep);
	const uint64_t took = ktcp_now_ms() - start;

	/* Rounded to the tick, 10 ms here, on both sides. */
	KTCP_CHECK(took >= 50);
	KTCP_CHECK(took < 2000);
	KTCP_CHECK(!one->later.cancel_sync());
}

void delay_changed(ktcp_test::context &context)
{
	auto queue = workqueue::create("ktcp_kunit");
	auto one = ktcp_test::make<item>(*queue);

	KTCP_CHECK(queue && one);
	if (!queue || !one)
		return;

	const uint64_t start = ktcp_now_ms();

	KTCP_CHECK(!one->later.queue_in(*queue, 60 * 1000));
	KTCP_CHECK(one->later.queue_in(*queue, 20));
	one->entered.wait(ktcp_test::may_sleep);
	KTCP_CHECK(ktcp_now_ms() - start < 10 * 1000);

	KTCP_CHECK(!one->later.queue_in(*queue, 60 * 1000));
	KTCP_CHECK(one->later.cancel_sync());
	KTCP_CHECK(one->runs.load(memory_order_relaxed) == 1);
}

/* An item that ends another one, as a work item that stops a server does. Lockdep looks on. */
struct ending {
	explicit ending(item &of) noexcept : other(of)
	{
	}

	item &other;
	ktcp::completion done;
	ktcp::work<ending> work{ *this, [](ending &self) {
					static_cast<void>(self.other.work.cancel_sync());
					static_cast<void>(self.other.later.cancel_sync());
					self.done.complete();
				} };
};

void ends_another(ktcp_test::context &context)
{
	auto queue = workqueue::create("ktcp_kunit");
	auto elsewhere = workqueue::create("ktcp_kunit_other");
	auto one = ktcp_test::make<item>(*queue);

	KTCP_REQUIRE(queue && elsewhere && one);

	auto other = ktcp_test::make<ending>(*one);

	KTCP_REQUIRE(other);
	KTCP_CHECK(one->work.queue_on(*queue));
	one->entered.wait(ktcp_test::may_sleep);
	KTCP_CHECK(other->work.queue_on(*elsewhere));
	other->done.wait(ktcp_test::may_sleep);
	KTCP_CHECK(!other->work.cancel_sync());
}

void limits(ktcp_test::context &context)
{
	auto most = workqueue::create("ktcp_kunit", { .max_active = workqueue::most_active() });
	auto urgent = workqueue::create("ktcp_kunit", { .high_priority = true });

	KTCP_CHECK(workqueue::most_active() >= 512);
	KTCP_CHECK(most);
	KTCP_CHECK(urgent);
}

} // namespace

KTCP_SUITE(workqueue, { "a queued item runs once", KTCP_CASE(runs_once) },
	   { "queueing a queued item says so", KTCP_CASE(queued_already) },
	   { "an item may queue itself", KTCP_CASE(queues_itself) },
	   { "cancelling takes back or waits", KTCP_CASE(cancel) },
	   { "no more than max_active run at once", KTCP_CASE(max_active) },
	   { "destroying a queue drains it", KTCP_CASE(destroying_drains) },
	   { "an item may free its owner", KTCP_CASE(ends_its_owner) },
	   { "an item may wait for another one", KTCP_CASE(ends_another) },
	   { "a delayed item comes after its delay", KTCP_CASE(delay) },
	   { "a delay can be shortened and cancelled", KTCP_CASE(delay_changed) },
	   { "the greatest max_active and high priority are taken", KTCP_CASE(limits) });
