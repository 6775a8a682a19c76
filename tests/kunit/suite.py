# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""
KUnit's suites in User-Mode Linux, with KASAN and PROVE_LOCKING, by the kernel's own kunit.py.

The kernel's source is in the cache, by its version, and so are the kernel's objects, by all that they
are made of. They are copied to build/kunit/kernel, where this tree's suites are built and linked to
them: no other clone's are there, and none writes here.

    tests/kunit/run [-k EXPRESSION] [-x] [-v]
    tests/kunit/run --prepare      builds the kernel, in build/kunit/kernel
    tests/kunit/run --print        the plain kunit.py line, which works after --prepare
"""

import hashlib
import os
import pathlib
import shlex
import threading

from harness import TOP, Problem, cache, check, child, complaints, debian, lanes, packages, results, say

HERE = pathlib.Path(__file__).resolve().parent
BUILD = TOP / "build" / "kunit"
KERNEL = BUILD / "kernel"
CONFIG = HERE / ".kunitconfig"

# For all of the kernel. It compiles in five sixths of the time that -Os takes.
FLAGS = "-O1"

# kunit.py leaves no byte-code beside the kernel's scripts, and no message is translated.
ENVIRONMENT = dict(os.environ, PYTHONDONTWRITEBYTECODE="1", LC_ALL="C")


def version():
    return child.run(["dpkg-query", "-W", "-f", "${Version}", debian.release().kunit])


def source():
    """The kernel's source; its net/ reads one folder more: that of the make variable KTCP_KUNIT."""
    folder = cache.folder("kunit")
    name = debian.release().kunit
    tree = folder / f"{name}_{version()}_1"
    with cache.Lock(folder / ".lock", "kunit: waiting for another run that prepares the kernel"):
        if not tree.exists():
            new = folder / f".new.{os.getpid()}"
            try:
                new.mkdir()
                child.run(["tar", "-xf", f"/usr/src/{name}.tar.xz", "-C", new, "--strip-components=1"])
                (new / "net" / "ktcp").mkdir()
                (new / "net" / "ktcp" / "Makefile").write_text(
                    "ktcp-src := $(KTCP_KUNIT)\ninclude $(KTCP_KUNIT)/Kbuild\n")
                with open(new / "net" / "Makefile", "a", encoding="ascii") as file:
                    file.write("obj-$(CONFIG_KTCP_KUNIT_TEST) += ktcp/\n")
                with open(new / "net" / "Kconfig", "a", encoding="ascii") as file:
                    file.write('source "$(KTCP_KUNIT)/Kconfig"\n')
                new.rename(tree)
            finally:
                child.run(["rm", "-rf", new])
    return tree


def options(config, build, suites=HERE):
    """kunit.py's, that build and run have in common; suites is the folder that ours are in."""
    given = (f"KTCP_KUNIT={suites}", f"CC={debian.release().cc}", f"HOSTCC={debian.release().cc}", f"KCFLAGS={FLAGS}")
    return [f"--kunitconfig={config}", f"--build_dir={build}", *(f"--make_options={each}" for each in given),
            f"--jobs={lanes.PROCESSORS}"]


def line(tree):
    """The plain kunit.py line, which works by itself once the kernel is prepared."""
    return [tree / "tools/testing/kunit/kunit.py", "run", *options(CONFIG, KERNEL), "--timeout=180"]


def prepare(say):
    """The kernel's objects, without our suites, in KERNEL; the folder of its source."""
    packages.install("kunit")
    tree = source()
    config = [each for each in CONFIG.read_text().splitlines() if "KTCP" not in each]
    said = version() + child.run([debian.release().cc, "--version"]) + child.run(["ld", "--version"]) + \
        "\n".join(config) + str(tree) + FLAGS
    key = hashlib.sha256(said.encode()).hexdigest()[:12]
    folder = cache.folder("kunit")
    base = folder / f"objects_{key}"
    with cache.Lock(folder / f".{key}.lock", "kunit: waiting for another run that builds the kernel"):
        if not (base / "done").exists():
            say("building the kernel")
            base.mkdir(exist_ok=True)
            (base / "kunitconfig").write_text("\n".join(config) + "\n")
            stop = threading.Event()
            threading.Thread(target=progress, args=(base, say, stop), daemon=True).start()
            try:
                child.run([tree / "tools/testing/kunit/kunit.py", "build",
                           *options(base / "kunitconfig", base)], log=base / "log",
                          # The objects are kept here.
                          env=dict(ENVIRONMENT, CCACHE_DISABLE="1"))
            finally:
                stop.set()
            (base / "done").touch()
    # Objects of another kernel are not this one's, even if their dates fit.
    mark = KERNEL / "made-of"
    if not mark.exists() or mark.read_text() != key:
        child.run(["rm", "-rf", KERNEL])
        BUILD.mkdir(parents=True, exist_ok=True)
        child.run(["cp", "-a", "--reflink=auto", base, KERNEL])
        mark.write_text(key)
    return tree


def progress(base, say, stop):
    """kunit.py is silent while it builds, for minutes."""
    while not stop.wait(30):
        say(f"building the kernel: {sum(1 for _ in base.rglob('*.o'))} objects")


def build(report):
    prepare(report.say)


def run(choice):
    def run_part(report):
        tree = prepare(report.say)
        log = KERNEL / "test.log"
        log.unlink(missing_ok=True)
        status, said = child.run(line(tree), env=ENVIRONMENT, log=BUILD / "log", check=False, limit=600)
        if not log.exists():
            raise Problem(f"no test ran: {said[-4000:]}")
        text = log.read_text(encoding="utf-8", errors="replace")
        cases = results.ktap(text)
        for each in cases:
            each.name = f"kunit/{each.name}"
            if choice.case(each.name):
                report.case(each)
        if not cases or (status and not any(each.outcome == "failed" for each in cases)):
            report.case(results.Case("kunit/kunit.py", "failed", 0.0, f"exit code {status}\n{said[-4000:]}"))
        if complaints.found(text) or "Call Trace:" in text:
            report.case(results.Case("kunit/the kernel's log", "failed", 0.0,
                                     (complaints.report(text) or text[-6000:]) + f"\nthe whole log: {log}"))
        for each in (KERNEL / "net" / "ktcp").glob("*-cpp.o"):
            if "__asan_" not in child.run(["nm", each]):
                report.case(results.Case(f"kunit/{each.name}", "failed", 0.0, "it was built without KASAN"))
    return run_part


def parts(choice):
    yield lanes.Part("kunit/kernel", build, lane="build", cases=False)
    yield lanes.Part("kunit", run(choice), after=("kunit/kernel",))


def show(_):
    print(shlex.join(map(str, line(source()))))


def prepare_alone(_):
    with check.lock("kunit"):
        prepare(lambda text: say("kunit", text))
    show(_)


OWN = {
    "--prepare": ("build the kernel, in build/kunit/kernel, and run nothing", prepare_alone),
    "--print": ("show the plain kunit.py line, which works after --prepare", show),
}
