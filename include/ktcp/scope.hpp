// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * Coroutines that go on beside the one that spawned them, and end before it does.
 *
 * @code
 * ktcp::scope children(peer);
 *
 * while (auto request = co_await peer.read_line(512))
 *	if (!children.spawn(answer(peer, std::move(request))))
 *		break;				// no memory
 * co_await children.join();			// else those that still run are destroyed here
 * @endcode
 *
 * `co_await children.join(15);` behind the spawn() lets sixteen run at once, and the peer wait.
 *
 * Children take turns with all other coroutines of the connection. A child begins in the turn that
 * spawned it, after the coroutine that did waits.
 *
 * Context: a handler's. Cost: some 100 bytes a child, and its frame, until the next spawn(), join() or
 * the scope's end after its own.
 */
#ifndef KTCP_SCOPE_HPP
#define KTCP_SCOPE_HPP

#include <coroutine>
#include <cstddef>
#include <new>
#include <utility>

#include <ktcp/base/list.hpp>
#include <ktcp/connection.hpp>
#include <ktcp/engine/wait.hpp>
#include <ktcp/port/memory.h>
#include <ktcp/task.hpp>

namespace ktcp
{

/** A coroutine of the connection owns it. Neither copied nor moved. */
class scope {
    public:
	class join_operation;

	/** @param peer  its strand runs the children. */
	explicit scope(connection &peer) noexcept : peer_(peer)
	{
	}

	scope(const scope &) = delete;
	scope &operator=(const scope &) = delete;

	/** Destroys the children that still run where they wait. Their destructors have run then. */
	~scope()
	{
		destroy_all(running_);
		destroy_all(ended_);
		if (joining_) { /* a coroutine that is none of the children */
			joining_->status = error_code(errc::epipe).code();
			detail::wait::go_on(peer_, *joining_);
		}
	}

	/**
	 * Let a task run. Its result is dropped.
	 * Errors: ENOMEM: for the task's frame, or to keep it. It never runs then.
	 */
	template <class T>
	result<void> spawn(detail::basic_task<T> &&task) noexcept
	{
		destroy_all(ended_);

		void *const memory =
			task.empty() || !detail::wait::has_room(peer_) ?
				nullptr :
				ktcp_frame_alloc(sizeof(child_of<T>),
						 static_cast<ktcp_gfp>(peer_.frame_flags()));

		if (!memory)
			return errc::enomem;

		auto &made = *::new (memory) child_of<T>(*this, std::move(task));

		running_.push_back(made);
		many_++;
		detail::wait::begin(peer_, made.task, made, made.start);
		return {};
	}

	/**
	 * `co_await children.join()`: a result<void>, once none runs, or @p most at most. The end of the
	 * connection does not end this wait, for it ends the children.
	 * Errors: EBUSY (another coroutine joins), EPIPE (the scope's owner destroyed it meanwhile).
	 */
	[[nodiscard]] join_operation join(std::size_t most = 0) noexcept;

	/** How many children run. */
	std::size_t running() const noexcept
	{
		return many_;
	}

    private:
	/* One that was spawned. Its kind knows the task. */
	struct child : detail::joint {
		child(scope &of, void (*destroy)(child &)) noexcept
			: joint{ ended }, of(of), destroy(destroy)
		{
		}

		detail::waiter start{}; /* until it is resumed for the first time */
		scope &of;
		void (*destroy)(child &self);
		list_node node;
	};

	using children = list<child, &child::node>;

	template <class T>
	struct child_of : child {
		child_of(scope &of, detail::basic_task<T> &&what) noexcept
			: child(of,
				[](child &self) {
					auto &all = static_cast<child_of &>(self);

					all.~child_of();
					ktcp_frame_free(&all, sizeof(all));
				}),
			  task(std::move(what))
		{
		}

		detail::basic_task<T> task;
	};

	/* In its last turn: its frame is still in use. */
	static void ended(detail::joint &self) noexcept;

	static void destroy_all(children &of) noexcept
	{
		while (child *const first = of.pop_front())
			first->destroy(*first);
	}

	connection &peer_;
	children running_, ended_;
	std::size_t many_ = 0; /* that run */
	detail::waiter *joining_ = nullptr; /* until that are … */
	std::size_t most_ = 0; /* … so many at most */
};

/** The awaiter that join() returns. */
class [[gnu::warn_unused]] scope::join_operation : detail::wait {
    public:
	join_operation(connection &peer, scope &of, std::size_t most) noexcept
		: wait(peer), of_(of), most_(most)
	{
	}

	bool await_ready() noexcept
	{
		if (of_.joining_)
			status = error_code(errc::ebusy).code();
		return status || of_.many_ <= most_;
	}

	void await_suspend(std::coroutine_handle<> self) noexcept
	{
		of_.most_ = most_;
		park_until_told(of_.joining_, self);
	}

	result<void> await_resume() noexcept
	{
		if (!status)
			destroy_all(of_.ended_);
		return result<void>::from(status);
	}

    private:
	scope &of_;
	std::size_t most_;
};

inline scope::join_operation scope::join(std::size_t most) noexcept
{
	return { peer_, *this, most };
}

inline void scope::ended(detail::joint &self) noexcept
{
	auto &one = static_cast<child &>(self);
	scope &of = one.of;

	children::erase(one);
	of.ended_.push_back(one);
	if (--of.many_ <= of.most_ && of.joining_)
		detail::wait::go_on(of.peer_, *of.joining_);
}

} // namespace ktcp

#endif
