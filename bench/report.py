# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""
Tables, comparison with the baseline, and figures, from the results of a run.

    python3 bench/report.py FOLDER [PAGE.md]

prints the tables of an earlier run, whose results.csv is in FOLDER, and draws its figures again.
A page gets both between its lines "<!-- results -->" and "<!-- end of results -->"; its figures
go to the folder figures/ beside it.
"""

import csv
import json
import pathlib
import statistics
import subprocess
import sys

FIELDS = ["section", "server", "cpus", "turn", "connections", "size", "per_request", "idle",
          "beside", "client", "ns_per_request", "requests", "seconds", "requests_per_s", "mib_per_s",
          "p50_ns", "p90_ns", "p99_ns", "p99.9_ns", "p99.99_ns", "max_ns", "cpu_idle_percent",
          "fresh_bytes", "fresh_slab", "echoed_bytes", "echoed_slab", "failed"]
OURS = ("kecho-", "khttpd-")
UNITS = {"K": 1 << 10, "M": 1 << 20}


def size_in_bytes(text):
    return int(text[:-1]) * UNITS[text[-1]] if text[-1] in UNITS else int(text)


def readable(size):
    if size == "page":
        return size
    return f"{size[:-1]} {size[-1]}iB" if size[-1] in UNITS else f"{size} B"


def key(result):
    """The workload, whichever the server."""
    return (result["connections"], result["size"], bool(result["per_request"]),
            int(result["idle"]), bool(result["beside"]), result.get("client", "echo-load"))


def title(workload):
    connections, size, per_request, idle, beside, client = workload
    text = f"{readable(size)} x{connections:,}"
    if client != "echo-load":
        text = f"{client} {text}"
    elif per_request:
        text = f"conn/request x{connections:,}"
    if idle:
        text += f", {idle:,} idle"
    return text + (", beside bulk" if beside else "")


def describe(result):
    text = title(key(result)) + ": "
    if "failed" in result:
        return text + result["failed"]
    text += f"{result['ns_per_request']:,.0f} instructions a request"
    if result["idle"]:
        text = title(key(result)) + f": p50 {result['latency_ns']['p50'] / 1e3:,.1f} us, " \
            f"{result['memory'][-1]['available']:,.0f} B each"
    return text


# ---- files ----------------------------------------------------------------------------------

def flat(result):
    row = {name: result[name] for name in FIELDS if name in result}
    for name, value in result.get("latency_ns", {}).items():
        if f"{name}_ns" in FIELDS:
            row[f"{name}_ns"] = value
    for memory in result.get("memory", []):
        row[f"{memory['when']}_bytes"] = memory["available"]
        row[f"{memory['when']}_slab"] = memory["slab"]
    row["per_request"] = int(bool(result["per_request"]))
    row["beside"] = int(bool(result["beside"]))
    return row


def write(folder, conditions, results, legend):
    with open(folder / "results.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, FIELDS, restval="")
        writer.writeheader()
        writer.writerows(flat(result) for result in results)
    (folder / "conditions.json").write_text(
        json.dumps({"conditions": conditions, "servers": legend}, indent=1) + "\n")
    caches = [{"server": result["server"], "idle": result["idle"], "memory": result["memory"]}
              for result in results if result.get("memory")]
    if caches:
        (folder / "idle-memory.json").write_text(json.dumps(caches, indent=1) + "\n")


def read(folder):
    """What write() wrote, as flat results."""
    results = []
    with open(folder / "results.csv", newline="") as file:
        for row in csv.DictReader(file):
            result = {}
            for name, value in row.items():
                if value == "":
                    continue
                if name in ("section", "server", "size", "client", "failed"):
                    result[name] = value
                elif name in ("cpus", "turn", "connections", "idle", "per_request", "beside"):
                    result[name] = int(value)
                else:
                    result[name] = float(value)
            results.append(result)
    return results


# ---- tables ---------------------------------------------------------------------------------

def grid(head, rows):
    """Text in columns: the first to the left, the others to the right."""
    lines = [head] + rows
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    text = []
    for number, line in enumerate(lines):
        text.append("  ".join([line[0].ljust(widths[0])] +
                              [cell.rjust(width) for cell, width in zip(line[1:], widths[1:])]))
        if number == 0:
            text.append("-" * len(text[0]))
    return "\n".join(text)


def servers_of(results):
    return list(dict.fromkeys(result["server"] for result in results))


def cell(result, value):
    if result is None:
        return ""
    return "failed" if "failed" in result else value(result)


def by_workload(results, workloads, value):
    """A row for each server, a column for each workload; empty where it was not measured."""
    found = {(result["server"], key(result)): result for result in results}
    present = [workload for workload in workloads
               if any((server, workload) in found for server in servers_of(results))]
    rows = []
    for server in servers_of(results):
        cells = [cell(found.get((server, workload)), value) for workload in present]
        if any(cells):
            rows.append([server] + cells)
    return grid(["server"] + [title(workload) for workload in present], rows) if rows else ""


def instructions(result):
    return f"{result['ns_per_request']:,.0f}"


def latency(name):
    return lambda result: f"{result[name] / 1e3:,.0f}"


def workload(connections, size="64", per_request=False, idle=0, beside=False, client="echo-load"):
    return (connections, size, per_request, idle, beside, client)


STANDARD = [workload(1), workload(16), workload(128), workload(16, "16K"), workload(16, per_request=True)]
CONNECTIONS = [workload(each) for each in (1, 16, 128, 1024, 10_000)]
SIZES = [workload(16, each) for each in ("1", "64", "4K", "16K", "64K", "1M")]
SHORT = [workload(each, per_request=True) for each in (1, 16, 128)]
IDLE = [workload(1, per_request=True, idle=each) for each in (0, 10_000, 100_000)]
BODIES = ("page", "12", "4K", "64K", "1M")
HTTP = {each: [workload(each, size, client="wrk") for size in BODIES] for each in (1, 16, 128)}
HTTP_SHORT = [workload(16, size, per_request=True, client="ab") for size in BODIES]
HTTP_OTHER = [workload(16, "12", client="h2load")]


def is_http(result):
    return result.get("client", "echo-load") != "echo-load"


def wall_tables(results, http):
    """Each server's rate over the reference's in the same turn: the median, and the extremes."""
    against, of_what = ("nginx", "HTTP requests") if http else ("epoll", "Requests")
    runs = {(result["cpus"], key(result), result["server"], result["turn"]): result
            for result in results if result["section"] == "wall" and "failed" not in result and
            is_http(result) == http}
    tables = []
    for cpus in sorted({each[0] for each in runs}):
        columns = list(dict.fromkeys(what for c, what, _, _ in runs if c == cpus))
        rows = []
        for server in dict.fromkeys(name for c, _, name, _ in runs if c == cpus):
            cells = []
            for what in columns:
                ratios = [run["requests_per_s"] / runs[cpus, what, against, turn]["requests_per_s"]
                          for (c, w, name, turn), run in runs.items()
                          if (c, w, name) == (cpus, what, server) and
                          (cpus, what, against, turn) in runs]
                cells.append(f"{statistics.median(ratios):.2f} [{min(ratios):.2f} {max(ratios):.2f}]"
                             if ratios else "")
            rows.append([server] + cells)
        tables.append((f"{of_what} per second by the wall clock, {cpus} CPU{'s' if cpus > 1 else ''}, "
                       f"times the {against} server's: median [least most]",
                       grid(["server"] + [title(what) for what in columns], rows), ""))
    return tables


def wall_tail(results):
    """p99 latency over the median, of the turns' medians."""
    found = {}
    for result in results:
        if result["section"] == "wall" and "failed" not in result and result["connections"] == 128 \
                and not is_http(result):
            found.setdefault((result["server"], result["cpus"]), []).append(
                result["p99_ns"] / result["p50_ns"])
    cpus = sorted({each for _, each in found})
    rows = [[server] + [f"{statistics.median(found[server, each]):.1f}"
                        if (server, each) in found else "" for each in cpus]
            for server in dict.fromkeys(name for name, _ in found)]
    return grid(["server"] + [f"{each} CPU{'s' if each > 1 else ''}" for each in cpus], rows) if rows else ""


