# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""A kernel's complaints, and lines that only look like one."""

import subprocess

import pytest

from harness import complaints

COMPLAINTS = [
    "BUG: KASAN: slab-use-after-free in ktcp_socket_read+0x12/0x40 [kecho]",
    "BUG: KCSAN: data-race in ktcp_tcp_data_ready [kecho] / tcp_rcv_established",
    "BUG: KCSAN: data-race in tcp_rcv_established / ktcp_tcp_data_ready [kecho]",
    "BUG: KCSAN: assert: race in ktcp_post [kecho] / ktcp_post [kecho]",
    "BUG: sleeping function called from invalid context at kernel/locking/mutex.c:580",
    "BUG kecho_session (Tainted: G           O      ): Objects remaining in kecho_session on __kmem_cache_shutdown()",
    "BUG kmalloc-64 (Tainted: G    B      O      ): Poison overwritten",
    "WARNING: CPU: 1 PID: 77 at net/core/stream.c:208 inet_csk_destroy_sock+0xe7/0x100",
    "WARNING: possible circular locking dependency detected",
    "INFO: task rmmod:212 blocked for more than 120 seconds.",
    "rcu: INFO: rcu_preempt self-detected stall on CPU",
    "refcount_t: underflow; use-after-free.",
    "UBSAN: array-index-out-of-bounds in ./include/foo.h:12:3",
    "list_del corruption. prev->next should be ffff888003a5c8c0, but was 0000000000000000",
    "list_add corruption. next->prev should be prev",
    "ODEBUG: free active (active state 0) object type: timer_list",
    "kmemleak: 3 new suspected memory leaks (see /sys/kernel/debug/kmemleak)",
    "unreferenced object 0xffff888003a5c8c0 (size 64):",
    "watchdog: BUG: soft lockup - CPU#0 stuck for 22s! [rmmod:212]",
    "Oops: 0000 [#1] PREEMPT SMP NOPTI",
    "general protection fault, probably for non-canonical address 0xdead000000000122: 0000 [#1]",
    "divide error: 0000 [#1] PREEMPT SMP NOPTI",
    "invalid opcode: 0000 [#1] PREEMPT SMP NOPTI",
    "stack segment: 0000 [#2] SMP",
    "CFI failure at ktcp_proc_show+0x2c/0x40 [kecho] (target: show+0x0/0x10 [kecho]; expected type: 0x2fde0df2)",
    "Kernel panic - not syncing: Fatal exception",
    "Attempt to release alive inet socket 00000000cafebabe",
    "unregister_netdevice: waiting for lo to become free. Usage count = 2",
    "ref_tracker: net notrefcnt@ffff888003a5c8c0 has 1/1 users at",
    "kobject: cannot create duplicate filename '/module/kecho'",
]

# Modules called leaky and earlywarning, and what a healthy kernel says.
HARMLESS = [
    "leaky: loading out-of-tree module taints kernel.",
    "leaky: listening on port 7000 (event)",
    "earlywarning: loading out-of-tree module taints kernel.",
    "earlywarning: module verification failed: signature and/or required key missing - tainting kernel",
    "debugger: unloaded, 12 connections served",
    "kmemleak: Kernel memory leak detector initialized (mem pool available: 15747)",
    "rcu: Hierarchical RCU implementation.",
    "hrtimer: interrupt took 5021833 ns",
    "TCP: request_sock_TCP: Possible SYN flooding on port 12345. Sending cookies.",
    "systemd[1]: infobug: started",
    "BUG: KCSAN: data-race in tick_nohz_stop_tick / tick_sched_do_timer",
]


@pytest.mark.parametrize("line", COMPLAINTS)
def test_is_one(line):
    assert complaints.found(f"[    1.5] {line}") == [f"[    1.5] {line}"]


@pytest.mark.parametrize("line", HARMLESS)
def test_is_none(line):
    assert complaints.found(f"[    1.5] {line}") == []


def test_grep_reads_the_list_alike(tmp_path):
    log = tmp_path / "log"
    log.write_text("\n".join(COMPLAINTS + HARMLESS) + "\n")
    found = subprocess.run(["grep", "-E", "-f", complaints.LIST, log], stdout=subprocess.PIPE, text=True,
                           check=True).stdout
    assert found.splitlines() == COMPLAINTS
