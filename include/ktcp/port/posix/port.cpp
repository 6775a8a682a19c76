// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The boundary over user-space Linux: the whole of it in one translation unit. A program compiles
 * it beside its own, and program.cpp too if it is a module built as a program. Put
 * port/posix/include on the include path for <ktcp_layout.h>.
 *
 * Threads stand in for the kernel's workers, one epoll thread for its softirq.
 */
#include "file.cpp"
#include "listeners.cpp"
#include "log.cpp"
#include "lookup.cpp"
#include "memory.cpp"
#include "net.cpp"
#include "pages.cpp"
#include "per_cpu.cpp"
#include "proc.cpp"
#include "random.cpp"
#include "sync.cpp"
#include "thread.cpp"
#include "time.cpp"
#include "trace.cpp"
#include "turns.cpp"
#include "work.cpp"

#include "socket.cpp"
