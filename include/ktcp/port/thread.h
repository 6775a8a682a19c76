/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Kernel threads (linux/kthread.h). */
#ifndef KTCP_PORT_THREAD_H
#define KTCP_PORT_THREAD_H

#include <ktcp/port/types.h>

KTCP_PORT_BEGIN

struct task_struct;

/**
 * ktcp_kthread_run() - start a kernel thread, as kthread_run(), and hold a
 * reference to it.
 * @name: copied, cut at 15 characters.
 * @out: the thread, the caller's until ktcp_kthread_stop(), even after @function has
 *       returned. Written before the thread first runs.
 * Return: 0; -ENOMEM; -EINTR when the caller is being killed; -EAGAIN.
 * Context: process.
 */
int ktcp_kthread_run(int (*function)(void *argument), void *argument, const char *name,
		     struct task_struct **out);

/**
 * ktcp_kthread_stop() - ask the thread to stop, wait until it has left its function
 * and every instruction of this module, and drop the reference. The function must
 * have been able to run: kthread_stop() on a thread that never ran skips it.
 * Return: the function's own result, or -EINTR if it never ran.
 * Context: process, not the thread itself.
 */
int ktcp_kthread_stop(struct task_struct *thread);

/**
 * ktcp_kthread_most() - the most threads that a server may have, which leaves as many to all
 * others. It is half of the number that the kernel allows at boot, by its memory and by its numbers
 * for processes. A hint: the administrator may have changed both (kernel.threads-max,
 * kernel.pid_max).
 * Context: any.
 */
unsigned int ktcp_kthread_most(void);

/** ktcp_kthread_should_stop() - in a thread: was ktcp_kthread_stop() called? Context: process. */
bool ktcp_kthread_should_stop(void);

/**
 * ktcp_fatal_signal_pending() - is the calling process being killed? In every loop on behalf of a
 * process that may be long. Context: process.
 */
bool ktcp_fatal_signal_pending(void);

/** ktcp_cond_resched() - let others run, if any wait: in every long loop. Context: process. */
void ktcp_cond_resched(void);

KTCP_PORT_END

#endif
