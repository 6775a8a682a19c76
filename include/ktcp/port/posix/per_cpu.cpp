// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* port/per_cpu.h, as if there were one CPU, whose bottom halves are the_bottom_halves. */
#include <stdlib.h>
#include <string.h>

#include <new>

#include <ktcp/port/per_cpu.h>

#include "bottom_halves.hpp"

struct ktcp_per_cpu {
	void *memory;
};

struct ktcp_per_cpu *ktcp_alloc_percpu(size_t size, size_t align)
{
	const size_t whole = (size + align - 1) / align * align;
	void *const memory = align > alignof(max_align_t) ? aligned_alloc(align, whole) :
							    malloc(whole);
	auto *const all = memory ? new (std::nothrow) ktcp_per_cpu{ memory } : nullptr;

	if (all)
		memset(memory, 0, whole);
	else
		free(memory);
	return all;
}

void ktcp_free_percpu(struct ktcp_per_cpu *all)
{
	if (all)
		free(all->memory);
	delete all;
}

int ktcp_next_possible_cpu(int cpu)
{
	return cpu < 0 ? 0 : -1;
}

void *ktcp_per_cpu_ptr(struct ktcp_per_cpu *all, int)
{
	return all->memory;
}

void *ktcp_raw_cpu_ptr(struct ktcp_per_cpu *all)
{
	return all->memory;
}

void *ktcp_get_cpu_ptr(struct ktcp_per_cpu *all)
{
	the_bottom_halves.disable();
	return all->memory;
}

void ktcp_put_cpu_ptr(struct ktcp_per_cpu *)
{
	the_bottom_halves.enable();
}
