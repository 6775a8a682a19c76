// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * Coroutines, and who resumes them.
 *
 * @code
 * ktcp::task_of<std::size_t> count(ktcp::connection &peer);	// a step with a value
 *
 * ktcp::task talk(ktcp::connection &peer)
 * {
 *	auto bytes = co_await count(peer);	// result<size_t>: ENOMEM if it had no frame
 *	if (!bytes)
 *		co_return;
 * }
 * @endcode
 *
 * There is no symmetric transfer. Awaiting a task, and finishing one, only *names* the coroutine
 * that is next; the executor's loop resumes it. The stack stays as deep as one coroutine, however
 * many children complete at once. That holds at every optimisation level and under every sanitizer;
 * kernel stacks are 16 KiB.
 *
 * A frame is allocated before the coroutine's body runs. If there is no memory the task
 * is empty, and awaiting it gives ENOMEM: nothing throws, nothing is half-started. In softirq
 * the kernel does not reclaim memory for a frame, so ENOMEM is more likely there. A connection
 * then makes its handler's own frame in process context; a nested task gives ENOMEM.
 *
 * With g++-12: no capturing lambda inside a co_await expression; keep awaiters trivially
 * destructible.
 */
#ifndef KTCP_TASK_HPP
#define KTCP_TASK_HPP

#include <climits>
#include <concepts>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <type_traits>
#include <utility>

#include <ktcp/base/atomic.hpp>
#include <ktcp/base/list.hpp>
#include <ktcp/base/result.hpp>
#include <ktcp/kernel/memory.hpp>
#include <ktcp/port/layout.h>

namespace ktcp
{

class executor;

namespace detail
{

/*
 * A coroutine that waits for something else than its stream, or is ready. It lies in that
 * coroutine's frame, and is in one list at most. It is trivially destructible, as g++-12 wants awaiters.
 * So a task takes its waiters out before it destroys its coroutine (executor::forget()).
 */
struct waiter {
	list_node node;
	std::coroutine_handle<> who;
	waiter **known_by = nullptr; /* whoever else knows where it is */
	int status = 0; /* why it does not wait any more: 0, or a negative errno */
	bool is_ready = false; /* it has what it waited for, and is to be resumed */
};

/** Waiters, linked through themselves. */
using waiters = list<waiter, &waiter::node>;

/* One that waits for a time. */
struct timer : waiter {
	std::uint64_t due_ms = 0;
	/* Called when the time has come. nullptr: the coroutine is made ready. */
	void (*fire)(timer &self) = nullptr;
};

class signal;
class wait;
class second_stream;

/* The sources of a strand besides its streams. It has none before a coroutine asks for them. */
struct sources {
	waiters ready; /* to be resumed, one after the other */
	waiters later; /* in the next turn */
	waiters waiting; /* until something makes them ready */
	waiters joining; /* the same, and they are not told of the end */
	waiters timers; /* the same, the next one first */
	atomic<signal *> fired = nullptr; /* the last one first; they come from any context */
	second_stream *seconds = nullptr; /* streams beside the accepted one */
	/* Take this coroutine out of the slots of streams. */
	void (*forget_slots)(executor &by, std::coroutine_handle<> who) = nullptr;
};

class promise_base;
class group;

template <class T>
class basic_task;

/* Told when a task has come to its end, in place of a coroutine that awaits it. */
struct joint {
	void (*done)(joint &self);
};

} // namespace detail

/**
 * Resumes coroutines, one at a time, and says how their frames may be allocated. A connection is
 * one, and its handler sees nothing of that. Not thread-safe: its owner runs it in one context at a
 * time.
 */
class executor {
    public:
	executor(const executor &) = delete;
	executor &operator=(const executor &) = delete;

	/** How coroutine frames may be allocated just now. */
	gfp frame_flags() const noexcept
	{
		return static_cast<gfp>(frames_);
	}

    protected:
	constexpr explicit executor(gfp frames = gfp::kernel) noexcept
		: frames_(static_cast<std::uint8_t>(frames))
	{
	}

	~executor() = default;

	/** Say so: before run(), as the context it is called in allows. */
	void set_frame_flags(gfp frames) noexcept
	{
		frames_ = static_cast<std::uint8_t>(frames);
	}

	/** Name the coroutine that run() resumes next; none may be named. */
	void resume_next(std::coroutine_handle<> next) noexcept
	{
		next_ = next;
	}

	/** It waits no more, and another may wait in its place. */
	static void take_out(detail::waiter &one) noexcept
	{
		if (one.known_by)
			*std::exchange(one.known_by, nullptr) = nullptr;
		if (one.node.linked())
			detail::waiters::erase(one);
	}

