# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Figures of results, by gnuplot."""

import subprocess
import sys

from results import OURS, kernels_of, key, read, readable, servers_of, size_in_bytes, title
from tables import CONNECTIONS, HTTP, HTTP_SHORT, IDLE, NOT_COUNTED, SHORT, SIZES, STANDARD

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
        sys.exit(f"bench: gnuplot failed:\n{done.stdout}")


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


def draw(to):
    """All figures of the folder's results, of its first kernel."""
    results = read(to)
    results = [result for result in results if result["kernel"] == kernels_of(results)[0]]
    counted = [result for result in results if result["section"] not in NOT_COUNTED]
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