def parts(results):
    """Each table with its title and the name of the figure that shows the same."""
    results = [flat(result) for result in results]
    counted = [result for result in results if result["section"] not in ("wall", "idle")]
    idle = [result for result in results if result["section"] == "idle"]
    tables = [
        ("Guest instructions per request, the client's included",
         by_workload(counted, STANDARD, instructions), "standard"),
        ("The same, 64 B, as connections grow",
         by_workload(counted, CONNECTIONS[3:], instructions), "connections"),
        ("The same, 16 connections, as messages grow",
         by_workload(counted, [each for each in SIZES if each not in STANDARD], instructions), "sizes"),
        ("The same, a connection per request",
         by_workload(counted, [SHORT[0], SHORT[2]], instructions), "short"),
        ("p99 latency, us of instructions", by_workload(counted, STANDARD, latency("p99_ns")), ""),
        ("Longest latency, us of instructions",
         by_workload(counted, STANDARD, latency("max_ns")), ""),
        ("p99 latency of 16 connections beside one that sends 1 MiB messages without pause, us",
         by_workload(counted, [workload(16), workload(16, beside=True)], latency("p99_ns"))
         if any(result["beside"] for result in counted) else "", ""),
        ("A new client's request from connecting to its reply beside idle connections, p50, us",
         by_workload(idle, IDLE, latency("p50_ns")), "idle-latency"),
        ("Memory of an idle connection, both ends, bytes less available",
         by_workload(idle, IDLE[1:], lambda each: f"{each['fresh_bytes']:,.0f}"), "idle-memory"),
        ("The same once each has echoed a message",
         by_workload(idle, IDLE[1:], lambda each: f"{each['echoed_bytes']:,.0f}"), ""),
        ("Guest instructions per HTTP request, the client's included, keep-alive",
         by_workload(counted, HTTP[16] + HTTP_OTHER, instructions), "http"),
        ("The same with one connection, and with 128",
         by_workload(counted, HTTP[1] + HTTP[128], instructions), ""),
        ("The same, a connection per request", by_workload(counted, HTTP_SHORT, instructions), ""),
        ("p99 latency of HTTP requests, us of instructions",
         by_workload(counted, HTTP[16], latency("p99_ns")), ""),
        *wall_tables(results, http=False),
        *wall_tables(results, http=True),
        ("p99 latency over p50 by the wall clock, 64 B x128, median of the turns",
         wall_tail(results), ""),
    ]
    failed = sorted({f"{result['server']}, {title(key(result))}: {result['failed']}"
                     for result in results if "failed" in result})
    if failed:
        tables.append(("Failed", "\n".join(failed), ""))
    return [each for each in tables if each[1]]


