// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * A plugin of QEMU's TCG that counts a guest's instructions by calling context (calls.h), from
 * one mark of mark.h to the next:
 *
 *     -plugin profile.so,symbols=FILE,output=FILE
 *
 * symbols: the guest's /proc/kallsyms, of this boot; the file has to be there at the first mark.
 * One processor.
 */
#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "calls.h"
#include "mark.h"

/* ---- what this uses of QEMU's interface; Debian has no package with its header --------------- */

#define EXPORTED __attribute__((visibility("default")))

typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;

struct qemu_info {
	const char *target_name;
	struct {
		int min, cur;
	} version;
	bool system_emulation;
	struct {
		int smp_vcpus, max_vcpus;
	} system;
};

/* Both reads and writes: 7.2 does not call a callback that is for reads alone. */
enum { QEMU_PLUGIN_CB_NO_REGS = 0, QEMU_PLUGIN_MEM_RW = 3 };

void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id,
					   void (*call)(qemu_plugin_id_t, struct qemu_plugin_tb *));
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *tb,
					  void (*call)(unsigned cpu, void *data), int flags,
					  void *data);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn,
					    void (*call)(unsigned cpu, void *data), int flags,
					    void *data);
void qemu_plugin_register_vcpu_mem_cb(struct qemu_plugin_insn *insn,
				      void (*call)(unsigned cpu, uint32_t info, uint64_t address,
						   void *data),
				      int flags, int access, void *data);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t index);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);

/* QEMU asks for the version first, and refuses one that it does not know. 7.2 has 0 to 1; from 9.2
 * on there is 3, in which instructions are copied out. The Makefile chooses. */
EXPORTED int qemu_plugin_version = PROFILE_PLUGIN_VERSION;

#if PROFILE_PLUGIN_VERSION < 3
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *insn);
#else
size_t qemu_plugin_insn_data(const struct qemu_plugin_insn *insn, void *to, size_t size);
#endif

EXPORTED int qemu_plugin_install(qemu_plugin_id_t id, const struct qemu_info *info, int count,
				 char **arguments);

/* ---- the plugin ------------------------------------------------------------------------------ */

static const char *symbols, *output;
static bool counting;

struct bytes {
	uint8_t data[16];
	size_t size;
};

static struct bytes bytes_of(const struct qemu_plugin_insn *insn)
{
	struct bytes result = { .size = qemu_plugin_insn_size(insn) };

	if (result.size > sizeof result.data)
		result.size = sizeof result.data;
#if PROFILE_PLUGIN_VERSION < 3
	memcpy(result.data, qemu_plugin_insn_data(insn), result.size);
#else
	result.size = qemu_plugin_insn_data(insn, result.data, result.size);
#endif
	return result;
}

static bool is(const struct bytes *insn, const char *bytes, size_t size)
{
	return insn->size >= size && !memcmp(insn->data, bytes, size);
}

/* A legacy prefix, or REX. */
static bool is_prefix(uint8_t byte)
{
	return (byte && strchr("\xf2\xf3\x2e\x3e\x66", byte)) || (byte & 0xf0) == 0x40;
}

static enum block_end end_of(const struct bytes *insn)
{
	size_t at = 0;

	while (at < insn->size && is_prefix(insn->data[at]))
		at++;

	const uint8_t code = at < insn->size ? insn->data[at] : 0;
	const uint8_t next = at + 1 < insn->size ? insn->data[at + 1] : 0;

	if (code == 0xe8 || (code == 0xff && (next >> 3 & 7) == 2))
		return BLOCK_CALL;
	if (code == 0xc3 || code == 0xc2)
		return BLOCK_RETURN;
	/* iret, sysret */
	if (code == 0xcf || (code == 0x0f && next == 0x07))
		return BLOCK_INTERRUPT_RETURN;
	return BLOCK_NEXT;
}

static void on_block(unsigned cpu, void *block)
{
	(void)cpu;
	if (counting)
		calls_execute(block);
}

/* The address is that of the next task's saved stack pointer: it tells tasks apart. */
static void on_switch(unsigned cpu, uint32_t info, uint64_t address, void *data)
{
	(void)cpu;
	(void)info;
	(void)data;
	calls_switch(address);
}

