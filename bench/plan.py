# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""The servers, the workloads, and their combinations."""

import re
import subprocess
from dataclasses import dataclass, field, replace

from results import HTTP_CLIENTS, OWN_HTTP


@dataclass
class Server:
    name: str
    command: str              # in the guest
    files: list               # that it needs there
    connections: int          # how many it serves at once
    what: str                 # in the table's legend
    idle: bool = True         # worth holding idle connections with
    programs: list = field(default_factory=list)    # of this machine, with their libraries
    with_files: str = ""      # added to the command where it is files that are asked for
    http: bool = False        # or echo
    standard_only: bool = False    # not worth the other workloads' time
    quick: bool = False       # measured in a quick run
    bulk: bool = True         # reads no faster than it can send: may be given any amount


@dataclass
class Workload:
    """One measurement of one server."""
    section: str              # the table or figure that it belongs to
    connections: int = 1
    size: str = "64"          # of a message; of HTTP: of a file, or "page", which is none
    per_request: bool = False
    idle: int = 0
    beside: str = ""          # a second load at the same time
    requests: int = 0         # of clients outside of the guest
    bulk: bool = False        # beside one that sends 1 MiB messages
    busy: bool = False        # beside a task that never rests
    extra: list = field(default_factory=list)
    client: str = "echo-load"

    @property
    def http(self):
        return self.client in HTTP_CLIENTS

    @property
    def path(self):
        return "/" if self.size == "page" else f"/{self.size}"

    def load(self, warmup, duration, threads=1):
        """The client's command in the guest."""
        if self.client == OWN_HTTP:
            return f"{ECHO_LOAD} --json --port 8081 --http {self.path} --files /www " \
                   f"{self.options(warmup, duration, threads)}"
        if self.http:
            # Seconds; long enough for the 20 ms that 128 connections idle at first not to count.
            amount = 5 if self.connections > 16 else 1
            if self.client in ("ab", "h2load"):
                amount = {"64K": 3000, "1M": 500}.get(self.size, 5000)
            return f"/http-load {self.client} {self.connections} " \
                   f"{min(threads, self.connections)} {self.path} {amount}"
        return f"{ECHO_LOAD} --json {self.options(warmup, duration, threads)}"

    def options(self, warmup, duration, threads=1):
        words = [f"--connections {self.connections}", "" if self.http else f"--size {self.size}",
                 f"--warmup {warmup}", f"--duration {duration}",
                 f"--threads {min(threads, self.connections)}", "--timeout 30s"]
        if self.per_request:
            words.append("--per-request")
        if self.idle:
            words.append(f"--idle {self.idle} --memory")
        if self.section == "idle" and self.idle:
            words.append("--idle-echo")
        if self.section in ("idle", "million"):
            words.append("--watch 10s")
        return " ".join(word for word in words + self.extra if word)


ECHO_LOAD = "/echo-load --quiet --wait 10s"
UNLIMITED = 1_001_000        # a million idle connections, and others beside them
BODIES = ["page", "12", "4K", "64K", "1M"]
LONG = ["--duration 1s"]     # where a request is long
SIZES = ["1", "64", "4K", "16K", "64K", "1M"]
CONNECTIONS = [1, 16, 128, 1024, 10_000]
IDLE = [0, 10_000, 100_000]
MILLION = 1_000_000


MODELS = {"event": "event-driven",
          "softirq": "in softirq",
          "work": "a work item per connection",
          "thread": "a kernel thread per connection"}
# The bound workqueue of 6.1 runs at most 512 items at once.
MOST = {"work": 500, "thread": 20_000}


def models_of(module):
    """The models that this build of a module has, as its parameter's description tells; None: all that there are."""
    if module is None:
        return list(MODELS)
    parameters = subprocess.run(["/sbin/modinfo", "-F", "parm", module], check=True, text=True,
                                stdout=subprocess.PIPE).stdout
    text = next(line for line in parameters.splitlines() if line.startswith("model:"))
    return [model for model in MODELS if re.search(rf"\b{model}\b", text)]