def tables(conditions, results):
    text = [f"{name}: {value}" for name, value in conditions.items()] + [""]
    for name, table, _ in parts(results):
        text += [name, table, ""]
    return "\n".join(text)


def publish(page, conditions, results):
    """The same into a page, with the figures."""
    begin, end = "<!-- results -->\n", "<!-- end of results -->\n"
    before, rest = page.read_text().split(begin, 1)
    after = rest.split(end, 1)[1]
    text = ["Conditions:", ""] + [f"- {name}: {value}" for name, value in conditions.items()] + [""]
    for name, table, figure in parts(results):
        text += [f"**{name}**", "", "```", table, "```", ""]
        if figure and (page.parent / "figures" / f"{figure}.svg").exists():
            text += [f"![{name}](figures/{figure}.svg)", ""]
    page.write_text(before + begin + "\n".join(text) + end + after)


# ---- the baseline ----------------------------------------------------------------------------

def write_baseline(path, conditions, results):
    with open(path, "w", newline="") as file:
        for name, value in conditions.items():
            file.write(f"# {name}: {value}\n")
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["server", "client", "connections", "size", "per_request", "instructions"])
        for result in results:
            if result["section"] in ("standard", "http"):
                writer.writerow([result["server"], result["client"], result["connections"],
                                 result["size"], int(result["per_request"]),
                                 round(result["ns_per_request"])])


def read_baseline(path):
    conditions, figures = {}, {}
    with open(path, newline="") as file:
        lines = file.read().splitlines()
    for line in lines:
        if line.startswith("# ") and ": " in line:
            name, value = line[2:].split(": ", 1)
            conditions[name] = value
    for row in csv.DictReader(line for line in lines if not line.startswith("#")):
        what = workload(int(row["connections"]), row["size"], row["per_request"] == "1",
                        client=row["client"])
        figures[row["server"], what] = float(row["instructions"])
    return conditions, figures


