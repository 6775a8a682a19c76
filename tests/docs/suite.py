# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""
Does what the documentation says, as its readers would: a test for each line of TESTS, and for each
page that `followed` lists, by copy and paste (tools/page follow). Logs: build/docs/.
"""

import os
import pathlib

from harness import TOP, cache, child, guest, lanes, machine, results

HERE = pathlib.Path(__file__).resolve().parent
BUILD = TOP / "build" / "docs"


def demo():
    ports = guest.free_ports(2)
    return ["make", "--no-print-directory", "-C", TOP, "demo",
            f"HOST_PORT={ports[0]}", f"HTTP_PORT={ports[1]}"]


# What is run, and what it competes for; the longest first.
TESTS = {
    "learn": (lambda: [HERE / "learn"], "guest"),              # the experiments of docs/learn
    "interactive": (lambda: [HERE / "interactive"], "guest"),  # make run on a terminal
    "demo": (demo, "guest"),                                   # also make run without a terminal
    "reference": (lambda: [TOP / "tools" / "reference"], "build"),
    "top": (lambda: [HERE / "top"], "guest"),                  # ktcp-top
    "figures": (lambda: [TOP / "tools" / "figures", "--check"], "build"),
}


def pages():
    lines = (HERE / "followed").read_text().splitlines()
    return {pathlib.Path(line).stem: line for line in lines if line and not line.startswith("#")}


def follow(name, page):
    """In a reader's home, in which nothing is yet."""
    home = BUILD / "home" / name
    child.run(["rm", "-rf", home])
    home.mkdir(parents=True)
    return [TOP / "tools" / "page", "follow", TOP / page, TOP], {"HOME": str(home)}


def run(name, command):
    def run_part(report):
        # Kernels come from where they are cached, whoever's home it is.
        environment = dict(os.environ, KTCP_CACHE=str(cache.cache()))
        words = command()
        if isinstance(words, tuple):
            words, more = words
            environment.update(more)
        BUILD.mkdir(parents=True, exist_ok=True)
        log = BUILD / f"{name}.log"
        status, said = child.run(words, env=environment, log=log, check=False)
        text = "\n".join(said.splitlines()[-60:] + [f"exit code {status}; its log: {log}"])
        report.case(results.Case(f"docs/{name}", "failed" if status else "passed", 0.0, text))
    return run_part


def prepare(report):
    machine.deps("build", "vm", "docs")
    for kernel in ("6.1", "6.12"):
        report.say(f"Linux {machine.kernel(kernel).release}")


def parts(_choice):
    yield lanes.Part("docs/kernels", prepare, cases=False)
    for name, (command, lane) in TESTS.items():
        yield lanes.Part(f"docs/{name}", run(name, command), lane=lane, after=("docs/kernels",))
    for name, page in pages().items():
        yield lanes.Part(f"docs/{name}", run(name, lambda name=name, page=page: follow(name, page)),
                         after=("docs/kernels",))
