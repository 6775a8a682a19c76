// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * The counts of a server that no session's turn has for itself: those of any context, and a handler's own. Each CPU
 * has its own, and a reader adds them up.
 */
#ifndef KTCP_ENGINE_LOOSE_COUNTERS_HPP
#define KTCP_ENGINE_LOOSE_COUNTERS_HPP

#include <cstddef>
#include <cstdint>

#include <ktcp/base/atomic.hpp>
#include <ktcp/base/result.hpp>
#include <ktcp/engine/statistics.hpp>
#include <ktcp/kernel/per_cpu.hpp>

namespace ktcp::detail
{

/** Those of one CPU. */
struct loose_counts {
	/** One of them. */
	struct counter {
		atomic<std::uint64_t> number = 0;
	};

	counter timed_out_idle, timed_out_write;
	counter handlers[statistics::handlers_most];
};

/** Those of all. Any context, but for what says otherwise. */
class loose_counters {
    public:
	/** Before the first count. Process context. Errors: ENOMEM. */
	result<void> make() noexcept
	{
		all_ = KTCP_TRY(per_cpu<loose_counts>::create());
		return {};
	}

	/** A session whose peer took none of its bytes was ended. */
	void count_write_timeout() noexcept
	{
		add_one(all_.raw().timed_out_write);
	}

	/** A session whose peer sent none was ended. */
	void count_idle_timeout() noexcept
	{
		add_one(all_.raw().timed_out_idle);
	}

	/** Count one for a counter of the handler's; none has that place: nothing. */
	void count_for_handler(unsigned int which) noexcept
	{
		if (which < statistics::handlers_most)
			add_one(all_.raw().handlers[which]);
	}

	/** Add all of them to the server's. Process context. */
	void add_to(statistics &sum) noexcept
	{
		all_.for_each([&sum](const loose_counts &each) {
			sum.timed_out_idle += each.timed_out_idle.number.load(memory_order_relaxed);
			sum.timed_out_write +=
				each.timed_out_write.number.load(memory_order_relaxed);
			for (std::size_t i = 0; i < statistics::handlers_most; i++)
				sum.handlers[i] +=
					each.handlers[i].number.load(memory_order_relaxed);
		});
	}

    private:
	static void add_one(loose_counts::counter &one) noexcept
	{
		one.number.fetch_add(1, memory_order_relaxed);
	}

	per_cpu<loose_counts> all_;
};

} // namespace ktcp::detail

#endif
