# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""
Tables and figures from the results of a run.

    python3 bench/report.py FOLDER [PAGE.md]

prints the tables of an earlier run, whose results.csv is in FOLDER, and draws its figures again.
A page gets both between its lines "<!-- results -->" and "<!-- end of results -->"; its figures
go to the folder figures/ beside it.
"""

import json
import pathlib
import sys

sys.dont_write_bytecode = True

import figures    # noqa: E402
import results    # noqa: E402
import tables     # noqa: E402

if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__.strip())
    source = pathlib.Path(sys.argv[1])
    told = json.loads((source / "conditions.json").read_text())["conditions"]
    print(tables.text(told, results.read(source)))
    figures.draw(source)
    if len(sys.argv) == 3:
        to = pathlib.Path(sys.argv[2])
        figures.draw(source, to.parent / "figures")
        tables.publish(to, told, results.read(source))
