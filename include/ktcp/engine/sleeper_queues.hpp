// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * The workqueues of what may sleep: turns after may_sleep(), and the functions of run_blocking().
 *
 * A workqueue runs so many items at once (512 on Linux 6.1), and each has its place for as long as it sleeps. The
 * items of one source could have all places, and those of the others would wait. So an eighth of the places is
 * anyone's, and costs no look at the source. Of the rest a source has as many as are left: half of them while no other
 * has any. So one source has 9/16 of all places at most. Of n that take what they can each has 7/8 / (n + 1), and one
 * may have the eighth, too. The rest of its items goes to a second queue, which only such items are in. None is
 * refused.
 */
#ifndef KTCP_ENGINE_SLEEPER_QUEUES_HPP
#define KTCP_ENGINE_SLEEPER_QUEUES_HPP

#include <cstdint>

#include <ktcp/base/atomic.hpp>
#include <ktcp/base/result.hpp>
#include <ktcp/base/setting.hpp>
#include <ktcp/engine/source_counts.hpp>
#include <ktcp/kernel/workqueue.hpp>
#include <ktcp/net/endpoint.hpp>
#include <ktcp/net/source_key.hpp>

namespace ktcp
{

namespace detail
{

/* Of one server. It outlives its items: their last act is leave(), and its queues end first. */
class sleeper_queues {
    public:
	sleeper_queues() noexcept
	{
		shared_.use(places_);
	}

	sleeper_queues(const sleeper_queues &) = delete;
	sleeper_queues &operator=(const sleeper_queues &) = delete;

	/* Process context. Errors: ENOMEM. */
	result<void> make(const char *name, const char *crowded_name) noexcept
	{
		const int most = workqueue::most_active();

		most_anyones_ = static_cast<std::uint32_t>(most) / 8;
		most_shared_ = static_cast<std::uint32_t>(most) - most_anyones_;
		usual = KTCP_TRY(workqueue::create(name, { .unbound = true, .max_active = most }));
		crowded = KTCP_TRY(
			workqueue::create(crowded_name, { .unbound = true, .max_active = most }));
		return {};
	}

	/* Has a source a share? Else it may have all places. */
	void give_shares(bool are_given) noexcept
	{
		shares_ = are_given;
	}

	/* An item has one of these until leave(). */
	enum class share : std::uint8_t {
		none,
		anyones, /* a place of the eighth */
		own, /* one of its source's share */
	};

	/* Where an item is to be queued. */
	struct place {
		workqueue &on;
		share has;
	};

	/* For an item of a peer's; nullptr: of none. Any context. */
	place enter(const endpoint *peer) noexcept
	{
		if (!peer || !shares_)
			return { usual, share::none };

		/* Each adds before it looks, so two that take the last one at once may both go on without it. */
		if (anyones_.fetch_add(1, memory_order_relaxed) < most_anyones_)
			return { usual, share::anyones };
		leave();

		const source_key source = source_key::of(*peer);
		const auto now = shared_.add(source, 1);

		if (now.of_all + now.of_source <= most_shared_)
			return { usual, share::own };
		leave(source);
		return { crowded, share::none };
	}

	/* One that has share::anyones has run, and is about to return. */
	void leave() noexcept
	{
		anyones_.fetch_sub(1, memory_order_relaxed);
	}

	/* The same for share::own. */
	void leave(const source_key &source) noexcept
	{
		shared_.subtract(source, 1);
	}

    private:
	static constexpr unsigned int place_bits = 7;

	source_counts::counter places_[source_counts::rows << place_bits];
	source_counts shared_{ place_bits };
	atomic<std::uint32_t> anyones_ = 0;
	setting<bool> shares_ = true;
	std::uint32_t most_anyones_ = 0, most_shared_ = 0;

    public:
	workqueue usual, crowded; /* last: they end first */
};

} // namespace detail
} // namespace ktcp

#endif
