// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * ticker: a timer's hard interrupt sends the numbers that a connection writes, and sets its event.
 * Asked: MICROSECONDS COUNT. The answer: the numbers from 0 to one less than COUNT, one each so many
 * microseconds, and ~0. All are of 32 bits, the high byte first.
 */
#include <cstddef>
#include <cstdint>
#include <utility>

#include <ktcp/base/big_endian.hpp>
#include <ktcp/channel.hpp>
#include <ktcp/event.hpp>
#include <ktcp/server_module.hpp>

#include "hard_timer.h"

namespace
{

using number = std::uint32_t;
using inbox = ktcp::channel<number>;

/* Ticks for as long as it lives. Its channel and its event outlive it. */
class ticks {
    public:
	ticks(number us, number count, inbox::sender to, ktcp::event::setter over) noexcept
		: count_(count), to_(std::move(to)), over_(std::move(over))
	{
		hard_timer_start(
			timer(), us, [](void *self) { return static_cast<ticks *>(self)->tick(); },
			this);
	}

	ticks(const ticks &) = delete;
	ticks &operator=(const ticks &) = delete;

	~ticks()
	{
		hard_timer_stop(timer());
	}

    private:
	/* In a hard interrupt. A number that finds the channel full is sent again. */
	bool tick() noexcept
	{
		if (next_ == count_) {
			over_.set();
			return false;
		}
		if (to_.send(next_))
			next_++;
		return true;
	}

	hard_timer *timer() noexcept
	{
		return reinterpret_cast<hard_timer *>(timer_);
	}

	number next_ = 0;
	const number count_;
	const inbox::sender to_;
	const ktcp::event::setter over_;
	alignas(void *) std::byte timer_[HARD_TIMER_SIZE];
};

struct handler {
	ktcp::task operator()(ktcp::connection &peer) const
	{
		while (auto asked = co_await peer.read_exactly(8))
			if (!co_await answer(peer, ktcp::get_be32(*asked),
					     ktcp::get_be32(*asked, 4)))
				break;
	}

	ktcp::task_of<void> answer(ktcp::connection &peer, number us, number count) const
	{
		KTCP_CO_TRY(auto numbers, inbox::create(peer, 16));
		KTCP_CO_TRY(ktcp::event over, ktcp::event::create(peer));
		const ticks at_work(us, count, numbers.get_sender(), over.get_setter());

		for (; count > 0; count--) {
			KTCP_CO_TRY(const number next, co_await numbers.receive());
			KTCP_CO_CHECK(co_await peer.write(ktcp::be32_bytes(next)));
		}
		KTCP_CO_CHECK(co_await over.wait());
		co_return co_await peer.write(ktcp::be32_bytes(~number(0)));
	}
};

} // namespace

KTCP_SERVER_MODULE(handler)
