# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Tables of results, for the terminal and for docs/benchmarks.md."""

import shutil
import statistics

import plan
from results import flat, is_http, kernels_of, key, servers_of, title, workload

# The lines of a page that the results stand between.
MARKS = "<!-- results -->\n", "<!-- end of results -->\n"


def grid(head, rows, left=1):
    """Text in columns: so many to the left, the others to the right."""
    lines = [head] + rows
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    text = []
    for number, line in enumerate(lines):
        cells = [cell.ljust(width) if i < left else cell.rjust(width)
                 for i, (cell, width) in enumerate(zip(line, widths))]
        text.append("  ".join(cells).rstrip() if number else "  ".join(cells))
        if number == 0:
            text.append("-" * len(text[0]))
    return "\n".join(text)


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


def over(results, reference):
    """For by_workload(): the reference's own figure, and the others' over it, of the same boot."""
    base = {key(result): result["ns_per_request"] for result in results
            if result["server"] == reference and "failed" not in result}

    def ratio(result):
        if result["server"] == reference or key(result) not in base:
            return instructions(result)
        return f"{result['ns_per_request'] / base[key(result)]:.3f}"
    return ratio


def latency(name):
    return lambda result: f"{result[name] / 1e3:,.0f}"


# Sections with tables of their own: by clocks, or of another boot than the others.
NOT_COUNTED = ("wall", "idle", "decisions", "beside", "copies", "costs", "million")
STANDARD = [workload(1), workload(16), workload(128), workload(16, "16K"), workload(16, per_request=True)]
CONNECTIONS = [workload(each) for each in (1, 16, 128, 1024, 10_000)]
SIZES = [workload(16, each) for each in ("1", "64", "4K", "16K", "64K", "1M")]
SHORT = [workload(each, per_request=True) for each in (1, 16, 128)]
IDLE = [workload(1, per_request=True, idle=each) for each in (0, 10_000, 100_000)]
BODIES = ("page", "12", "4K", "64K", "1M")
HTTP = {each: [workload(each, size, client="http") for size in BODIES] for each in (1, 16, 128)}
HTTP_SHORT = [workload(16, size, per_request=True, client="http") for size in BODIES]
HTTP_OTHER = [workload(16, "page", client="wrk"), workload(16, "12", client="wrk"),
              workload(16, "12", client="h2load"),
              workload(16, "12", per_request=True, client="ab")]


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


def with_strings(results, workloads, reference):
    """A row for each server: a workload without string instructions and with them, and ratios."""
    found = {(result["server"], key(result), bool(result["strings"])): result["ns_per_request"]
             for result in results if result["section"] == "copies" and "failed" not in result}
    shown = [each for each in workloads if any(what == each and strings for _, what, strings in found)]
    rows = []
    for server in servers_of(results):
        cells = []
        for each in shown:
            for strings in (False, True):
                figure = found.get((server, each, strings))
                base = found.get((reference, each, strings))
                cells += [f"{figure:,.0f}" if figure else "",
                          f"{figure / base:.3f}" if figure and base else ""]
        if any(cells):
            rows.append([server] + cells)
    head = ["server"]
    for each in shown:
        head += [title(each), "ratio", "with ERMS", "ratio"]
    return grid(head, rows) if rows else ""


def costs(results):
    """One of each: the instructions that a message took more, over how often it was done."""
    found = {result["server"].removeprefix("costs-"): result["ns_per_request"] for result in results
             if result["section"] == "costs" and "failed" not in result}
    rows = [[what, f"{(found[name] - found[against]) / plan.TIMES / parts:,.0f}"]
            for name, (against, parts, what) in plan.COSTS.items()
            if what and name in found and against in found]
    return grid(["", "instructions"], rows) if rows else ""


def million(results):
    """A million idle connections, and their end: a row for each server."""
    rows = [[result["server"], f"{result['p50_ns'] / 1e3:,.0f}", f"{result['watched_ns_per_s']:,.0f}",
             f"{result['fresh_bytes']:,.0f}", f"{result['unloaded_s']:.1f}"]
            for result in results if result["section"] == "million" and "failed" not in result]
    return grid(["server", "a new client's request, p50, us", "instructions a second", "bytes each, both ends",
                 "unloading, s of instructions"], rows) if rows else ""


def latencies(results, section):
    """p50 and p99, and the longest, with ratios to epoll's."""
    found = {(result["server"], key(result)): result for result in results
             if result["section"] == section and "failed" not in result}
    columns = list(dict.fromkeys(what for _, what in found))
    rows = []
    for server in servers_of(results):
        cells = []
        for what in columns:
            one, base = found.get((server, what)), found.get(("epoll", what))
            cells += ["", "", ""] if one is None else \
                [f"{one[name] / 1e3:,.0f}" + (f" ({one[name] / base[name]:.2f})" if base else "")
                 for name in ("p50_ns", "p99_ns")] + [f"{one['max_ns'] / 1e3:,.0f}"]
        if any(cells):
            rows.append([server] + cells)
    head = ["server"]
    for what in columns:
        head += [title(what) + ", p50", "p99", "longest"]
    return grid(head, rows) if rows else ""


