// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * One coroutine of a connection at a time: the others wait, in their order.
 *
 * @code
 * ktcp::strand_lock pen(peer);
 *
 * // in each of several coroutines, which write whole answers
 * ktcp::strand_lock::guard alone(pen);
 *
 * KTCP_CO_CHECK(co_await alone.wait());
 * KTCP_CO_CHECK(co_await peer.write(head));
 * KTCP_CO_CHECK(co_await peer.write(body));
 * @endcode
 *
 * It may be held over a co_await: coroutines wait for it, and no CPU does. Between connections there is
 * spin_guarded<T>.
 *
 * Context: a handler's. Memory: none of its own, and 96 bytes a connection, once. Cost: a place in a list.
 */
#ifndef KTCP_STRAND_LOCK_HPP
#define KTCP_STRAND_LOCK_HPP

#include <coroutine>

#include <ktcp/base/list.hpp>
#include <ktcp/connection.hpp>
#include <ktcp/engine/wait.hpp>

namespace ktcp
{

/** A coroutine of the connection owns it. It outlives its guards. Neither copied nor moved. */
class strand_lock {
    public:
	class guard;

	/** @param peer  its coroutines wait. */
	explicit strand_lock(connection &peer) noexcept : peer_(peer)
	{
	}

	strand_lock(const strand_lock &) = delete;
	strand_lock &operator=(const strand_lock &) = delete;

	/** Has a coroutine the lock? */
	bool is_locked() const noexcept
	{
		return !places_.empty();
	}

    private:
	class wait_operation;

	/* In a guard, not in an awaiter: its owner's destructor takes it out. */
	struct place {
		detail::waiter *waiting = nullptr; /* its coroutine, until it is its turn */
		list_node node;
	};

	using places = list<place, &place::node>;

	/* Its turn: the first place. */
	bool has(const place &one) noexcept
	{
		return places_.first() == &one;
	}

	void enter(place &one) noexcept
	{
		if (!one.node.linked())
			places_.push_back(one);
	}

	void leave(place &one) noexcept
	{
		const bool had = has(one);

		places::erase(one);
		if (place *const next = places_.first(); had && next && next->waiting)
			detail::wait::go_on(peer_, *next->waiting);
	}

	connection &peer_;
	places places_; /* the one that has the lock, and those that wait for it */
};

/**
 * A coroutine's place. It is a variable of that coroutine's, and its destructor gives the lock to the
 * next, also where the coroutine is destroyed while it waits.
 */
class strand_lock::guard : place {
    public:
	explicit guard(strand_lock &of) noexcept : of_(of)
	{
	}

	guard(const guard &) = delete;
	guard &operator=(const guard &) = delete;

	~guard()
	{
		if (node.linked())
			of_.leave(*this);
	}

	/** Take the lock, if no other coroutine has it or waits for it. Needs no memory. */
	bool try_lock() noexcept
	{
		of_.enter(*this);
		if (of_.has(*this))
			return true;
		of_.leave(*this);
		return false;
	}

	/**
	 * `co_await alone.wait()`: a result<void>. Then the lock is this guard's, until its end.
	 * Errors: ECONNRESET, ESHUTDOWN, ETIMEDOUT, ENOMEM; it is not.
	 */
	[[nodiscard]] wait_operation wait() noexcept;

    private:
	friend class strand_lock::wait_operation;

	strand_lock &of_;
};

/** The awaiter that wait() returns. */
class [[gnu::warn_unused]] strand_lock::wait_operation : public detail::wait {
    public:
	wait_operation(connection &by, guard &mine) noexcept : detail::wait(by), mine_(mine)
	{
	}

	bool await_ready() noexcept
	{
		if (is_over())
			return true;
		if (is_gone())
			return false;
		mine_.of_.enter(mine_);
		return mine_.of_.has(mine_) && pay();
	}

	void await_suspend(std::coroutine_handle<> self) noexcept
	{
		park(mine_.waiting, self);
	}

	result<void> await_resume() noexcept
	{
		take_out();
		if (status && mine_.node.linked())
			mine_.of_.leave(mine_);
		return result<void>::from(status);
	}

    private:
	guard &mine_;
};

inline strand_lock::wait_operation strand_lock::guard::wait() noexcept
{
	return { of_.peer_, *this };
}

} // namespace ktcp

#endif
