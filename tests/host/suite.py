# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Tests in user space: those that CTest knows (tests/host/CMakeLists.txt), each a case."""

import os

from harness import TOP, Problem, child, lanes, results

RESULTS = TOP / "build" / "host" / "results.xml"
# A part of the simulation's schedules finds each defect of tests/mutants. `make proof` explores ten times them all.
SCHEDULES = {"KTCP_SEEDS": os.environ.get("KTCP_SEEDS", "0.4")}


def run(choice):
    def run_part(report):
        RESULTS.unlink(missing_ok=True)
        report.say("building and running")
        # Objects that count take longer: only where somebody asks for them.
        status, said = child.run([TOP / "tests" / "host" / "run"], check=False, env=dict(
            os.environ, **SCHEDULES, KTCP_COVERAGE="ON" if "coverage" in choice.suites else "OFF"))
        if not RESULTS.exists():
            raise Problem(f"tests/host/run left no results:\n{said[-6000:]}")
        cases = results.junit(RESULTS)
        for each in cases:
            each.name = f"host/{each.name}"
            if choice.case(each.name):
                report.case(each)
        if status and not any(each.outcome == "failed" for each in cases):
            report.case(results.Case("host/run", "failed", 0.0, said[-6000:]))
    return run_part


def parts(choice):
    yield lanes.Part("host", run(choice), lane="build")
