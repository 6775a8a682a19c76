/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Kernel threads, as far as others ask about them. */
#ifndef KTCP_SIM_THREADS_HPP
#define KTCP_SIM_THREADS_HPP

namespace sim
{

class kernel;

/* Is the current fibre a kernel thread that was asked to stop? */
bool thread_should_stop(kernel &k);

} // namespace sim

#endif
