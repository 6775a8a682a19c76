# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Measurements of servers in guests, one after the other, each with a server of its own."""

import json
import time
from dataclasses import dataclass, replace

import guest
import plan
from build import BUILD, HERE
from guest import say

MEMORY = 2048          # MiB of the guest; the sizes of TCP's tables depend on it
IDLE_MEMORY = 4096
MILLION_MEMORY = 17 * 1024
HTTP_PROGRAMS = ["wrk", "ab", "h2load", "ss"]


def enough_memory(mib):
    """Ends the run with one line where this machine has not so much to spare for a guest."""
    with open("/proc/meminfo", encoding="ascii") as file:
        free = next(int(line.split()[1]) >> 10 for line in file if line.startswith("MemAvailable:"))
    if free < mib:
        guest.stop(f"a guest of {mib} MiB is wanted, and this machine has {free} MiB to spare: "
                   f"end what takes its memory, or leave this section out")


@dataclass(frozen=True)
class Machine:
    """The conditions of a guest."""
    kernel: guest.Kernel
    how: str = "icount"
    cpus: int = 1
    memory: int = MEMORY
    warmup: str = "100ms"
    duration: str = "300ms"
    patience: int = 60         # seconds of the host for each measurement
    strings: bool = False      # the processor copies by `rep movsb`, and each byte counts
    modules: tuple = ()        # of the kernel's own, loaded first
    files: tuple = ()          # more of them
    devices: tuple = ()        # more words for QEMU

    def with_(self, **changes):
        return replace(self, **changes)


def run(machine, name, pairs, programs, done):
    """Measures (server, workload) pairs in one guest; calls done(server, workload, result)."""
    folder = BUILD / "runs" / f"{machine.kernel.name}-{name}"
    folder.mkdir(parents=True, exist_ok=True)
    threads = 1 if machine.how == "icount" else machine.cpus
    (folder / "plan").write_text("".join(
        f"{workload.section}|{server.name}|"
        f"{server.command}{server.with_files if workload.size != 'page' else ''}|"
        f"{workload.load(machine.warmup, machine.duration, threads)}|{workload.beside}\n"
        for server, workload in pairs))
    files = {folder / "plan", programs / "echo-load", HERE / "http-load", HERE / "wrk.lua",
             *machine.files}
    needed = set()
    for server, workload in pairs:
        files.update(server.files)
        needed.update(server.programs,
                      HTTP_PROGRAMS if workload.http and workload.client != plan.OWN_HTTP else [])

    waiting = list(pairs)
    said = []

    def line(text):
        nonlocal said
        if text.startswith("result "):
            said = []
        elif text.startswith("end ") and waiting:
            server, workload = waiting.pop(0)
            done(server, workload, outcome(machine.how, workload, said, text.split()[1]))
        else:
            said.append(text)

    started = time.time()
    guest.run(machine.kernel, folder, HERE / "guest-job", files, needed, line, how=machine.how,
              cpus=machine.cpus, memory=machine.memory, strings=machine.strings,
              modules=machine.modules, devices=machine.devices, limit=120 + machine.patience * len(pairs))
    for server, workload in waiting:
        done(server, workload, {"failed": f"the guest ended (see {folder}/guest.console)"})
    say(f"{machine.kernel.name} {name}: {time.time() - started:.0f} s")


def outcome(how, workload, said, status="0"):
    """The client's report, with its outcome; status is the job's."""
    text = "".join(said)
    begin, end = text.find("{\n"), text.rfind("\n}")
    try:
        result = json.loads(text[begin:end + 2])
    except ValueError:
        reason = next((line.strip() for line in said if line.strip()), "nothing was reported")
        return {"failed": reason}
    errors = sum(result["errors"].values()) + result["idle_lost"]
    if errors:
        result["failed"] = f"{errors} errors"
    elif not result["requests"]:
        result["failed"] = "no reply"
    elif status != "0":
        result["failed"] = f"the client, the one beside it, or rmmod ended with status {status}"
    elif how == "icount" and not workload.idle and \
            not 0 <= result.get("cpu_idle_percent", -1) <= 0.5:
        # Idle time is skipped, and so is not instructions.
        result["failed"] = f"idle for {result.get('cpu_idle_percent', '?')} %"
    return result


def described(machine, server, workload, result, **more):
    """A whole result, from what a guest reported."""
    return {"kernel": machine.kernel.name, "section": workload.section, "server": server.name,
            "strings": machine.strings, "connections": workload.connections,
            "size": workload.size, "per_request": workload.per_request, "idle": workload.idle,
            "beside": bool(workload.beside), "client": workload.client, **more, **result}
