# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""
All the evidence that there is, the long part of it too (hours on two cores): see docs/reliability.md,
whose table this makes.

    tools/proof [--write] [PART[:VARIANT]...]

  simulation                                a million schedules and more, of the server and of HTTP
  mutants                                   defects put in on purpose, each caught by the test that is
                                            to catch it
  coverage                                  of the headers, by the host tests
  clients                                   programs that fetch over HTTP, at their jobs
  suites                                    cases of public suites of HTTP servers
  net                                       an assertion made to fail in each kind of suite
  matrix:KERNEL                             all tests of tests/vm on every kernel but debug ones, those of
                                            tests/vm/proof.txt too
  faults:{loading,serving}                  what can fail fails, on a kernel that looks out for mistakes
  storms:KERNEL                             long and hard use, and the hostile hour, on every kernel
  debug:{drop,http,no_ipv6,tests,kunit}     the tests of tests/vm on the first debug kernel, boot by boot;
                                            debug:drop:6.12 ... on 6.12-debug

The kernels are those of this release of Debian (harness/debian.py).

  --write     keep what was found in docs/reliability.csv, and put the table into docs/reliability.md

A part without a variant is all of its variants; nothing is everything. The table is made of what the parts
run here found (build/proof), and of what is kept of the others: a row is PART|WHAT|HOW MANY|OUTCOME|COMMIT.
"""

import inspect
import os
import re
import subprocess

from . import TOP, Wrong, check, child, debian, given, lanes, packages, results
from . import kernel as kernels

OUT = TOP / "build" / "proof"
KEPT = TOP / "docs" / "reliability.csv"
PAGE = TOP / "docs" / "reliability.md"
MATRIX = TOP / "docs" / "kernels.csv"
MATRIX_PAGE = TOP / "docs" / "building.md"
SCHEDULES_WANTED = 1_000_000
HEAD = "part|what|how many|outcome|at"


def run(words, log, **options):
    """Runs one of ours, shows what it says, and gives its exit code and that."""
    return child.run(words, log=log, check=False, line=lambda text: print(text, flush=True), **options)


def commit():
    """Which this is; the page that is written here is not what was tested."""
    name = given.git("rev-parse", "--short", "HEAD", quiet=True)
    if name is None:
        return "no history"
    return name.strip() + (" changed" if given.git("status", "--porcelain", "--", ".", ":!docs", quiet=True) else "")


class Rows:
    """The results of a part."""

    def __init__(self, part, at):
        self.part, self.at, self.lines, self.failed = part, at, [], False

    def add(self, what, counts, good):
        self.failed |= not good
        self.lines.append("|".join([self.part, what, counts, "passed" if good else "**failed**", self.at]))
        print(self.lines[-1], flush=True)


# ---- guests ------------------------------------------------------------------------------------

def guests(rows, what, kernel, *arguments):
    """A run of tests/vm on a kernel, as a row: its counts, and what kmemleak said."""
    log = OUT / f"{rows.part.replace(':', '-')}.log"
    code, said = run([TOP / "tests" / "vm" / "run", "--kernel", kernel, *arguments], log)
    xml = TOP / "build" / "check" / "vm.xml"
    cases = results.junit(xml) if xml.exists() else []
    counts = {each: sum(case.outcome == each for case in cases) for each in ("passed", "failed")}
    splats = sum("the kernel's log" in case.name for case in cases)
    leaks = sorted(set(re.findall(r"\bkmemleak: (?:\[  FAILED  \] )?(.*)", said)))
    rows.add(what, f"{counts['passed']} tests passed, {counts['failed']} failed, {splats} splats" +
             "".join(f"; kmemleak: {each}" for each in leaks), code == 0)
    return cases


def storms(rows, kernel):
    # The hostile hour counts instructions, and a debug kernel's are not what it is about.
    boots = ["storms"] + ([] if kernel.endswith("-debug") else ["hostile"])
    cases = guests(rows, f"storms on {kernel}", kernel, *(word for boot in boots for word in ("--boot", boot)))
    bad = {re.sub(r".*/(storms|hostile)/", "", case.name, count=1) for case in cases if case.outcome == "failed"}
    # Each says what it was: one row for all models that did the same. Behind a semicolon stands what
    # is of one model.
    outs, models, failed = [TOP / "build" / "vm" / kernel / f"{boot}.out" for boot in boots], {}, set()
    for line in "".join(out.read_text() for out in outs if out.exists()).splitlines():
        if found := re.match(r"storm: ([^/]*)/([^:]*): ([^;]*)", line):
            key = (found[2], found[3])
            models.setdefault(key, []).append(found[1])
            if any(f".{found[2]}/{found[1]}" in name for name in bad):
                failed.add(key)
    for (name, counts), those in models.items():
        rows.add(f"storm: {name.replace('_', ' ')}, on {kernel}", f"{', '.join(those)}: {counts}",
                 (name, counts) not in failed)


def every_kernel(of):
    """The names of all kernels that `make matrix` tests."""
    return [each for each in of.kernels if each not in debugs(of)]


COMPILERS = {"g++": r"GCC: \(.*?\) ([0-9.]+)", "clang": r"clang version ([0-9.]+)"}
MATRIX_HEAD = ["kernel", "release", "architecture", "compiler", "modules built", "warnings", "tests passed", "splats"]


def matrix_row(kernel_name, log, *arguments):
    """A kernel with every module and all tests, or some of them: the cells of a row, and whether all is well."""
    xml = TOP / "build" / "check" / "vm.xml"
    xml.unlink(missing_ok=True)
    code, said = run([TOP / "tests" / "vm" / "run", *(arguments or ["--all"]), "--kernel", kernel_name], log)
    cases = results.junit(xml) if xml.exists() else []
    built = list((TOP / "build" / "vm" / kernel_name).glob("*.ko"))
    compilers, architectures = set(), set()
    for each in built:
        comment = subprocess.run(["readelf", "-hp", ".comment", each], stdout=subprocess.PIPE, text=True,
                                 check=False).stdout
        compilers |= {f"{name} {found}" for name, form in COMPILERS.items() for found in re.findall(form, comment)}
        architectures |= {{"AArch64": "arm64"}.get(found, "amd64") for found in re.findall(r"Machine: +(.*)", comment)}
    release = re.search(r"/modules: (\S+) on ", said)
    splats = sum("the kernel's log" in case.name for case in cases)
    passed, out = (sum(case.outcome == each for case in cases) for each in ("passed", "skipped"))
    tests = f"{passed} of {len(cases) - splats - out}" + (f", {out} left out" if out else "") + \
        (f" ({' '.join(arguments)})" if arguments else "")
    return [kernel_name, release[1] if release else "none", ", ".join(sorted(architectures)) or "none",
            ", ".join(sorted(compilers)) or "none", str(len(built)),
            "yes" if "does not build as it must" in said else "none", tests, str(splats)], code == 0


def matrix(arguments):
    """
    tools/matrix [--write] [KERNEL...] [-- ARGUMENT...]

    builds each module for every kernel but debug ones without a warning, by the compiler that goes with it. Then it
    runs all tests of tests/vm on it, or those that the arguments ask tests/vm/run for; the row says so. The table is
    kept in build/matrix/table.md, with the runs' words beside it.
    """
    of = debian.release()
    mine = arguments.index("--") if "--" in arguments else len(arguments)
    options = arguments[mine + 1:]
    parser = given.Parser(inspect.getdoc(matrix))
    parser.add_argument("--write", action="store_true", help="put the rows that were run here into docs/kernels.csv, "
                        "and the table of all into docs/building.md")
    parser.add_argument("kernels", nargs="*", type=kernels.known, metavar="KERNEL")
    asked = parser.parse_args(arguments[:mine])
    chosen = asked.kernels or every_kernel(of)
    out = TOP / "build" / "matrix"
    out.mkdir(parents=True, exist_ok=True)
    rows, good = [], True
    for kernel in chosen:
        row, well = matrix_row(kernel, out / f"{kernel}.log", *options)
        rows.append([*row, of.name])
        good &= well
    text = markdown(rows)
    (out / "table.md").write_text(text)
    print(text, end="")
    if asked.write:
        # A row replaces the one of the same kernel and release of Debian.
        lines = MATRIX.read_text().splitlines()[1:] if MATRIX.exists() else []
        kept = {tuple(line.split("|")[::8]): line.split("|") for line in lines}
        kept |= {(row[0], row[8]): row for row in rows}
        MATRIX.write_text("".join("|".join(row) + "\n" for row in
                                  [[*MATRIX_HEAD, "built on"], *(kept[key] for key in sorted(kept))]))
        put_table(MATRIX_PAGE, "<!-- made by tools/matrix", markdown(kept[key] for key in sorted(kept)))
    return 0 if good else 1


def markdown(rows):
    """The rows of kernels, as a table."""
    return "".join(f"| {' | '.join(row)} |\n" for row in
                   [[*MATRIX_HEAD, "built on"], ["---"] * 9, *rows])


def put_table(page, begin, table):
    """Puts a table into a page, between the comment that begins so and the one that ends it."""
    text, end = page.read_text(), "<!-- end -->"
    at = text.index(begin)
    head = text[:text.index("\n", at) + 1]
    page.write_text(head + table + text[text.index(end, at):])


# ---- the parts ---------------------------------------------------------------------------------

def part_simulation(rows, _):
    """Without sanitizers, five times as many in the same time; `make check` has them."""
    build, log = OUT / "host", OUT / "simulation.log"
    packages.install("host")
    try:
        child.run(["cmake", "-S", TOP, "-B", build, f"-DCMAKE_C_COMPILER={debian.release().cc}",
                   f"-DCMAKE_CXX_COMPILER={debian.release().cxx}", "-DKTCP_SANITIZE="], log=log)
        child.run(["cmake", "--build", build, "-j", lanes.PROCESSORS, "--target", "simulation"], log=log)
    except child.Failed as failed:
        print(failed.text[-3000:])
        rows.add("simulated schedules", "does not build", False)
        return
    code, said = run([build / "tests/host/sim/simulation"], log,
                     env={**os.environ, "KTCP_SEEDS": os.environ.get("KTCP_SEEDS", "10")})
    count = re.findall(r"^simulation: (\d+) schedules$", said, re.M)
    good = code == 0 and bool(count) and int(count[-1]) >= SCHEDULES_WANTED
    rows.add("simulated schedules", count[-1] if count else "0", good)
    failed = [int(each) for each in re.findall(r" failed (\d+) times$", said, re.M)]
    rows.add("calls made to fail in them", f"{len(failed)} of the boundary's, {sum(failed)} times", good)


def part_mutants(rows, _):
    code, said = run([TOP / "tests" / "mutants" / "run", "-v"], OUT / "mutants.log")
    counts = re.findall(r"^mutants: (\d+ passed, \d+ failed)", said, re.M)
    rows.add("defects put in on purpose, and caught", counts[-1] if counts else "none", code == 0)
    fields = check.load("mutants").fields
    for name in re.findall(r"\bpassed: mutants/(\S+) ", said):
        its = fields(name)
        rows.add(its["defect"], f"caught by `{its['suite']} {its['test']}`", True)


def part_coverage(rows, _):
    code, said = run([TOP / "tools" / "coverage"], OUT / "coverage.log")
    found = re.findall(r"^coverage: (.*)$", said, re.M)
    rows.add("headers run by the host tests", found[-1] if found else "none", code == 0)


def part_clients(rows, _):
    code, said = run([TOP / "tests" / "clients" / "run", "--all"], OUT / "clients.log")
    found = re.findall(r"^clients: (.*)$", said, re.M)
    rows.add("programs that fetch over HTTP, at their jobs against khttpd", found[-1] if found else "none",
             code == 0)


def part_suites(rows, _):
    code, said = run([TOP / "tests" / "host" / "run", "-V", "--only", "suites"], OUT / "suites.log")
    found = re.findall(r"\bsuites: (\d+ cases.*)$", said, re.M)
    rows.add("cases of public suites, by khttpd's service", found[-1] if found else "none", code == 0)


def part_net(rows, _):
    code, said = run([TOP / "tests" / "harness" / "net"], OUT / "net.log")
    found = re.findall(r"^net: (.*)$", said, re.M)
    rows.add("an assertion made to fail in each kind of suite, and named", found[-1] if found else "none",
             code == 0)


def part_faults(rows, which):
    pattern = {"loading": "*faults_loading*", "serving": "*faults*-*faults_loading*"}[which]
    kernel = debugs(debian.release())[0]
    guests(rows, f"faults while {which}, on {kernel}: KASAN, lockdep and kmemleak watching", kernel,
           "--boot", "faults", "--filter", pattern)


def part_debug(rows, variant):
    boot, _, version = variant.partition(":")
    kernel = f"{version}-debug" if version else debugs(debian.release())[0]
    what = {"tests": "tests/vm on {}: all but those of the other rows",
            "drop": "tests/vm on {}: drop-tcp-socket", "no_ipv6": "tests/vm on {}: without IPv6",
            "http": "tests/vm on {}: HTTP",
            "kunit": "KUnit on {}: a module of tests/kunit, two processors"}[boot]
    guests(rows, what.format(kernel), kernel, "--all", "--boot", boot)


def part_matrix(rows, kernel):
    (kernel, release, architecture, compiler, modules, warnings, tests, splats), good = matrix_row(
        kernel, OUT / f"matrix-{kernel}.log")
    rows.add(f"tests/vm on {kernel}: {release}, {architecture}, modules built by {compiler}",
             f"{modules} modules, warnings: {warnings}; {tests} tests passed, {splats} splats", good)


def part_storms(rows, kernel):
    storms(rows, kernel)


def debugs(of):
    """The names of a release's debug kernels."""
    return [name for name, what in of.built.items() if what.debug]


