/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* CPUs that leave: see port/turns.h. */
#ifndef KTCP_SIM_TURNS_HPP
#define KTCP_SIM_TURNS_HPP

namespace sim
{

class kernel;

/* One of them goes offline when it can, and comes back. */
void shake_cpu(kernel &k);

} // namespace sim

#endif
