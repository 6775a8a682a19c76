# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Instructions a request, against bench/baseline.csv (bench/run --quick): a case for each figure."""

import re

from harness import TOP, child, lanes, results

NUMBER = re.compile(r"[\d,]+$")


def run(choice):
    def run_part(report):
        failed = []

        def line(text):
            if text.startswith("bench: ") and " failed" in text:
                failed.append(text)
            elif text.startswith("bench: "):
                report.say(text.removeprefix("bench: "))

        status, text = child.run([TOP / "bench" / "run", "--quick"], check=False, line=line)
        cases = []
        for each in text.partition("Compared with the baseline")[2].splitlines():
            # Kernel, server, workload, the figures, and a verdict or none.
            cells = re.split(" {2,}", each.strip())
            if len(cells) > 3 and NUMBER.match(cells[3]):
                cases.append(results.Case(f"bench/{cells[0]}/{cells[1]}/{cells[2]}",
                                          "failed" if cells[-1] == "REGRESSION" else "passed", 0.0, each))
            elif each.startswith("not measured: "):
                cases.append(results.Case(f"bench/{each.removeprefix('not measured: ')}", "failed", 0.0,
                                          "\n".join([each, *failed])))
        for each in cases:
            if choice.case(each.name):
                report.case(each)
        if not cases or (status and not any(each.outcome == "failed" for each in cases)):
            report.case(results.Case("bench/run", "failed", 0.0, text[-6000:]))
    return run_part


def parts(choice):
    # Its guests keep one processor busy, and count by their own clock: no load of others is seen there.
    yield lanes.Part("bench", run(choice))
