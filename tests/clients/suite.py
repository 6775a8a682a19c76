# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""
Programs that people use, at their real jobs against khttpd: `job` has a function for each, and compares
what they fetched. Once against the program user-httpd, and once against the module in a virtual machine.
Proxies that name their clients (the PROXY protocol) stand in front of servers that want it, an echo server
among them.
`table` writes the table of docs/http.md, with each client's version.

    tests/clients/run [--all] [--kernel KERNEL] [-k EXPRESSION] [-x] [-v]
    tests/clients/run --table      the lines of docs/http.md's table, for the packages that are installed
"""

import concurrent.futures
import dataclasses
import pathlib
import re
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

from harness import TOP, Problem, child, debian, guest, lanes, module, packages, results
from harness import kernel as kernels

HERE = pathlib.Path(__file__).resolve().parent
OPTIONS = ("kernel", "all")
BUILD = TOP / "build" / "clients"
# npm's names have encoded slashes.
PARAMETERS = ("encoded_slash=1", "max_body=1048576")
LIMIT = 600         # seconds for one job
# Of servers behind proxies that name their clients; the job has a client with the denied address.
BEHIND = ("deny=127.0.0.9/32",)
NOT_HERE = 77       # as a job's exit status: the program is not installed
# Usual lines of a kernel in a healthy guest, and of khttpd at loading.
USUAL = re.compile(r"^k(?:httpd|echo): (loading|module verif|listening)|^clocksource: |^tsc: |^hrtimer: |^random: "
                   r"|^IPv6: ADDRCONF|greatest stack")


@dataclasses.dataclass(frozen=True)
class Job:
    """A line of `job --list`."""
    name: str
    package: str
    words: str

    @property
    def proxied(self):
        """Does it want servers behind a proxy that names its clients?"""
        return self.name.endswith("-proxied")


def jobs():
    said = subprocess.run([HERE / "job", "--list"], stdout=subprocess.PIPE, text=True, check=True).stdout
    return [Job(*line.split("|")) for line in said.splitlines()]


def site(work):
    """The files that the clients fetch."""
    folder = pathlib.Path(work, "site")
    child.run([HERE / "site", folder], log=BUILD / "site.log")
    return folder


def do(job, ports, files, work, where, report):
    """One client's job, in a folder of its own."""
    folder = pathlib.Path(work, where.replace("/", "-"), job.name)
    folder.mkdir(parents=True)
    # squid and apt drop root's rights, and write there.
    folder.chmod(0o777)
    log = BUILD / f"{where.replace('/', '-')}-{job.name}.log"
    began = time.monotonic()
    port, *echo = ports
    status, said = child.run(["timeout", LIMIT, HERE / "job", job.name, f"http://127.0.0.1:{port}", files, *echo],
                             cwd=folder, log=log, check=False)
    text = "\n".join([*said.splitlines()[-30:], f"exit code {status}; its log: {log}"]) if status else ""
    outcome = {0: "passed", NOT_HERE: "skipped"}.get(status, "failed")
    report.case(results.Case(f"clients/{where}/{job.name}", outcome, time.monotonic() - began, text))


def do_all(choice, ports, files, work, where, report):
    """
    One port: of a server that any client may ask. Two: of servers behind proxies, HTTP and echo. Then one job comes
    after the other, since a proxy connects for each client, and QEMU's ports have a backlog of 1. Of several
    connections at once this machine's kernel would reset some, and the guest never hear of them.
    """
    with concurrent.futures.ThreadPoolExecutor(3 - len(ports)) as pool:
        list(pool.map(lambda job: do(job, ports, files, work, where, report),
                      [each for each in jobs() if choice.case(f"clients/{where}/{each.name}") and
                       each.proxied == (len(ports) > 1)]))


def wait_for(port):
    for _ in range(1200):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/tree/12.bin", timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise Problem("the server does not answer")


