# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Tables and figures from the results of a run."""

import pathlib
import subprocess
import sys

sys.dont_write_bytecode = True

import figures    # noqa: E402
import results    # noqa: E402
import tables     # noqa: E402
from guest import TOP    # noqa: E402

import harness    # noqa: E402
from harness import given    # noqa: E402


def main(folder, page=None):
    """
    Prints the tables of an earlier run, whose results.csv is in FOLDER, and draws its figures again.
    A page gets both between its lines "<!-- results -->" and "<!-- end of results -->"; its figures
    go to the folder figures/ beside it. docs/benchmarks.md then also makes the README's tables and picture.
    """
    source = given.file(pathlib.Path(folder, "results.csv")).parent
    page = page and given.marked(page, *tables.MARKS)
    told = results.conditions(source)
    print(tables.text(told, results.read(source)))
    figures.draw(source)
    if page:
        tables.publish(page, told, results.read(source), source)
        if page.resolve() == TOP / "docs/benchmarks.md":
            subprocess.run([TOP / "tools/page", "figures", "--fix"], check=True)


if __name__ == "__main__":
    harness.main("report", given.fitted(main), sys.argv[1:])
