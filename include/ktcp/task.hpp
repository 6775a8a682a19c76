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
 * There is no symmetric transfer. Awaiting a task, and finishing one, only *names* the
 * coroutine that is next; the executor's loop resumes it. The stack stays as deep as one
 * coroutine, however many children complete at once, at every optimisation level and
 * under every sanitizer; kernel stacks are 16 KiB.
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

#include <concepts>
#include <coroutine>
#include <cstddef>
#include <optional>
#include <type_traits>
#include <utility>

#include <ktcp/memory.hpp>
#include <ktcp/port/layout.h>
#include <ktcp/result.hpp>

namespace ktcp
{

/**
 * Resumes coroutines, one at a time, and says how their frames may be allocated.
 * A ktcp::connection is one. Not thread-safe: its owner runs it in one context at a time.
 */
class executor {
    public:
	constexpr explicit executor(gfp frames = gfp::kernel) noexcept : frames_(frames)
	{
	}

	executor(const executor &) = delete;
	executor &operator=(const executor &) = delete;

	/** How coroutine frames may be allocated just now. */
	gfp frame_flags() const noexcept
	{
		return frames_;
	}

	/** Say so: before run(), as the context it is called in allows. */
	void set_frame_flags(gfp frames) noexcept
	{
		frames_ = frames;
	}

	/** Name the coroutine that run() resumes next. */
	void resume_next(std::coroutine_handle<> next) noexcept
	{
		next_ = next;
	}

	/** Resume coroutines until none is named: all are done or wait for something. */
	void run() noexcept
	{
		while (next_)
			std::exchange(next_, nullptr).resume();
	}

    private:
	std::coroutine_handle<> next_;
	gfp frames_;
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

/* What the promises of all tasks share. */
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

	executor *executor_ = nullptr;
	std::coroutine_handle<> awaiting_;
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

		if (promise.awaiting_)
			promise.executor_->resume_next(promise.awaiting_);
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
class [[nodiscard]] basic_task {
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

	basic_task(basic_task &&other) noexcept : self_(std::exchange(other.self_, nullptr))
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
		if (self_)
			self_.destroy();
	}

	/** Is there a coroutine? No: there was no memory for its frame. */
	explicit operator bool() const noexcept
	{
		return static_cast<bool>(self_);
	}

	/** Has it come to its end? There must be one. */
	bool done() const noexcept
	{
		return self_.done();
	}

	/** Name it as the next that @p by resumes; it must not have run. */
	void start(executor &by) noexcept
	{
		self_.promise().executor_ = &by;
		by.resume_next(self_);
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
			child_.promise().awaiting_ = parent;
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
