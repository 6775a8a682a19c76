# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""The harness's own tests: pytest's, of this folder."""

import pathlib
import sys

from harness import TOP, child, lanes, results

HERE = pathlib.Path(__file__).resolve().parent
RESULTS = TOP / "build" / "harness" / "results.xml"


def run(choice):
    def run_part(report):
        RESULTS.parent.mkdir(parents=True, exist_ok=True)
        RESULTS.unlink(missing_ok=True)
        status, said = child.run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", HERE,
                                  f"--junitxml={RESULTS}"], check=False, cwd=TOP)
        cases = results.junit(RESULTS) if RESULTS.exists() else []
        for each in cases:
            each.name = f"harness/{each.name.removeprefix('tests.harness.')}"
            if choice.case(each.name):
                report.case(each)
        if not cases or (status and not any(each.outcome == "failed" for each in cases)):
            report.case(results.Case("harness/pytest", "failed", 0.0, said[-6000:]))
    return run_part


def parts(choice):
    yield lanes.Part("harness", run(choice))
