// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * A value to all who listen, each in a coroutine of another connection.
 *
 * @code
 * using words = ktcp::bounded_text<128>;
 *
 * KTCP_CO_TRY(auto inbox, ktcp::channel<words>::create(peer, 16));
 * const ktcp::broadcast<words>::subscription here(room, inbox);	// a ktcp::broadcast<words>
 *
 * while (auto next = co_await inbox.receive())
 *	KTCP_CO_CHECK(co_await peer.write(*next));
 * ...
 * room.send(peer, words("hello"));		// each has it, or misses it
 * @endcode
 *
 * It never waits: a subscriber whose channel is full misses the value.
 */
#ifndef KTCP_BROADCAST_HPP
#define KTCP_BROADCAST_HPP

#include <cstddef>

#include <ktcp/base/list.hpp>
#include <ktcp/channel.hpp>
#include <ktcp/connection.hpp>
#include <ktcp/engine/wait.hpp>
#include <ktcp/kernel/sync.hpp>

namespace ktcp
{

/**
 * Connections share it, so it outlives the server. Memory: none of its own.
 * @tparam T  copied to each subscriber's channel, without a failure.
 */
template <class T>
class broadcast {
    public:
	class subscription;

	broadcast() noexcept = default;
	broadcast(const broadcast &) = delete;
	broadcast &operator=(const broadcast &) = delete;

	/**
	 * Send @p value to each subscriber, from code that is no handler. Returns how many missed it.
	 * Context: process or softirq, also under a spin_guarded lock. Cost: a channel's send() for each, under
	 * one lock, with bottom halves off.
	 */
	std::size_t send(const T &value) noexcept
	{
		return send_to_all(value).missed;
	}

	/**
	 * The same from a handler. Each subscriber is an operation of its turn's share. So a member of a large
	 * room goes on behind the other connections of its CPU, and keeps them waiting for one value at most.
	 * @param by  its coroutine sends.
	 */
	std::size_t send(connection &by, const T &value) noexcept
	{
		const auto [subscribers, missed] = send_to_all(value);

		detail::wait::charge(by, subscribers);
		return missed;
	}

    private:
	struct count {
		std::size_t subscribers = 0, missed = 0;
	};

	count send_to_all(const T &value) noexcept
	{
		auto held = places_.lock();
		count all;

		for (const place &each : *held) {
			all.subscribers++;
			all.missed += !each.to.send(value);
		}
		return all;
	}

	struct place {
		typename channel<T>::sender to;
		list_node node;
	};

	spin_guarded<list<place, &place::node>> places_;
};

/** A subscriber's part, for as long as it lives. It goes before the broadcast. A handler's context. */
template <class T>
class broadcast<T>::subscription : place {
    public:
	/** @param inbox  the values go there. It may go first. */
	subscription(broadcast &to, const channel<T> &inbox) noexcept
		: place{ inbox.get_sender(), {} }, to_(to)
	{
		to_.places_.lock()->push_back(*this);
	}

	subscription(const subscription &) = delete;
	subscription &operator=(const subscription &) = delete;

	~subscription()
	{
		to_.places_.lock()->erase(*this);
	}

    private:
	broadcast &to_;
};

} // namespace ktcp

#endif
