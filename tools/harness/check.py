# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""
The runner. A suite is a file suite.py that gives its parts (lanes.Part), which run side by side. Each test
becomes one of pytest's reports, and pytest chooses (-k), stops (-x, --maxfail), shows (-v) and writes
JUnit's XML. The time of every part is compared with the run before.
"""

import collections
import dataclasses
import functools
import importlib.util
import json
import os
import re
import sys
import time

from . import TOP, Problem, Wrong, child, given, lanes, packages
from . import kernel as kernels
from .cache import Lock

OUT = TOP / "build" / "check"

# Every suite that `make check` runs, and where it is. Those that others wait for come first.
SUITES = {
    "vm": "tests/vm",
    "kunit": "tests/kunit",
    "host": "tests/host",
    "docs": "tests/docs",
    "browser": "tests/browser",
    "clients": "tests/clients",
    "bench": "bench",
    "coverage": "tools/harness/suite_coverage.py",
    "lint": "tools/harness/suite_lint.py",
    "mutants": "tests/mutants",
    "harness": "tests/harness",
}


# ---- choosing --------------------------------------------------------------------------------

@dataclasses.dataclass
class Choice:
    """The chosen tests of the suites."""
    suites: tuple = ()
    kernels: list = None
    boots: list = None
    filter: str = None          # GoogleTest's, of the guests' tests
    all: bool = False           # those that are left to `make proof`, too
    expression: object = None   # -k, compiled by pytest
    keyword: str = ""

    @staticmethod
    def _is(word, name):
        # A kernel is all of its name: 6.1 is not 6.12.
        if re.fullmatch(r"\d+\.\d+", word):
            return re.search(rf"(?<![\w.]){re.escape(word)}(?![\w.])", name) is not None
        return word.lower() in name.lower()

    def case(self, name):
        """Is this test to be run?"""
        return self.expression is None or \
            bool(self.expression.evaluate(lambda word, **_: self._is(word, name)))

    def part(self, part):
        """May a part have one? Tests that are not known yet may have words that its name does not have."""
        if self.expression is None:
            return True

        def known(default):
            return lambda word, **_: self._is(word, part.name) or (
                default and not re.fullmatch(r"\d+\.\d+(-debug)?", word))
        if part.tests:
            return any(self.case(name) for name in part.tests)
        return bool(self.expression.evaluate(known(True)) or self.expression.evaluate(known(False)))

    def names(self, word):
        """Is what the word means asked for by it?"""
        return word in (self.filter or "").partition("-")[0] or word in self.keyword

    def asks_for(self, test):
        """Does -k have a part of this test's own name?"""
        return any(word in test for word in re.findall(r"\w{4,}", self.keyword))