	/** Have run() resume one that waits, or is new, behind those that are ready already. */
	void make_ready(detail::waiter &one) noexcept
	{
		take_out(one);
		make_ready_in_place(one);
	}

	/** The same, and until it goes on no other waits in its place: take_out() is its own. */
	void make_ready_in_place(detail::waiter &one) noexcept
	{
		if (one.node.linked())
			detail::waiters::erase(one);
		one.is_ready = true;
		more_->ready.push_back(one);
	}

	/** Name a task that has not run. */
	template <class Task>
	void begin(Task &task) noexcept
	{
		task.start(*this);
	}

	/** Have a task run behind those that are ready already, and tell a joint of its end. */
	template <class Task>
	void begin_beside(Task &task, detail::joint &whom, detail::waiter &start) noexcept
	{
		task.start_beside(*this, whom, start);
	}

	/** Resume coroutines until none is ready: all are done or wait for something. */
	void run() noexcept
	{
		for (unsigned int most = UINT_MAX; !run(most); most = UINT_MAX)
			;
	}

	/** The same, but @p most of them, and count them off. Returns false if one is ready still. */
	bool run(unsigned int &most) noexcept
	{
		for (; has_next(); most--) {
			if (!most)
				return false;
			if (!next_)
				next_ = more_->ready.pop_front()->who;
			std::exchange(next_, nullptr).resume();
		}
		return true;
	}

	/** Is a coroutine ready? */
	bool has_next() const noexcept
	{
		return next_ || (more_ && !more_->ready.empty());
	}

	/** This coroutine is about to be destroyed, where it waits or before it was resumed. */
	void forget(std::coroutine_handle<> who) noexcept
	{
		if (next_ == who)
			next_ = nullptr;
		if (!more_)
			return;
		for (detail::waiters *each : { &more_->ready, &more_->later, &more_->waiting,
					       &more_->joining, &more_->timers })
			for (detail::waiter *at = each->first(); at;) {
				detail::waiter *const next = each->next(*at);

				if (at->who == who)
					take_out(*at);
				at = next;
			}
		if (more_->forget_slots)
			more_->forget_slots(*this, who);
	}

	detail::sources *more_ = nullptr; /**< none until they are needed */

    private:
	template <class T>
	friend class detail::basic_task;
	friend class detail::promise_base;
	friend class detail::group;

	std::coroutine_handle<> next_;
	std::uint8_t frames_; /* a gfp */
};

namespace detail
{

template <class T>
concept has_executor = requires(T &object)
{
	{
		object.executor()
		} -> std::same_as<executor &>;
};

template <class T>
constexpr bool leads_to_executor = std::derived_from<std::remove_cvref_t<T>, executor> ||
				   has_executor<std::remove_cvref_t<T>>;

/* The executor among a coroutine's arguments (the first is *this in a member function). */
template <class First, class... Rest>
executor &find_executor(First &first, Rest &...rest) noexcept
{
	if constexpr (std::derived_from<std::remove_cvref_t<First>, executor>)
		return first;
	else if constexpr (has_executor<First>)
		return first.executor();
	else
		return find_executor(rest...);
}

/* The common part of all tasks' promises. */
class promise_base {
    public:
	template <class... Arguments>
	static void *operator new(std::size_t size, Arguments &...arguments) noexcept
	{
		static_assert((leads_to_executor<Arguments> || ...),
			      "a coroutine that returns a ktcp::task must take, by reference, a "
			      "ktcp::connection or something that has an executor(): its frame's "
			      "memory is allocated as that says");
		KTCP_NOTE_FRAME_SIZE(size);
		return ktcp_frame_alloc(
			size, static_cast<ktcp_gfp>(find_executor(arguments...).frame_flags()));
	}

	static void operator delete(void *frame, std::size_t size) noexcept
	{
		ktcp_frame_free(frame, size);
	}

	std::suspend_always initial_suspend() const noexcept
	{
		return {};
	}

	/* Done: the one who awaited is next. The frame stays until the task is destroyed. */
	struct final_awaiter;
	final_awaiter final_suspend() const noexcept;

	void unhandled_exception() const noexcept
	{
		/* never called: there are no exceptions */
	}

	/* Done: name the coroutine, or tell the joint. */
	void await_by(std::coroutine_handle<> parent) noexcept
	{
		awaiting_ = reinterpret_cast<std::uintptr_t>(parent.address());
	}

	void await_by(joint &whom) noexcept
	{
		awaiting_ = reinterpret_cast<std::uintptr_t>(&whom) | is_joint;
	}

	executor *executor_ = nullptr;

    private:
	/* Frames and joints are aligned as pointers are. */
	static constexpr std::uintptr_t is_joint = 1;

	std::uintptr_t awaiting_ = 0; /* who awaits it: nobody, a coroutine, or a joint */
};

struct promise_base::final_awaiter {
	bool await_ready() const noexcept
	{
		return false;
	}

