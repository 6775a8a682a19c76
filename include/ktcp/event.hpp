// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * An event that a coroutine waits for. Any other code may set it: another connection, a work item, a
 * timer, a completion of the block layer.
 *
 * @code
 * KTCP_CO_TRY(ktcp::event done, ktcp::event::create(peer));
 *
 * submit(request, done.get_setter());		// calls setter.set() when it is done
 * KTCP_CO_CHECK(co_await ktcp::within(peer, 500, done.wait()));
 * @endcode
 *
 * Each set() ends one wait(), the next one if none waits. Several before it count as one.
 */
#ifndef KTCP_EVENT_HPP
#define KTCP_EVENT_HPP

#include <coroutine>
#include <new>
#include <utility>

#include <ktcp/connection.hpp>
#include <ktcp/engine/signal.hpp>
#include <ktcp/engine/wait.hpp>
#include <ktcp/kernel/memory.hpp>

namespace ktcp
{

namespace detail
{

class event_state : public signal {
    public:
	static constexpr const char *kind = "event";

	event_state(strand &to, sources &of) noexcept : signal(to, of)
	{
	}

	/* False: the event is gone. */
	bool set() noexcept
	{
		const locked self(*this);

		if (!self)
			return false;
		held.store(1, memory_order_release); /* pairs with the exchange in reset() */
		self.fire();
		return true;
	}

	/* In the strand's turns alone. Acquire: the turn sees the work that came before set(). */
	void reset() noexcept
	{
		held.exchange(0, memory_order_acq_rel);
	}
};

} // namespace detail

/**
 * A coroutine of a connection owns it. It must be gone before that connection's handler is.
 * Cost: some 60 bytes. A set() that wakes costs a lock, and as much as an event of a socket.
 */
class event {
    public:
	class wait_operation;
	class setter;

	/** None: wait() fails, and its setters are nobody's. So is one that was moved from. */
	event() noexcept = default;

	/** @param peer  its coroutine waits. Errors: ENOMEM. Context: a handler's. */
	static result<event> create(connection &peer) noexcept;

	event(event &&other) noexcept
		: peer_(other.peer_), state_(std::exchange(other.state_, nullptr))
	{
	}

	event &operator=(event &&other) noexcept
	{
		std::swap(peer_, other.peer_);
		std::swap(state_, other.state_);
		return *this;
	}

	/** From here on its setters have no effect. */
	~event();

	/**
	 * `co_await done.wait()`: a result<void>, once it is set. Waiting resets it.
	 * Errors: EBUSY (another coroutine waits for it), EPIPE (its owner destroyed it meanwhile),
	 * ECONNRESET, ESHUTDOWN, ETIMEDOUT, ENOMEM, EBADF and a warning (there is none).
	 */
	[[nodiscard]] wait_operation wait() noexcept;

	/** A setter, for other code; nobody's and a warning where there is no event. */
	setter get_setter() const noexcept;

    private:
	event(connection &peer, detail::event_state &state) noexcept : peer_(&peer), state_(&state)
	{
	}

	connection *peer_ = nullptr;
	detail::event_state *state_ = nullptr;
};

/** The right to set an event. It may outlive the event, the connection and the server. */
class event::setter : detail::signal_handle<detail::event_state> {
    public:
	/** Nobody's. */
	setter() noexcept = default;

	/**
	 * Returns false if the event is gone. Process context, softirq or a hard interrupt, with any lock
	 * held and with interrupts off; not NMI. On PREEMPT_RT not in an interrupt without a thread
	 * (IRQF_NO_THREAD, HRTIMER_MODE_HARD), nor under a raw spinlock. Precedent: wake_up().
	 */
	bool set() const noexcept
	{
		return state_ && state_->set();
	}

    private:
	friend class event;

	explicit setter(detail::event_state &state) noexcept : signal_handle(state)
	{
	}
};

/** The awaiter that wait() returns. */
class [[gnu::warn_unused]] event::wait_operation : public detail::signal_wait<detail::event_state> {
    public:
	using signal_wait::signal_wait;

	result<void> await_resume() noexcept
	{
		if (goes_on())
			state_->reset();
		return result<void>::from(status);
	}
};

inline event::~event()
{
	if (!state_)
		return;
	detail::wait::detach(*peer_, *state_);
	state_->let_go();
}

inline result<event> event::create(connection &peer) noexcept
{
	auto *const state = detail::wait::attach<detail::event_state>(peer,
								      sizeof(detail::event_state));

	if (!state)
		return errc::enomem;
	return event(peer, *state);
}

inline event::wait_operation event::wait() noexcept
{
	return { peer_, state_ };
}

inline event::setter event::get_setter() const noexcept
{
	if (state_)
		return setter(*state_);
	static_cast<void>(detail::no_signal<detail::event_state>());
	return {};
}

} // namespace ktcp

#endif
