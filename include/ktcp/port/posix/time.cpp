// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* port/time.h over the coarse clocks. */
#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <new>
#include <thread>
#include <time.h>

#include <ktcp/port/time.h>

#include "bottom_halves.hpp"
#include "thread.hpp"

uint64_t ktcp_now_ms(void)
{
	timespec now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return static_cast<uint64_t>(now.tv_sec) * 1000 + now.tv_nsec / 1000000 + 1;
}

uint64_t ktcp_boottime_ms(void)
{
	timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return static_cast<uint64_t>(now.tv_sec) * 1000 + now.tv_nsec / 1000000 + 1;
}

uint64_t ktcp_real_seconds(void)
{
	timespec now;

	clock_gettime(CLOCK_REALTIME_COARSE, &now);
	return static_cast<uint64_t>(now.tv_sec);
}

/* A signal does not end it. */
static void ktcp_posix_sleep(timespec left)
{
	while (nanosleep(&left, &left))
		;
}

void ktcp_msleep(unsigned int ms)
{
	ktcp_posix_sleep({ .tv_sec = ms / 1000, .tv_nsec = static_cast<long>(ms % 1000) * 1000000 });
}

void ktcp_usleep(unsigned int us)
{
	ktcp_posix_sleep(
		{ .tv_sec = us / 1000000, .tv_nsec = static_cast<long>(us % 1000000) * 1000 });
}

struct ktcp_exact_timer {
	void (*function)(void *context);
	void *context;
	std::multimap<std::chrono::steady_clock::time_point, ktcp_exact_timer *>::iterator place;
	bool armed;
};

namespace
{

/* Calls the functions, with bottom halves off. Its lock is taken inside of those. */
class exact_timers {
    public:
	/* False: the system has no more threads. */
	bool set(ktcp_exact_timer &one, unsigned int us) noexcept
	{
		const std::lock_guard hold(lock_);

		if (!thread_.joinable() && !ktcp_posix_start(thread_, [this] { run(); }))
			return false;
		one.place = dates_.emplace(
			std::chrono::steady_clock::now() + std::chrono::microseconds(us), &one);
		one.armed = true;
		changed_.notify_one();
		return true;
	}

	void unset(ktcp_exact_timer &one) noexcept
	{
		/* The function runs with them off. */
		the_bottom_halves.disable();
		{
			const std::lock_guard hold(lock_);

			if (one.armed)
				dates_.erase(one.place);
		}
		the_bottom_halves.enable();
	}

	~exact_timers()
	{
		{
			const std::lock_guard hold(lock_);

			closing_ = true;
			changed_.notify_one();
		}
		if (thread_.joinable())
			thread_.join();
	}

    private:
	void run()
	{
		std::unique_lock hold(lock_);

		while (!closing_) {
			if (dates_.empty()) {
				changed_.wait(hold);
				continue;
			}

			const auto date = dates_.begin()->first;

			if (std::chrono::steady_clock::now() < date) {
				changed_.wait_until(hold, date);
				continue;
			}
			hold.unlock();
			the_bottom_halves.disable();
			hold.lock();
			/* It may have been stopped meanwhile. */
			ktcp_exact_timer *const due = !dates_.empty() && dates_.begin()->first <=
										 date ?
							      dates_.begin()->second :
							      nullptr;

			if (due) {
				dates_.erase(due->place);
				due->armed = false;
			}
			hold.unlock();
			if (due)
				due->function(due->context);
			the_bottom_halves.enable();
			hold.lock();
		}
	}

	std::mutex lock_;
	std::multimap<std::chrono::steady_clock::time_point, ktcp_exact_timer *> dates_;
	std::condition_variable changed_;
	std::thread thread_;
	bool closing_ = false;
};

exact_timers &clock_of_timers()
{
	static exact_timers one;

	return one;
}

} // namespace

struct ktcp_exact_timer *ktcp_exact_timer_start(unsigned int us, void (*function)(void *context),
						void *context, enum ktcp_gfp)
{
	auto *const made = new (std::nothrow) ktcp_exact_timer{ function, context, {}, false };

	if (made && !clock_of_timers().set(*made, us)) {
		delete made;
		return nullptr;
	}
	return made;
}

void ktcp_exact_timer_stop(struct ktcp_exact_timer *timer)
{
	clock_of_timers().unset(*timer);
	delete timer;
}
