// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * The common part of the awaits on a time, an event or a channel.
 */
#ifndef KTCP_ENGINE_WAIT_HPP
#define KTCP_ENGINE_WAIT_HPP

#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <new>

#include <ktcp/connection.hpp>
#include <ktcp/engine/signal.hpp>
#include <ktcp/port/memory.h>

namespace ktcp
{

namespace detail
{

/* One await. Trivially destructible, as g++-12 wants awaiters. */
class wait : public timer {
    public:
	/* It is over, with this negative errno. No coroutine waits for it any more. */
	void fail(int why) noexcept
	{
		status = why;
	}

	/* Memory for a signal of that connection's. nullptr: there is none. */
	template <class Signal>
	static Signal *attach(connection &to, std::size_t size) noexcept
	{
		sources *const of = to.sources();
		void *const memory =
			of ? ktcp_kmalloc(size, static_cast<ktcp_gfp>(to.frame_flags())) : nullptr;

		return memory ? ::new (memory) Signal(to, *of) : nullptr;
	}

	/* From here on the connection is not told. */
	static void detach(connection &from, signal &one) noexcept
	{
		one.detach(*from.more_);
	}

	/* As strand::operations::sleepers. */
	static sleeper_queues *sleepers(connection &by) noexcept
	{
		return by.sleepers();
	}

	/* Whose share of what its server has is it of? nullptr: a proxy that has named no client is no source. */
	static const endpoint *source(const connection &by) noexcept
	{
		return by.has_mark(connection::of_a_proxy) ? nullptr : &by.remote_;
	}

	/* Is it a server's, or a test's? */
	static bool has_server(connection &by) noexcept
	{
		return by.sleepers();
	}

	/* Is there memory for a connection's sources? */
	static bool has_room(connection &by) noexcept
	{
		return by.sources();
	}

	/* So many operations are part of the turn's share, although none of them was awaited. */
	static void charge(connection &by, std::size_t operations) noexcept
	{
		by.charge_operations(operations);
	}

	/* Have a task run that tells a joint of its end. It needs has_room(). */
	template <class T>
	static void begin(connection &by, basic_task<T> &task, joint &whom, waiter &start) noexcept
	{
		by.begin_beside(task, whom, start);
	}

	/* The connection is over for this reason, and all of its coroutines are told. In its turn. */
	static void end(connection &by, errc why) noexcept
	{
		if (by.end(why) && has_server(by))
			by.post(connection::event_over);
	}

	/* The coroutine waits no more, and goes on. */
	static void go_on(connection &by, waiter &one) noexcept
	{
		by.make_ready(one);
	}

    protected:
	explicit wait(connection &by) noexcept : wait(&by)
	{
	}

	/* nullptr: an await on what no connection has, which fails before it begins. */
	explicit wait(connection *by) noexcept : by_(by)
	{
	}

	/* Is it over before it begins? The end is told, or there is no memory. */
	bool is_over() noexcept
	{
		if ((status = by_->to_tell())) {
			if (by_->tell())
				return true;
			by_->note(outcome::over);
			gone_ = true;
		} else if (!has_room()) {
			status = error_code(errc::enomem).code();
			return true;
		}
		return false;
	}

	/* Is there memory to wait? */
	bool has_room() noexcept
	{
		return by_->sources();
	}

	/*
	 * Its time is over, and it had none. If this turn may not do more, another comes at once. Where others have
	 * that one's share, too, it is tried all the same. If it has to be somewhere else, the third turn is there.
	 * True: it waits for that, or is over and goes on.
	 */
	bool tries_again(unsigned int ms) noexcept
	{
		const auto elsewhere = [this] {
			return by_->came_to(outcome::process) || by_->came_to(outcome::sleep);
		};

		if (ms || !(elsewhere() || by_->came_to(outcome::yield)))
			return false;
		if (tries_ && by_->try_without_share(who)) {
			go_on();
			return true;
		}
		/* Perhaps only that attempt came to it. */
		if (tries_ && !(tries_ == 1 && elsewhere()))
			return false;
		tries_++;
		park(1, who);
		return true;
	}

	/* It is there. If the turn's share is used up, who waits goes on in the next. */
	bool pay() noexcept
	{
		later_ = by_->note(by_->spend() ? outcome::done : outcome::yield) != outcome::done;
		return !later_;
	}

	/* Is it never to be resumed? */
	bool is_gone() const noexcept
	{
		return gone_;
	}

	/* Until the signal is set. */
	void park(signal &on, std::coroutine_handle<> self) noexcept
	{
		park(on.waiting, self);
	}

	/* Until the holder of @p known calls go_on(). */
	void park(waiter *&known, std::coroutine_handle<> self) noexcept
	{
		who = self;
		if (gone_)
			return;
		known_by = &known;
		known = this;
		is_ready = later_;
		(later_ ? by_->more_->later : by_->more_->waiting).push_back(*this);
	}

	/* The same, and the end of the connection is not told. */
	void park_until_told(waiter *&known, std::coroutine_handle<> self) noexcept
	{
		who = self;
		known_by = &known;
		known = this;
		by_->more_->joining.push_back(*this);
	}

	/* Until @p ms milliseconds are over. */
	void park(unsigned int ms, std::coroutine_handle<> self) noexcept
	{
		who = self;
		if (!gone_)
			by_->arm(*this, ms);
	}

	/* It waits no more. */
	void take_out() noexcept
	{
		connection::take_out(*this);
	}

	/* Whatever the coroutine waits for, it does so no more … */
	void forget() noexcept
	{
		by_->forget(who);
	}

	/* … and goes on. */
	void go_on() noexcept
	{
		by_->make_ready(*this);
	}

	connection *const by_;

    private:
	bool later_ = false;
	bool gone_ = false;
	std::uint8_t tries_ = 0; /* turns that it was put off to */
};

/* The await on a signal: until it holds something. One coroutine at a time. */
template <class State>
class signal_wait : public wait {
    public:
	/* @on may be nullptr: then nothing is awaited. */
	signal_wait(connection *by, State *on) noexcept : wait(by), state_(on)
	{
	}

	bool await_ready() noexcept
	{
		if (!state_) {
			fail(no_signal<State>().code());
			return true;
		}
		if (is_over())
			return true;
		if (is_gone())
			return false;
		if (state_->waiting) {
			fail(error_code(errc::ebusy).code());
			return true;
		}
		return state_->holds() && pay();
	}

	void await_suspend(std::coroutine_handle<> self) noexcept
	{
		park(*state_, self);
	}

    protected:
	/* The coroutine goes on, and another may wait. Is there something for it? */
	bool goes_on() noexcept
	{
		this->take_out();
		return !status;
	}

	State *const state_;
};

} // namespace detail

} // namespace ktcp

#endif
