/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Memory that there is once for each CPU (linux/percpu.h). A CPU writes its own, so it shares no cache line
 * with another one (Documentation/core-api/this_cpu_ops.rst).
 */
#ifndef KTCP_PORT_PER_CPU_H
#define KTCP_PORT_PER_CPU_H

#include <ktcp/port/types.h>

KTCP_PORT_BEGIN

struct ktcp_per_cpu;

/* The most bytes that each CPU can have of one (PCPU_MIN_UNIT_SIZE), and the most alignment of them. */
enum { KTCP_PER_CPU_MOST = 32768, KTCP_PER_CPU_ALIGN_MOST = 4096 };

/**
 * ktcp_alloc_percpu() - memory for each CPU that can ever be there, as alloc_percpu().
 * @size: bytes of each, 1 to KTCP_PER_CPU_MOST; all are zero.
 * @align: a power of two, at most KTCP_PER_CPU_ALIGN_MOST.
 * Return: the caller's until ktcp_free_percpu(); NULL if there is no memory.
 * Context: process.
 */
struct ktcp_per_cpu *ktcp_alloc_percpu(size_t size, size_t align);

/** ktcp_free_percpu() - NULL is ignored. Context: any. */
void ktcp_free_percpu(struct ktcp_per_cpu *all);

/**
 * ktcp_next_possible_cpu() - the CPU behind @cpu that has memory, in the order of their numbers.
 * @cpu: -1 for the first one.
 * Return: -1 behind the last. Those that are offline are among them.
 * Context: interrupt.
 */
int ktcp_next_possible_cpu(int cpu);

/** ktcp_per_cpu_ptr() - the memory of a CPU that ktcp_next_possible_cpu() named. Context: interrupt. */
void *ktcp_per_cpu_ptr(struct ktcp_per_cpu *all, int cpu);

/**
 * ktcp_raw_cpu_ptr() - the memory of the CPU that the caller runs on at this moment, as raw_cpu_ptr(). The
 * caller may go on on another one, and this CPU's other contexts may use the memory meanwhile.
 * Context: interrupt.
 */
void *ktcp_raw_cpu_ptr(struct ktcp_per_cpu *all);

/**
 * ktcp_get_cpu_ptr() - the memory of this CPU, as get_cpu_ptr() with bottom halves off. The caller stays on
 * this CPU until ktcp_put_cpu_ptr(), and nothing else on it is between the two calls for @all.
 * Context: process or softirq, interrupts on. Nothing may sleep until then. Not nested for one @all.
 */
void *ktcp_get_cpu_ptr(struct ktcp_per_cpu *all);

/** ktcp_put_cpu_ptr() - the counterpart; raised softirqs may run before it returns. Context: as that. */
void ktcp_put_cpu_ptr(struct ktcp_per_cpu *all);

KTCP_PORT_END

#endif
