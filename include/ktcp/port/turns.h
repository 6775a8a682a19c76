/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Where a CPU takes its turns: a drain that runs right behind its softirqs, and a thread of its
 * own. Code above the boundary decides which turns are ready, and which of the two takes them. It
 * does so in memory of the caller's that there is once for each CPU.
 *
 * Context "here": between ktcp_turns_enter() and ktcp_turns_leave(), or in one of the
 * ktcp_turns_ops. Bottom halves are off, so the task stays on its CPU. Nothing else of that CPU is
 * "here", and all of it is an RCU read section.
 *
 * Context "beside": under ktcp_spin_lock_irqsave(). It stays on its CPU, too, and it is an RCU read
 * section. It may have interrupted code that is "here", which goes on once it has left.
 */
#ifndef KTCP_PORT_TURNS_H
#define KTCP_PORT_TURNS_H

#include <ktcp/port/types.h>

KTCP_PORT_BEGIN

struct ktcp_turns;

/* The functions that the two call. Each is given its CPU's memory. */
struct ktcp_turns_ops {
	/* After ktcp_turns_raise(): take some turns. Softirq. */
	void (*drain)(void *cpu);
	/* After ktcp_turns_wake(): take a turn. Return: false when there is nothing left. */
	bool (*thread)(void *cpu);
	/* The thread has come to its CPU. Until then there is none. */
	void (*arrive)(void *cpu);
	/* The CPU goes offline, and its thread with it: nothing may be left for either. */
	void (*depart)(void *cpu);
	/* After ktcp_turns_later(). Process context, may sleep, not "here": on any CPU. */
	void (*later)(void *cpu);
};

/**
 * ktcp_turns_get() - the one set of drains and threads that all servers of a module share; the
 * first to ask makes it.
 * @size: bytes of each CPU's memory; all are zero, and aligned as a pointer is.
 * @ops: the same for all servers; must stay.
 * Return: 0; -ENOMEM; -EOPNOTSUPP where switching bottom halves off excludes no other context
 *         (PREEMPT_RT without its lock, 6.18 and later): turns are work items there.
 * Context: process.
 */
int ktcp_turns_get(size_t size, const struct ktcp_turns_ops *ops, struct ktcp_turns **out);

/**
 * ktcp_turns_put() - the last one stops threads and drains, after a grace period: code that was
 * "here" at the call has left, and ops->later has returned. Nothing may be ready any more. NULL is
 * ignored.
 * Context: process.
 */
void ktcp_turns_put(struct ktcp_turns *turns);

/**
 * ktcp_turns_enter() - be "here" until ktcp_turns_leave(). May be nested.
 * Return: this CPU's memory.
 * Context: process or softirq, interrupts on (leaving enables bottom halves).
 */
void *ktcp_turns_enter(struct ktcp_turns *turns);

/** ktcp_turns_leave() - a drain that was raised may run before this returns. Context: here. */
void ktcp_turns_leave(struct ktcp_turns *turns);

/** ktcp_turns_beside() - this CPU's memory, where other code may be "here". Context: beside. */
void *ktcp_turns_beside(struct ktcp_turns *turns);

/** ktcp_turns_raise() - have this CPU's drain run soon, and once more if it runs. Context: here, beside. */
void ktcp_turns_raise(void *cpu);

/** ktcp_turns_wake() - have this CPU's thread run until it has nothing left. Context: here. */
void ktcp_turns_wake(void *cpu);

/**
 * ktcp_turns_later() - have ops->later called for this CPU, within a jiffy or, with @now, at once.
 * Context: here.
 */
void ktcp_turns_later(void *cpu, bool now);

/** ktcp_turns_clock() - nanoseconds of this CPU, as local_clock(). Context: here. */
uint64_t ktcp_turns_clock(void);

KTCP_PORT_END

#endif
