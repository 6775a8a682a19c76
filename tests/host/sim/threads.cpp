/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* port/thread.h, simulated. */
#include "threads.hpp"

#include <cerrno>
#include <ktcp/port/thread.h>

#include "kernel.hpp"

struct task_struct {
	std::string name;
	sim::task *fibre = nullptr;
	bool should_stop = false;
	bool finished = false;
	bool reaped = false;
	int status = -EINTR;
};

using sim::kernel;

static task_struct *current_thread(kernel &k)
{
	for (auto &handle : k.threads) {
		auto *thread = static_cast<task_struct *>(handle.get());

		if (thread->fibre == &k.current() && !thread->finished)
			return thread;
	}
	return nullptr;
}

bool sim::thread_should_stop(kernel &k)
{
	task_struct *thread = current_thread(k);

	return thread && thread->should_stop;
}

int ktcp_kthread_run(int (*function)(void *argument), void *argument, const char *name,
		     struct task_struct **out)
{
	static constexpr int errors[] = { -ENOMEM, -EINTR, -EAGAIN };
	kernel &k = kernel::enter_process("ktcp_kthread_run");

	if (k.fails("ktcp_kthread_run"))
		return errors[k.chance.below(3)];

	auto thread = std::make_shared<task_struct>();
	task_struct *raw = thread.get();

	raw->name = std::string(name).substr(0, 15);
	k.threads.push_back(thread);
	k.threads_alive++;
	*out = raw;
	raw->fibre = &k.spawn(sim::context::thread, raw->name, [&k, raw, function, argument] {
		if (!raw->should_stop) /* as kthread(): stopped before it ran */
			raw->status = function(argument);
		raw->finished = true;
		k.wake(raw);
	});
	k.trace("kthread_run %s", raw->name.c_str());
	k.point();
	return 0;
}

int ktcp_kthread_stop(struct task_struct *thread)
{
	kernel &k = kernel::enter_process("ktcp_kthread_stop");

	if (thread->reaped)
		k.fail("ktcp_kthread_stop: %s was stopped already", thread->name.c_str());
	if (thread->fibre == &k.current() && !thread->finished)
		k.fail("ktcp_kthread_stop: by the thread itself");
	thread->should_stop = true;
	if (!thread->finished)
		k.wake_task(*thread->fibre);
	while (!thread->finished)
		k.block(thread, "kthread_stop");
	thread->reaped = true;
	k.threads_alive--;
	k.trace("kthread_stop %s: %d", thread->name.c_str(), thread->status);
	return thread->status;
}

unsigned int ktcp_kthread_most(void)
{
	return 16384;
}

bool ktcp_kthread_should_stop(void)
{
	kernel &k = kernel::enter_process("ktcp_kthread_should_stop");
	task_struct *thread = current_thread(k);

	if (!thread)
		k.fail("ktcp_kthread_should_stop: outside of a kernel thread");
	return thread->should_stop;
}

bool ktcp_fatal_signal_pending(void)
{
	kernel::enter_process("ktcp_fatal_signal_pending");
	return false; /* nobody is killed here */
}

void ktcp_cond_resched(void)
{
	kernel::enter_process("ktcp_cond_resched");
}
