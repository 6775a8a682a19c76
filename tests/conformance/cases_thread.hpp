/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* port/thread.h */
#ifndef KTCP_TESTS_CONFORMANCE_CASES_THREAD_HPP
#define KTCP_TESTS_CONFORMANCE_CASES_THREAD_HPP

#include "support.hpp"

#define KTCP_THREAD_CASES(X)               \
	X(thread_runs_with_its_argument)   \
	X(thread_stops_when_asked)         \
	X(thread_may_have_returned_before) \
	X(thread_finds_its_handle_written) \
	X(thread_knows_only_its_own_stop)

namespace ktcp_test
{

struct thread_notes {
	counter runs;
	counter saw_stop;
	struct task_struct *handle = nullptr;
	struct task_struct *seen = nullptr;
};

inline void thread_runs_with_its_argument(context &context)
{
	const auto runs = [](void *argument) {
		static_cast<thread_notes *>(argument)->runs.add();
		return 0;
	};
	box<thread_notes> notes;
	box<thread> one, two;

	KTCP_REQUIRE(notes && one && two);
	KTCP_REQUIRE_EQ(one->start(runs, &*notes), 0);
	KTCP_REQUIRE_EQ(two->start(runs, &*notes), 0);
	KTCP_CHECK(notes->runs.reaches(2));
}

inline void thread_stops_when_asked(context &context)
{
	const auto waits = [](void *argument) {
		sleep_until_stopped();
		static_cast<thread_notes *>(argument)->saw_stop.add();
		return 42;
	};
	box<thread_notes> notes;
	box<thread> one;

	KTCP_REQUIRE(notes && one);
	KTCP_REQUIRE_EQ(one->start(waits, &*notes), 0);
	ktcp_msleep(moment_ms);
	KTCP_CHECK_EQ(notes->saw_stop.get(), 0);
	KTCP_CHECK_EQ(one->stop(), 42);
	/* It has left its function. */
	KTCP_CHECK_EQ(notes->saw_stop.get(), 1);
}

inline void thread_may_have_returned_before(context &context)
{
	const auto returns = [](void *argument) {
		static_cast<thread_notes *>(argument)->runs.add();
		return 7;
	};
	box<thread_notes> notes;
	box<thread> one;

	KTCP_REQUIRE(notes && one);
	KTCP_REQUIRE_EQ(one->start(returns, &*notes), 0);
	KTCP_CHECK(notes->runs.reaches(1));
	ktcp_msleep(moment_ms);
	KTCP_CHECK_EQ(one->stop(), 7);
}

inline void thread_finds_its_handle_written(context &context)
{
	const auto looks = [](void *argument) {
		auto &notes = *static_cast<thread_notes *>(argument);

		notes.seen = notes.handle;
		notes.runs.add();
		return 0;
	};
	box<thread_notes> notes;

	KTCP_REQUIRE(notes);
	KTCP_REQUIRE_EQ(ktcp_kthread_run(looks, &*notes, "ktcp-looks", &notes->handle), 0);
	KTCP_CHECK(notes->runs.reaches(1));
	KTCP_CHECK(notes->seen && notes->seen == notes->handle);
	ktcp_kthread_stop(notes->handle);
}

inline void thread_knows_only_its_own_stop(context &context)
{
	const auto waits = [](void *argument) {
		sleep_until_stopped();
		static_cast<thread_notes *>(argument)->saw_stop.add();
		return 0;
	};
	box<thread_notes> first_notes, second_notes;
	box<thread> first, second;

	KTCP_REQUIRE(first_notes && second_notes && first && second);
	KTCP_REQUIRE_EQ(first->start(waits, &*first_notes), 0);
	KTCP_REQUIRE_EQ(second->start(waits, &*second_notes), 0);
	first->stop();
	ktcp_msleep(moment_ms);
	KTCP_CHECK_EQ(first_notes->saw_stop.get(), 1);
	KTCP_CHECK_EQ(second_notes->saw_stop.get(), 0);
}

} // namespace ktcp_test

#endif