def compare(path, conditions, results, tolerance):
    """The text of the comparison, and the number of regressions."""
    if not path.exists():
        return "bench: there is no baseline yet: bench/run --quick --update-baseline", 0
    old_conditions, old = read_baseline(path)
    different = [f"{name} is {conditions.get(name)}, was {value}"
                 for name, value in old_conditions.items() if conditions.get(name) != value]
    new = {(result["server"], key(result)): result["ns_per_request"]
           for result in results if result["section"] in ("standard", "http") and
           "failed" not in result}
    rows, regressions, gains = [], 0, 0
    for (server, what), figure in new.items():
        before = old.get((server, what))
        if before is None:
            rows.append([server, title(what), "", f"{figure:,.0f}", "", "new"])
            continue
        # Elsewhere the user-space server tells what the kernel and the machine have changed.
        scale = 1.0
        reference = ("epoll" if what[-1] == "echo-load" else "nginx", what)
        if different and reference in new and reference in old:
            scale = new[reference] / old[reference]
        change = 100 * (figure / (before * scale) - 1)
        verdict = ""
        if change > tolerance and server.startswith(OURS):
            verdict, regressions = "REGRESSION", regressions + 1
        elif change < -tolerance:
            verdict, gains = "better", gains + 1
        rows.append([server, title(what), f"{before * scale:,.0f}", f"{figure:,.0f}",
                     f"{change:+.1f} %", verdict])
    missing = [f"{server}, {title(what)}" for server, what in old
               if (server, what) not in new and server.startswith(OURS)]
    text = [f"Compared with the baseline (tolerance {tolerance:g} %)"]
    if different:
        text += ["The conditions differ: the baseline is scaled by what the figure of epoll, or "
                 "nginx, has changed."] + different
    text.append(grid(["server", "workload", "baseline", "now", "change", ""], rows))
    for each in missing:
        text.append(f"not measured: {each}")
    if regressions:
        text.append(f"bench: {regressions} figures are more than {tolerance:g} % above the baseline")
    elif gains:
        text.append("bench: better than the baseline: bench/run --quick --update-baseline keeps it so")
    text.append(f"bench: {len(rows) - regressions} figures passed, {regressions + len(missing)} failed")
    return "\n".join(text), regressions + len(missing)


# ---- figures ----------------------------------------------------------------------------------

HEADER = """set terminal svg size 960,560 dynamic font "sans,13" background "white"
set output "{output}"
set title "{title}"
set xlabel "{x}"
set ylabel "{y}"
set grid
set key outside right top
{more}
"""
COLOURS = ["#1f77b4", "#2ca02c", "#9467bd", "#8c564b", "#17becf", "#d62728", "#ff7f0e", "#7f7f7f",
           "#e377c2", "#bcbd22"]


def gnuplot(script):
    done = subprocess.run(["gnuplot"], input=script, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT)
    if done.returncode:
        sys.exit(f"report: gnuplot failed:\n{done.stdout}")


def lines(output, name, x, y, more, series):
    """One line with points for each (legend, [(x, y), ...])."""
    series = [(legend, sorted(points)) for legend, points in series if len(points) > 1]
    if not series:
        return
    script = HEADER.format(output=output, title=name, x=x, y=y, more=more)
    plots = []
    for number, (legend, points) in enumerate(series):
        data = "\n".join(f"{a} {b}" for a, b in points)
        script += f"$data{number} << END\n{data}\nEND\n"
        # The kernel's are solid and thick, those of user space thin and dashed.
        kernel = legend.startswith((*OURS, "peer"))
        style = "lw 3" if kernel else "lw 1.5 dt 2"
        plots.append(f'$data{number} using 1:2 with linespoints '
                     f'lc rgb "{COLOURS[number % len(COLOURS)]}" pt {number % 13 + 1} {style} title "{legend}"')
    gnuplot(script + "plot " + ", \\\n".join(plots) + "\n")


def along(results, workloads, x, y):
    """For lines(): a series for each server over those workloads."""
    series = []
    for server in servers_of(results):
        points = {x(result): y(result) for result in results
                  if result["server"] == server and key(result) in workloads and "failed" not in result}
        series.append((server, list(points.items())))
    return series


