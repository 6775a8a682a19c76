// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * HOW NOT TO DO IT (wait=0): a module whose thread is still asleep in its code when that is freed.
 */
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/module.h>

static bool wait;
module_param(wait, bool, 0444);
MODULE_PARM_DESC(wait, "unloading waits for the thread");

static struct task_struct *thread;

static int live(void *unused)
{
	/* As a server's thread that waits for a client. */
	while (!kthread_should_stop())
		msleep(500);
	return 0;
}

static int __init learn_init(void)
{
	thread = kthread_run(live, NULL, "learn_outlive");
	return PTR_ERR_OR_ZERO(thread);
}
module_init(learn_init);

static void __exit learn_exit(void)
{
	if (wait)
		kthread_stop(thread);
}
module_exit(learn_exit);

MODULE_DESCRIPTION("a thread that outlives its module, for docs/learn/outliving-threads.md");
MODULE_LICENSE("Dual MIT/GPL");
