// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * HOW NOT TO DO IT: a server that takes what a client sends for a C string. Port 7300 sends a
 * message back, port 7301 greets by name. Both answer one message and close.
 */
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/string.h>

#include "learn.h"

struct greeting {
	char name[16];
	char secret[16]; /* whatever lies behind it in memory */
};

static struct socket *echo, *greeter;
static struct task_struct *echo_thread, *greeter_thread;

static int echo_as_text(struct socket *sock)
{
	char text[64] = "";
	int size = learn_recv(sock, text, sizeof(text) - 1);

	/* A byte 0 is a byte like others; strlen() thinks it is the end. */
	return size > 0 ? learn_send(sock, text, strlen(text)) : size;
}

static int greet(struct socket *sock)
{
	struct greeting greeting = { .secret = "0xffff8880deadb" };
	char message[64], answer[64];
	int size = learn_recv(sock, message, sizeof(message));

	if (size <= 0)
		return size;
	/* Never more than fits: so much was thought of. But no room is left for the end. */
	memcpy(greeting.name, message, min_t(size_t, size, sizeof(greeting.name)));
	return learn_send(sock, answer,
			  snprintf(answer, sizeof(answer), "hello %s\n", greeting.name));
}

static int serve(void *data)
{
	struct socket *listener = data, *sock;

	while (!kthread_should_stop()) {
		if (kernel_accept(listener, &sock, 0)) {
			schedule_timeout_interruptible(1);
			continue;
		}
		if (listener == echo)
			echo_as_text(sock);
		else
			greet(sock);
		sock_release(sock);
	}
	return 0;
}

static int __init learn_init(void)
{
	echo = learn_listen(7300);
	if (IS_ERR(echo))
		return PTR_ERR(echo);
	greeter = learn_listen(7301);
	if (IS_ERR(greeter)) {
		sock_release(echo);
		return PTR_ERR(greeter);
	}
	echo_thread = kthread_run(serve, echo, "learn_text");
	greeter_thread = kthread_run(serve, greeter, "learn_text");
	return 0;
}
module_init(learn_init);

static void __exit learn_exit(void)
{
	kernel_sock_shutdown(echo, SHUT_RDWR);
	kernel_sock_shutdown(greeter, SHUT_RDWR);
	if (!IS_ERR(echo_thread))
		kthread_stop(echo_thread);
	if (!IS_ERR(greeter_thread))
		kthread_stop(greeter_thread);
	sock_release(echo);
	sock_release(greeter);
}
module_exit(learn_exit);

MODULE_DESCRIPTION("takes bytes for text, for docs/learn/text.md");
MODULE_LICENSE("Dual MIT/GPL");