def bars(output, name, y, groups, series, x=""):
    """For each (legend, [value, ...]) a bar in each group."""
    series = [(legend, values) for legend, values in series if any(values)]
    if not series:
        return
    script = HEADER.format(output=output, title=name, x=x, y=y,
                           more="set style data histograms\nset style histogram clustered gap 1\n"
                                "set style fill solid 0.8 border -1\nset yrange [0:*]\nset grid noxtics\nset bmargin 5\nset xlabel offset 0,-1")
    plots = []
    for number, (legend, values) in enumerate(series):
        data = "\n".join(f'"{group}" {value or "NaN"}' for group, value in zip(groups, values))
        script += f"$data{number} << END\n{data}\nEND\n"
        plots.append(f'$data{number} using 2:xtic(1) '
                     f'lc rgb "{COLOURS[number % len(COLOURS)]}" title "{legend}"')
    gnuplot(script + "plot " + ", \\\n".join(plots) + "\n")


def figures(folder, to=None):
    to = to or folder
    to.mkdir(parents=True, exist_ok=True)
    results = read(folder)
    counted = [result for result in results if result["section"] not in ("wall", "idle")]
    idle = [result for result in results if result["section"] == "idle"]
    found = {(result["server"], key(result)): result["ns_per_request"] for result in counted
             if "failed" not in result}
    cost = "guest instructions per request, client included"

    # Relative, since a connection per request costs five times what a message does.
    bars(to / "standard.svg", "The standard workloads", "guest instructions per request, epoll's = 1",
         [title(each).replace(" x", "\\nx") for each in STANDARD],
         [(server, [found[server, each] / found["epoll", each]
                    if (server, each) in found and ("epoll", each) in found else None
                    for each in STANDARD])
          for server in servers_of(counted)
          if not server.startswith(("khttpd", "nginx")) and server not in ("select", "poll", "pool", "prefork", "fork", "iterative")])
    served = [each for each in HTTP[16] + HTTP_SHORT if ("nginx", each) in found]
    bars(to / "http.svg", "khttpd and nginx, 16 connections", "guest instructions per request, nginx's = 1",
         [readable(each[1]) + ("\\n+ connect" if each[2] else "") for each in served],
         [(server, [found[server, each] / found["nginx", each] if (server, each) in found else None
                    for each in served])
          for server in servers_of(counted) if server.startswith(("khttpd", "nginx"))],
         x="the response's body; + connect: a connection per request, else keep-alive")
    lines(to / "connections.svg", "64-byte messages, closed loop", "connections", cost,
          'set logscale x\nset yrange [0:60000]',
          along(counted, CONNECTIONS, lambda each: each["connections"],
                lambda each: each["ns_per_request"]))
    lines(to / "sizes.svg", "16 connections, closed loop", "bytes per message", cost,
          "set logscale xy\nset format x \"%.0f\"",
          along(counted, SIZES, lambda each: size_in_bytes(each["size"]),
                lambda each: each["ns_per_request"]))
    lines(to / "short.svg", "A connection for each 64-byte request", "connections at once", cost,
          'set logscale x\nset yrange [0:*]',
          along(counted, SHORT, lambda each: each["connections"],
                lambda each: each["ns_per_request"]))
    lines(to / "idle-latency.svg", "A new client beside idle connections", "idle connections",
          "microseconds of instructions from connecting to the reply, p50",
          'set yrange [0:*]\nset format x "%.0f"\nset xtics 25000',
          along(idle, IDLE, lambda each: each["idle"], lambda each: each["p50_ns"] / 1e3))
    many = max((result["idle"] for result in idle), default=0)
    at = {result["server"]: result for result in idle if result["idle"] in (10_000, many)
          and "echoed_bytes" in result}
    bars(to / "idle-memory.svg", "Memory of an idle connection, both ends of it",
         "bytes less available, per connection", ["fresh", "after one echo"],
         [(f"{server} ({result['idle']:,})", [result["fresh_bytes"], result["echoed_bytes"]])
          for server, result in at.items()])


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__.strip())
    source = pathlib.Path(sys.argv[1])
    told = json.loads((source / "conditions.json").read_text())["conditions"]
    print(tables(told, read(source)))
    figures(source)
    if len(sys.argv) == 3:
        to = pathlib.Path(sys.argv[2])
        figures(source, to.parent / "figures")
        publish(to, told, read(source))
