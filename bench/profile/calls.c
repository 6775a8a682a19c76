// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include "calls.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define KERNEL 0x800000000000ull /* addresses from here on are the kernel's */
#define NO_FUNCTION -1 /* of a task's node */
#define USER -2 /* of a task's code in user space */

enum kind {
	KIND_FUNCTION,
	KIND_USER,
	KIND_INTERRUPT, /* the entry of an interrupt or of a system call */
	KIND_EXCEPTION, /* the same of an exception: what it came upon is executed again */
	KIND_ENTRY, /* the rest of the entry code */
	KIND_THUNK, /* stands between a call and what is called */
	KIND_RETURN_THUNK
};

struct symbol {
	uint64_t address;
	char *name;
	enum kind kind;
	int function; /* whose it is: of foo.cold that is foo */
};

struct node {
	int function, caller, child, sibling;
	uint64_t instructions, calls;
};

struct frame {
	int node;
	bool interrupt;
	enum block_end end; /* of the block that the interrupt came after */
};

/* Deeper stacks than the kernel's own can hold; beyond, calls count for the last one. */
#define DEPTH 512

struct task {
	uint64_t id;
	int node, depth, beyond;
	struct frame frames[DEPTH];
};

static struct symbol *symbols;
static int symbol_count;

static struct node *nodes;
static int node_count, node_room;

static struct task **tasks;
static int task_count, task_room;
static struct task *current;
static enum block_end last;
static uint64_t total;

static void *checked(void *memory)
{
	if (!memory) {
		fputs("profile: out of memory\n", stderr);
		abort();
	}
	return memory;
}

/* ---- symbols ------------------------------------------------------------------------------- */

static bool starts(const char *name, const char *with)
{
	return !strncmp(name, with, strlen(with));
}

static int compare(const void *a, const void *b)
{
	const struct symbol *left = a, *right = b;

	if (left->address != right->address)
		return left->address < right->address ? -1 : 1;
	/* The name that people know: with fewer underscores before it. */
	return (int)strspn(left->name, "_") - (int)strspn(right->name, "_");
}

