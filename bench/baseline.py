# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""The figures that a change is judged by, bench/baseline.csv, and the judgement."""

import csv

from results import OURS, is_http, key, title, workload
from tables import grid

SECTIONS = ("standard", "http")


def judged(results):
    """The baseline's figures of a run: (kernel, server, workload), and instructions."""
    return {(result["kernel"], result["server"], key(result)): result["ns_per_request"]
            for result in results
            if result["section"] in SECTIONS and "failed" not in result and
            not result["server"].startswith(("base-", "peer-"))}


def write(path, conditions, results):
    with open(path, "w", newline="", encoding="utf-8") as file:
        for name, value in conditions.items():
            if name != "commit":      # the file's own history has it
                file.write(f"# {name}: {value}\n")
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["kernel", "server", "client", "connections", "size", "per_request",
                         "instructions"])
        for (kernel, server, (connections, size, per_request, _, _, client)), figure in \
                judged(results).items():
            writer.writerow([kernel, server, client, connections, size, int(per_request),
                             round(figure)])


def read(path):
    conditions, figures = {}, {}
    lines = path.read_text(encoding="utf-8").splitlines()
    for line in lines:
        if line.startswith("# ") and ": " in line:
            name, value = line[2:].split(": ", 1)
            conditions[name] = value
    for row in csv.DictReader(line for line in lines if not line.startswith("#")):
        what = workload(int(row["connections"]), row["size"], row["per_request"] == "1",
                        client=row["client"])
        figures[row["kernel"], row["server"], what] = float(row["instructions"])
    return conditions, figures


def tolerance_of(what, tolerance, tolerance_of_copies):
    """Whether pages are cleared anew depends on more than the server where messages are long."""
    return tolerance_of_copies if what[1] == "16K" else tolerance


def compare(path, conditions, results, tolerance, tolerance_of_copies):
    """The text of the comparison, and how many figures are worse, or missing."""
    if not path.exists():
        return "bench: there is no baseline yet: bench/run --quick --update-baseline", 0
    old_conditions, old = read(path)
    different = [f"{name} is {conditions.get(name)}, was {value}"
                 for name, value in old_conditions.items() if conditions.get(name) != value]
    new = judged(results)
    kernels = {kernel for kernel, _, _ in new}
    rows, regressions, gains = [], 0, 0
    for (kernel, server, what), figure in new.items():
        before = old.get((kernel, server, what))
        if before is None:
            rows.append([kernel, server, title(what), "", f"{figure:,.0f}", "", "new"])
            continue
        # Elsewhere the user-space server tells what the kernel and the machine have changed.
        scale = 1.0
        reference = (kernel, "nginx" if is_http({"client": what[-1]}) else "epoll", what)
        if different and reference in new and reference in old:
            scale = new[reference] / old[reference]
        change = 100 * (figure / (before * scale) - 1)
        allowed = tolerance_of(what, tolerance, tolerance_of_copies)
        verdict = ""
        if change > allowed and server.startswith(OURS):
            verdict, regressions = "REGRESSION", regressions + 1
        elif change < -allowed:
            verdict, gains = "better", gains + 1
        rows.append([kernel, server, title(what), f"{before * scale:,.0f}", f"{figure:,.0f}",
                     f"{change:+.1f} %", verdict])
    missing = [f"{server} on {kernel}, {title(what)}" for kernel, server, what in old
               if (kernel, server, what) not in new and server.startswith(OURS) and
               kernel in kernels]
    text = [f"Compared with the baseline (tolerance {tolerance:g} %; 16 KiB: "
            f"{tolerance_of_copies:g} %)"]
    if different:
        text += ["The conditions differ: the baseline is scaled by what the figure of epoll, or "
                 "nginx, has changed."] + different
    text.append(grid(["kernel", "server", "workload", "baseline", "now", "change", ""], rows, 2))
    for each in missing:
        text.append(f"not measured: {each}")
    if regressions:
        text.append(f"bench: {regressions} figures are above the baseline by more than the tolerance")
    elif gains:
        text.append("bench: better than the baseline: bench/run --quick --update-baseline keeps it so")
    text.append(f"bench: {len(rows) - regressions} figures passed, {regressions + len(missing)} failed")
    return "\n".join(text), regressions + len(missing)