def parts_of(of):
    """The parts of a release, as PART or PART:VARIANT."""
    _, *others = debugs(of)
    variants = {
        "simulation": [],
        "mutants": [],
        "coverage": [],
        "clients": [],
        "suites": [],
        "net": [],
        "matrix": every_kernel(of),
        "faults": ["loading", "serving"],
        "storms": [*of.headers, "backports", *debugs(of)],
        "debug": [f"{boot}{version}" for boot in ("drop", "http", "no_ipv6", "tests", "kunit")
                  for version in ("", *(f":{each.removesuffix('-debug')}" for each in others))],
    }
    return [part for name, those in variants.items()
            for part in ([f"{name}:{each}" for each in those] or [name])]


# ---- the table ---------------------------------------------------------------------------------

def known(part):
    """The known results of a part: of this clone's runs, else the kept ones."""
    now = OUT / f"{part.replace(':', '-')}.rows"
    if now.exists():
        return now.read_text().splitlines()
    kept = [line for line in KEPT.read_text().splitlines() if line.split("|")[0] == part]
    return kept or [f"{part}|{part}||not run|"]


def table(lines):
    """In Markdown. The same storm with the same outcome on several kernels is one row."""
    rows = {}
    for line in lines:
        _, what, counts, outcome, at = line.split("|")
        storm = re.match(r"(storm: .*), on (\S+)$", what)
        key = (storm[1], counts, outcome) if storm else (what, counts, outcome, at)
        row = rows.setdefault(key, {"what": what, "at": []})
        if storm and row["what"] != what:
            row["what"] += f", {storm[2]}"
        if at not in row["at"]:
            row["at"].append(at)
    return "".join(["| what | how many | outcome | at |\n", "|---|---|---|---|\n"] +
                   [f"| {row['what']} | {key[1]} | {key[2]} | {', '.join(row['at'])} |\n"
                    for key, row in rows.items()])


