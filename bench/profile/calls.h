/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * A calling-context tree of one emulated processor: how many instructions each function executed,
 * by the chain of its callers, for each task. Three facts are enough: the order of the executed
 * basic blocks, the end of each, and the places where the kernel changes its stack.
 *
 * Below a task stand its user code, as one node, and its work in the kernel. A system call or an
 * interrupt stands below the code that it came upon. A tail call takes its caller's place. Thunks
 * of returns and of indirect calls, and the entry code, count for the function that they are met
 * in.
 *
 * One processor, one thread: no function here may be called twice at a time.
 */
#ifndef PROFILE_CALLS_H
#define PROFILE_CALLS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

/* How a block hands control to the next one. */
enum block_end { BLOCK_NEXT, BLOCK_CALL, BLOCK_RETURN, BLOCK_INTERRUPT_RETURN };

/* Instructions that are executed one after the other; the caller fills in the first three. */
struct block {
	uint64_t address;
	uint32_t instructions;
	enum block_end end;

	/* Found at the first execution, by the symbols. */
	bool known;
	bool first; /* the function begins here */
	uint8_t kind;
	int function;
};

/*
 * Reads symbols, in the form of /proc/kallsyms: "ADDRESS TYPE NAME [MODULE]". Once, before the
 * first block is executed. Returns how many functions there are; 0 means that the addresses are
 * hidden or that these are not the kernel's symbols.
 */
int calls_symbols(FILE *file);

/* Forgets what was counted, and all stacks. The task stays the one that it was. */
void calls_begin(void);

/* A block begins to be executed. */
void calls_execute(struct block *block);

/* From here on, the stack of another task is used; any number that tells tasks apart. */
void calls_switch(uint64_t task);

/*
 * Writes what was counted. The first line is "instructions N"; then comes a line for each node,
 * callers before what they call: "NODE CALLER INSTRUCTIONS CALLS NAME". A task has the caller -1;
 * its name is "client" for the task that runs now, and "task" for others.
 */
void calls_write(FILE *file);

#ifdef __cplusplus
}
#endif

#endif
