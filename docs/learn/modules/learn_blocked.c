// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * HOW NOT TO DO IT: an echo server whose connections each hold a worker of a workqueue, asleep.
 */
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "learn.h"

struct client {
	struct work_struct work;
	struct list_head list;
	struct socket *sock;
};

static struct socket *listener;
static struct task_struct *acceptor;
static struct workqueue_struct *queue;
static LIST_HEAD(clients);
static DEFINE_MUTEX(lock);

static void serve(struct work_struct *work)
{
	struct client *client = container_of(work, struct client, work);
	char bytes[64];
	int size;

	/* The worker sleeps here for as long as the client has nothing to say. */
	while ((size = learn_recv(client->sock, bytes, sizeof(bytes))) > 0)
		learn_send(client->sock, bytes, size);
	mutex_lock(&lock);
	list_del(&client->list);
	mutex_unlock(&lock);
	sock_release(client->sock);
	kfree(client);
}

static int accept_all(void *unused)
{
	struct socket *sock;

	while (!kthread_should_stop()) {
		struct client *client;

		if (kernel_accept(listener, &sock, 0)) {
			schedule_timeout_interruptible(1);
			continue;
		}
		client = kzalloc(sizeof(*client), GFP_KERNEL);
		if (!client) {
			sock_release(sock);
			continue;
		}
		client->sock = sock;
		INIT_WORK(&client->work, serve);
		mutex_lock(&lock);
		list_add(&client->list, &clients);
		mutex_unlock(&lock);
		queue_work(queue, &client->work);
	}
	return 0;
}

static int __init learn_init(void)
{
	/* As many active items as a workqueue has by default: 256 for each CPU on 6.1. */
	queue = alloc_workqueue("learn_blocked", 0, 0);
	if (!queue)
		return -ENOMEM;
	listener = learn_listen(7200);
	if (IS_ERR(listener)) {
		destroy_workqueue(queue);
		return PTR_ERR(listener);
	}
	acceptor = kthread_create(accept_all, NULL, "learn_blocked");
	if (IS_ERR(acceptor)) {
		sock_release(listener);
		destroy_workqueue(queue);
		return PTR_ERR(acceptor);
	}
	/* Work items run on the CPU that queues them: this one. */
	kthread_bind(acceptor, 0);
	wake_up_process(acceptor);
	return 0;
}
module_init(learn_init);

static void __exit learn_exit(void)
{
	struct client *client;

	kernel_sock_shutdown(listener, SHUT_RDWR);
	kthread_stop(acceptor);
	sock_release(listener);
	mutex_lock(&lock);
	list_for_each_entry(client, &clients, list) kernel_sock_shutdown(client->sock, SHUT_RDWR);
	mutex_unlock(&lock);
	destroy_workqueue(queue);
}
module_exit(learn_exit);

MODULE_DESCRIPTION("a blocked worker per connection, for docs/learn/blocked-workers.md");
MODULE_LICENSE("Dual MIT/GPL");
