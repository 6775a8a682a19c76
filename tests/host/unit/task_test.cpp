// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * ktcp/task.hpp: coroutines that name the next one, whose frames are asked for with the
 * right flags, and whose lack of memory is a value. How deep the stack gets is measured in
 * depth/task_depth_test.cpp, too, at other levels of optimisation.
 */
#include <ktcp/task.hpp>

#include <algorithm>
#include <memory>
#include <string>
#include <type_traits>

#include "support.hpp"

using ktcp::errc;
using ktcp::gfp;
using ktcp::result;
using ktcp::task;
using ktcp::task_of;
using testing::_;
using testing::Mock;
using testing::NiceMock;
using testing::Return;

static_assert(!std::is_copy_constructible_v<task>);
static_assert(std::is_nothrow_move_constructible_v<task>);
static_assert(!std::is_copy_constructible_v<ktcp::executor>);
static_assert(!std::is_move_constructible_v<ktcp::executor>);
static_assert(std::is_trivially_destructible_v<task::awaiter>, "as g++-12 wants awaiters");
static_assert(std::is_trivially_destructible_v<task_of<std::string>::awaiter>);

namespace
{

/* The engine's side of an executor, open to the tests. */
struct loop : ktcp::executor {
	explicit loop(gfp frames = gfp::kernel) : executor(frames)
	{
	}

	using executor::begin;
	using executor::resume_next;
	using executor::run;
	using executor::set_frame_flags;
};

/* Something to wait for: a coroutine that awaits it stays suspended until wake(). */
class gate {
    public:
	explicit gate(loop &by) : by_(by)
	{
	}

	bool await_ready() const noexcept
	{
		return false;
	}

	void await_suspend(std::coroutine_handle<> self) noexcept
	{
		waiting_ = self;
	}

	void await_resume() const noexcept
	{
	}

	void wake()
	{
		by_.resume_next(std::exchange(waiting_, nullptr));
		by_.run();
	}

    private:
	loop &by_;
	std::coroutine_handle<> waiting_;
};

struct reference_to_gate {
	gate &at;

	bool await_ready() const noexcept
	{
		return at.await_ready();
	}

	void await_suspend(std::coroutine_handle<> self) const noexcept
	{
		at.await_suspend(self);
	}

	void await_resume() const noexcept
	{
	}
};

/* Counts how many of it are alive in coroutine frames. */
struct local {
	explicit local(int &alive) : alive(alive)
	{
		alive++;
	}

	~local()
	{
		alive--;
	}

	local(const local &) = delete;

	int &alive;
};

/* Something that is no executor but has one: a request of a connection, say. */
struct request {
	ktcp::executor &by;

	ktcp::executor &executor() noexcept
	{
		return by;
	}
};

task_of<int> number(ktcp::executor &, int value)
{
	co_return value;
}

task_of<int> number_or_error(ktcp::executor &, int value)
{
	if (value < 0)
		co_return errc::einval;
	co_return value;
}

task_of<std::unique_ptr<int>> boxed(ktcp::executor &, int value)
{
	co_return std::make_unique<int>(value);
}

task_of<void> fails(ktcp::executor &, errc why)
{
	co_return result<void>(why);
}

task_of<void> succeeds(ktcp::executor &)
{
	co_return result<void>();
}

task nothing(ktcp::executor &, int &calls)
{
	calls++;
	co_return;
}

class task_test : public testing::Test {
    protected:
	NiceMock<mock::mock_port> port;
	loop by;

	void run(task &root)
	{
		ASSERT_FALSE(root.empty());
		by.begin(root);
		by.run();
	}

	/* Of the frames asked for from now on, the n-th (from 1) finds no memory. */
	void no_memory_for(int nth)
	{
		frames_left_ = nth;
		EXPECT_CALL(port, kmalloc(_, _))
			.WillRepeatedly([this](std::size_t size, ktcp_gfp gfp) {
				return --frames_left_ ? port.fake.kmalloc(size, gfp) : nullptr;
			});
	}

    private:
	int frames_left_ = 0;
};

} // namespace

TEST_F(task_test, does_not_run_until_it_is_resumed)
{
	int calls = 0;
	task root = nothing(by, calls);

	EXPECT_FALSE(root.empty());
	EXPECT_FALSE(root.done());
	by.begin(root);
	EXPECT_EQ(calls, 0);
	by.run();
	EXPECT_EQ(calls, 1);
	EXPECT_TRUE(root.done());
	EXPECT_EQ(port.fake.blocks(), 1u) << "its frame stays until the task goes";
	root = task();
	EXPECT_EQ(port.fake.blocks(), 0u);
}

TEST_F(task_test, that_never_ran_is_destroyed)
{
	int calls = 0;

	{
		[[maybe_unused]] const task root = nothing(by, calls);
	}
	EXPECT_EQ(calls, 0);
	EXPECT_EQ(port.fake.blocks(), 0u);
}

