/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * port/turns.h, simulated. A context is on a CPU only while it is "here", and then alone there; it
 * takes one that is free, or else one more. That is kinder than a machine only where it does not
 * matter: two CPUs can do to each other here all that they can there.
 */
#include "turns.hpp"

#include <cerrno>
#include <cstddef>
#include <memory>
#include <vector>

#include <ktcp/port/turns.h>

#include "kernel.hpp"

struct ktcp_turns {
	struct cpu {
		explicit cpu(size_t size)
			: memory(new std::max_align_t[size / sizeof(std::max_align_t) + 1]{})
		{
		}

		std::unique_ptr<std::max_align_t[]> memory;
		sim::task *busy = nullptr; /* who is here */
		bool raised = false; /* its drain is on its way */
		bool work = false; /* for its thread */
		bool later = false; /* ops->later is on its way */
		bool thread_runs = false;
		bool thread_there = true;
	};

	size_t size;
	const ktcp_turns_ops *ops;
	unsigned users = 0;
	int fibres = 0; /* drains and threads on their way, or running */
	uint64_t clock_ns = 0;
	std::vector<std::unique_ptr<cpu>> cpus;
};

using sim::kernel;

namespace
{

ktcp_turns &turns_of(kernel &k)
{
	return *static_cast<ktcp_turns *>(k.turns.get());
}

ktcp_turns::cpu &cpu_beside(kernel &k, const void *memory)
{
	for (auto &each : turns_of(k).cpus)
		if (each->memory.get() == memory)
			return *each;
	k.fail("no CPU's memory");
}

ktcp_turns::cpu &cpu_of(kernel &k, const void *memory, const char *function)
{
	ktcp_turns::cpu &cpu = cpu_beside(k, memory);

	if (cpu.busy != &k.current())
		k.fail("%s: not here", function);
	return cpu;
}

ktcp_turns::cpu &add_cpu(ktcp_turns &turns)
{
	turns.cpus.push_back(std::make_unique<ktcp_turns::cpu>(turns.size));
	turns.ops->arrive(turns.cpus.back()->memory.get());
	return *turns.cpus.back();
}

void take(kernel &k, ktcp_turns::cpu &cpu)
{
	while (cpu.busy)
		k.block(&cpu.busy, "for its CPU");
	cpu.busy = &k.current();
	k.current().here = cpu.memory.get();
	k.current().here_depth = 1;
	k.current().here_serial++;
	k.current().in_callback++;
}

void give_back(kernel &k, ktcp_turns::cpu &cpu)
{
	k.show_stores();
	k.current().in_callback--;
	k.current().here_depth = 0;
	k.current().here = nullptr;
	cpu.busy = nullptr;
	k.wake(&cpu.busy);
}

void ended(kernel &k, ktcp_turns &turns)
{
	if (--turns.fibres == 0)
		k.wake(&turns.fibres);
}

} // namespace

int ktcp_turns_get(size_t size, const struct ktcp_turns_ops *ops, struct ktcp_turns **out)
{
	kernel &k = kernel::enter_process("ktcp_turns_get");

	if (k.fails("ktcp_turns_get"))
		return -ENOMEM;
	if (!k.bottom_halves_exclude)
		return -EOPNOTSUPP;
	if (!k.turns) {
		auto made = std::make_shared<ktcp_turns>();

		made->size = size;
		made->ops = ops;
		k.turns = made;
		for (unsigned i = 0; i < k.cpus; i++)
			add_cpu(*made);
	}
	turns_of(k).users++;
	*out = &turns_of(k);
	return 0;
}

void ktcp_turns_put(struct ktcp_turns *turns)
{
	kernel &k = kernel::enter_process("ktcp_turns_put");

	if (!turns || --turns->users)
		return;
	k.synchronize_rcu();
	while (turns->fibres)
		k.block(&turns->fibres, "ktcp_turns_put");
	/* No context would ever take a turn that is made ready from here on. */
	k.turns.reset();
}

void *ktcp_turns_enter(struct ktcp_turns *turns)
{
	kernel &k = kernel::enter_any("ktcp_turns_enter");
	sim::task &self = k.current();

	if (k.turns.get() != turns)
		k.fail("ktcp_turns_enter: the last user has put it");
	if (self.irqs_off)
		k.fail("ktcp_turns_enter: interrupts are off");
	if (self.here_depth) {
		self.here_depth++;
		return self.here;
	}

	std::vector<ktcp_turns::cpu *> free;

	for (auto &each : turns->cpus)
		if (!each->busy)
			free.push_back(each.get());

	ktcp_turns::cpu &cpu = free.empty() ? add_cpu(*turns) : *free[k.chance.below(free.size())];

	take(k, cpu);
	k.point();
	return self.here;
}

