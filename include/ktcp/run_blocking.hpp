// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * Work that must block: a function that a worker calls, while the connection's coroutines go on.
 *
 * @code
 * const auto look_up = [&disk = *disk_, key](ktcp::process_context here) -> ktcp::result<entry> {
 *	return disk.read(key, here);
 * };
 * const auto found = co_await ktcp::run_blocking(peer, look_up);
 *
 * if (!found)
 *	co_return;
 * @endcode
 *
 * After may_sleep() a handler sleeps in its own turn, and its other coroutines wait for it. Here only the
 * one that awaits does. A time, another coroutine, or the end of the connection may end its wait. A function
 * that has not begun is not called then. One that has begun runs to its end, and its outcome is dropped.
 *
 * So the function may outlive the coroutine and the connection. It refers to objects of the module's alone,
 * and has copies of all else. It must not use the connection. Unloading waits for it.
 */
#ifndef KTCP_RUN_BLOCKING_HPP
#define KTCP_RUN_BLOCKING_HPP

#include <optional>
#include <type_traits>
#include <utility>

#include <ktcp/connection.hpp>
#include <ktcp/engine/signal.hpp>
#include <ktcp/engine/sleeper_queues.hpp>
#include <ktcp/engine/wait.hpp>
#include <ktcp/kernel/context.hpp>
#include <ktcp/kernel/workqueue.hpp>
#include <ktcp/net/endpoint.hpp>
#include <ktcp/net/source_key.hpp>
#include <ktcp/task.hpp>

namespace ktcp
{

namespace detail
{

template <class T>
struct value_of_result {
	using type = T;
};

template <class T>
struct value_of_result<result<T>> {
	using type = T;
};

/* A function that sleeps takes a process_context. */
template <class Function>
decltype(auto) call_blocking(Function &function) noexcept
{
	if constexpr (std::is_invocable_v<Function &, process_context>)
		return function(process_context::promised());
	else
		return function();
}

/* Of a function that returns a T or a result<T>: T. */
template <class Function>
using blocking_value =
	typename value_of_result<decltype(call_blocking(std::declval<Function &>()))>::type;

template <class Function>
result<blocking_value<Function>> outcome_of_calling(Function &function) noexcept
{
	if constexpr (std::is_void_v<decltype(call_blocking(function))>) {
		call_blocking(function);
		return {};
	} else {
		return call_blocking(function);
	}
}

/* The work item of a call; its coroutine waits for it as for a signal. */
template <class Function>
class blocking_call : public signal, public work_base<blocking_call<Function>> {
    public:
	static constexpr const char *kind = "call";

	using outcome = result<blocking_value<Function>>;

	blocking_call(strand &to, sources &of) noexcept : signal(to, of)
	{
	}

	/* Have it called, as one of the source's; nullptr: of none. */
	void begin(sleeper_queues &by, const endpoint *source, Function &&function) noexcept
	{
		const auto place = by.enter(source);

		function_.emplace(std::move(function));
		queues_ = &by;
		has_ = place.has;
		if (has_ == share::own)
			source_ = source_key::of(*source);
		hold();
		this->queue_on(place.on);
	}

	/* In a turn of the strand's, once it holds something. */
	outcome take() noexcept
	{
		/* Pairs with leave(). The coroutine looked without the lock, and may not have been fired. */
		static_cast<void>(held.load(memory_order_acquire));
		return std::move(*outcome_);
	}

	/* In a turn of the strand's: its coroutine waits no more. */
	void give_up(connection &by) noexcept
	{
		wait::detach(by, *this);
		/* From here on the item leaves nothing. */
		outcome_.reset();
		let_go();
	}

	/* The item. */
	void on_work() noexcept
	{
		if (is_wanted())
			leave(outcome_of_calling(*function_));
		function_.reset();
		if (has_ == share::anyones)
			queues_->leave();
		else if (has_ == share::own)
			queues_->leave(source_);
		let_go();
	}

    private:
	bool is_wanted() noexcept
	{
		return static_cast<bool>(locked(*this));
	}

	void leave(outcome &&what) noexcept
	{
		const locked self(*this);

		if (!self)
			return;
		outcome_.emplace(std::move(what));
		/* Pairs with the load in take(), for a coroutine that was not fired. */
		held.store(1, memory_order_release);
		self.fire();
	}

	using share = sleeper_queues::share;

	std::optional<Function> function_; /* of the item, as the next three */
	sleeper_queues *queues_ = nullptr;
	source_key source_ = {};
	share has_ = share::none;
	std::optional<outcome>
		outcome_; /* under the lock while there is a strand, then of its turns */
};

/* The coroutine's side, a variable of it. */
template <class Function>
class blocking_wait {
	using call = blocking_call<Function>;

    public:
	explicit blocking_wait(connection &by) noexcept
		: by_(by), call_(wait::attach<call>(by, sizeof(call)))
	{
	}

	blocking_wait(const blocking_wait &) = delete;
	blocking_wait &operator=(const blocking_wait &) = delete;

	~blocking_wait()
	{
		if (call_)
			call_->give_up(by_);
	}

	/* Is there memory for it? */
	explicit operator bool() const noexcept
	{
		return call_;
	}

	call *operator->() const noexcept
	{
		return call_;
	}

	class operation : public signal_wait<call> {
	    public:
		using signal_wait<call>::signal_wait;

		result<void> await_resume() noexcept
		{
			static_cast<void>(this->goes_on());
			return result<void>::from(this->status);
		}
	};

	operation done() noexcept
	{
		return { &by_, call_ };
	}

    private:
	connection &by_;
	call *const call_;
};

} // namespace detail

/**
 * `co_await ktcp::run_blocking(peer, function)`: a result<T> of a @p function that returns a T or a
 * result<T>. A worker of an unbound workqueue calls it, in process context, where it may
 * sleep. 512 of a server's run at once on Linux 6.1; the others wait. One source has 9/16
 * of those at most, and the rest of its calls wait by themselves (engine/sleeper_queues.hpp).
 * @param function  of a ktcp::process_context, or of nothing; nothrow movable. A lambda that captures has a name:
 *                  g++-12 destroys another one twice.
 * Errors: ENOMEM, ECONNRESET, ESHUTDOWN, ETIMEDOUT (expires_after()): it may have run. And the function's own.
 * Context: a handler's. Cost: a work item, and an event's set(). In a unit test without a server it is called
 * at once.
 */
template <class Function>
task_of<detail::blocking_value<Function>> run_blocking(connection &peer, Function function)
{
	static_assert(std::is_nothrow_move_constructible_v<Function>);

	detail::sleeper_queues *const queues = detail::wait::sleepers(peer);

	if (!queues)
		co_return detail::outcome_of_calling(function);

	detail::blocking_wait<Function> call(peer);

	if (!call)
		co_return errc::enomem;
	call->begin(*queues, detail::wait::source(peer), std::move(function));

	const auto done = co_await call.done();

	if (!done)
		co_return done.error();
	co_return call->take();
}

} // namespace ktcp

#endif
