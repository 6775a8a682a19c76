// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * Several coroutines of one connection at once: until all have ended, or the first has.
 *
 * @code
 * // both directions of a proxy
 * auto [up, down] = co_await ktcp::all(copy(client, server), copy(server, client));
 *
 * // words of the peer, or words of other connections, until one of them ends
 * static_cast<void>(co_await ktcp::race(listen(peer, room), deliver(peer, room)));
 * @endcode
 *
 * They take turns on the connection's strand and never run beside each other. None begins before it is
 * awaited.
 *
 * Context: a handler's. Memory: in the frame of the coroutine that awaits, and 96
 * bytes a connection, once. Cost: as that of awaiting each, and a place in a list.
 */
#ifndef KTCP_GROUP_HPP
#define KTCP_GROUP_HPP

#include <concepts>
#include <coroutine>
#include <cstddef>
#include <tuple>
#include <utility>

#include <ktcp/connection.hpp>
#include <ktcp/task.hpp>

namespace ktcp
{

namespace detail
{

/* Tasks that run at once, and the coroutine that waits for them. */
class group {
    protected:
	/* One of them. */
	struct member : joint {
		waiter start{}; /* until it is resumed for the first time */
		group *of = nullptr;
		unsigned char index = 0;
	};

	/* Begin to wait. False: there is no memory to do so, and the parent goes on. */
	bool wait(executor &by, std::coroutine_handle<> parent) noexcept
	{
		by_ = &by;
		parent_ = parent;
		if (static_cast<connection &>(by).sources())
			return true;
		go_on();
		return false;
	}

	/* It runs after the coroutines that are ready already. */
	template <class T>
	void start(basic_task<T> &task, member &as, unsigned char index,
		   void (*done)(joint &)) noexcept
	{
		as.done = done;
		as.of = this;
		as.index = index;
		by_->begin_beside(task, as, as.start);
	}

	/* The parent does. */
	void go_on() noexcept
	{
		by_->resume_next(parent_);
	}

	template <class T>
	static auto take(basic_task<T> &from) noexcept
	{
		return from.self_.promise().take();
	}

    private:
	executor *by_ = nullptr;
	std::coroutine_handle<> parent_;
};

/* The result of awaiting a task of T. */
template <class T>
using outcome_of = decltype(std::declval<promise<T> &>().take());

template <class... T>
class [[gnu::warn_unused]] all_operation : group {
    public:
	explicit all_operation(basic_task<T> &...tasks) noexcept : tasks_(&tasks...)
	{
	}

	bool await_ready() const noexcept
	{
		return false;
	}

	template <std::derived_from<promise_base> Promise>
	void await_suspend(std::coroutine_handle<Promise> parent) noexcept
	{
		if (!wait(*parent.promise().executor_, parent))
			return;
		started_ = true;
		begin(std::index_sequence_for<T...>());
	}

	std::tuple<outcome_of<T>...> await_resume() noexcept
	{
		return std::apply(
			[this](auto *...each) {
				return std::tuple<outcome_of<T>...>(this->outcome_or_none(*each)...);
			},
			tasks_);
	}

    private:
	template <std::size_t... I>
	void begin(std::index_sequence<I...>) noexcept
	{
		(add(*std::get<I>(tasks_), members_[I]), ...);
		if (!left_)
			go_on();
	}

	template <class Each>
	void add(basic_task<Each> &task, member &as) noexcept
	{
		if (task.empty())
			return;
		left_++;
		start(task, as, 0, [](joint &self) {
			auto &all = static_cast<all_operation &>(*static_cast<member &>(self).of);

			if (--all.left_ == 0)
				all.go_on();
		});
	}

	template <class Each>
	outcome_of<Each> outcome_or_none(basic_task<Each> &task) noexcept
	{
		if (!started_ || task.empty())
			return errc::enomem;
		return take(task);
	}

	std::tuple<basic_task<T> *...> tasks_;
	member members_[sizeof...(T)];
	std::size_t left_ = 0;
	bool started_ = false;
};

template <class... T>
class [[gnu::warn_unused]] race_operation : group {
    public:
	explicit race_operation(basic_task<T> &...tasks) noexcept : tasks_(&tasks...)
	{
	}

	bool await_ready() const noexcept
	{
		return std::apply([](auto *...each) { return (each->empty() || ...); }, tasks_);
	}

	template <std::derived_from<promise_base> Promise>
	void await_suspend(std::coroutine_handle<Promise> parent) noexcept
	{
		if (wait(*parent.promise().executor_, parent))
			begin(std::index_sequence_for<T...>());
	}

	result<std::size_t> await_resume() noexcept
	{
		/* Those that are not done are destroyed where they wait. */
		std::apply([](auto *...each) { (destroy(*each), ...); }, tasks_);
		if (first_ < 0)
			return errc::enomem;
		return static_cast<std::size_t>(first_);
	}

    private:
	template <std::size_t... I>
	void begin(std::index_sequence<I...>) noexcept
	{
		(start(*std::get<I>(tasks_), members_[I], I,
		       [](joint &self) {
			       auto &one = static_cast<member &>(self);
			       auto &race = static_cast<race_operation &>(*one.of);

			       race.first_ = one.index;
			       race.go_on();
		       }),
		 ...);
	}

	template <class Each>
	static void destroy(basic_task<Each> &task) noexcept
	{
		task = basic_task<Each>();
	}

	std::tuple<basic_task<T> *...> tasks_;
	member members_[sizeof...(T)];
	int first_ = -1;
};

} // namespace detail

/**
 * `co_await ktcp::all(one(peer), other(peer))`: a std::tuple with the result of each, once all have
 * ended. A task without memory for its frame gives ENOMEM, and the others run; without memory to wait
 * none runs, and each gives ENOMEM.
 */
template <class... T>
	requires(sizeof...(T) > 0)
[[nodiscard]] detail::all_operation<T...> all(detail::basic_task<T> &&...tasks) noexcept
{
	return detail::all_operation<T...>(tasks...);
}

/**
 * `co_await ktcp::race(one(peer), other(peer))`: a result<size_t>, the index of the task that ended
 * first. The others are destroyed where they wait. Their destructors have run when this returns, and
 * another coroutine may wait in their place. Bytes that a write() of theirs had sent stay sent.
 * Errors: ENOMEM (a task has no frame, or there is no memory to wait), and none was begun.
 */
template <class... T>
	requires(sizeof...(T) > 0 && sizeof...(T) < 128)
[[nodiscard]] detail::race_operation<T...> race(detail::basic_task<T> &&...tasks) noexcept
{
	return detail::race_operation<T...>(tasks...);
}

} // namespace ktcp

#endif
