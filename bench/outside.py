# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""
Servers in a guest whose clients are outside of it, as clients are: over a virtual network card. The guest
counts instructions, and its packet sockets stamp arriving and leaving segments (capture/). So the times are
the guest's alone, without the way of a request or the load of this machine. When requests arrive is this
machine's, so the figures repeat less well than counted ones.
"""

import subprocess
import time

import guest
from build import BUILD, HERE
from guest import say
from measure import outcome

BULK = ["--connections", "1", "--size", "1M", "--duration", "10m"]


def load(programs, port, words):
    return [str(programs / "echo-load"), "--quiet", "--port", str(port), *words]


def clients(workload, programs, port):
    """The clients of one measurement, from the first request to the last answer; their errors."""
    beside = None
    if workload.bulk:
        beside = subprocess.Popen(load(programs, port, BULK), stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True)
        time.sleep(0.7)
    try:
        done = subprocess.run(
            load(programs, port, ["--connections", str(workload.connections), "--timeout", "60s",
                                  "--requests", str(workload.requests),
                                  *(["--per-request"] if workload.per_request else [])]),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            check=False)
    finally:
        if beside:
            beside.terminate()      # it reports what it has seen
            bulk = beside.communicate()[0]
    if beside and beside.returncode:
        return f"the bulk sender: {last_line(bulk, beside.returncode)}"
    return last_line(done.stdout, done.returncode) if done.returncode else ""


def last_line(text, code):
    return (text.strip().splitlines() or [f"exit code {code}"])[-1]


def run(machine, name, pairs, programs, done):
    """Measures (server, workload) pairs in one guest; calls done(server, workload, result)."""
    folder = BUILD / "runs" / f"{machine.kernel.name}-{name}"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "plan").write_text("".join(
        f"{server.name}|{server.command}|{workload.size}|{int(workload.busy)}\n"
        for server, workload in pairs))
    files = {folder / "plan", programs / "capture"}
    for server, _ in pairs:
        files.update(server.files)
    port = guest.free_port()
    started = time.time()
    waiting, said, problem = list(pairs), [], ""
    with guest.Conversation(machine.kernel, folder, HERE / "outside-job", files, port, 12345,
                            memory=machine.memory) as there:
        for text in there.lines():
            if text.startswith("ready ") and waiting:
                said = []
                problem = clients(waiting[0][1], programs, port)
                there.say()
            elif text.startswith("end ") and waiting:
                server, workload = waiting.pop(0)
                result = outcome("outside", workload, said, text.split()[1])
                if problem:
                    result["failed"] = problem
                done(server, workload, result)
            else:
                said.append(text)
    for server, workload in waiting:
        done(server, workload, {"failed": f"the guest ended (see {folder}/guest.console)"})
    say(f"{machine.kernel.name} {name}: {time.time() - started:.0f} s")