def main(arguments):
    """tools/proof."""
    every = parts_of(debian.release())
    parser = given.Parser(__doc__)
    parser.add_argument("--write", action="store_true",
                        help="keep what was found in docs/reliability.csv, and put the table into docs/reliability.md")
    parser.add_argument("names", nargs="*", metavar="PART", help="PART or PART:VARIANT")
    asked = parser.parse_args(arguments)
    parts = []
    for name in asked.names:
        found = [each for each in every if name in (each, each.split(":")[0])]
        if not found:
            raise Wrong(f"no part is called '{name}': {' '.join(every)}")
        parts += found
    # `--write` alone makes the page of what there is.
    if not arguments:
        parts = every
    OUT.mkdir(parents=True, exist_ok=True)
    at, good = commit(), True
    for part in parts:
        print(f"=== {part}", flush=True)
        name, _, variant = part.partition(":")
        rows = Rows(part, at)
        globals()[f"part_{name}"](rows, variant)
        good &= not rows.failed
        # Only what ran to its end replaces what there was.
        (OUT / f"{part.replace(':', '-')}.rows").write_text("\n".join(rows.lines) + "\n")
    lines = [line for part in every for line in known(part)]
    text = table(lines)
    (OUT / "table.md").write_text(text)
    print(f"=== table (build/proof/table.md)\n{text}", end="")
    if asked.write:
        KEPT.write_text("\n".join([HEAD, *lines]) + "\n")
        put_table(PAGE, "<!-- made by tools/proof", text)
    return 0 if good else 1
