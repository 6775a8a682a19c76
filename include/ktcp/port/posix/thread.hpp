// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* What the user-space port's other parts need to know of a thread. */
#ifndef KTCP_PORT_POSIX_THREAD_HPP
#define KTCP_PORT_POSIX_THREAD_HPP

/* A descriptor that becomes readable when this thread is asked to stop; -1 if nobody can. */
int ktcp_posix_stop_fd(void);

#endif