def with_program(choice):
    def run_part(report):
        packages.install("build", "host", "clients")
        BUILD.mkdir(parents=True, exist_ok=True)
        out = BUILD / "program"
        for name in ("user-httpd", "user-echo-server"):
            child.run(["make", "-s", "-C", TOP / "examples" / name, f"OUT={out}"])
        with tempfile.TemporaryDirectory(prefix="ktcp-clients.") as work:
            pathlib.Path(work).chmod(0o755)
            files = site(work)
            port, *behind = guest.free_ports(3)
            web = (f"--root={files}", *(f"--{each}" for each in PARAMETERS))
            proxied = ("--proxy_from=127.0.0.0/8", *(f"--{each}" for each in BEHIND))
            servers = [child.Process([out / name, f"--port={at}", *more], stdout=child.PIPE,
                                     stderr=child.STDOUT, text=True)
                       for name, at, more in (("user-httpd", port, web),
                                              ("user-httpd", behind[0], (*web, *proxied)),
                                              ("user-echo-server", behind[1], proxied))]
            try:
                wait_for(port)
                do_all(choice, [port], files, work, "user-httpd", report)
                do_all(choice, behind, files, work, "user-httpd", report)
            finally:
                for server in servers:
                    server.end(0)
    return run_part


def with_module(choice, kernel_name):
    def run_part(report):
        packages.install("build", "vm", "clients")
        BUILD.mkdir(parents=True, exist_ok=True)
        kernel = kernels.get(kernel_name)
        built = [module.build(kernel, TOP / "examples" / name) for name in ("khttpd", "kecho")]
        with tempfile.TemporaryDirectory(prefix="ktcp-clients.") as work:
            pathlib.Path(work).chmod(0o755)
            files = site(work)
            image = guest.Session.image(kernel, files=built, folders=[files]).write(
                pathlib.Path(work, "initramfs"))
            port, echo = guest.free_ports(2)
            report.say(f"booting Linux {kernel.release}")
            with guest.Session(kernel, image, BUILD / f"{kernel_name}-console.log", [(port, 8081), (echo, 12345)],
                               report.say) as session:
                session.do(f"/sbin/insmod /khttpd.ko root=/site {' '.join(PARAMETERS)}",
                           "khttpd could not be loaded")
                wait_for(port)
                do_all(choice, [port], files, work, kernel_name, report)
                session.do("rmmod khttpd", "khttpd could not be unloaded")
                # This machine is 10.0.2.2 to the guest.
                proxied = f"proxy_from=10.0.2.2/32 {' '.join(BEHIND)}"
                session.do(f"/sbin/insmod /khttpd.ko root=/site {' '.join(PARAMETERS)} {proxied}",
                           "khttpd could not be loaded")
                session.do(f"/sbin/insmod /kecho.ko {proxied}", "kecho could not be loaded")
                do_all(choice, [port, echo], files, work, kernel_name, report)
                session.do("rmmod khttpd kecho", "khttpd and kecho could not be unloaded")
                log = [re.sub(r"^\[ *[\d.]+\] ", "", line) for line in session.log().splitlines()]
                first = next((n for n, line in enumerate(log) if line.startswith("khttpd: loading")), 0)
                said = [line for line in log[first:] if not USUAL.search(line)]
                report.case(results.Case(f"clients/{kernel_name}/the-kernel-is-silent",
                                         "failed" if said else "passed", 0.0, "\n".join(said)))
                session.shut_down()
    return run_part


def parts(choice):
    def named(where, *more):
        return tuple(f"clients/{where}/{each}" for each in (*(job.name for job in jobs()), *more))

    yield lanes.Part("clients/user-httpd", with_program(choice), tests=named("user-httpd"))
    # A guest more is for `make proof`, or who asks for it.
    for kernel in choice.kernels or ((debian.release().usual,) if choice.all else ()):
        yield lanes.Part(f"clients/{kernel}", with_module(choice, kernel), lane="guest",
                         tests=named(kernel, "the-kernel-is-silent"))


def command(arguments):
    """tests/clients/run's own option."""
    if arguments != ["--table"]:
        return None
    for job in jobs():
        version = packages.query(job.package, "${Version}") or "?"
        print(f"| {job.package} {re.sub(r'^[0-9]+:|[-+].*$', '', version)} | {job.words} | done |")
    return 0
