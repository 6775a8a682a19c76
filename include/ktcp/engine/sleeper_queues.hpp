// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * The workqueues of what may sleep: turns after may_sleep(), and the functions of run_blocking().
 *
 * A workqueue runs so many items at once (512 on Linux 6.1), and each has its place for as long as it sleeps. The
 * items of one source could have all places, and those of the others would wait. So a source has as many as are
 * left: half of all while no other has any. Of n that take what they can each has 1 / (n + 1). The rest of its items
 * goes to a second queue, which only such items are in. None is refused.
 */
#ifndef KTCP_ENGINE_SLEEPER_QUEUES_HPP
#define KTCP_ENGINE_SLEEPER_QUEUES_HPP

#include <ktcp/base/result.hpp>
#include <ktcp/base/setting.hpp>
#include <ktcp/engine/source_counts.hpp>
#include <ktcp/kernel/workqueue.hpp>
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
		counts_.use(places_);
	}

	sleeper_queues(const sleeper_queues &) = delete;
	sleeper_queues &operator=(const sleeper_queues &) = delete;

	/* Process context. Errors: ENOMEM. */
	result<void> make(const char *name, const char *crowded_name) noexcept
	{
		const int most = workqueue::most_active();

		most_ = static_cast<unsigned int>(most);
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

	/* Where an item is to be queued. */
	struct place {
		workqueue &on;
		bool counts; /* it is one of its source's share, until leave() */
	};

	/* For an item of a source's; nullptr: of none. Any context. */
	place enter(const source_key *source) noexcept
	{
		if (!source || !shares_)
			return { usual, false };

		/* Each adds before it looks, so two that take the last one at once may both go to the other. */
		const auto now = counts_.add(*source, 1);

		if (now.of_all + now.of_source <= most_)
			return { usual, true };
		counts_.subtract(*source, 1);
		return { crowded, false };
	}

	/* One that counts has run, and is about to return. */
	void leave(const source_key &source) noexcept
	{
		counts_.subtract(source, 1);
	}

    private:
	static constexpr unsigned int place_bits = 7;

	source_counts::counter places_[source_counts::rows << place_bits];
	source_counts counts_{ place_bits };
	setting<bool> shares_ = true;
	unsigned int most_ = 0;

    public:
	workqueue usual, crowded; /* last: they end first */
};

} // namespace detail
} // namespace ktcp

#endif
