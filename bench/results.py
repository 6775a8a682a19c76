# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""A result: its name, its workload, and the folder that keeps them."""

import csv
import json

FIELDS = ["kernel", "section", "server", "strings", "cpus", "turn", "connections", "size",
          "per_request", "idle", "beside", "client", "ns_per_request", "requests", "seconds",
          "requests_per_s", "mib_per_s", "p50_ns", "p90_ns", "p99_ns", "p99.9_ns", "p99.99_ns",
          "max_ns", "cpu_idle_percent", "watched_ns_per_s", "unloaded_s",
          "fresh_bytes", "fresh_slab", "echoed_bytes", "echoed_slab",
          "failed"]
TEXTS = ("kernel", "section", "server", "size", "client", "failed")
WHOLE = ("strings", "cpus", "turn", "connections", "idle", "per_request", "beside")
OURS = ("kecho-", "khttpd-")
OWN_HTTP = "http"            # echo-load --http
HTTP_CLIENTS = (OWN_HTTP, "wrk", "ab", "h2load")
UNITS = {"K": 1 << 10, "M": 1 << 20}


def size_in_bytes(text):
    return int(text[:-1]) * UNITS[text[-1]] if text[-1] in UNITS else int(text)


def readable(size):
    if size == "page":
        return size
    return f"{size[:-1]} {size[-1]}iB" if size[-1] in UNITS else f"{size} B"


def workload(connections, size="64", per_request=False, idle=0, beside=False, client="echo-load"):
    """key()'s value: the workload, for every server."""
    return (connections, size, per_request, idle, beside, client)


def key(result):
    return workload(result["connections"], result["size"], bool(result["per_request"]),
                    int(result["idle"]), bool(result["beside"]), result.get("client", "echo-load"))


def title(of):
    connections, size, per_request, idle, beside, client = of
    text = f"{readable(size)} x{connections:,}"
    if client != "echo-load":
        text = f"{'conn/' if per_request else ''}{client} {text}"
    elif per_request:
        text = f"conn/request x{connections:,}"
    if idle:
        text += f", {idle:,} idle"
    return text + (", beside bulk" if beside else "")


def describe(result):
    """A line for the person who waits."""
    text = title(key(result)) + ": "
    if "failed" in result:
        return text + result["failed"]
    if result["idle"]:
        return text + f"p50 {result['latency_ns']['p50'] / 1e3:,.1f} us, " \
            f"{result['memory'][-1]['available']:,.0f} B each" + \
            (f", unloaded in {result['unloaded_s']:.1f} s" if "unloaded_s" in result else "")
    if "ns_per_request" not in result:
        latency = result["latency_ns"]
        return text + f"p50 {latency['p50'] / 1e3:,.0f} us, p99 {latency['p99'] / 1e3:,.0f} us, " \
            f"longest {latency['max'] / 1e3:,.0f} us"
    return text + f"{result['ns_per_request']:,.0f} instructions a request"


def is_http(result):
    return result.get("client") in HTTP_CLIENTS


def servers_of(results):
    return list(dict.fromkeys(result["server"] for result in results))


def kernels_of(results):
    return list(dict.fromkeys(result["kernel"] for result in results))


def flat(result):
    """A row of results.csv."""
    row = {name: result[name] for name in FIELDS if name in result}
    for name, value in result.get("latency_ns", {}).items():
        if f"{name}_ns" in FIELDS:
            row[f"{name}_ns"] = value
    for memory in result.get("memory", []):
        row[f"{memory['when']}_bytes"] = memory["available"]
        row[f"{memory['when']}_slab"] = memory["slab"]
    for name in ("per_request", "beside", "strings"):
        row[name] = int(bool(result.get(name)))
    return row


def write(folder, now, results, legend):
    with open(folder / "results.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, FIELDS, restval="")
        writer.writeheader()
        writer.writerows(flat(result) for result in results)
    (folder / "conditions.json").write_text(
        json.dumps({"conditions": now, "servers": legend}, indent=1) + "\n")
    caches = [{"server": result["server"], "idle": result["idle"], "memory": result["memory"]}
              for result in results if result.get("memory")]
    if caches:
        (folder / "idle-memory.json").write_text(json.dumps(caches, indent=1) + "\n")


def conditions(folder):
    """Those that write() wrote."""
    return json.loads((folder / "conditions.json").read_text())["conditions"]


def differing(before, now):
    """The conditions that keep two runs' results from standing in one table, in words; or none."""
    return ", ".join(f"{name} {before[name]} (now: {now[name]})" for name in before
                     if now.get(name, before[name]) != before[name])


def read(folder):
    """write()'s files, as flat results."""
    results = []
    with open(folder / "results.csv", newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            result = {}
            for name, value in row.items():
                if value != "":
                    result[name] = value if name in TEXTS else \
                        int(value) if name in WHOLE else float(value)
            results.append(result)
    return results
