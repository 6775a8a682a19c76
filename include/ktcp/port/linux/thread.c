// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* port/thread.h over linux/kthread.h. */
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/threads.h>

#include <ktcp/port/thread.h>

int ktcp_kthread_run(int (*function)(void *argument), void *argument, const char *name,
		     struct task_struct **out)
{
	struct task_struct *thread = kthread_create(function, argument, "%s", name);

	if (IS_ERR(thread))
		return PTR_ERR(thread);
	/* Before it can run and exit: kthread_stop() needs the task to outlive that. */
	get_task_struct(thread);
	*out = thread;
	wake_up_process(thread);
	return 0;
}

int ktcp_kthread_stop(struct task_struct *thread)
{
	int status = kthread_stop(thread);

	put_task_struct(thread);
	return status;
}

/* As set_max_threads() and pid_idr_init() begin; neither's result is exported. */
unsigned int ktcp_kthread_most(void)
{
	const unsigned long by_memory = totalram_pages() / (THREAD_SIZE / PAGE_SIZE * 8);
	const unsigned long by_number = min_t(unsigned long, PID_MAX_LIMIT,
					      max_t(unsigned long, PID_MAX_DEFAULT,
						    PIDS_PER_CPU_DEFAULT *num_possible_cpus()));

	return min(by_memory, by_number) / 2;
}

bool ktcp_kthread_should_stop(void)
{
	return kthread_should_stop();
}

bool ktcp_fatal_signal_pending(void)
{
	return fatal_signal_pending(current);
}

void ktcp_cond_resched(void)
{
	cond_resched();
}
