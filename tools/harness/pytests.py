# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Tests that are pytest's own, as a part of a run: test_FILE.py's test_NAME is SUITE/FILE.NAME."""

import re
import sys

from . import TOP, child, lanes, results

NAME = re.compile(r"^(?:[\w.]*\.)?test_(\w+)\.test_(.*)$", re.S)


def part(suite, path, choice, **options):
    """The part that runs a file of tests, or a folder's."""
    name = suite if path.is_dir() else f"{suite}/{path.stem.removeprefix('test_')}"
    file = TOP / "build" / suite / f"{path.name}.xml"

    def run(report):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.unlink(missing_ok=True)
        status, said = child.run([sys.executable, "-B", "-m", "pytest", "-q", "-p", "no:cacheprovider", path,
                                  f"--junitxml={file}"], check=False, cwd=TOP, limit=900)
        cases = results.junit(file) if file.exists() else []
        for each in cases:
            each.name = suite + "/" + NAME.sub(r"\1.\2", each.name)
            if choice.case(each.name):
                report.case(each)
        if not cases or (status and not any(each.outcome == "failed" for each in cases)):
            report.case(results.Case(f"{name}/pytest", "failed", 0.0, said[-6000:]))
    return lanes.Part(name, run, **options)