@functools.cache
def load(suite):
    """The suite's module."""
    path = TOP / SUITES[suite]
    if path.suffix == ".py":
        return importlib.import_module(f"harness.{path.stem}")
    spec = importlib.util.spec_from_file_location(f"ktcp_suite_{suite}", path / "suite.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def takes(suite):
    """The names of the options about its guests that a suite has a use for: its OPTIONS."""
    return getattr(load(suite), "OPTIONS", ())


def choice_of(suites, known):
    """The Choice of a command's arguments."""
    from _pytest.mark.expression import Expression, ParseError   # pytest's own -k
    try:
        expression = Expression.compile(known.k) if known.k else None
    except ParseError as error:
        raise Wrong(f"-k '{known.k}' cannot be read ({error}): parts of names, with and, or, not and "
                    "brackets between them") from None
    return Choice(tuple(suites), known.kernel, known.boot, known.filter, known.all, expression, known.k or "")


def chosen(suites, choice):
    """Their parts; a part that only makes something for others is there if they are."""
    everything = [part for suite in suites for part in load(suite).parts(choice)]
    wanted = {part.name for part in everything if part.cases and choice.part(part)}
    before = None
    while before != wanted:
        before = set(wanted)
        wanted |= {name for part in everything if part.name in wanted for name in part.after}
    return [part for part in everything if part.name in wanted]


# ---- what it took ----------------------------------------------------------------------------

def clock(seconds):
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"


class Times:
    """The times of the parts, beside those of the run before (build/check/times.json)."""
    file = OUT / "times.json"

    def __init__(self):
        self.parts, self.started, self.load = {}, time.monotonic(), os.getloadavg()[0]
        try:
            self.before = json.loads(self.file.read_text())
        except (OSError, ValueError):
            self.before = {"parts": {}}

    def took(self, name, seconds, cpu):
        self.parts[name] = {"seconds": round(seconds, 1), "cpu": round(cpu, 1)}

    def table(self):
        total = {"seconds": round(time.monotonic() - self.started, 1),
                 "cpu": round(sum(each["cpu"] for each in self.parts.values()), 1)}
        rows = sorted(self.parts.items(), key=lambda each: -each[1]["seconds"])
        lines = [f"{'part':<28}{'clock':>9}{'CPU':>9}   {'before':>7}{'CPU':>9}"]
        for name, now in [*rows, ("all, side by side", total)]:
            old = self.before["parts"].get(name) if name in self.parts else \
                self.before.get("total") if set(self.parts) == set(self.before["parts"]) else None
            was = f"   {clock(old['seconds']):>7}{clock(old['cpu']):>9}" if old else ""
            lines.append(f"{name:<28}{clock(now['seconds']):>9}{clock(now['cpu']):>9}{was}")
        lines.append(f"the machine's load was {self.load:.1f} before, on {lanes.PROCESSORS} processors")
        return lines, total

    def keep(self, total):
        # A run of some parts leaves what is known of the others.
        parts = {**self.before["parts"], **self.parts}
        self.file.write_text(json.dumps(
            {"total": total if len(parts) == len(self.parts) else self.before.get("total", total),
             "load": self.load, "processors": lanes.PROCESSORS, "parts": parts}, indent=1) + "\n")


# ---- running ---------------------------------------------------------------------------------

class Runner:
    """pytest's plugin: in the place of its own collecting and running."""

    def __init__(self, suites, parts, arguments):
        self.suites, self.parts, self.arguments = suites, parts, arguments
        self.counts = collections.defaultdict(collections.Counter)
        self.failures, self.parts_failed, self.times = [], [], None
        self.interrupted = False
        self.began, self.next_word = {}, {}

    # -- pytest's hooks

    def pytest_collection(self, session):
        session.items = []
        return True

    def pytest_runtestloop(self, session):
        self.times = Times()
        if session.config.option.collectonly:
            for part in self.parts:
                print(part.name)
            return True
        for event in lanes.run(self.parts):
            getattr(self, f"on_{event.kind}")(event, session)
            if session.shouldfail:
                raise session.Failed(session.shouldfail)
        return True

    # -- what comes from the parts

    def say(self, text):
        stamp = clock(time.monotonic() - self.times.started)
        for line in text.splitlines():
            print(f"[{stamp:>5}] {line}", flush=True)

    def on_began(self, event, _session):
        self.began[event.part.name] = collections.Counter()
        self.next_word[event.part.name] = time.monotonic() + 30

    def on_say(self, event, _session):
        self.say(f"{event.part.name}: {event.text}")

    def on_case(self, event, session):
        case = event.case
        self.counts[event.part.name.split("/")[0]][case.outcome] += 1
        self.began[event.part.name][case.outcome] += 1
        if case.outcome == "failed":
            self.failures.append(case)
            self.say(f"FAILED: {case.name}")
            for line in case.text.splitlines()[-40:]:
                print(f"        | {line}", flush=True)
        elif self.arguments.v:
            self.say(f"{case.outcome}: {case.name} ({case.seconds:.1f} s)")
        elif time.monotonic() > self.next_word[event.part.name]:
            self.next_word[event.part.name] = time.monotonic() + 30
            self.say(f"{event.part.name}: {sum(self.began[event.part.name].values())} done")
        session.testscollected += 1
        report(session.config, case)

    def on_ended(self, event, _session):
        name = event.part.name
        if name not in self.began:
            self.say(f"{name}: not run, {event.text}")
            self.parts_failed.append(f"{name}: not run, {event.text}")
            return
        counts = self.began[name]
        # A part that had nothing to do says nothing.
        if not counts and event.seconds < 1:
            return
        self.times.took(name, event.seconds, event.cpu)
        told = f"{counts['passed']} passed, {counts['failed']} failed" if counts else "done"
        self.say(f"{name}: {told} in {clock(event.seconds)}, {clock(event.cpu)} of CPU")

    # -- the end

    def summary(self):
        """Prints it; the exit code."""
        if self.times is None:
            return 1
        lines, total = self.times.table()
        print("\n=== times")
        print("\n".join(lines))
        if not self.interrupted:
            self.times.keep(total)
        print("=== summary (build/check/)")
        passed = failed = 0
        for suite in self.suites:
            counts = self.counts[suite]
            passed, failed = passed + counts["passed"], failed + counts["failed"]
            skipped = f", {counts['skipped']} skipped" if counts["skipped"] else ""
            print(f"{suite}: {counts['passed']} passed, {counts['failed']} failed{skipped}")
        for case in self.failures:
            print(f"FAILED: {case.name}")
        for each in self.parts_failed:
            print(each)
        if self.interrupted:
            print("interrupted")
        elif not passed and not failed:
            print("no test was chosen")
        print(f"{passed} passed, {failed} failed")
        return 1 if failed or self.parts_failed or self.interrupted or not passed else 0


def report(config, case):
    """A case as two of pytest's reports, as pytest-xdist gives those of its workers."""
    import pytest
    # pytest's way to write them: JUnit's class is the suite, and the name stays as it is.
    name = case.name.replace("/", "::", 1)
    place = (case.name.split("/")[0], None, case.name)
    for when in ("call", "teardown"):
        bad = case.outcome if when == "call" else "passed"
        text = None
        if bad == "failed":
            text = case.text or "failed"
        elif bad == "skipped":
            text = (case.name, 0, case.text or "skipped")
        config.hook.pytest_runtest_logreport(report=pytest.TestReport(
            name, place, {}, bad, text, when, duration=case.seconds if when == "call" else 0))


def lock(name):
    """A suite's folder in build/ is one run's at a time."""
    return Lock(TOP / "build" / name / "lock", f"{name}: another run is going on in this tree; waiting for it")


# Of guests: a suite has those that its own OPTIONS names.
OPTIONS = {
    "kernel": {"action": "append", "metavar": "KERNEL", "help": "of the guests"},
    "boot": {"action": "append", "metavar": "BOOT", "help": "of a guest's kernel"},
    "all": {"action": "store_true", "help": "also what is left to make proof"},
    "filter": {"metavar": "FILTER", "help": "GoogleTest's, of the guests' tests"},
}


def parser_of(suites):
    """The options of all suites (None), or of one: its OWN are {option: (what it does, its function)}."""
    parser = given.Parser(load(suites[0]).__doc__ if suites else "Runs test suites side by side, and sums them up.")
    if suites is None:
        parser.add_argument("suite", nargs="*", metavar="SUITE", help=" ".join(SUITES))
    parser.add_argument("-k", metavar="EXPRESSION", help="only tests of such names, as pytest has it")
    parser.add_argument("-x", action="store_true", help="end with the first that fails")
    parser.add_argument("-v", action="store_true", help="show those that pass as well")
    parser.add_argument("--collect-only", action="store_true", help="show the parts, and run nothing")
    for name, form in OPTIONS.items():
        if suites is None or name in takes(suites[0]):
            parser.add_argument(f"--{name}", **form)
    if own := suites and getattr(load(suites[0]), "OWN", None):
        one = parser.add_mutually_exclusive_group()
        for option, (what, function) in own.items():
            one.add_argument(option, action="store_const", const=function, dest="own", help=what)
    parser.set_defaults(own=None, **{name: None for name in OPTIONS})
    return parser


def main(arguments=None, suites=None):
    """tools/check and the suites' own run: the exit code."""
    known = parser_of(suites).parse_args(arguments)
    suites = suites or known.suite or list(SUITES)
    for each in suites:
        given.one_of(each, SUITES, "suite")
    for name in OPTIONS:
        if getattr(known, name) and not any(name in takes(each) for each in suites):
            able = [each for each in SUITES if name in takes(each)]
            raise Wrong(f"{' '.join(suites)}: --{name} means nothing there; it is for {', '.join(able)}")
    for each in known.kernel or ():
        kernels.known(each)
    return known.own(lambda: run(suites, known)) if known.own else run(suites, known)


def run(suites, known):
    """Runs suites as the words ask for: the exit code."""
    words = [word for word, on in (("-x", known.x), ("--collect-only", known.collect_only)) if on]

    # A make above this one has options and a job server of its own.
    for each in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL"):
        os.environ.pop(each, None)
    # Nor is what somebody likes pytest to do elsewhere for here.
    os.environ.pop("PYTEST_ADDOPTS", None)
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    # Everything compiles through ccache where that is. Debian keeps the compilers' names for it here.
    os.environ["PATH"] = f"/usr/lib/ccache:{os.environ['PATH']}"
    packages.install("check")
    try:
        import pytest
    except ImportError as error:
        raise Problem(f"Python finds no pytest ({error}): apt-get install python3-pytest") from error

    try:
        OUT.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Problem(f"{OUT} cannot be made ({error.strerror}): what is built goes into the clone, which "
                      "has to be yours to write to and have room") from error
    runner = Runner(suites, chosen(suites, choice_of(suites, known)), known)
    locks = [] if known.collect_only else [lock(each) for each in sorted(suites)]
    name = "check" if len(suites) > 1 else suites[0]
    for each in locks:
        each.__enter__()
    child.interruptible()
    child.guard()
    code = pytest.main(["--rootdir", str(TOP), "-c", os.devnull, "-p", "no:terminal",
                        "-p", "no:cacheprovider", f"--junitxml={OUT / f'{name}.xml'}", *words],
                       plugins=[runner])
    child.end_all()
    if known.collect_only or code in (pytest.ExitCode.INTERNAL_ERROR, pytest.ExitCode.USAGE_ERROR):
        return int(code) if code != pytest.ExitCode.NO_TESTS_COLLECTED else 0
    runner.interrupted = code == pytest.ExitCode.INTERRUPTED
    return runner.summary()
