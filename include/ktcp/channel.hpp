// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * A bounded queue of values to a coroutine, from other connections or from anywhere.
 *
 * @code
 * KTCP_CO_TRY(auto inbox, ktcp::channel<line>::create(peer, 16));
 * room.add(inbox.get_sender());
 *
 * while (auto next = co_await inbox.receive())	// until the connection ends
 *	KTCP_CO_CHECK(co_await peer.write(*next));
 * @endcode
 *
 * A sender never waits: a full channel refuses. So no sender waits for a slow receiver.
 */
#ifndef KTCP_CHANNEL_HPP
#define KTCP_CHANNEL_HPP

#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <new>
#include <type_traits>
#include <utility>

#include <ktcp/connection.hpp>
#include <ktcp/engine/signal.hpp>
#include <ktcp/engine/wait.hpp>

namespace ktcp
{

namespace detail
{

/* The values lie behind it, in the same memory. */
template <class T>
class channel_state : public signal {
    public:
	static constexpr const char *kind = "channel";

	channel_state(strand &to, sources &of) noexcept : signal(to, of)
	{
	}

	/* Bytes for @p capacity values. */
	static constexpr std::size_t size_of(unsigned int capacity) noexcept
	{
		return sizeof(channel_state) + capacity * sizeof(T);
	}

	void set_capacity(unsigned int capacity) noexcept
	{
		capacity_ = capacity;
	}

	template <class Value>
	result<void> send(Value &&value) noexcept
	{
		const locked self(*this);

		if (!self)
			return errc::epipe;

		/* Written under the lock alone. holds() reads it outside, and take() locks again. */
		const unsigned int count = held.load(memory_order_relaxed);

		if (count == capacity_)
			return errc::eagain;
		::new (static_cast<void *>(at(first_ + count))) T(std::forward<Value>(value));
		held.store(count + 1, memory_order_relaxed);
		self.fire();
		return {};
	}

	/* In a turn of the receiver's. There must be one. */
	T take() noexcept
	{
		const locked self(*this);
		T &first = *at(first_);
		T taken(std::move(first));

		first.~T();
		first_ = (first_ + 1) % capacity_;
		held.store(held.load(memory_order_relaxed) - 1, memory_order_relaxed);
		return taken;
	}

	/* The channel is closed: no sender adds one any more. */
	void drop_all() noexcept
	{
		while (holds())
			static_cast<void>(take());
	}

    private:
	T *at(unsigned int index) noexcept
	{
		return reinterpret_cast<T *>(this + 1) + index % capacity_;
	}

	unsigned int capacity_ = 0;
	unsigned int first_ = 0; /* under the lock */
};

} // namespace detail

/**
 * The receiver's end. A coroutine of a connection owns it, and it must be gone before that
 * connection's handler is. Cost: some 70 bytes and its values. A send() that wakes costs as much as
 * event's set().
 * @tparam T  nothrow movable. It is moved under a spinlock with interrupts off, so moving takes no lock.
 */
template <class T>
class channel {
	static_assert(std::is_nothrow_move_constructible_v<T> && alignof(T) <= alignof(void *));

	using state = detail::channel_state<T>;

    public:
	class receive_operation;
	class sender;

	/** None: receive() fails, and its senders are nobody's. So is one that was moved from. */
	channel() noexcept = default;

	/** The most values that one can hold. */
	static constexpr unsigned int most = 65536;

	/**
	 * @param peer  its coroutine receives.
	 * @param capacity  values that may wait, 1 to most.
	 * Errors: ENOMEM, EINVAL. Context: a handler's.
	 */
	static result<channel> create(connection &peer, unsigned int capacity) noexcept
	{
		if (!capacity || capacity > most)
			return errc::einval;

		auto *const made = detail::wait::attach<state>(peer, state::size_of(capacity));

		if (!made)
			return errc::enomem;
		made->set_capacity(capacity);
		return channel(peer, *made);
	}

	channel(channel &&other) noexcept
		: peer_(other.peer_), state_(std::exchange(other.state_, nullptr))
	{
	}

	channel &operator=(channel &&other) noexcept
	{
		std::swap(peer_, other.peer_);
		std::swap(state_, other.state_);
		return *this;
	}

	/** Close it: send() is EPIPE from here on. Values that were not received are destroyed. */
	~channel()
	{
		if (!state_)
			return;
		detail::wait::detach(*peer_, *state_);
		state_->drop_all();
		state_->let_go();
	}

	/**
	 * `co_await inbox.receive()`: a result<T>, the first that was sent.
	 * Errors: EBUSY (another coroutine receives), EPIPE (its owner destroyed it meanwhile),
	 * ECONNRESET, ESHUTDOWN, ETIMEDOUT, ENOMEM, EBADF and a warning (there is none).
	 */
	[[nodiscard]] receive_operation receive() noexcept
	{
		return { peer_, state_ };
	}

	/** A sender, for other code; nobody's and a warning where there is no channel. */
	sender get_sender() const noexcept
	{
		if (state_)
			return sender(*state_);
		static_cast<void>(detail::no_signal<state>());
		return {};
	}

    private:
	channel(connection &peer, state &of) noexcept : peer_(&peer), state_(&of)
	{
	}

	connection *peer_ = nullptr;
	state *state_ = nullptr;
};

/** The right to send to a channel. It may outlive the channel, the connection and the server. */
template <class T>
class channel<T>::sender : detail::signal_handle<detail::channel_state<T>> {
    public:
	/** Nobody's. */
	sender() noexcept = default;

	/**
	 * Errors: EAGAIN (full), EPIPE (the receiver is gone). Context: as event::setter::set().
	 */
	template <class Value>
	result<void> send(Value &&value) const noexcept
	{
		static_assert(std::is_nothrow_constructible_v<T, Value>);
		return this->state_ ? this->state_->send(std::forward<Value>(value)) :
				      result<void>(errc::epipe);
	}

    private:
	friend class channel;

	explicit sender(state &of) noexcept : detail::signal_handle<state>(of)
	{
	}
};

/** The awaiter that receive() returns. */
template <class T>
class [[gnu::warn_unused]] channel<T>::receive_operation
	: public detail::signal_wait<detail::channel_state<T>> {
    public:
	using detail::signal_wait<state>::signal_wait;

	result<T> await_resume() noexcept
	{
		if (!this->goes_on())
			return error_code::from(this->status);
		return this->state_->take();
	}
};

} // namespace ktcp

#endif