TEST_F(task_test, none_is_none)
{
	const task none;

	EXPECT_TRUE(none.empty());
}

TEST_F(task_test, moves)
{
	int calls = 0;
	task first = nothing(by, calls);
	task second(std::move(first));

	EXPECT_TRUE(first.empty());
	EXPECT_FALSE(second.empty());
	first = std::move(second);
	EXPECT_FALSE(first.empty());

	task &same = first;

	first = std::move(same);
	run(first);
	EXPECT_EQ(calls, 1);
	first = nothing(by, calls);
	EXPECT_EQ(port.fake.blocks(), 1u) << "the old one went";
}

TEST_F(task_test, gives_values_and_errors)
{
	int sum = 0;
	int failures = 0;
	int move_only = 0;
	const auto body = [&](ktcp::executor &by) -> task {
		for (int i = -2; i < 4; i++) {
			auto got = co_await number_or_error(by, i);

			if (got)
				sum += *got;
			else if (got.error() == errc::einval)
				failures++;
		}

		auto box = co_await boxed(by, 42);

		if (box)
			move_only = **box;
	};
	task root = body(by);

	run(root);
	EXPECT_TRUE(root.done());
	EXPECT_EQ(sum, 6);
	EXPECT_EQ(failures, 2);
	EXPECT_EQ(move_only, 42);
	EXPECT_EQ(port.fake.blocks(), 1u) << "children's frames go with their tasks";
}

TEST_F(task_test, of_void_gives_success_or_an_error)
{
	bool fine = false;
	bool plain = false;
	int calls = 0;
	int why = 0;
	const auto body = [&](ktcp::executor &by) -> task {
		fine = (co_await succeeds(by)).has_value();
		why = (co_await fails(by, errc::epipe)).code();
		plain = (co_await nothing(by, calls)).has_value();
	};
	task root = body(by);

	run(root);
	EXPECT_TRUE(fine);
	EXPECT_EQ(why, -EPIPE);
	EXPECT_TRUE(plain);
	EXPECT_EQ(calls, 1);
}

TEST_F(task_test, awaits_one_that_it_keeps)
{
	int got = 0;
	const auto body = [&](ktcp::executor &by) -> task {
		auto first = number(by, 1);
		auto second = number(by, 20);

		got += *co_await second;
		got += *co_await first;
	};
	task root = body(by);

	run(root);
	EXPECT_EQ(got, 21);
	EXPECT_EQ(port.fake.blocks(), 1u);
}

namespace
{

task_of<int> depth(ktcp::executor &by, int levels, reference_to_gate at)
{
	if (!levels) {
		co_await at;
		co_return 0;
	}

	auto below = co_await depth(by, levels - 1, at);

	if (!below)
		co_return below.error();
	co_return *below + 1;
}

} // namespace

TEST_F(task_test, nests_and_goes_on_where_it_waited)
{
	gate at(by);
	int got = -1;
	const auto body = [&](ktcp::executor &by) -> task {
		auto levels = co_await depth(by, 50, reference_to_gate{ at });

		got = levels ? *levels : -2;
	};
	task root = body(by);

	run(root);
	EXPECT_FALSE(root.done());
	EXPECT_EQ(port.fake.blocks(), 52u);
	at.wake();
	EXPECT_TRUE(root.done());
	EXPECT_EQ(got, 50);
	EXPECT_EQ(port.fake.blocks(), 1u);
}

TEST_F(task_test, destroyed_while_suspended_frees_every_frame)
{
	gate at(by);
	int alive = 0;
	const auto inner = [&](ktcp::executor &) -> task_of<int> {
		const local here(alive);

		co_await reference_to_gate{ at };
		co_return 1;
	};
	const auto body = [&](ktcp::executor &by) -> task {
		const local here(alive);

		static_cast<void>(co_await inner(by));
		ADD_FAILURE() << "resumed after all";
	};

	{
		task root = body(by);

		run(root);
		EXPECT_EQ(alive, 2);
		EXPECT_EQ(port.fake.blocks(), 2u);
	}
	EXPECT_EQ(alive, 0);
	EXPECT_EQ(port.fake.blocks(), 0u);
}

/* ---- memory -------------------------------------------------------------------------------- */

TEST_F(task_test, frames_are_allocated_as_the_executor_says)
{
	for (auto [flags, raw] :
	     { std::pair(gfp::kernel, KTCP_GFP_KERNEL), std::pair(gfp::atomic, KTCP_GFP_ATOMIC) }) {
		loop flagged(flags);
		const auto body = [](ktcp::executor &by) -> task {
			static_cast<void>(co_await number(by, 1));
		};

		EXPECT_EQ(flagged.frame_flags(), flags);
		EXPECT_CALL(port, kmalloc(_, raw)).Times(2);

		task root = body(flagged);

		flagged.begin(root);
		flagged.run();
		EXPECT_TRUE(root.done());
		Mock::VerifyAndClearExpectations(&port);
	}
}