	template <std::derived_from<promise_base> Promise>
	void await_suspend(std::coroutine_handle<Promise> self) const noexcept
	{
		promise_base &promise = self.promise();
		const std::uintptr_t awaiting = promise.awaiting_;

		if (awaiting & is_joint) {
			auto *const whom = reinterpret_cast<joint *>(awaiting - is_joint);

			whom->done(*whom);
		} else if (awaiting) {
			promise.executor_->resume_next(std::coroutine_handle<>::from_address(
				reinterpret_cast<void *>(awaiting)));
		}
	}

	void await_resume() const noexcept
	{
	}
};

inline promise_base::final_awaiter promise_base::final_suspend() const noexcept
{
	return {};
}

template <class T>
class promise : public promise_base {
    public:
	void return_value(result<T> outcome) noexcept
	{
		outcome_.emplace(std::move(outcome));
	}

	result<T> take() noexcept
	{
		return std::move(*outcome_);
	}

    private:
	std::optional<result<T>> outcome_;
};

struct nothing {};

template <>
class promise<nothing> : public promise_base {
    public:
	void return_void() const noexcept
	{
	}

	result<void> take() const noexcept
	{
		return {};
	}
};

/* The owner of a coroutine that has not run, waits, or is done. */
template <class T>
class [[nodiscard, gnu::warn_unused]] basic_task
{
    public:
	struct promise_type : promise<T> {
		basic_task get_return_object() noexcept
		{
			return basic_task(std::coroutine_handle<promise_type>::from_promise(*this));
		}

		static basic_task get_return_object_on_allocation_failure() noexcept
		{
			return basic_task();
		}
	};

	/** No coroutine. */
	basic_task() noexcept = default;

	basic_task(basic_task && other) noexcept : self_(std::exchange(other.self_, nullptr))
	{
	}

	basic_task &operator=(basic_task &&other) noexcept
	{
		std::swap(self_, other.self_);
		return *this;
	}

	/** Destroys the coroutine wherever it stands, and with it those that it awaits. */
	~basic_task()
	{
		if (!self_)
			return;
		if (executor *const by = self_.promise().executor_; by && !self_.done())
			by->forget(self_);
		self_.destroy();
	}

	/** Is there no coroutine? There was no memory for its frame. For who resumes it. */
	bool empty() const noexcept
	{
		return !self_;
	}

	/** A task is no outcome: awaiting it gives one. */
	template <class Outcome = T>
	explicit operator bool() const noexcept
	{
		static_assert(sizeof(Outcome *) == 0,
			      "a task has no outcome before it is awaited: say "
			      "if (!co_await step(peer))");
		return false;
	}

	/** Has it come to its end? There must be one. */
	bool done() const noexcept
	{
		return self_.done();
	}

	class awaiter {
	    public:
		explicit awaiter(std::coroutine_handle<promise_type> child) noexcept : child_(child)
		{
		}

		bool await_ready() const noexcept
		{
			return !child_;
		}

		template <std::derived_from<promise_base> Promise>
		void await_suspend(std::coroutine_handle<Promise> parent) const noexcept
		{
			executor *by = parent.promise().executor_;

			child_.promise().executor_ = by;
			child_.promise().await_by(parent);
			by->resume_next(child_);
		}

		decltype(std::declval<promise<T> &>().take()) await_resume() const noexcept
		{
			if (!child_)
				return errc::enomem;
			return child_.promise().take();
		}

	    private:
		std::coroutine_handle<promise_type> child_;
	};

	/** In a coroutine: run it to its end; gives what it returned, or ENOMEM. */
	awaiter operator co_await() const noexcept
	{
		return awaiter(self_);
	}

    private:
	friend class ktcp::executor;
	friend class group;

	void start(executor & by) noexcept
	{
		self_.promise().executor_ = &by;
		by.resume_next(self_);
	}

	void start_beside(executor & by, joint & whom, waiter & start) noexcept
	{
		self_.promise().executor_ = &by;
		self_.promise().await_by(whom);
		start.who = self_;
		by.make_ready(start);
	}

	explicit basic_task(std::coroutine_handle<promise_type> self) noexcept : self_(self)
	{
	}

	std::coroutine_handle<promise_type> self_;
};

} // namespace detail

/** A coroutine that returns nothing: a handler. Awaiting one gives a result<void>. */
using task = detail::basic_task<detail::nothing>;

/**
 * A coroutine that returns a T or an error (`co_return value;`, `co_return
 * ktcp::errc::einval;`); T may be void (`co_return ktcp::result<void>();`, always).
 * Awaiting one gives a result<T>.
 */
template <class T>
using task_of = detail::basic_task<T>;

} // namespace ktcp

#endif
