# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""
Follows the documentation as its readers would. There is a test for each line of TESTS. Each page that
`followed` lists has one too, by copy and paste (tools/page follow). Logs: build/docs/.

    tests/docs/run [-k EXPRESSION] [-x] [-v]      as in tests/docs/run -k tutorial
"""

import difflib
import os
import pathlib
import re
import shutil

from harness import TOP, cache, child, debian, guest, lanes, packages, pytests, results
from harness import kernel as kernels

HERE = pathlib.Path(__file__).resolve().parent
BUILD = TOP / "build" / "docs"


def demo():
    ports = guest.free_ports(2)
    return ["make", "--no-print-directory", "-C", TOP, "demo",
            f"HOST_PORT={ports[0]}", f"HTTP_PORT={ports[1]}"]


# The commands, and the resources that they compete for; the longest first.
TESTS = {
    "interactive": (lambda: [HERE / "interactive"], "guest"),  # make run on a terminal
    "demo": (demo, "guest"),                                   # also make run without a terminal
    "reference": (lambda: [TOP / "tools" / "reference"], "build"),
    # With the reference of that test, if it was run.
    "site": (lambda: [TOP / "tools" / "site", "--kept", "--look", BUILD / "site"], "build"),
    "editor": (lambda: [TOP / "tools" / "editor", "--check"], "build"),
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
    # Their user-space programs are compiled for a moment's use.
    return [TOP / "tools" / "page", "follow", TOP / page, TOP], {"HOME": str(home), "CXXFLAGS": "-O0 -g"}


def learn(choice):
    """The experiments of docs/learn, in one guest: each prints what its page says."""
    def run_part(report):
        log = BUILD / "learn.log"
        BUILD.mkdir(parents=True, exist_ok=True)
        status, said = child.run([TOP / "docs" / "learn" / "run"], log=log, check=False)
        printed = dict(re.findall(r"(?ms)^=== (\S+)\n(.*?)(?=^=== |^failed with|\Z)", said))
        for each in sorted((TOP / "docs" / "learn" / "experiments").iterdir()):
            case = results.Case(f"docs/learn/{each.name}", "passed")
            page = TOP / "docs" / "learn" / f"{each.name}.md"
            shown = re.search(rf"(?ms)^=== {re.escape(each.name)}\n(.*?)^```$", page.read_text()) \
                if page.exists() else None
            if not shown or each.name not in printed:
                case.outcome = "failed"
                case.text = f"{page} does not show it" if not shown else f"it was not run: {said[-3000:]}"
            elif printed[each.name].rstrip() != shown[1].rstrip():
                case.outcome = "failed"
                case.text = "\n".join(difflib.unified_diff(
                    shown[1].splitlines(), printed[each.name].splitlines(), str(page), "what it printed",
                    n=0, lineterm=""))
            if choice.case(case.name):
                report.case(case)
        if status:
            report.case(results.Case("docs/learn/run", "failed", 0.0, said[-6000:]))
    return run_part


def kept():
    """Kernels come from where they are cached, and what was compiled before too, whoever's home it is."""
    environment = dict(os.environ, KTCP_CACHE=str(cache.cache()))
    if shutil.which("ccache"):
        environment["CCACHE_DIR"] = child.run(["ccache", "--get-config=cache_dir"]).strip()
    return environment


def run(name, command):
    def run_part(report):
        environment = kept()
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
    packages.install("build", "vm", "docs")
    for name in debian.release().checked:
        report.say(f"Linux {kernels.get(name).release}")


def parts(choice):
    yield lanes.Part("docs/kernels", prepare, cases=False)
    yield lanes.Part("docs/learn", learn(choice), after=("docs/kernels",), tests=tuple(
        f"docs/learn/{each.name}" for each in (TOP / "docs" / "learn" / "experiments").iterdir()))
    for name, (command, lane) in TESTS.items():
        after = ("docs/kernels", "docs/reference") if name == "site" else ("docs/kernels",)
        yield lanes.Part(f"docs/{name}", run(name, command), lane=lane, after=after, tests=(f"docs/{name}",))
    yield pytests.part("docs", HERE / "test_top.py", choice, after=("docs/kernels",))     # ktcp-top
    yield pytests.part("docs", HERE / "test_log.py", choice, after=("docs/kernels",))     # khttpd-log
    for name, page in pages().items():
        yield lanes.Part(f"docs/{name}", run(name, lambda name=name, page=page: follow(name, page)),
                         after=("docs/kernels",), tests=(f"docs/{name}",))
