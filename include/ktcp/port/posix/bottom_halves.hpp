// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Bottom halves, as if there were one CPU. A thread that switches them off is alone with all work
 * that is done with them off. When it switches them on again, it does the work that was raised
 * meanwhile.
 */
#ifndef KTCP_POSIX_BOTTOM_HALVES_HPP
#define KTCP_POSIX_BOTTOM_HALVES_HPP

#include <mutex>

class bottom_halves {
    public:
	/* May be nested. */
	void disable()
	{
		lock.lock();
		depth_++;
	}

	void enable()
	{
		while (depth_ == 1 && raised_) {
			raised_ = false;
			drain();
		}
		depth_--;
		lock.unlock();
	}

	/* Disabled: have drain() called soon, and once more if it runs. */
	void raise()
	{
		raised_ = true;
	}

	std::recursive_mutex lock;
	void (*drain)() = nullptr; /* under the lock */

    private:
	unsigned int depth_ = 0; /* of who holds the lock */
	bool raised_ = false;
};

inline bottom_halves the_bottom_halves;

#endif