def kernel_servers(name, module, **others):
    """A module of ours, in each of its models; or that of another commit, called base-NAME."""
    # In the guest every module is in the root folder. The model softirq is event's functions by another name.
    return [Server(f"{name}-{model}",
                   f"/{name}.ko model={model} backlog=4096 max_connections={UNLIMITED}", [str(module)],
                   MOST.get(model, UNLIMITED), f"{name}, {MODELS[model]}",
                   **{"quick": model != "softirq", **others})
            for model in models_of(module)]


def floor_server(module):
    """No server in the kernel is below this one, with TCP as it is."""
    return Server("floor", "/floor.ko", [str(module)], UNLIMITED, "bare TCP in sk_data_ready", idle=False,
                  quick=True, bulk=False)


def http_servers(khttpd, nginx, name="khttpd"):
    """khttpd's module, and nginx's program with its configuration."""
    models = kernel_servers(name, khttpd, idle=False, http=True, with_files=" root=/www")
    for each in models:
        each.quick = each.name.endswith("-event")
        each.standard_only = not each.quick
    if name != "khttpd":
        return models
    event = next(each for each in models if each.name == "khttpd-event")
    usual = Server("nginx", "/sbin/nginx -c /nginx.conf", [nginx[1]], UNLIMITED,
                   "nginx, a worker for each CPU", idle=False, programs=[nginx[0]], http=True, quick=True)

    def another(of, name, option, what, **others):
        """The same server, but for what is no default of khttpd's or is one of nginx's."""
        return replace(of, name=name, command=of.command + option, what=what, quick=False, standard_only=True, **others)
    return models + [
        another(event, "khttpd-cache", " cache_ms=1000", "khttpd, event-driven, cache_ms=1000"),
        another(event, "khttpd-plain", " precompressed=0",
                "khttpd, event-driven, looking for no NAME.gz, as nginx does not"),
        usual,
        another(replace(usual, command="/sbin/nginx -c /nginx-default.conf"), "nginx-default", "",
                "nginx without tcp_nopush, as its source has it", files=[nginx[2]])]


# In the place of modules that are not built yet.
UNBUILT = {"kecho": None, "khttpd": None}


def servers(modules=UNBUILT, floor="", programs="", nginx=("", "", ""), peer=None, base=None):
    """All that there are; somebody else's module (peer), and those of another commit (base), beside them."""
    known = [*kernel_servers("kecho", modules["kecho"]), floor_server(floor)]
    if peer:
        known.append(peer_server(peer))
    known += user_servers(programs)
    if base:
        known += kernel_servers("base-kecho", base["kecho"])
        known += http_servers(base["khttpd"], nginx, "base-khttpd")
    return known + http_servers(modules["khttpd"], nginx)


# The module `costs` does one of these so many times for each message. Each is held against a figure, and
# is so many of a kind: a question and its answer cross two times.
TIMES = 200
COSTS = {
    "nothing": ("", 0, ""),
    "task": ("nothing", 1, "a coroutine of one's own, awaited"),
    "child": ("nothing", 1, "a spawned child, joined"),
    "sleep": ("nothing", 1, "sleep_for(0)"),
    "within": ("sleep", 1, "a timer that is armed and cancelled (within())"),
    "lock": ("nothing", 1, "a strand_lock that is free"),
    "event": ("nothing", 2, "an event across two strands"),
    "channel": ("nothing", 2, "a channel's message across two strands"),
    "block": ("nothing", 1, "run_blocking() of a function that does nothing"),
}


def cost_servers(module):
    return [Server(f"costs-{name}", f"/costs.ko what={name} times={TIMES}", [str(module)], UNLIMITED,
                   what or "an echo server", idle=False)
            for name, (_, _, what) in COSTS.items()]


def costs():
    """The parts of the library: an echo with TIMES of one of them."""
    return [Workload("costs", 2)]


def peer_server(module):
    """Somebody else's, from its file; in the guest it must not be taken for ours."""
    name = subprocess.run(["/sbin/modinfo", "-F", "name", module], check=True, text=True,
                          stdout=subprocess.PIPE).stdout.strip()
    return Server(f"peer-{name}", "/peer.ko", [module], UNLIMITED, f"{name}, given as PEER",
                  idle=False)


