#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR MIT
#
# QEMU 7.2's TCG plugins confuse loads and stores. QEMU calls a plugin's memory callback for reads
# (QEMU_PLUGIN_MEM_R) on stores, and hardly ever on loads. It calls one for writes on both. Only
# QEMU_PLUGIN_MEM_RW does what it says. Nothing is reported. With QEMU 10.0 each does.
#
# The plugin below registers one callback for every instruction of the firmware's boot, and counts
# by qemu_plugin_mem_is_store() what it is called for. Needs gcc, and the libraries that Debian 12's
# qemu-system-x86 brings; the program itself comes from the pinned packages.
#
#     findings/qemu-plugin-memory-access.sh
#
# Ends with 0 while that is so, with 1 when it is not.
set -euo pipefail
[[ $# -eq 0 ]] || { echo "${0##*/}: '$1' is not known: it takes no arguments, and its head says what it shows" >&2; exit 2; }
version=1:7.2+dfsg-7+deb12u18
packages=("qemu-system-x86=$version+b3" "qemu-system-common=$version+b3" "qemu-system-data=$version" seabios)

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get -q -o APT::Sandbox::User=root download "${packages[@]}" >log 2>&1 || { cat log; exit 1; }
for each in *.deb; do dpkg -x "$each" root; done

cat >plugin.c <<'C'
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* What qemu/qemu-plugin.h declares of these. */
struct qemu_plugin_tb;
struct qemu_plugin_insn;
typedef uint64_t qemu_plugin_id_t;
enum { QEMU_PLUGIN_MEM_R = 1, QEMU_PLUGIN_MEM_W, QEMU_PLUGIN_MEM_RW };
void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t,
		void (*)(qemu_plugin_id_t, struct qemu_plugin_tb *));
void qemu_plugin_register_vcpu_mem_cb(struct qemu_plugin_insn *,
		void (*)(unsigned, uint32_t, uint64_t, void *), int flags, int access, void *);
void qemu_plugin_register_atexit_cb(qemu_plugin_id_t, void (*)(qemu_plugin_id_t, void *), void *);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *, size_t);
_Bool qemu_plugin_mem_is_store(uint32_t info);
__attribute__((visibility("default"))) int qemu_plugin_version = 1;

static unsigned long loads, stores;

static void access(unsigned cpu, uint32_t info, uint64_t address, void *data)
{
	if (qemu_plugin_mem_is_store(info))
		stores++;
	else
		loads++;
}

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); i++)
		qemu_plugin_register_vcpu_mem_cb(qemu_plugin_tb_get_insn(tb, i), access, 0, ASKED, NULL);
}

static void ended(qemu_plugin_id_t id, void *data)
{
	fprintf(stderr, "counted %lu %lu\n", loads, stores);
}

__attribute__((visibility("default"))) int qemu_plugin_install(qemu_plugin_id_t id,
		const void *info, int count, char **arguments)
{
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	qemu_plugin_register_atexit_cb(id, ended, NULL);
	return 0;
}
C

qemu=root/usr/bin/qemu-system-x86_64
"$qemu" --version | head -n 1
declare -A loads stores
for asked in R W RW; do
    gcc -shared -fPIC -O2 -DASKED="QEMU_PLUGIN_MEM_$asked" -o "$asked.so" plugin.c
    # The firmware finds nothing to boot and waits; it has long done so when it is ended.
    said=$(timeout -s INT 5 "$qemu" -L root/usr/share/qemu -L root/usr/share/seabios -accel tcg \
        -nodefaults -display none -m 64 -plugin "./$asked.so" 2>&1 || true)
    read -r loads[$asked] stores[$asked] < <(sed -n 's/^counted //p' <<<"$said")
    echo "registered for $asked: called for ${loads[$asked]} loads and ${stores[$asked]} stores"
done

# The callback for reads misses nearly all loads and gets the stores; that for writes gets loads.
if ((loads[RW] > 100000 && loads[R] < loads[RW] / 10 && stores[R] > stores[RW] / 2 &&
     loads[W] > loads[RW] / 2)); then
    echo "as found: loads and stores are confused"
else
    echo "not as found"
    exit 1
fi