TEST_F(task_test, the_flags_may_change_with_the_context)
{
	const auto body = [&](loop &by) -> task {
		by.set_frame_flags(gfp::atomic);
		static_cast<void>(co_await number(by, 1));
		by.set_frame_flags(gfp::kernel);
		static_cast<void>(co_await number(by, 2));
	};
	testing::InSequence order;

	EXPECT_CALL(port, kmalloc(_, KTCP_GFP_KERNEL));
	EXPECT_CALL(port, kmalloc(_, KTCP_GFP_ATOMIC));
	EXPECT_CALL(port, kmalloc(_, KTCP_GFP_KERNEL));

	task root = body(by);

	run(root);
	EXPECT_TRUE(root.done());
}

TEST_F(task_test, the_executor_may_be_any_argument_or_belong_to_one)
{
	loop flagged(gfp::atomic);
	request owner{ flagged };
	const auto last = [](int, const std::string &, ktcp::executor &) -> task { co_return; };
	const auto through = [](int, request &) -> task { co_return; };

	EXPECT_CALL(port, kmalloc(_, KTCP_GFP_ATOMIC)).Times(2);

	[[maybe_unused]] const task one = last(1, "text", flagged);
	[[maybe_unused]] const task other = through(1, owner);
}

TEST_F(task_test, frame_sizes_are_noted)
{
	int calls = 0;
	[[maybe_unused]] const task one = nothing(by, calls);

	ASSERT_EQ(port.frames.size(), 1u);
	EXPECT_GT(port.frames.front(), 0u);
}

TEST_F(task_test, a_root_without_memory_is_empty)
{
	int calls = 0;

	no_memory_for(1);

	const task root = nothing(by, calls);

	EXPECT_TRUE(root.empty());
	EXPECT_EQ(port.fake.blocks(), 0u);
	EXPECT_EQ(calls, 0);
}

TEST_F(task_test, a_child_without_memory_is_enomem)
{
	int errors = 0;
	bool after = false;
	const auto body = [&](ktcp::executor &by) -> task {
		int calls = 0;
		auto value = co_await number(by, 1);
		auto box = co_await boxed(by, 2);
		auto none = co_await nothing(by, calls);
		auto status = co_await succeeds(by);

		for (auto why :
		     { value ? 0 : value.error().code(), box ? 0 : box.error().code(),
		       none ? 0 : none.error().code(), status ? 0 : status.error().code() }) {
			EXPECT_TRUE(why == 0 || why == -ENOMEM);
			errors += why == -ENOMEM;
		}
		after = true;
	};

	for (int nth = 2; nth <= 5; nth++) { /* each of the four children */
		no_memory_for(nth);
		errors = 0;
		after = false;

		task root = body(by);

		run(root);
		EXPECT_TRUE(after) << "the parent goes on";
		EXPECT_EQ(errors, 1);
		Mock::VerifyAndClearExpectations(&port);
	}
	EXPECT_EQ(port.fake.blocks(), 0u);
}

TEST_F(task_test, arguments_of_a_coroutine_without_memory_are_destroyed_once)
{
	const auto alive = std::make_shared<int>(0);
	const auto body = [](ktcp::executor &, std::shared_ptr<int>) -> task { co_return; };

	{
		[[maybe_unused]] const task made = body(by, alive);

		EXPECT_EQ(alive.use_count(), 2);
	}
	EXPECT_EQ(alive.use_count(), 1);
	no_memory_for(1);
	{
		const task none = body(by, alive);

		EXPECT_TRUE(none.empty());
		EXPECT_EQ(alive.use_count(), 1);
	}
	EXPECT_EQ(alive.use_count(), 1);
}

/* ---- the stack ------------------------------------------------------------------------------ */

namespace
{

struct extent {
	std::uintptr_t lowest = UINTPTR_MAX;
	std::uintptr_t highest = 0;

	void note()
	{
		/* The real stack pointer's neighbourhood: sanitizers move locals elsewhere. */
		const auto here = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));

		lowest = std::min(lowest, here);
		highest = std::max(highest, here);
	}
};

task_of<int> leaf(ktcp::executor &, extent &stack)
{
	stack.note();
	co_return 1;
}

} // namespace

TEST_F(task_test, children_that_complete_at_once_need_no_stack)
{
	extent stack;
	int sum = 0;
	const auto body = [&](ktcp::executor &by) -> task {
		for (int i = 0; i < 100'000; i++) {
			auto got = co_await leaf(by, stack);

			if (got)
				sum += *got;
		}
	};
	task root = body(by);

	run(root);
	EXPECT_EQ(sum, 100'000);
	EXPECT_LT(stack.highest - stack.lowest, 64u) << "each child runs at the same depth";
}
