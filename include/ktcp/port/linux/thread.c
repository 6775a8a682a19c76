// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* port/thread.h over linux/kthread.h. */
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/sched.h>
#include <linux/sched/task.h>

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

bool ktcp_kthread_should_stop(void)
{
	return kthread_should_stop();
}

void ktcp_cond_resched(void)
{
	cond_resched();
}