def user_servers(folder):
    def reference(name, what, most=UNLIMITED, idle=True):
        return Server(name, f"/echo-{name}", [f"{folder}/echo-{name}"], most, what, idle)

    return [
        Server("user-echo-server", f"/user-echo-server --backlog=4096 --max_connections={UNLIMITED}",
               [f"{folder}/user-echo-server"], UNLIMITED,
               "kecho's source as a program (user-echo-server)"),
        replace(reference("epoll", "one thread, epoll"), quick=True),
        reference("io-uring", "one thread, io_uring"),
        reference("poll", "one thread, poll", 10_000, idle=False),
        reference("select", "one thread, select", 1000, idle=False),
        reference("thread", "a thread per connection", 20_000),
        reference("pool", "128 threads", 128, idle=False),
        reference("fork", "a process per connection", 1024, idle=False),
        reference("prefork", "128 processes", 128, idle=False),
        reference("iterative", "one connection at a time", 1, idle=False),
    ]


def standard():
    """The rows that a change is judged by."""
    return [Workload("standard", 1), Workload("standard", 16), Workload("standard", 128),
            Workload("standard", 16, "16K"), Workload("standard", 16, per_request=True)]


def sweeps():
    # Long enough for each connection to be past its first message, which costs more.
    rows = [Workload("connections", each, extra=["--warmup 500ms", "--duration 700ms"])
            for each in CONNECTIONS if each > 128]
    rows += [Workload("sizes", 16, each, extra=LONG if each in ("64K", "1M") else [])
             for each in SIZES if each not in ("64", "16K")]
    rows += [Workload("per-request", each, per_request=True) for each in (1, 128)]
    return rows


def decisions():
    """The measure of the engine's design: one processor, the clients outside."""
    def row(connections, requests, **options):
        return Workload("decisions", connections, requests=requests,
                        client="busy" if "busy" in options else "fair", **options)

    return [row(1, 1500, busy=True), row(16, 4500, busy=True),
            row(8, 1500, busy=True, per_request=True), row(16, 4500, bulk=True)]


def beside(connections):
    """How much a peer that sends as fast as it can takes from others."""
    return Workload("beside", connections,
                    beside=f"{ECHO_LOAD} --connections 1 --size 1M --duration 10m")


def copies():
    """Workloads that depend on how the processor copies: also counted with string instructions."""
    return [Workload("copies", 16, "16K"), http_row("64K", section="copies")]


def http_standard():
    """The same for HTTP."""
    return [http_row("page"), http_row("12"), http_row("64K"),
            http_row("page", per_request=True), http_row("12", per_request=True)]


def http_row(size, connections=16, section="http", **options):
    extra = LONG if size == "1M" else []
    return Workload(section, connections, size, client=OWN_HTTP, extra=extra, **options)


def http():
    rows = http_standard()
    rows += [http_row(size) for size in ("4K", "1M")]
    rows += [http_row(size, per_request=True) for size in ("4K", "64K", "1M")]
    rows += [http_row(size, each, "http-sweeps") for size in BODIES for each in (1, 128)]
    # Clients that others know, in case ours favours somebody.
    rows += [Workload("http-sweeps", 16, size, client="wrk") for size in ("page", "12")]
    rows.append(Workload("http-sweeps", 16, "12", per_request=True, client="ab"))
    rows.append(Workload("http-sweeps", 16, "12", client="h2load"))
    return rows


def idle(largest):
    return [Workload("idle", 1, per_request=True, idle=each) for each in IDLE if each <= largest]


def million():
    """As many as anybody asks for, and the module unloaded beneath them."""
    return [unload("million", MILLION)]


def unload(section, connections):
    """The end of the module beneath so many idle connections, behind a moment of one client's."""
    return Workload(section, 1, per_request=True, idle=connections, extra=["--unload kecho"])


def serves(server, workload):
    if server.http != workload.http or \
            ((workload.beside or workload.bulk) and not server.bulk) or \
            (server.standard_only and workload.section.endswith("sweeps")):
        return False
    # A server that serves one at a time still serves short connections one after the other.
    at_once = 1 if workload.per_request else workload.connections
    return at_once + workload.idle + (1 if workload.beside else 0) <= server.connections
