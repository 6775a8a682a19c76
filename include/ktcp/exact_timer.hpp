// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * Time to the microsecond, by a timer of the kernel's own for each wait.
 *
 * @code
 * for (auto frame = first(); frame; frame = next(*frame)) {
 *	KTCP_CO_CHECK(co_await peer.write(*frame));
 *	KTCP_CO_CHECK(co_await ktcp::sleep_exactly(peer, 1250));	// 800 frames a second
 * }
 * @endcode
 *
 * sleep_for() of ktcp/timer.hpp is cheaper, and up to 50 ms late. A deadline to the microsecond is
 * `race(step(peer), sleep_exactly(peer, us))`.
 */
#ifndef KTCP_EXACT_TIMER_HPP
#define KTCP_EXACT_TIMER_HPP

#include <utility>

#include <ktcp/event.hpp>
#include <ktcp/port/time.h>
#include <ktcp/task.hpp>
#include <ktcp/timer.hpp>

namespace ktcp
{

namespace detail
{

/* It sets an event, for as long as it lives. */
class exact_timer {
    public:
	exact_timer(event::setter over, unsigned int us, gfp flags) noexcept
		: over_(std::move(over)),
		  timer_(ktcp_exact_timer_start(
			  us,
			  [](void *self) { static_cast<const exact_timer *>(self)->over_.set(); },
			  this, static_cast<ktcp_gfp>(flags)))
	{
	}

	exact_timer(const exact_timer &) = delete;
	exact_timer &operator=(const exact_timer &) = delete;

	/* The function takes the event's lock, and none of a turn's. */
	~exact_timer()
	{
		if (timer_)
			ktcp_exact_timer_stop(timer_);
	}

	explicit operator bool() const noexcept
	{
		return timer_;
	}

    private:
	const event::setter over_; /* first: the timer may fire before the constructor returns */
	struct ktcp_exact_timer *const timer_;
};

} // namespace detail

/**
 * `co_await ktcp::sleep_exactly(peer, us)`: a result<void>, when @p us microseconds are over. Never before,
 * and as late as an event of the socket's: by what else the CPU does. In the blocking models the sleeper's
 * wake-up comes on top. In a unit test without a server it is sleep_for().
 * Errors: ENOMEM, ECONNRESET, ESHUTDOWN, ETIMEDOUT (expires_after()).
 * Context: a handler's. Cost: an event, and a timer that is armed for each wait (hrtimer).
 */
inline task_of<void> sleep_exactly(connection &peer, unsigned int us)
{
	if (!detail::wait::has_server(peer)) {
		const auto slept = co_await sleep_for(peer, us / 1000 + (us % 1000 != 0));

		co_return slept;
	}

	KTCP_CO_TRY(event over, event::create(peer));
	const detail::exact_timer timer(over.get_setter(), us, peer.frame_flags());

	if (!timer)
		co_return errc::enomem;

	const auto waited = co_await over.wait();

	co_return waited;
}

} // namespace ktcp

#endif
