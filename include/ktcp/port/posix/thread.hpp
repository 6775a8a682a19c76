// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* The view of a thread that the user-space port's other parts need. */
#ifndef KTCP_PORT_POSIX_THREAD_HPP
#define KTCP_PORT_POSIX_THREAD_HPP

#include <thread>

/*
 * A descriptor that becomes readable when this thread is asked to stop; -1 if it cannot be asked.
 */
int ktcp_posix_stop_fd(void);

/* Starts a thread; false where the system has none left. No exception leaves the port. */
template <class Function>
bool ktcp_posix_start(std::thread &thread, Function function) noexcept
{
	try {
		thread = std::thread(function);
	} catch (...) {
		return false;
	}
	return true;
}

#endif
