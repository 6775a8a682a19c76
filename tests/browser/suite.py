# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""
A real browser and khttpd. Chromium, without a window, opens khttpd's listing in a virtual machine, follows
links and looks at a picture. It keeps its connection while the module is unloaded; then it is closed. The
kernel may not say a word to that. The screenshot is build/browser/listing.png.

    tests/browser/run [--kernel KERNEL]
    tests/browser/run --figure     and puts the screenshot where the documentation shows it
"""

import pathlib
import re
import shutil
import tempfile
import urllib.request

from harness import TOP, Problem, child, debian, guest, lanes, module, packages, results
from harness import kernel as kernels

HERE = pathlib.Path(__file__).resolve().parent
OPTIONS = ("kernel",)
BUILD = TOP / "build" / "browser"
# Usual lines of a kernel in a healthy guest, and of khttpd at loading.
USUAL = re.compile(r"^khttpd: (loading|module verif|listening)|^clocksource: |^tsc: |^hrtimer: |^random: "
                   r"|^IPv6: ADDRCONF|greatest stack")


class Browser:
    """browse.py, which says what it has seen."""

    def __init__(self, port, say):
        self.say = say
        self.process = child.Process(["python3", HERE / "browse.py", port, BUILD / "listing.png"],
                                     stdin=child.PIPE, stdout=child.PIPE, stderr=child.STDOUT, text=True)

    def heard(self, word, problem):
        said = []
        for line in self.process.stdout:
            if line.rstrip() == word:
                return
            said.append(line.rstrip())
            self.say(line.rstrip())
        raise Problem("\n".join([problem, *said[-5:]]))

    def tell(self, word):
        self.process.stdin.write(word + "\n")
        self.process.stdin.flush()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.end(0)
        self.process.stdin.close()
        self.process.stdout.close()


def web(work):
    """The files to see: this project. The times are the files' own."""
    www = pathlib.Path(work, "www")
    www.mkdir()
    shutil.copy2(TOP / "README.md", www)
    for name in ("docs", "include", "examples"):
        shutil.copytree(TOP / name, www / name, ignore=shutil.ignore_patterns("*.ko", "*.o", "*.cmd"))
    return www


def visit(kernel_name, say):
    kernel = kernels.get(kernel_name)
    khttpd = module.build(kernel, TOP / "examples" / "khttpd", BUILD / kernel_name)
    with tempfile.TemporaryDirectory() as work:
        image = guest.Session.image(kernel, files=khttpd, folders=[web(work)]).write(
            pathlib.Path(work, "initramfs"))
        port = guest.free_ports(1)[0]
        say(f"booting Linux {kernel.release}")
        (BUILD / "listing.png").unlink(missing_ok=True)
        with guest.Session(kernel, image, BUILD / "console.log", [(port, 8081)], say) as session:
            try:
                converse(session, port, say)
            except Problem as problem:
                raise Problem(f"{problem}\n{session.last(40)}") from problem
    if not (BUILD / "listing.png").exists():
        raise Problem("no screenshot")


def converse(session, port, say):
    session.do("/sbin/insmod /khttpd.ko root=/www", "khttpd could not be loaded")
    with Browser(port, say) as browser:
        browser.heard("ready", "the browser did not see what it should")
        # The server listens on IPv6 for both; 01 is an established connection, 1F91 its port.
        session.do('grep -q ":1F91 [0-9A-F]*:[0-9A-F]* 01 " /proc/net/tcp6',
                   "the browser holds no connection")
        session.do("rmmod khttpd", "khttpd could not be unloaded while a browser holds a connection")
        browser.tell("unloaded")
        browser.heard("gone", "the browser did not notice that the server is gone")
        if status := browser.process.wait(60):
            raise Problem(f"the browser ended with {status}")
    say("unloaded while the browser held a connection, and the browser closed")

    # The kernel is well, and has said nothing but what it says at loading.
    session.do("/sbin/insmod /khttpd.ko root=/www", "khttpd could not be loaded again")
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/README.md", timeout=60) as response:
        if response.read() != (TOP / "README.md").read_bytes():
            raise Problem("another file")
    session.do("rmmod khttpd", "khttpd could not be unloaded again")
    log = [re.sub(r"^\[ *[\d.]+\] ", "", line) for line in session.log().splitlines()]
    first = next((n for n, line in enumerate(log) if line.startswith("khttpd: loading")), 0)
    if said := [line for line in log[first:] if not USUAL.search(line)]:
        raise Problem("the kernel complained:\n" + "\n".join(said))
    session.shut_down()


def run(kernel_name):
    def run_part(report):
        packages.install("build", "vm", "browser")
        BUILD.mkdir(parents=True, exist_ok=True)
        name = f"browser/{kernel_name}/listing"
        try:
            visit(kernel_name, report.say)
        except Problem as problem:
            report.case(results.Case(name, "failed", 0.0, str(problem)))
        else:
            report.case(results.Case(name, "passed"))
    return run_part


def parts(choice):
    for kernel in choice.kernels or (debian.release().usual,):
        yield lanes.Part(f"browser/{kernel}", run(kernel), tests=(f"browser/{kernel}/listing",))


def figure(run_suite):
    code = run_suite()
    if not code:
        shutil.copy(BUILD / "listing.png", TOP / "docs" / "figures" / "khttpd-listing.png")
    return code


OWN = {"--figure": ("and put the screenshot where the documentation shows it", figure)}