static void on_begin(unsigned cpu, void *data)
{
	static bool have_symbols;

	(void)cpu;
	(void)data;
	if (!have_symbols) {
		FILE *file = fopen(symbols, "r");

		if (!file || !calls_symbols(file)) {
			fprintf(stderr,
				"profile: %s has no symbols: the guest writes its /proc/kallsyms there before the first mark, as root and with kernel.kptr_restrict=0\n",
				symbols);
			if (file)
				fclose(file);
			return;
		}
		fclose(file);
		have_symbols = true;
	}
	calls_begin();
	counting = true;
}

static void on_end(unsigned cpu, void *data)
{
	(void)cpu;
	(void)data;
	if (!counting)
		return;
	counting = false;

	FILE *file = fopen(output, "w");

	if (!file) {
		fprintf(stderr, "profile: cannot write %s\n", output);
		return;
	}
	calls_write(file);
	fclose(file);
}

static bool is_mark(const struct bytes *insn, uint32_t what)
{
	return is(insn, "\x0f\x1f\x84\x00", 4) && insn->size == 8 &&
	       !memcmp(insn->data + 4, &what, sizeof what);
}

static void on_translation(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	const size_t count = qemu_plugin_tb_n_insns(tb);
	struct block *block = calloc(1, sizeof *block);
	struct bytes insn = { .size = 0 }, before;

	(void)id;
	if (!block)
		abort();
	block->address = qemu_plugin_tb_vaddr(tb);
	block->instructions = (uint32_t)count;
	for (size_t i = 0; i < count; i++) {
		struct qemu_plugin_insn *each = qemu_plugin_tb_get_insn(tb, i);

		before = insn;
		insn = bytes_of(each);
		if (is_mark(&insn, PROFILE_BEGIN))
			qemu_plugin_register_vcpu_insn_exec_cb(each, on_begin,
							       QEMU_PLUGIN_CB_NO_REGS, NULL);
		if (is_mark(&insn, PROFILE_END))
			qemu_plugin_register_vcpu_insn_exec_cb(each, on_end, QEMU_PLUGIN_CB_NO_REGS,
							       NULL);
		/* __switch_to_asm: mov %rsp,N(%rdi); mov N(%rsi),%rsp, with the same N. */
		if (is(&before, "\x48\x89\xa7", 3) && is(&insn, "\x48\x8b\xa6", 3) &&
		    insn.size == 7 && !memcmp(before.data + 3, insn.data + 3, 4))
			qemu_plugin_register_vcpu_mem_cb(each, on_switch, QEMU_PLUGIN_CB_NO_REGS,
							 QEMU_PLUGIN_MEM_RW, NULL);
	}
	block->end = end_of(&insn);
	/* Of a block that is translated anew the old one stays: it may still be executed. */
	qemu_plugin_register_vcpu_tb_exec_cb(tb, on_block, QEMU_PLUGIN_CB_NO_REGS, block);
}

static const char *value_of(const char *argument, const char *name)
{
	const size_t length = strlen(name);

	return !strncmp(argument, name, length) && argument[length] == '=' ? argument + length + 1 :
									     NULL;
}

int qemu_plugin_install(qemu_plugin_id_t id, const struct qemu_info *info, int count,
			char **arguments)
{
	for (int i = 0; i < count; i++) {
		const char *value;

		if ((value = value_of(arguments[i], "symbols")))
			symbols = strdup(value);
		else if ((value = value_of(arguments[i], "output")))
			output = strdup(value);
	}
	if (!symbols || !output) {
		fputs("profile: -plugin FILE,symbols=FILE,output=FILE\n", stderr);
		return 1;
	}
	if (strcmp(info->target_name, "x86_64") || !info->system_emulation ||
	    info->system.max_vcpus != 1) {
		fputs("profile: a machine with one x86_64 processor is needed\n", stderr);
		return 1;
	}
	calls_switch(0);
	qemu_plugin_register_vcpu_tb_trans_cb(id, on_translation);
	return 0;
}
