// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* thread over kthreads. */
#include <ktcp/kernel/thread.hpp>

#include <ktcp/base/atomic.hpp>
#include <ktcp/kernel/sync.hpp>
#include <ktcp/port/time.h>

#include "suites.hpp"

using ktcp::errc;
using ktcp::memory_order_relaxed;

namespace
{

struct worker {
	ktcp::completion running;
	ktcp::atomic<int> steps{ 0 };
	ktcp::atomic<bool> left{ false };

	/* Runs until it is asked to stop. */
	static int until_stopped(void *self)
	{
		auto &mine = *static_cast<worker *>(self);

		mine.running.complete();
		while (!ktcp::thread::should_stop()) {
			mine.steps.fetch_add(1, memory_order_relaxed);
			ktcp_msleep(1);
		}
		ktcp_msleep(20); /* join() waits for this too */
		mine.left.store(true, memory_order_relaxed);
		return 0;
	}

	static int at_once(void *self)
	{
		auto &mine = *static_cast<worker *>(self);

		mine.left.store(true, memory_order_relaxed);
		mine.running.complete();
		return 0;
	}
};

void stop(ktcp_test::context &context)
{
	worker one;
	ktcp::thread thread;

	KTCP_CHECK(!thread.started());
	KTCP_CHECK(thread.start("ktcp_worker", worker::until_stopped, &one));
	KTCP_CHECK(thread.started());
	if (!thread.started())
		return;
	one.running.wait(ktcp_test::may_sleep);
	ktcp_msleep(30);
	KTCP_CHECK(one.steps.load(memory_order_relaxed) > 0);
	KTCP_CHECK(!one.left.load(memory_order_relaxed));
	thread.join();
	KTCP_CHECK(one.left.load(memory_order_relaxed));
	KTCP_CHECK(!thread.started());
}

void twice(ktcp_test::context &context)
{
	worker one;
	worker other;
	ktcp::thread thread;

	KTCP_CHECK(thread.start("ktcp_worker", worker::until_stopped, &one));
	if (!thread.started())
		return;
	one.running.wait(ktcp_test::may_sleep);

	auto again = thread.start("ktcp_other", worker::until_stopped, &other);

	KTCP_CHECK(!again && again.error() == errc::ebusy);
	thread.join();
	KTCP_CHECK(other.steps.load(memory_order_relaxed) == 0);

	/* Joined, it can be used again. */
	KTCP_CHECK(thread.start("ktcp_other", worker::at_once, &other));
	if (!thread.started())
		return;
	other.running.wait(ktcp_test::may_sleep);
	thread.join();
	KTCP_CHECK(other.left.load(memory_order_relaxed));
}

void ended_long_ago(ktcp_test::context &context)
{
	worker one;
	ktcp::thread thread;

	KTCP_CHECK(thread.start("ktcp_brief", worker::at_once, &one));
	if (!thread.started())
		return;
	one.running.wait(ktcp_test::may_sleep);
	ktcp_msleep(50); /* the thread is gone, its task_struct must not be */
	thread.join();
	thread.join();
	KTCP_CHECK(one.left.load(memory_order_relaxed));
}

void destructor(ktcp_test::context &context)
{
	worker one;

	{
		ktcp::thread thread;

		KTCP_CHECK(thread.start("ktcp_worker", worker::until_stopped, &one));
		if (!thread.started())
			return;
		one.running.wait(ktcp_test::may_sleep);
	}
	KTCP_CHECK(one.left.load(memory_order_relaxed));
}

} // namespace

KTCP_SUITE(thread, { "join asks to stop and waits", KTCP_CASE(stop) },
	   { "starting twice is EBUSY", KTCP_CASE(twice) },
	   { "a thread that ended long ago can be joined", KTCP_CASE(ended_long_ago) },
	   { "the destructor joins", KTCP_CASE(destructor) });