void ktcp_turns_leave(struct ktcp_turns *turns)
{
	kernel &k = kernel::enter_any("ktcp_turns_leave");
	sim::task &self = k.current();

	if (k.turns.get() != turns)
		k.fail("ktcp_turns_leave: the last user has put it");
	if (--self.here_depth)
		return;

	ktcp_turns::cpu &cpu = cpu_of(k, self.here, "ktcp_turns_leave");

	give_back(k, cpu);
	k.point();
}

/* Elsewhere than "here" any CPU's: an interrupt may come to one that is busy. */
void *ktcp_turns_beside(struct ktcp_turns *turns)
{
	kernel &k = kernel::enter_any("ktcp_turns_beside");

	if (k.turns.get() != turns)
		k.fail("ktcp_turns_beside: the last user has put it");
	if (!k.current().irqs_off)
		k.fail("ktcp_turns_beside: interrupts are on");
	return k.current().here_depth ?
		       k.current().here :
		       turns->cpus[k.chance.below(turns->cpus.size())]->memory.get();
}

void ktcp_turns_raise(void *memory)
{
	kernel &k = kernel::enter_any("ktcp_turns_raise");
	ktcp_turns::cpu &cpu = k.current().irqs_off ? cpu_beside(k, memory) :
						      cpu_of(k, memory, "ktcp_turns_raise");
	ktcp_turns &turns = turns_of(k);

	if (cpu.raised)
		return;
	cpu.raised = true;
	turns.fibres++;
	k.spawn(sim::context::softirq, "drain", [&k, &turns, &cpu] {
		take(k, cpu);
		cpu.raised = false;
		turns.ops->drain(cpu.memory.get());
		give_back(k, cpu);
		ended(k, turns);
	});
}

void ktcp_turns_wake(void *memory)
{
	kernel &k = kernel::enter_any("ktcp_turns_wake");
	ktcp_turns::cpu &cpu = cpu_of(k, memory, "ktcp_turns_wake");
	ktcp_turns &turns = turns_of(k);

	if (!cpu.thread_there)
		k.fail("ktcp_turns_wake: the thread went with its CPU");
	cpu.work = true;
	if (cpu.thread_runs)
		return;
	cpu.thread_runs = true;
	turns.fibres++;
	k.spawn(sim::context::thread, "turns", [&k, &turns, &cpu] {
		do {
			take(k, cpu);
			if (cpu.work && !turns.ops->thread(cpu.memory.get()))
				cpu.work = false;
			give_back(k, cpu);
			k.point();
		} while (cpu.work);
		cpu.thread_runs = false;
		ended(k, turns);
	});
}

void ktcp_turns_later(void *memory, bool now)
{
	kernel &k = kernel::enter_any("ktcp_turns_later");
	ktcp_turns::cpu &cpu = cpu_of(k, memory, "ktcp_turns_later");
	ktcp_turns &turns = turns_of(k);

	if (cpu.later)
		return;
	cpu.later = true;
	turns.fibres++;
	k.spawn(sim::context::thread, "later", [&k, &turns, &cpu, now] {
		for (uint32_t i = now ? 0 : k.chance.below(20); i > 0; i--)
			k.yield();
		cpu.later = false;
		k.point();
		turns.ops->later(cpu.memory.get());
		ended(k, turns);
	});
	k.point();
}

uint64_t ktcp_turns_clock(void)
{
	kernel &k = kernel::enter_any("ktcp_turns_clock");
	ktcp_turns &turns = turns_of(k);

	if (!k.current().here_depth)
		k.fail("ktcp_turns_clock: not here");
	/* Time passes, and now and then a lot of it: shares are used up. */
	turns.clock_ns += k.chance.below(k.chance.below(8) ? 20'000 : 2'000'000);
	return 1'000'000'000 + turns.clock_ns;
}

/* A CPU goes offline, while it is at nothing else, and comes back. */
void sim::shake_cpu(kernel &k)
{
	if (!k.turns)
		return;

	ktcp_turns &turns = turns_of(k);
	ktcp_turns::cpu &cpu = *turns.cpus[k.chance.below(turns.cpus.size())];

	if (!cpu.thread_there)
		return;
	turns.fibres++;
	k.spawn(sim::context::thread, "hotplug", [&k, &turns, &cpu] {
		take(k, cpu);
		if (cpu.thread_there) {
			cpu.thread_there = false;
			cpu.work = false;
			turns.ops->depart(cpu.memory.get());
			give_back(k, cpu);
			for (uint32_t i = k.chance.below(40); i > 0; i--)
				k.yield();
			take(k, cpu);
			cpu.thread_there = true;
			turns.ops->arrive(cpu.memory.get());
		}
		give_back(k, cpu);
		ended(k, turns);
	});
}
