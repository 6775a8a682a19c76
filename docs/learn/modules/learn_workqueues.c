// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * How many items of one workqueue run at a time on one CPU when each waits for the others?
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/atomic.h>
#include <linux/completion.h>
#include <linux/module.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#define ITEMS 8

static struct work_struct items[ITEMS];
static atomic_t running;
static int most;
static DECLARE_WAIT_QUEUE_HEAD(all_are_there);

/* Waits until all have been running at once, but not for ever. */
static void meet(struct work_struct *item)
{
	int now = atomic_inc_return(&running);

	if (now > READ_ONCE(most))
		WRITE_ONCE(most, now);
	wake_up_all(&all_are_there);
	wait_event_timeout(all_are_there, READ_ONCE(most) == ITEMS, HZ / 4);
	atomic_dec(&running);
}

static struct completion answer;
static bool answered;

static void wait_for_answer(struct work_struct *item)
{
	answered = wait_for_completion_timeout(&answer, HZ);
}

static void give_answer(struct work_struct *item)
{
	complete(&answer);
}

static void try(const char *name, struct workqueue_struct *queue)
{
	int i;

	if (!queue)
		return;
	atomic_set(&running, 0);
	most = 0;
	for (i = 0; i < ITEMS; i++) {
		INIT_WORK(&items[i], meet);
		queue_work_on(0, queue, &items[i]);
	}
	flush_workqueue(queue);
	pr_info("%s: of %d items on one CPU, %d at a time\n", name, ITEMS, most);

	init_completion(&answer);
	INIT_WORK(&items[0], wait_for_answer);
	INIT_WORK(&items[1], give_answer);
	queue_work_on(0, queue, &items[0]);
	queue_work_on(0, queue, &items[1]);
	flush_workqueue(queue);
	pr_info("%s: an item that waits for the next one %s\n", name,
		answered ? "gets its answer" : "waits in vain");
	destroy_workqueue(queue);
}

static int __init learn_init(void)
{
	try("create_workqueue", create_workqueue("learn_old"));
	try("alloc_workqueue", alloc_workqueue("learn_new", 0, 0));
	return 0;
}
module_init(learn_init);

static void __exit learn_exit(void)
{
}
module_exit(learn_exit);

MODULE_DESCRIPTION("counts how many work items run at a time, for docs/learn/workqueues.md");
MODULE_LICENSE("Dual MIT/GPL");
