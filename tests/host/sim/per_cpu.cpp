/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * port/per_cpu.h, simulated. A context is on a CPU only between getting and putting, and then alone there.
 * At any other moment it is on whichever CPU hurts.
 */
#include <cstring>
#include <new>

#include <ktcp/port/memory.h>
#include <ktcp/port/per_cpu.h>

#include "kernel.hpp"
#include "memory.hpp"

using sim::kernel;
using sim::memory;

struct ktcp_per_cpu {
	struct cpu {
		void *memory;
		sim::task *busy; /* who is between getting and putting */
	};

	size_t size;
	memory::source from;
	unsigned cpus;
	cpu of[8];
};

namespace
{

ktcp_per_cpu::cpu *held_by(ktcp_per_cpu &all, const sim::task &who)
{
	for (unsigned i = 0; i < all.cpus; i++)
		if (all.of[i].busy == &who)
			return &all.of[i];
	return nullptr;
}

} // namespace

struct ktcp_per_cpu *ktcp_alloc_percpu(size_t size, size_t align)
{
	kernel &k = kernel::enter_process("ktcp_alloc_percpu");

	if (!size || size > KTCP_PER_CPU_MOST)
		k.fail("ktcp_alloc_percpu: of %zu bytes", size);
	if (!align || (align & (align - 1)) || align > KTCP_PER_CPU_ALIGN_MOST)
		k.fail("ktcp_alloc_percpu: aligned to %zu", align);
	if (k.fails("ktcp_alloc_percpu"))
		return nullptr;

	void *const place = k.heap->allocate(sizeof(ktcp_per_cpu), memory::source::kmalloc,
					     nullptr);
	auto *const all = new (place) ktcp_per_cpu{
		size,
		align > alignof(std::max_align_t) ? memory::source::pages : memory::source::kmalloc,
		k.cpus,
		{},
	};

	for (unsigned i = 0; i < all->cpus; i++) {
		all->of[i].memory = k.heap->allocate(size, all->from, nullptr);
		memset(all->of[i].memory, 0, size);
	}
	return all;
}

void ktcp_free_percpu(struct ktcp_per_cpu *all)
{
	kernel &k = kernel::enter_any("ktcp_free_percpu");

	if (!all)
		return;
	for (unsigned i = 0; i < all->cpus; i++) {
		if (all->of[i].busy)
			k.fail("ktcp_free_percpu: a context has got CPU %u's", i);
		k.heap->release(all->of[i].memory, all->size, all->from, nullptr);
	}
	k.heap->release(all, 0, memory::source::kmalloc, nullptr);
}

int ktcp_next_possible_cpu(int cpu)
{
	const unsigned next = static_cast<unsigned>(cpu + 1);

	return next < kernel::now("ktcp_next_possible_cpu").cpus ? static_cast<int>(next) : -1;
}

void *ktcp_per_cpu_ptr(struct ktcp_per_cpu *all, int cpu)
{
	kernel &k = kernel::now("ktcp_per_cpu_ptr");

	if (cpu < 0 || static_cast<unsigned>(cpu) >= all->cpus)
		k.fail("ktcp_per_cpu_ptr: there is no CPU %d", cpu);
	return all->of[cpu].memory;
}

void *ktcp_raw_cpu_ptr(struct ktcp_per_cpu *all)
{
	kernel &k = kernel::now("ktcp_raw_cpu_ptr");
	const ktcp_per_cpu::cpu *const held = held_by(*all, k.current());

	return (held ? held : &all->of[k.chance.below(all->cpus)])->memory;
}

void *ktcp_get_cpu_ptr(struct ktcp_per_cpu *all)
{
	kernel &k = kernel::enter_any("ktcp_get_cpu_ptr");
	sim::task &self = k.current();
	ktcp_per_cpu::cpu &cpu = all->of[k.chance.below(all->cpus)];

	if (self.irqs_off)
		k.fail("ktcp_get_cpu_ptr: interrupts are off");
	if (held_by(*all, self))
		k.fail("ktcp_get_cpu_ptr: the caller has got it already");
	while (cpu.busy)
		k.block(&cpu, "for a CPU's memory");
	cpu.busy = &self;
	self.in_callback++;
	k.point();
	return cpu.memory;
}

void ktcp_put_cpu_ptr(struct ktcp_per_cpu *all)
{
	kernel &k = kernel::enter_any("ktcp_put_cpu_ptr");
	ktcp_per_cpu::cpu *const cpu = held_by(*all, k.current());

	if (!cpu)
		k.fail("ktcp_put_cpu_ptr: the caller has not got it");
	k.current().in_callback--;
	cpu->busy = nullptr;
	k.wake(cpu);
	k.point();
}
