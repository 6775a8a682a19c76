/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Mutexes and completions as the simulation sees them: the meaning of the caller's bytes. */
#ifndef KTCP_SIM_LOCKS_HPP
#define KTCP_SIM_LOCKS_HPP

#include <cstddef>

namespace sim
{

class kernel;

/* Fails if a held mutex, or one that somebody waits for, lies in @memory. */
void check_locks_freed(kernel &k, const void *memory, size_t size);

} // namespace sim

#endif