def counted_parts(results):
    """The tables of one kernel's counted figures."""
    counted = [result for result in results if result["section"] not in NOT_COUNTED]
    idle = [result for result in results if result["section"] == "idle"]
    rest_of_sizes = [each for each in SIZES if each not in STANDARD]
    http = HTTP[16] + HTTP_SHORT
    return [
        ("Guest instructions per request, the client's included",
         by_workload(counted, STANDARD, instructions), "standard"),
        ("The same, as ratios to epoll's of the same boot",
         by_workload([each for each in counted if not is_http(each)], STANDARD,
                     over(counted, "epoll")), ""),
        ("The same, 64 B, as connections grow",
         by_workload(counted, CONNECTIONS[3:], instructions), "connections"),
        ("The same, 16 connections, as messages grow",
         by_workload(counted, rest_of_sizes, instructions), "sizes"),
        ("The same, a connection per request",
         by_workload(counted, [SHORT[0], SHORT[2]], instructions), "short"),
        ("p99 latency, us of instructions", by_workload(counted, STANDARD, latency("p99_ns")), ""),
        ("Longest latency, us of instructions",
         by_workload(counted, STANDARD, latency("max_ns")), ""),
        ("16 connections beside one that sends 1 MiB messages without pause, all in the guest: us of "
         "instructions, and over epoll's of the same boot", latencies(results, "beside"), ""),
        ("A new client's request from connecting to its reply beside idle connections, p50, us",
         by_workload(idle, IDLE, latency("p50_ns")), "idle-latency"),
        ("Guest instructions a second while no client asks for anything, with idle connections",
         by_workload(idle, IDLE, lambda each: f"{each['watched_ns_per_s']:,.0f}"
                     if "watched_ns_per_s" in each else ""), ""),
        ("Memory of an idle connection, both ends, bytes less available",
         by_workload(idle, IDLE[1:], lambda each: f"{each['fresh_bytes']:,.0f}"), "idle-memory"),
        ("The same once each has echoed a message",
         by_workload(idle, IDLE[1:], lambda each: f"{each['echoed_bytes']:,.0f}"), ""),
        (f"{plan.MILLION:,} idle connections in one guest", million(results), ""),
        ("Guest instructions per HTTP request, the client's included, keep-alive",
         by_workload(counted, HTTP[16], instructions), "http"),
        ("The same, a connection per request", by_workload(counted, HTTP_SHORT, instructions), ""),
        ("Both, as ratios to nginx's of the same boot",
         by_workload(counted, http, over(counted, "nginx")), ""),
        ("The same with one connection, and with 128",
         by_workload(counted, HTTP[1] + HTTP[128], instructions), ""),
        ("By other clients", by_workload(counted, HTTP_OTHER, instructions), ""),
        ("p99 latency of HTTP requests, us of instructions",
         by_workload(counted, HTTP[16], latency("p99_ns")), ""),
        ("Copies, without ERMS and with it, and ratios to epoll's",
         with_strings([each for each in results if not is_http(each)], STANDARD, "epoll"), ""),
        ("Copies of HTTP, and ratios to nginx's", with_strings([each for each in results if is_http(each)],
                                           HTTP[16], "nginx"), ""),
        ("What the parts of the library cost, in guest instructions", costs(results), ""),
        ("Clients outside, one processor: from a request's arrival to its answer, us in the guest, "
         "and over epoll's of the same boot; beside a busy task, and 16 beside a bulk sender",
         latencies(results, "decisions"), ""),
        *wall_tables(results, http=False),
        *wall_tables(results, http=True),
        ("p99 latency over p50 by the wall clock, 64 B x128, median of the turns",
         wall_tail(results), ""),
    ]


def parts(results):
    """Each table with its title and the name of the figure that shows the same."""
    results = [flat(result) for result in results]
    tables = []
    for number, kernel in enumerate(kernels_of(results)):
        # The figures are of the first kernel.
        tables += [(f"Linux {kernel}: {name}",
                    table, "" if number else figure)
                   for name, table, figure in
                   counted_parts([each for each in results if each["kernel"] == kernel])]
    failed = sorted({f"{result['server']} on {result['kernel']}, {title(key(result))}"
                     f"{', with ERMS' if result['strings'] else ''}: {result['failed']}" for result in results if "failed" in result})
    if failed:
        tables.append(("Failed", "\n".join(failed), ""))
    return [each for each in tables if each[1]]


def text(conditions, results):
    """All of it for the terminal."""
    lines = [f"{name}: {value}" for name, value in conditions.items()] + [""]
    for name, table, _ in parts(results):
        lines += [name, table, ""]
    return "\n".join(lines)


def publish(page, conditions, results, folder):
    """The same into a page, with those of the folder's figures that show it."""
    begin, end = MARKS
    before, rest = page.read_text().split(begin, 1)
    after = rest.split(end, 1)[1]
    text = ["Conditions:", ""] + [f"- {name}: {value}" for name, value in conditions.items()] + [""]
    for name, table, figure in parts(results):
        text += [f"**{name}**", "", "```", table, "```", ""]
        drawn = folder / f"{figure}.svg"
        if figure and drawn.exists():
            shutil.copy(drawn, page.parent / "figures")
            text += [f"![{name}](figures/{figure}.svg)", ""]
    page.write_text(before + begin + "\n".join(text) + end + after)
