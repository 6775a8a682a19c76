// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* port/thread.h over POSIX threads. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <new>
#include <semaphore>
#include <string>

#include <ktcp/port/posix/thread.hpp>
#include <ktcp/port/thread.h>

struct task_struct {
	pthread_t id;
	int (*function)(void *);
	void *argument;
	std::string name;
	std::atomic<bool> should_stop{ false };
	int stopped = eventfd(0, EFD_CLOEXEC); /* readable once should_stop is true */
	std::binary_semaphore known{ 0 }; /* the starter has been told of us */
	int status = 0;

	~task_struct()
	{
		close(stopped);
	}
};

static thread_local task_struct *ktcp_current;

static void *ktcp_thread_main(void *argument)
{
	ktcp_current = static_cast<task_struct *>(argument);
	ktcp_current->known.acquire();
	pthread_setname_np(pthread_self(), ktcp_current->name.c_str());
	ktcp_current->status = ktcp_current->function(ktcp_current->argument);
	return nullptr;
}

int ktcp_kthread_run(int (*function)(void *argument), void *argument, const char *name,
		     struct task_struct **out)
{
	auto *thread = new (std::nothrow) task_struct{};

	if (!thread)
		return -ENOMEM;
	if (thread->stopped < 0) {
		delete thread;
		return -EAGAIN;
	}
	thread->function = function;
	thread->argument = argument;
	thread->name.assign(name, strnlen(name, 15));

	const int error = pthread_create(&thread->id, nullptr, ktcp_thread_main, thread);

	if (error) {
		delete thread;
		return -error;
	}
	*out = thread;
	thread->known.release();
	return 0;
}

int ktcp_kthread_stop(struct task_struct *thread)
{
	thread->should_stop = true;
	eventfd_write(thread->stopped, 1); /* out of ktcp_sock_wait() */
	pthread_join(thread->id, nullptr);

	const int status = thread->status;

	delete thread;
	return status;
}

unsigned int ktcp_kthread_most(void)
{
	return 16384; /* of the 32768 process numbers that there are at least */
}

bool ktcp_kthread_should_stop(void)
{
	return ktcp_current && ktcp_current->should_stop;
}

int ktcp_posix_stop_fd(void)
{
	return ktcp_current ? ktcp_current->stopped : -1;
}

bool ktcp_fatal_signal_pending(void)
{
	return false; /* who is killed does not ask */
}

void ktcp_cond_resched(void)
{
	/* threads are preempted anyway */
}
