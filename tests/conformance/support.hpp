/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Shared by the cases: objects in allocated memory, a thread that is always joined, a flag, a wait.
 * Kernel stacks are small, and a work item must not lie on one.
 */
#ifndef KTCP_TESTS_CONFORMANCE_SUPPORT_HPP
#define KTCP_TESTS_CONFORMANCE_SUPPORT_HPP

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <new>

#include <ktcp/port/layout.h>
#include <ktcp/port/memory.h>
#include <ktcp/port/sync.h>
#include <ktcp/port/thread.h>
#include <ktcp/port/time.h>

#include "check.hpp"

namespace ktcp_test
{

/* asm-generic's numbers; <errno.h> is not to be had in the kernel from C++. */
enum {
	e_intr = 4,
	e_again = 11,
	e_nomem = 12,
	e_pipe = 32,
	e_afnosupport = 97,
	e_addrinuse = 98,
	e_addrnotavail = 99,
	e_netunreach = 101,
	e_connaborted = 103,
	e_connreset = 104,
	e_nobufs = 105,
	e_notconn = 107,
	e_timedout = 110,
	e_connrefused = 111,
	e_inprogress = 115,
};

/* How long to wait for what must happen; and a moment in which something must not. */
inline constexpr unsigned patience_ms = 5000;
inline constexpr unsigned moment_ms = 30;

/* A T in allocated memory, or none. */
template <class T>
class box {
    public:
	box() noexcept
	{
		if (void *memory = ktcp_kmalloc(sizeof(T), KTCP_GFP_KERNEL))
			object_ = ::new (memory) T();
	}

	~box()
	{
		if (object_) {
			object_->~T();
			ktcp_kfree(object_);
		}
	}

	box(const box &) = delete;
	box &operator=(const box &) = delete;

	explicit operator bool() const noexcept
	{
		return object_ != nullptr;
	}

	T *operator->() const noexcept
	{
		return object_;
	}

	T &operator*() const noexcept
	{
		return *object_;
	}

    private:
	T *object_ = nullptr;
};

/* A number that several contexts use. */
class counter {
    public:
	int get() const noexcept
	{
		return __atomic_load_n(&value_, __ATOMIC_ACQUIRE);
	}

	/* Returns the value after. */
	int add(int n = 1) noexcept
	{
		return __atomic_add_fetch(&value_, n, __ATOMIC_ACQ_REL);
	}

	void set(int n) noexcept
	{
		__atomic_store_n(&value_, n, __ATOMIC_RELEASE);
	}

	/* Is it at least @n, or soon will be? */
	bool reaches(int n) const noexcept
	{
		const std::uint64_t until = ktcp_now_ms() + patience_ms;

		while (get() < n && ktcp_now_ms() < until)
			ktcp_msleep(1);
		return get() >= n;
	}

    private:
	int value_ = 0;
};

class completion {
    public:
	completion() noexcept
	{
		ktcp_init_completion(raw());
	}

	void complete() noexcept
	{
		ktcp_complete(raw());
	}

	void wait() noexcept
	{
		ktcp_wait_for_completion(raw());
	}

	bool wait_for(unsigned int ms) noexcept
	{
		return ktcp_wait_for_completion_timeout(raw(), ms);
	}

    private:
	struct ::completion *raw() noexcept
	{
		return reinterpret_cast<struct ::completion *>(storage_);
	}

	alignas(void *) unsigned char storage_[KTCP_SIZEOF_COMPLETION];
};

/* A kernel thread that has begun to run its function; stopped at the end of the scope. */
class thread {
    public:
	using function = int (*)(void *argument);

	thread() noexcept = default;
	thread(const thread &) = delete;
	thread &operator=(const thread &) = delete;

	~thread()
	{
		stop();
	}

	/* 0 or an error. */
	int start(function run, void *argument) noexcept
	{
		run_ = run;
		argument_ = argument;

		const int error = ktcp_kthread_run(
			[](void *self) {
				auto *t = static_cast<thread *>(self);
				const function run = t->run_;
				void *argument = t->argument_;

				t->begun_.complete();
				return run(argument);
			},
			this, "ktcp-conformance", &task_);

		/* Until it runs, kthread_stop() would skip its function. */
		if (!error)
			begun_.wait();
		return error;
	}

	/* The function's result. */
	int stop() noexcept
	{
		if (task_) {
			status_ = ktcp_kthread_stop(task_);
			task_ = nullptr;
		}
		return status_;
	}

	struct task_struct *raw() const noexcept
	{
		return task_;
	}

    private:
	completion begun_;
	function run_ = nullptr;
	void *argument_ = nullptr;
	struct task_struct *task_ = nullptr;
	int status_ = 0;
};

/* In a thread: until it is asked to stop. */
inline void sleep_until_stopped() noexcept
{
	while (!ktcp_kthread_should_stop())
		ktcp_msleep(1);
}

} // namespace ktcp_test

#endif
