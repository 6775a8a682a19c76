# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Formatting and static analysis (tools/lint): a case for each of its tools."""

import re

from . import TOP, child, lanes, results

VERDICT = re.compile(r"(\w+): (\d+) files passed, (\d+) failed$")


def run(choice):
    def run_part(report):
        said, last = [], None
        _, text = child.run([TOP / "tools" / "lint"], check=False)
        for line in text.splitlines():
            if not (found := VERDICT.match(line)):
                said.append(line)
                continue
            last = f"lint/{found[1]}"
            if choice.case(last):
                report.case(results.Case(last, "failed" if int(found[3]) else "passed", 0.0,
                                         "\n".join(said + [line])))
            said = []
        if not last:
            report.case(results.Case("lint", "failed", 0.0, text[-6000:]))
    return run_part


def parts(choice):
    yield lanes.Part("lint", run(choice), lane="build")