/* The last symbol at or before the address, or -1. */
static int find(uint64_t address)
{
	int low = 0, high = symbol_count;

	while (low < high) {
		const int middle = (low + high) / 2;

		if (symbols[middle].address <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low - 1;
}

static enum kind kind_of(const char *name, bool entry)
{
	if (strstr(name, "return_thunk"))
		return KIND_RETURN_THUNK;
	/* An interrupt's first instruction pushes its number and goes on to the common entry. */
	if (starts(name, "__x86_indirect_") || starts(name, "irq_entries_start") ||
	    starts(name, "spurious_entries_start"))
		return KIND_THUNK;
	if (!entry)
		return KIND_FUNCTION;
	if (starts(name, "asm_exc_"))
		return KIND_EXCEPTION;
	if (starts(name, "asm_") || !strcmp(name, "entry_SYSCALL_64"))
		return KIND_INTERRUPT;
	return KIND_ENTRY;
}

static bool is_plain(enum kind kind)
{
	return kind == KIND_FUNCTION || kind == KIND_ENTRY;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(symbols[*(const int *)a].name, symbols[*(const int *)b].name);
}

/* "foo.cold" and "foo.cold [module]" without ".cold"; NULL for other names. */
static char *hot_name(const char *name)
{
	const char *cold = strstr(name, ".cold");
	char *result;

	if (!cold)
		return NULL;
	result = checked(strdup(name));
	strcpy(result + (cold - name), cold + strcspn(cold, " "));
	return result;
}

/* Cold parts are their functions', wherever the compiler has put them. */
static void join_cold_parts(void)
{
	int *names = checked(calloc((size_t)symbol_count, sizeof *names));

	for (int i = 0; i < symbol_count; i++)
		names[i] = symbols[i].function = i;
	qsort(names, (size_t)symbol_count, sizeof *names, by_name);
	for (int i = 0; i < symbol_count; i++) {
		char *hot = hot_name(symbols[i].name);
		int low = 0, high = symbol_count;

		while (hot && low < high) {
			const int middle = (low + high) / 2;

			if (strcmp(symbols[names[middle]].name, hot) < 0)
				low = middle + 1;
			else
				high = middle;
		}
		if (hot && low < symbol_count && !strcmp(symbols[names[low]].name, hot))
			symbols[i].function = names[low];
		free(hot);
	}
	free(names);
}

int calls_symbols(FILE *file)
{
	uint64_t entry_begin = 0, entry_end = 0;
	int room = 0, kept = 0;
	char *line = NULL;
	size_t size = 0;

	while (getline(&line, &size, file) > 0) {
		uint64_t address;
		int begin = 0;
		char type;

		if (sscanf(line, "%" SCNx64 " %c %n", &address, &type, &begin) < 2 || !begin)
			continue;
		/* kallsyms has a tab before "[module]". */
		char *name = line + begin;

		name[strcspn(name, "\n")] = 0;
		if (strchr(name, '\t'))
			*strchr(name, '\t') = ' ';
		/* Text only; __pfx_foo is padding before foo. */
		if (address < KERNEL || !strchr("tTwW", type) || starts(name, "__pfx_"))
			continue;
		if (!strcmp(name, "__entry_text_start"))
			entry_begin = address;
		if (!strcmp(name, "__entry_text_end"))
			entry_end = address;
		if (symbol_count == room) {
			room = room ? 2 * room : 1 << 16;
			symbols = checked(realloc(symbols, (size_t)room * sizeof *symbols));
		}
		symbols[symbol_count++] = (struct symbol){ .address = address,
							   .name = checked(strdup(name)) };
	}
	free(line);
	if (!symbol_count)
		return 0;
	qsort(symbols, (size_t)symbol_count, sizeof *symbols, compare);
	for (int i = 0; i < symbol_count; i++) {
		const struct symbol *each = &symbols[i];
		const bool entry = each->address >= entry_begin && each->address < entry_end;
		const enum kind kind = kind_of(each->name, entry);

		/* Of several names for one place, the first; an entry's is never hidden. */
		if (kept && symbols[kept - 1].address == each->address) {
			struct symbol *const before = &symbols[kept - 1];
			const bool better = is_plain(before->kind) && !is_plain(kind);

			free(better ? before->name : each->name);
			if (better)
				*before = (struct symbol){ each->address, each->name, kind, 0 };
			continue;
		}
		symbols[kept] = *each;
		symbols[kept++].kind = kind;
	}
	symbol_count = kept;
	join_cold_parts();
	return symbol_count;
}

static void look_up(struct block *block)
{
	block->known = true;
	if (block->address < KERNEL) {
		block->kind = KIND_USER;
		block->function = USER;
		return;
	}

	const int index = find(block->address);

	if (index < 0) {
		block->kind = KIND_FUNCTION;
		block->function = 0;
		return;
	}
	block->first = symbols[index].address == block->address;
	block->kind = (uint8_t)symbols[index].kind;
	block->function = symbols[index].function;
	if (!block->first && (block->kind == KIND_INTERRUPT || block->kind == KIND_EXCEPTION))
		block->kind = KIND_ENTRY;
	/* A cold part is jumped to and not called. */
	if (block->function != index)
		block->first = false;
}

/* ---- the tree ------------------------------------------------------------------------------ */

static int make_node(int function, int caller)
{
	if (node_count == node_room) {
		node_room = node_room ? 2 * node_room : 1 << 14;
		nodes = checked(realloc(nodes, (size_t)node_room * sizeof *nodes));
	}
	nodes[node_count] =
		(struct node){ .function = function, .caller = caller, .child = -1, .sibling = -1 };
	if (caller >= 0) {
		nodes[node_count].sibling = nodes[caller].child;
		nodes[caller].child = node_count;
	}
	return node_count++;
}

static int callee(int caller, int function)
{
	int before = -1;

	for (int each = nodes[caller].child; each >= 0; each = nodes[each].sibling) {
		if (nodes[each].function == function) {
			/* To the front: it is likely to be called again soon. */
			if (before >= 0) {
				nodes[before].sibling = nodes[each].sibling;
				nodes[each].sibling = nodes[caller].child;
				nodes[caller].child = each;
			}
			return each;
		}
		before = each;
	}
	return make_node(function, caller);
}

static struct frame *top(void)
{
	return current->depth ? &current->frames[current->depth - 1] : NULL;
}

static int top_node(void)
{
	return current->depth ? top()->node : current->node;
}

static void push(int function, bool interrupt, enum block_end end)
{
	if (current->depth == DEPTH) {
		current->beyond++;
		return;
	}

	const int node = callee(top_node(), function);

	nodes[node].calls++;
	current->frames[current->depth++] = (struct frame){ node, interrupt, end };
}

static void pop(void)
{
	if (current->beyond)
		current->beyond--;
	else if (current->depth && !top()->interrupt)
		current->depth--;
}

/* Back to what was interrupted; how its last block had ended. */
static enum block_end pop_interrupt(void)
{
	current->beyond = 0;
	while (current->depth) {
		const struct frame *each = &current->frames[--current->depth];

		if (each->interrupt)
			return each->end;
	}
	return BLOCK_NEXT;
}

/* A return to a function that is not the one below: to an outer one, or to one whose call was
 * before the count began. */
static void return_to(int function)
{
	for (int i = current->depth; i-- > 0 && !current->frames[i].interrupt;)
		if (nodes[current->frames[i].node].function == function) {
			current->depth = i + 1;
			return;
		}
	push(function, false, BLOCK_NEXT);
}

static void enter(const struct block *block, enum block_end end)
{
	if (end == BLOCK_CALL && block->first) {
		push(block->function, false, BLOCK_NEXT);
		return;
	}
	if (end == BLOCK_RETURN)
		pop();
	if (current->beyond || nodes[top_node()].function == block->function)
		return;
	if (end == BLOCK_RETURN) {
		return_to(block->function);
		return;
	}
	/* A tail call; user code and an interrupt's entry stay. */
	if (end == BLOCK_NEXT && current->depth && !top()->interrupt &&
	    nodes[top()->node].function != USER)
		current->depth--;
	push(block->function, false, BLOCK_NEXT);
}

static void enter_user(void)
{
	current->beyond = 0;
	while (current->depth && nodes[top()->node].function != USER)
		current->depth--;
	if (!current->depth)
		push(USER, false, BLOCK_NEXT);
}

void calls_execute(struct block *block)
{
	/* The entry code calls and returns within itself, too: there is no frame for that. */
	const enum block_end entry_end = block->end == BLOCK_RETURN ? BLOCK_NEXT : block->end;
	enum block_end end = last;

	if (!block->known)
		look_up(block);
	switch ((enum kind)block->kind) {
	case KIND_RETURN_THUNK:
		last = BLOCK_RETURN;
		break;
	case KIND_THUNK:
		break;
	case KIND_INTERRUPT:
	case KIND_EXCEPTION:
		push(block->function, true, block->kind == KIND_INTERRUPT ? end : BLOCK_NEXT);
		last = entry_end;
		break;
	default:
		if (end == BLOCK_INTERRUPT_RETURN)
			end = pop_interrupt();
		last = block->end;
		if (block->kind == KIND_USER) {
			enter_user();
			last = BLOCK_NEXT;
		} else if (block->kind == KIND_FUNCTION) {
			enter(block, end);
		} else {
			if (end == BLOCK_RETURN)
				pop();
			last = entry_end;
		}
	}
	nodes[top_node()].instructions += block->instructions;
	total += block->instructions;
}

static void use(struct task *task)
{
	current = task;
	if (task->node < 0)
		task->node = make_node(NO_FUNCTION, -1);
}

void calls_switch(uint64_t id)
{
	for (int i = 0; i < task_count; i++)
		if (tasks[i]->id == id) {
			struct task *const found = tasks[i];

			/* To the front, for the same reason. */
			memmove(tasks + 1, tasks, (size_t)i * sizeof *tasks);
			tasks[0] = found;
			use(found);
			return;
		}
	if (task_count == task_room) {
		task_room = task_room ? 2 * task_room : 64;
		tasks = checked(realloc(tasks, (size_t)task_room * sizeof *tasks));
	}
	tasks[task_count] = checked(calloc(1, sizeof **tasks));
	tasks[task_count]->id = id;
	tasks[task_count]->node = -1;
	use(tasks[task_count++]);
}

void calls_begin(void)
{
	node_count = 0;
	total = 0;
	last = BLOCK_NEXT;
	for (int i = 0; i < task_count; i++) {
		tasks[i]->depth = tasks[i]->beyond = 0;
		tasks[i]->node = -1;
	}
	if (current)
		use(current);
	else
		calls_switch(0);
}

void calls_write(FILE *file)
{
	fprintf(file, "instructions %" PRIu64 "\n", total);
	for (int i = 0; i < node_count; i++) {
		const struct node *each = &nodes[i];
		const char *name = each->function >= 0	  ? symbols[each->function].name :
				   each->function == USER ? "user code" :
				   i == current->node	  ? "client" :
							    "task";

		fprintf(file, "%d %d %" PRIu64 " %" PRIu64 " %s\n", i, each->caller,
			each->instructions, each->calls, name);
	}
}
