# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""How much of the headers the host tests run (tools/coverage): one case."""

from . import TOP, child, lanes, results


def run(report):
    status, said = child.run([TOP / "tools" / "coverage"], check=False)
    for line in said.splitlines():
        if line.startswith("coverage: "):
            report.say(line.removeprefix("coverage: "))
    report.case(results.Case("coverage/the headers", "failed" if status else "passed", 0.0, said[-6000:]))


def parts(_choice):
    yield lanes.Part("coverage", run, lane="build", tests=("coverage/the headers",))
