// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* Data that is reached without its lock. */
#include <ktcp/kernel/sync.hpp>

int count(ktcp::spin_guarded<int> &counter)
{
#ifdef GOOD
	return *counter.lock();
#else
	return *counter;
#endif
}
