// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The boundary over the Linux kernel, 5.10 and later: the whole of it in one translation unit. A
 * module's build generates a C file of its own that includes this one. So every module carries a
 * copy, and nothing has to be built or installed first.
 *
 * Kernels differ here and nowhere above. The module's build asks the kernel's headers for their
 * features (<ktcp_probes.h>), and never guesses from the version: distributions backport.
 */
#include "ktcp_probes.h"

#include "listeners.c"
#include "log.c"
#include "lookup.c"
#include "memory.c"
#include "net.c"
#include "pages.c"
#include "per_cpu.c"
#include "proc.c"
#include "random.c"
#include "socket.c"
#include "sync.c"
#include "thread.c"
#include "time.c"
#include "trace.c"
#include "turns.c"
#include "work.c"

#include "inject.c"
