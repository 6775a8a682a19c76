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

from harness import TOP, Problem, cache, child, debian, guest, lanes, module, packages, results
from harness import kernel as kernels

HERE = pathlib.Path(__file__).resolve().parent
OPTIONS = ("kernel", "all")
BUILD = TOP / "build" / "clients"
# npm's names have encoded slashes.
PARAMETERS = ("encoded_slash=1", "max_body=1048576")
LIMIT = 600         # seconds for one job
# The case that compares the access log with what iPXE boots from.
LOGGED = "ipxe-in-the-access-log"
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
    outcome: str
    when: str = ""

    @property
    def proof(self):
        """Is it for `make proof` alone? Its packages are large, or it takes long."""
        return self.when == "proof"

    @property
    def proxied(self):
        """Does it want servers behind a proxy that names its clients?"""
        return self.name.endswith("-proxied")


# Clients that have a suite of their own.
ELSEWHERE = (Job("chromium", "chromium", "a listing, its links, and a picture of its own (`make browser`)", "done"),)
# The files that iPXE asks for, in this order.
BOOT = ("first.ipxe", "second.ipxe", "vmlinuz", "initrd")


def jobs():
    said = subprocess.run([HERE / "job", "--list"], stdout=subprocess.PIPE, text=True, check=True).stdout
    return [Job(*line.split("|")) for line in said.splitlines()]


def wanted(choice, where):
    """The jobs to be done. Those of `make proof` are done for it, and for who names them."""
    return [job for job in jobs() if choice.case(f"clients/{where}/{job.name}") and
            (choice.all or not job.proof or choice.asks_for(job.name))]


def minimal_system():
    """The files of all packages that debootstrap's smallest variant has, as this machine's apt finds them."""
    release = debian.release()
    suite = packages.Suite(release.name, cache.folder("minimal-system"), BUILD / "site.log")
    return suite.download_all(["apt", "usr-is-merged", "?essential", "?priority(required)"],
                              cache.folder(f"minimal-system/{release.name}"), release.architecture)


def site(choice, where, work):
    """The files that the clients fetch."""
    folder = pathlib.Path(work, "site")
    more = []
    if any(job.proof for job in wanted(choice, where)):
        packages.install("clients-proof")
        debs = pathlib.Path(work, "debs")
        debs.mkdir()
        for each in minimal_system():
            (debs / each.name).symlink_to(each)
        more = [debs, kernels.get(debian.release().usual).vmlinuz]
    child.run([HERE / "site", folder, *more], log=BUILD / "site.log")
    return folder


def booted(choice, where, lines, files, report):
    """The lines of the server's log say what iPXE fetched, whole and in order."""
    name = f"clients/{where}/{LOGGED}"
    if not any(job.name == "ipxe" for job in wanted(choice, where)):
        return
    lines = [line for line in lines if "/boot/" in line]
    found = [each.groups() for each in (re.search(r'"GET /boot/(\S+?)(?: HTTP/1\.1)?" (\d+) (\d+)$', line)
                                        for line in lines) if each]
    expected = [(each, "200", str((files / "boot" / each).stat().st_size)) for each in BOOT]
    text = "" if found == expected else "\n".join([f"expected: {expected}", "the log has:", *lines])
    report.case(results.Case(name, "failed" if text else "passed", 0.0, text))


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
                      [each for each in wanted(choice, where) if each.proxied == (len(ports) > 1)]))


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
            files = site(choice, "user-httpd", work)
            port, *behind = guest.free_ports(3)
            web = (f"--root={files}", *(f"--{each}" for each in PARAMETERS))
            proxied = ("--proxy_from=127.0.0.0/8", *(f"--{each}" for each in BEHIND))
            log = BUILD / "user-httpd-access.log"
            with log.open("wb") as said:
                servers = [child.Process([out / name, f"--port={at}", *more], stdout=to, stderr=child.STDOUT)
                           for name, at, more, to in (
                               ("user-httpd", port, (*web, "--access_log=1"), said),
                               ("user-httpd", behind[0], (*web, *proxied), subprocess.DEVNULL),
                               ("user-echo-server", behind[1], proxied, subprocess.DEVNULL))]
            try:
                wait_for(port)
                do_all(choice, [port], files, work, "user-httpd", report)
                do_all(choice, behind, files, work, "user-httpd", report)
            finally:
                for server in servers:
                    server.end(0)
            booted(choice, "user-httpd", log.read_text(encoding="utf-8", errors="replace").splitlines(), files, report)
    return run_part


def with_module(choice, kernel_name):
    def run_part(report):
        packages.install("build", "vm", "clients")
        BUILD.mkdir(parents=True, exist_ok=True)
        kernel = kernels.get(kernel_name)
        built = [file for name in ("khttpd", "kecho")
                 for file in module.build(kernel, TOP / "examples" / name, BUILD / kernel_name)]
        with tempfile.TemporaryDirectory(prefix="ktcp-clients.") as work:
            pathlib.Path(work).chmod(0o755)
            files = site(choice, kernel_name, work)
            image = guest.Session.image(kernel, files=built, folders=[files]).write(
                pathlib.Path(work, "initramfs"))
            port, echo = guest.free_ports(2)
            report.say(f"booting Linux {kernel.release}")
            with guest.Session(kernel, image, BUILD / f"{kernel_name}-console.log", [(port, 8081), (echo, 12345)],
                               report.say) as session:
                # Some 20,000 lines, of a hundred bytes.
                session.do(f"/sbin/insmod /khttpd.ko root=/site {' '.join(PARAMETERS)} access_log=2 access_log_kb=8192",
                           "khttpd could not be loaded")
                wait_for(port)
                do_all(choice, [port], files, work, kernel_name, report)
                booted(choice, kernel_name, session.do("grep /boot/ /proc/net/khttpd/access_log || true"), files, report)
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
        here = [job.name for job in wanted(choice, where)]
        return tuple(f"clients/{where}/{each}" for each in (*here, *([LOGGED] if "ipxe" in here else ()), *more))

    yield lanes.Part("clients/user-httpd", with_program(choice), tests=named("user-httpd"))
    # A guest more is for `make proof`, or who asks for it.
    for kernel in choice.kernels or ((debian.release().usual,) if choice.all else ()):
        yield lanes.Part(f"clients/{kernel}", with_module(choice, kernel), lane="guest",
                         tests=named(kernel, "the-kernel-is-silent"))


def table(_):
    for job in (*jobs(), *ELSEWHERE):
        version = packages.query(job.package, "${Version}") or "?"
        print(f"| {job.package} {re.sub(r'^[0-9]+:|[-+].*$', '', version)} | {job.words} | {job.outcome} |")


OWN = {"--table": ("show the lines of docs/http.md's table, for the packages that are installed", table)}
