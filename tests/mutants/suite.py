# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""
Shows that the tests would notice. Each defect of this folder is put into a copy of the tree. The test that
its patch names has to fail, and to say the patch's words. A patch begins with

    defect: what is wrong with it
    suite:  simulation, or kunit
    test:   GoogleTest's filter, or the name of a suite of tests/kunit
    says:   a regular expression that the failing test's output matches
    source: the file of tests/host/sim that has the test, where it is not server_test.cpp

    tests/mutants/run [-k NAME] [-v]

Without the defects the same tests pass: that is what the suites themselves show.
"""

import os
import pathlib
import re

from harness import TOP, check, child, complaints, lanes, packages, results

HERE = pathlib.Path(__file__).resolve().parent
HOST = TOP / "build" / "host"
BUILD = TOP / "build" / "mutants"


def fields(name):
    """The words of the patch of that name about itself."""
    head = (HERE / f"{name}.patch").read_text().partition("\n--- ")[0]
    return dict(re.findall(r"^(\w+): *(.*)$", head, re.M))


def judge(name, code, said):
    """A case: is it caught as its patch says?"""
    its = fields(name)
    found = re.search(f".{{0,60}}(?:{its['says']}).{{0,60}}", said)
    by = f"{its['suite']} {its['test']}"
    if "Running 0 tests" in said:
        why = f"{its['defect']}: no test is called {its['test']}"
    elif not code:
        why = f"{its['defect']}: NOT caught by {by}"
    elif not found:
        why = f"{its['defect']}: {by} failed, but not with '{its['says']}':\n{said[-4000:]}"
    else:
        return results.Case(f"mutants/{name}", "passed", 0.0, f"caught by {by}: {found[0]}")
    return results.Case(f"mutants/{name}", "failed", 0.0, why)


def of(suite):
    """The names of the suite's defects."""
    return [path.stem for path in sorted(HERE.glob("*.patch"))
            if fields(path.stem)["suite"].partition(" ")[0] == suite]


def simulation(choice):
    def run_part(report):
        names = [each for each in of("simulation") if choice.case(f"mutants/{each}")]
        packages.install("host", "mutants")
        BUILD.mkdir(parents=True, exist_ok=True)
        report.say("building the simulation with each defect")
        child.run(["cmake", "-S", TOP, "-B", HOST], log=BUILD / "configure.log",
                  env=dict(os.environ, CC="clang", CXX="clang++"))
        # One that does not build is not to keep the others from it, nor to be taken for what was built before.
        for each in names:
            (HOST / "tests" / "mutants" / f"mutant-{each}").unlink(missing_ok=True)
        # Of several targets make builds one after the other (.NOTPARALLEL in CMake's first Makefile).
        targets = ["mutants"] if names == of("simulation") else [f"mutant-{each}" for each in names]
        _, built = child.run(["cmake", "--build", HOST, "-j", lanes.PROCESSORS, "--target", *targets, "--", "-k"],
                             check=False, log=BUILD / "build.log")
        for each in names:
            program = HOST / "tests" / "mutants" / f"mutant-{each}"
            if program.exists():
                report.case(judge(each, *child.run([program, f"--gtest_filter={fields(each)['test']}"],
                                                   check=False, log=BUILD / f"{each}.log",
                                                   env={**os.environ, **check.load("host").SCHEDULES})))
            else:
                report.case(results.Case(f"mutants/{each}", "failed", 0.0, f"it does not build:\n{built[-6000:]}"))
    return run_part


def kunit(choice):
    """All of KUnit's in one kernel, and of its suites those that catch them: a boot is dear, and each is named."""
    def run_part(report):
        names = [each for each in of("kunit") if choice.case(f"mutants/{each}")]
        packages.install("kunit", "mutants")
        suite = check.load("kunit")
        tree, kernel, log = BUILD / "tree", BUILD / "kernel", BUILD / "kunit.log"
        source = suite.prepare(report.say)
        tree.mkdir(parents=True, exist_ok=True)
        # The tree's files as they are now, committed or not, without the defects.
        child.run(["sh", "-c", '"$0/tools/files" | rsync -a --from0 --files-from=- "$0/" "$1/"', TOP, tree])
        for each in names:
            child.run(["patch", "-s", "-f", "-d", tree, "-p1", "-i", HERE / f"{each}.patch"])
        child.run(["rsync", "-a", "--delete", f"{suite.KERNEL}/", f"{kernel}/"])
        suites = " ".join(sorted({fields(each)["test"] for each in names}))
        report.say(f"KUnit's {suites}, with {len(names)} defects")
        code, said = child.run(
            [source / "tools/testing/kunit/kunit.py", "run", *suite.options(suite.CONFIG, kernel, tree / "tests/kunit"),
             f"--make_options=ktcp-kunit-suites={suites}", "--timeout=180"],
            env=suite.ENVIRONMENT, check=False, limit=600, log=log)
        console = kernel / "test.log"
        said += console.read_text(encoding="utf-8", errors="replace") if console.exists() else ""
        for each in names:
            # A kernel that complains passes its tests all the same: that is for the suite to see.
            report.case(judge(each, code or bool(complaints.found(said)), said))
    return run_part


def parts(choice):
    yield lanes.Part("mutants/kunit", kunit(choice), lane="build", after=("kunit",),
                     tests=tuple(f"mutants/{each}" for each in of("kunit")))
    yield lanes.Part("mutants/simulation", simulation(choice), lane="build", after=("host",),
                     tests=tuple(f"mutants/{each}" for each in of("simulation")))
