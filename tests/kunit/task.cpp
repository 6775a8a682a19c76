// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* task: coroutines with kmalloc()ed frames, on a kernel stack. */
#include <ktcp/task.hpp>

#include <algorithm>
#include <cstdint>

#include "suites.hpp"

using ktcp::errc;
using ktcp::executor;
using ktcp::task;
using ktcp::task_of;

namespace
{

/* The engine's side of an executor, open to the tests. */
struct loop : executor {
	loop() = default;
	using executor::begin;
	using executor::resume_next;
	using executor::run;
};

/* Suspends until somebody resumes it. */
struct pause {
	std::coroutine_handle<> &where;

	bool await_ready() const noexcept
	{
		return false;
	}

	void await_suspend(std::coroutine_handle<> self) const noexcept
	{
		where = self;
	}

	void await_resume() const noexcept
	{
	}
};

/* Counts how many of its kind exist. */
struct guest {
	explicit guest(int &present) noexcept : present_(present)
	{
		++present_;
	}

	guest(const guest &) = delete;
	guest &operator=(const guest &) = delete;

	~guest()
	{
		--present_;
	}

	int &present_;
};

task_of<int> twice(executor &, int value)
{
	if (value < 0)
		co_return errc::erange;
	co_return 2 * value;
}

task sum(executor &by, int count, long &total, ktcp::result<int> &last)
{
	for (int i = 0; i < count; ++i) {
		auto value = co_await twice(by, i);

		if (!value)
			co_return;
		total += *value;
	}
	last = co_await twice(by, -1);
}

void values(ktcp_test::context &context)
{
	loop by;
	long total = 0;
	ktcp::result<int> last = 0;
	task whole = sum(by, 10, total, last);

	KTCP_CHECK(!whole.empty());
	if (whole.empty())
		return;
	KTCP_CHECK(total == 0); /* not before it is started */
	by.begin(whole);
	by.run();
	KTCP_CHECK(whole.done());
	KTCP_CHECK(total == 90);
	KTCP_CHECK(!last && last.error() == errc::erange);
}

task_of<int> depth(executor &, std::uintptr_t &lowest)
{
	std::byte here[1];
	auto address = reinterpret_cast<std::uintptr_t>(here);

	/* A frame's locals live in the heap: ask for the stack itself. */
	address = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
	lowest = std::min(lowest, address);
	co_return 1;
}

task many(executor &by, int count, std::uintptr_t &lowest, int &finished)
{
	for (int i = 0; i < count; ++i)
		if (auto one = co_await depth(by, lowest))
			finished += *one;
}

void shallow(ktcp_test::context &context)
{
	constexpr int children = 10000;
	loop by;
	const auto here = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
	std::uintptr_t lowest = here;
	int finished = 0;
	task whole = many(by, children, lowest, finished);

	KTCP_CHECK(!whole.empty());
	if (whole.empty())
		return;
	by.begin(whole);
	by.run();
	KTCP_CHECK(whole.done());
	KTCP_CHECK(finished == children);
	KTCP_CHECK(lowest < here);
	KTCP_CHECK(here - lowest < 2048);
}

task_of<int> waiting(executor &, int &present, std::coroutine_handle<> &where)
{
	guest inner(present);

	static_cast<void>(co_await pause{ where });
	co_return 5;
}

task visits(executor &by, int &present, std::coroutine_handle<> &where, int &got)
{
	guest outer(present);
	auto value = co_await waiting(by, present, where);

	got = value ? *value : -1;
}

void resumed(ktcp_test::context &context)
{
	loop by;
	std::coroutine_handle<> where;
	int present = 0;
	int got = 0;
	task whole = visits(by, present, where, got);

	KTCP_CHECK(!whole.empty());
	if (whole.empty())
		return;
	by.begin(whole);
	by.run();
	KTCP_CHECK(!whole.done());
	KTCP_CHECK(where);
	KTCP_CHECK(present == 2);
	by.resume_next(where);
	by.run();
	KTCP_CHECK(whole.done());
	KTCP_CHECK(got == 5);
	KTCP_CHECK(present == 0);
}

void dropped(ktcp_test::context &context)
{
	loop by;
	std::coroutine_handle<> where;
	int present = 0;
	int got = 0;

	{
		task whole = visits(by, present, where, got);

		KTCP_CHECK(!whole.empty());
		if (whole.empty())
			return;
		by.begin(whole);
		by.run();
		KTCP_CHECK(present == 2);
	}
	/* Destroyed where it stood, with the child it was waiting for. */
	KTCP_CHECK(present == 0);
	KTCP_CHECK(got == 0);

	task never = visits(by, present, where, got);

	KTCP_CHECK(!never.empty());
	never = task();
	KTCP_CHECK(present == 0);
}

} // namespace

KTCP_SUITE(task, { "children give values and errors", KTCP_CASE(values) },
	   { "10,000 children leave the stack as deep as one", KTCP_CASE(shallow) },
	   { "a suspended child goes on where it stood", KTCP_CASE(resumed) },
	   { "a dropped task destroys what it waits for", KTCP_CASE(dropped) });
