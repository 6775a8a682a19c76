// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * Time: a coroutine that sleeps, and an operation with a deadline of its own.
 *
 * @code
 * if (!co_await ktcp::sleep_for(peer, 250))
 *	co_return;			// the server is being stopped
 *
 * auto line = co_await ktcp::within(peer, 5000, peer.read_line(512));
 * auto reply = co_await ktcp::within(peer, 100, ask(peer, question));	// a task
 * @endcode
 *
 * Exactness: never before its time. In the event-driven models it is some 50 ms late at most, however
 * long it is. The timer wheel of the connection's CPU has ticks of 32 ms (engine/timer_wheel.hpp). In the
 * blocking models it is a jiffy late. Cost: a place in the connection's list, the next one first. Only a
 * time that is earlier than all others of the connection sets a timer of the kernel's.
 *
 * To the microsecond: sleep_exactly() of ktcp/exact_timer.hpp.
 *
 * Context: a handler's.
 */
#ifndef KTCP_TIMER_HPP
#define KTCP_TIMER_HPP

#include <concepts>
#include <coroutine>
#include <utility>

#include <ktcp/connection.hpp>
#include <ktcp/engine/wait.hpp>

namespace ktcp
{

namespace detail
{

class [[gnu::warn_unused]] sleep_operation : public wait {
    public:
	sleep_operation(connection &by, unsigned int ms) noexcept : wait(by), ms_(ms)
	{
	}

	bool await_ready() noexcept
	{
		return is_over();
	}

	void await_suspend(std::coroutine_handle<> self) noexcept
	{
		park(ms_, self);
	}

	result<void> await_resume() const noexcept
	{
		return result<void>::from(status);
	}

    private:
	unsigned int ms_;
};

/* An awaiter that can be told that it waits no more. */
template <class Operation>
concept timed_operation = requires(Operation &op, std::coroutine_handle<> who)
{
	op.await_ready();
	op.await_suspend(who);
	op.await_resume();
	op.fail(-1);
};

template <timed_operation Operation>
class [[gnu::warn_unused]] within_operation : public wait {
    public:
	within_operation(connection &by, unsigned int ms, Operation &what) noexcept
		: wait(by), what_(what), ms_(ms)
	{
	}

	bool await_ready() noexcept
	{
		if (has_room())
			return what_.await_ready();
		what_.fail(error_code(errc::enomem).code());
		return true;
	}

	void await_suspend(std::coroutine_handle<> self) noexcept
	{
		what_.await_suspend(self);
		fire = [](timer &due) {
			auto &one = static_cast<within_operation &>(due);

			if constexpr (std::derived_from<Operation, waiter>)
				if (one.what_.is_ready) /* in time, and to be resumed */
					return;
			if (one.tries_again(one.ms_))
				return;
			one.forget();
			one.what_.fail(error_code(errc::etimedout).code());
			one.go_on();
		};
		park(ms_, self);
	}

	auto await_resume() noexcept
	{
		take_out();
		return what_.await_resume();
	}

    private:
	Operation &what_;
	unsigned int ms_;
};

template <class T>
class [[gnu::warn_unused]] within_task : public wait {
    public:
	within_task(connection &by, unsigned int ms, basic_task<T> &what) noexcept
		: wait(by), what_(what), ms_(ms)
	{
	}

	bool await_ready() noexcept
	{
		if (!has_room())
			status = error_code(errc::enomem).code();
		return status || what_.empty();
	}

	template <std::derived_from<promise_base> Promise>
	void await_suspend(std::coroutine_handle<Promise> self) noexcept
	{
		what_.operator co_await().await_suspend(self);
		fire = [](timer &due) {
			auto &one = static_cast<within_task &>(due);

			if (one.tries_again(one.ms_))
				return;
			one.what_ = basic_task<T>(); /* destroyed where it waits */
			one.status = error_code(errc::etimedout).code();
			one.go_on();
		};
		park(ms_, self);
	}

	decltype(std::declval<promise<T> &>().take()) await_resume() noexcept
	{
		take_out();
		if (status)
			return error_code::from(status);
		return what_.operator co_await().await_resume();
	}

    private:
	basic_task<T> &what_;
	unsigned int ms_;
};

} // namespace detail

/**
 * `co_await ktcp::sleep_for(peer, ms)`: a result<void>, when @p ms milliseconds are over. Other
 * coroutines of the connection go on meanwhile. 0: after the coroutines that are ready just now. More
 * than 2^31 - 1 means that.
 * Errors: ECONNRESET, ESHUTDOWN, ETIMEDOUT (expires_after()), ENOMEM, at once.
 */
[[nodiscard]] inline detail::sleep_operation sleep_for(connection &peer, unsigned int ms) noexcept
{
	return { peer, ms };
}

/**
 * `co_await ktcp::within(peer, ms, peer.read())`: the operation's result, or its error ETIMEDOUT once
 * @p ms milliseconds are over. The coroutine goes on then. A write may have sent a part.
 * With 0 the operation is tried once, in the third turn at the latest.
 * @param operation  of a stream, an event or a channel, or sleep_for().
 * Errors: ETIMEDOUT, ENOMEM, and the operation's.
 */
template <detail::timed_operation Operation>
[[nodiscard]] detail::within_operation<Operation> within(connection &peer, unsigned int ms,
							 Operation &&operation) noexcept
{
	return { peer, ms, operation };
}

/**
 * The same for a task. It is destroyed where it waits then, and its destructors have run when this
 * returns. With 0 it has the rest of this turn's share, and then another turn's. Where others use those up, it
 * may not have been tried.
 */
template <class T>
[[nodiscard]] detail::within_task<T> within(connection &peer, unsigned int ms,
					    detail::basic_task<T> &&task) noexcept
{
	return { peer, ms, task };
}

} // namespace ktcp

#endif
