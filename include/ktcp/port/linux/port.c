// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The boundary over the Linux kernel, 6.1 and later: the whole of it in one
 * translation unit. A module's build generates a C file of its own that includes
 * this one, so that every module carries a copy and nothing has to be built or
 * installed first.
 *
 * Kernels differ here and nowhere above. What they have is asked of their headers by
 * the module's build (<ktcp_probes.h>), never guessed from the version: distributions
 * backport.
 */
#include "ktcp_probes.h"

#include "log.c"
#include "lookup.c"
#include "memory.c"
#include "net.c"
#include "pages.c"
#include "proc.c"
#include "random.c"
#include "socket.c"
#include "sync.c"
#include "thread.c"
#include "time.c"
#include "turns.c"
#include "work.c"

#include "inject.c"
