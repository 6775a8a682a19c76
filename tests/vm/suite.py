# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""
The real modules on real kernels, their clients inside the guest: tests/vm/guest, by kernel and boot.

A boot is a line of BOOTS, a module one of MODULES. Each test goes to the first boot that takes it.
Those of proof.txt wait for `make proof`.

    tests/vm/run [--kernel 6.1]... [--boot BOOT]... [--filter GTEST_FILTER] [-k EXPRESSION] [--all] [-x] [-v]

The kernels that the release of Debian is tested with (harness/debian.py), and all boots, without
arguments. Models that sleep are then shared out between the kernels. In the environment: KECHO_DIR, the echo
server under test (examples/kecho); KTCP_ACCEL, kvm or tcg instead of trying. KTCP_VM_CPUS is how many processors
a guest has. Usually it has two. The first kernel's has one where nothing is asked for. KTCP_HOSTILE is the number of peers in the hostile hour, and KTCP_HOSTILE_MINUTES
how long it is.
"""

import dataclasses
import fnmatch
import os
import pathlib
import re
import shlex
import subprocess

from harness import (TOP, Problem, Wrong, child, complaints, debian, emulator, given, guest, lanes, module,
                     packages, results)
from harness import kernel as kernels

HERE = pathlib.Path(__file__).resolve().parent
CASES = TOP / "tests" / "host" / "http" / "suites"
OPTIONS = ("kernel", "boot", "filter", "all")
BUILD = TOP / "build" / "vm"


def asked(name, usual, least, most):
    """A number of the environment."""
    return given.number(os.environ.get(name) or str(usual), name, least, most)


# The folders of the modules.
MODULES = (
    given.folder(os.environ.get("KECHO_DIR") or TOP / "examples" / "kecho"),
    TOP / "examples" / "drop-tcp-socket",
    TOP / "examples" / "khttpd",
    HERE / "misuse",
    HERE / "kvd",
    HERE / "chat",
    HERE / "pooled",
    HERE / "proxy",
    HERE / "rpc",
    HERE / "ticker",
    HERE / "api",
)
# A kernel's lines about the module that makes mistakes: its tests look for these, and for no others.
MISUSE = re.compile(r" ktcp_warn\+.*\[ktcp_misuse\]")


@dataclasses.dataclass(frozen=True)
class Boot:
    """A boot of a kernel: which tests are for it, and what they need."""
    name: str
    tests: str                  # GoogleTest's patterns, with : between them
    arguments: str = ""         # the kernel's, beside the usual ones
    accel: str = None
    mib: int = None             # of memory, where it is not the usual
    cpus: int = None            # of processors, the same
    debug: bool = None          # on debug kernels alone, or never there
    by_name: bool = False       # only when its name, or a filter, asks for it
    once: bool = False          # on the release's first kernel, and on others if something asks for them
    programs: tuple = ()
    modules: tuple = ()
    python: tuple = ()
    files: tuple = ()


BOOTS = (
    # Storms are long on purpose (make proof).
    Boot("storms", "*storm*", by_name=True),
    # An hour of everything that is hostile, by a clock that skips idle time: some ten minutes.
    Boot("hostile", "*hostile*", by_name=True, accel="icount", debug=False,
         arguments=f"ktcp_clock=instructions ktcp_hostile={asked('KTCP_HOSTILE', 2048, 16, 65536)} "
                   f"ktcp_minutes={asked('KTCP_HOSTILE_MINUTES', 60, 1, 600)}",
         programs=("bpftool",), files=(BUILD / "guest" / "sockmap.bpf.o",)),
    # Much memory: a connection takes 6 kB with its client.
    Boot("idle_scale", "*idle_scale*100000", by_name=True, mib=2048),
    Boot("idle_million", "*idle_scale*1000000", by_name=True, mib=17408),
    # Faults are injected by debug kernels alone: into these caches. Not that of FINs
    # (skbuff_fclone_cache): the kernel itself forgets one that it has no memory for, and leaves the
    # peer waiting for ever (tcp_send_fin).
    Boot("faults", "*faults*", debug=True,
         arguments="slub_debug=A,kecho_*,TCP,TCPv6,request_sock_TCP*,sock_inode_cache,skbuff_head_cache"),
    # The second of two processors is left to others. The kernel does what guest.EMULATED leaves out.
    Boot("isolated", "*isolated*", arguments="isolcpus=1 mitigations=auto init_on_alloc=1", cpus=2),
    # Few tests need a kernel without IPv6.
    Boot("no_ipv6", "*no_ipv6*", arguments="ipv6.disable=1"),
    # How long something takes is asked where it does not depend on this machine, nor on what the
    # kernel checks beside.
    Boot("icount", "*icount*", arguments="ktcp_clock=instructions", accel="icount", debug=False, once=True),
    # Slow readers and silent peers take hours, by a clock that skips idle time; the page says what becomes
    # of them.
    Boot("slow", "*slow_readers*:*slow_echo*:*unconfigured*", arguments="ktcp_clock=instructions", accel="icount",
         debug=False, once=True, programs=("curl", "wget"), files=(TOP / "docs" / "http.md",)),
    # khttpd's bring their clients, some of them large; python3-h11 comes with python.
    Boot("http", "*http_*", programs=("curl", "ab", "wrk", "h2load", "slowhttptest", "mke2fs", "dmsetup"),
         modules=("loop", "dm-mod", "ext4"), python=("h11", "socket", "encodings.ascii"),
         files=(HERE / "guest" / "h11_client.py", HERE / "guest" / "suites_client.py", CASES / "cases.py",
                *sorted(CASES.glob("*.cases")))),
    # Other software's: BPF programs, which a test loads.
    Boot("foreign", "*sockmap*:*destroyed*", programs=("bpftool",),
         files=(BUILD / "guest" / "sockmap.bpf.o",)),
    Boot("drop", "*drop*", files=(TOP / "tools" / "drop-tcp",)),
    Boot("tests", "*", modules=("vrf",)),
)

# A moment for each module, in one guest, while one works (make test); the tests are those of the
# boots above.
SMOKE = Boot("smoke", ":".join((
    "models/echoes.bytes_of_every_value/*", "models/echoes.pipelined_messages/*",
    "models/echoes.everything_after_a_half_close/*", "models/unloading.with_connections_not_yet_served/*",
    "drop_lines.in_pieces_of_every_size", "drop_lines.malformed_lines", "*drop.an_established_pair_*",
    "models/http_pages.the_front_page_the_echo_and_nothing_else/*",
    "models/http_pages.a_pipeline_is_answered_in_order/*")))


@dataclasses.dataclass(frozen=True)
class Need:
    """Some tests need this of a kernel. A kernel without it does not run them, and the run says why."""
    tests: str                  # GoogleTest's patterns
    without: str                # what a kernel without it has not, for people
    option: str = None          # of the kernel's configuration: on, or a module
    modules: tuple = ()         # what the option is, where it is a module: loaded before the tests
    since: tuple = ()           # the first release that has it
    cpus: int = 1               # of the guest
    architecture: str = None    # the only one that has it

    def met(self, kernel, cpus):
        return kernel.numbers >= self.since and cpus >= self.cpus and (not self.option or kernel.has(self.option)) and \
            self.architecture in (None, kernel.architecture)


NEEDS = (
    Need("listening.to_a_client_of_MPTCP", "Multipath TCP", option="MPTCP"),
    Need("drop_namespaces.that_have_a_table_of_their_own", "tables of connections for one namespace (6.1)",
         since=(6, 1)),
    Need("models/http_remote.a_file_that_was_replaced_on_its_server/*", "FUSE", option="FUSE_FS", modules=("fuse",)),
    # Before 5.14 what turns allocate in softirq is charged to no cgroup (docs/porting.md).
    Need("models/memory.is_the_loaders_cgroups_and_its_end_kills_no_process/*", "a cgroup's memory.peak (5.19)",
         since=(5, 19)),
    Need("models/placing.a_processor_that_goes_away/*:listening.for_some_CPUs", "a second processor in this guest",
         cpus=2),
    # QEMU's firmware of arm64 has no SYSTEM_SUSPEND. In s2idle, which it has, the guest's clock goes on.
    Need("icount/suspending.connections_go_on_as_they_were/*", "a machine whose firmware lets it sleep (S3)",
         architecture="amd64"),
)


# ---- which tests are for which boot ----------------------------------------------------------

def matches(patterns, name):
    """GoogleTest's filter: patterns with : between them, behind a - those that are left out."""
    wanted, _, unwanted = patterns.partition("-")
    return any(fnmatch.fnmatchcase(name, each) for each in (wanted or "*").split(":")) and \
        not any(fnmatch.fnmatchcase(name, each) for each in unwanted.split(":") if each)


def listed():
    """The names of all tests, as the program for the guest says."""
    names, suite = [], ""
    said = subprocess.run([BUILD / "guest" / "guest_tests", "--gtest_list_tests"], text=True,
                          stdout=subprocess.PIPE, check=True).stdout
    for line in said.splitlines():
        line = line.split("#")[0].rstrip()
        if line.startswith(" "):
            names.append(suite + line.strip())
        elif line.endswith("."):
            suite = line
    return names


def boot_of(name):
    return next(boot for boot in BOOTS if matches(boot.tests, name))


def for_proof():
    """Is a test left to it? The last line that matches its name says so; with a ! it stays."""
    lines = [line for line in (HERE / "proof.txt").read_text().splitlines()
             if line and not line.startswith("#")]

    def later(name):
        found = [line for line in lines if fnmatch.fnmatchcase(name, line.removeprefix("!"))]
        return bool(found) and not found[-1].startswith("!")
    return later


# Each of the stock kernels has one of these models, and all have the others. A kernel's faults and a model's are
# seldom the same. A boot of one kernel alone has all models.
SHARED_OUT = ("thread", "work")


def is_anothers(boot, name, kernel_name, choice):
    """Is the test of a model that another stock kernel has?"""
    checked = debian.release().checked
    if boot.once or asks(choice) or kernel_name not in checked:
        return False
    model = name.rpartition("/")[2].removesuffix("_verdict")
    return model in SHARED_OUT and checked.index(kernel_name) != SHARED_OUT.index(model) % len(checked)


def tests_of(boot, kernel_name, choice):
    later = (lambda _: False) if choice.all or choice.filter else for_proof()
    return [name for name in listed()
            if (matches(SMOKE.tests, name) if boot is SMOKE else boot_of(name) is boot) and
            (not choice.filter or matches(choice.filter, name)) and
            (not later(name) or choice.asks_for(name)) and
            not is_anothers(boot, name, kernel_name, choice) and
            choice.case(f"vm/{kernel_name}/{boot.name}/{name}")]


def left_out(kernel, names, cpus=2):
    """{name: why} of those that the kernel cannot have, with so many processors."""
    return {name: f"Linux {kernel.release} has not: {need.without}"
            for need in NEEDS if not need.met(kernel, cpus) for name in names if matches(need.tests, name)}


def asks(choice):
    """Does somebody ask for something, other than for all that `make check` runs?"""
    return choice.kernels or choice.boots or choice.all or choice.filter or choice.keyword


def processors(boot, kernel_name, choice):
    """
    Of a boot's guest. A guest with two costs this machine two thirds more, so of the stock kernels the first has
    one: each kind of guest is seen.
    """
    usual = "1" if kernel_name == debian.release().checked[0] and not asks(choice) else "2"
    return boot.cpus or given.number(os.environ.get("KTCP_VM_CPUS") or usual, "KTCP_VM_CPUS", 1)


def is_for(boot, kernel_name, choice):
    """Is it to be done on that kernel?"""
    if boot.debug is not None and boot.debug != kernel_name.endswith("-debug"):
        return False
    if choice.boots:
        return boot.name in choice.boots
    if boot.once and not asks(choice) and kernel_name != debian.release().checked[0]:
        return False
    return not boot.by_name or choice.names(boot.tests.strip("*"))


# ---- building --------------------------------------------------------------------------------

def build_tests(report):
    packages.install("build", "vm")
    report.say("building the test program")
    child.run(["make", "-s", "--no-print-directory", f"-j{lanes.PROCESSORS}", "-C", HERE / "guest",
               f"OUT={BUILD / 'guest'}"], log=BUILD / "guest.log")


def program_of(kernel):
    """The test program for a kernel's guest."""
    return BUILD / (f"guest-{kernel.architecture}" if kernel.cross else "guest") / "guest_tests"


def build_foreign(kernel, report):
    """The test program for another architecture's guest."""
    report.say(f"building the test program for {kernel.architecture}")
    foreign = guest.Foreign(kernel.architecture)
    out = program_of(kernel).parent
    child.run(["make", "-s", "--no-print-directory", f"-j{lanes.PROCESSORS}", "-C", HERE / "guest", f"OUT={out}",
               f"CROSS={kernel.cross}", f"GTEST={foreign.root}/usr/lib/{foreign.triplet}", f"{out}/guest_tests"],
              log=BUILD / f"{out.name}.log")


def build_module(kernel, folder):
    """Besides what module.build() asks for, the finished module holds no COMDAT group and no run-time constructor."""
    built, = module.build(kernel, folder, BUILD / kernel.name)
    wrong = [line for line in child.run(["readelf", "-gW", built]).splitlines() if "COMDAT" in line]
    # KASAN's own are there where the kernel has it.
    if not kernel.debug:
        wrong += [line for line in child.run(["readelf", "-SW", built]).splitlines()
                  if re.search(r"\.(init_array|fini_array|ctors|dtors)", line)]
    if wrong:
        raise Problem(f"{built.name} does not build as it must for Linux {kernel.release}:\n" +
                      "\n".join(wrong))


def build_modules(kernel_name):
    def run(report):
        kernel = kernels.get(kernel_name)
        report.say(f"{kernel.release} on {emulator.acceleration(kernel.vmlinuz, kernel.architecture)}, building the modules")
        if kernel.cross:
            build_foreign(kernel, report)
        for old in (BUILD / kernel_name).glob("*.ko"):
            old.unlink()
        for folder in [*MODULES, *([TOP / "tests" / "kunit"] if kernel.kunit else [])]:
            build_module(kernel, folder)
    return run


# ---- running -----------------------------------------------------------------------------------

def needed(names):
    """The kernel's modules that these tests need beside the boot's."""
    return tuple(each for need in NEEDS if any(matches(need.tests, name) for name in names) for each in need.modules)


def image(kernel, boot, command, names=()):
    modules = sorted((BUILD / kernel.name).glob("*.ko"))
    return guest.Image(
        kernel, (HERE / "guest" / "job").read_text(),
        modules=("veth", "sch_netem", "tcp_diag", *boot.modules, *needed(names)),
        programs=("ip", "tc", "ss", *boot.programs), python=boot.python,
        files=(program_of(kernel), *modules, *boot.files),
        texts={"tests": command + "\n"})


def machine_of(kernel, boot, console, image_file, cpus):
    return guest.Guest(kernel, image_file, console, accel=boot.accel, arguments=boot.arguments,
                       mib=boot.mib, cpus=cpus)


def limit_of(kernel, boot):
    # Without a word. Storms are long on purpose.
    return 3600 if boot.name in ("storms", "hostile") else guest.seconds(kernel, 300)


def run_boot(kernel_name, boot, choice):
    """All of a boot's chosen tests, each a case."""
    def run(report):
        kernel = kernels.get(kernel_name)
        log = BUILD / kernel_name / boot.name
        wanted = tests_of(boot, kernel_name, choice)
        cpus = processors(boot, kernel_name, choice)
        out = left_out(kernel, wanted, cpus)
        report.cases(results.Case(f"vm/{kernel_name}/{boot.name}/{name}", "skipped", 0.0, why)
                     for name, why in out.items())
        wanted = [name for name in wanted if name not in out]
        if not wanted:
            return
        command = f"/guest_tests --gtest_color=no --gtest_output=xml:{results.GoogleTestLines.REPORT_FILE} " \
                  f"--gtest_filter={shlex.quote(':'.join(wanted))}\n{results.GoogleTestLines.REPORT}"
        file = image(kernel, boot, command, wanted).write(log.with_suffix(".initramfs"))
        report.say(f"booting, {len(wanted)} tests")
        vm = machine_of(kernel, boot, log.with_suffix(".console"), file, cpus)
        reader, seen = results.GoogleTestLines(), set()

        def case(each):
            seen.add(each.name)
            each.name = f"vm/{kernel_name}/{boot.name}/{each.name}"
            report.case(each)

        def line(text):
            if each := reader.feed(text):
                case(each)
            elif text.startswith(("storm:", "kmemleak:")):
                report.say(text)

        vm.run(limit_of(kernel, boot), line)
        log.with_suffix(".out").write_text("\n".join(vm.output) + "\n")
        why = vm.why or f"the job ended with exit code {vm.code}"
        for each in reader.end(f"{why}\n{vm.last()}"):
            case(each)
        missing = [name for name in wanted if name not in seen]
        for name in missing:
            case(results.Case(name, "failed", 0.0, f"it did not run: {why}"))
        judge(report, f"vm/{kernel_name}/{boot.name}", vm)
        if vm.code and report.good:
            report.case(results.Case(f"vm/{kernel_name}/{boot.name}/job", "failed", 0.0,
                                     "\n".join(vm.output[-60:] + [why])))
        for used in (file,):
            used.unlink(missing_ok=True)
    return run


def judge(report, name, vm):
    """A complaint of the kernel is a failure of the boot's, whether or not a test should have noticed."""
    if any(not MISUSE.search(line) for line in vm.complaints()):
        report.case(results.Case(f"{name}/the kernel's log", "failed", 0.0,
                                 complaints.report(vm.log()) + f"\nthe whole log: {vm.console}"))


def run_kunit(kernel_name, choice):
    """tests/kunit as a module, where the kernel has KUnit."""
    def run(report):
        kernel = kernels.get(kernel_name)
        if not kernel.kunit:
            return
        log = BUILD / kernel_name / "kunit"
        boot = Boot("kunit", "", arguments="kunit.enable=1 sysctl.kernel.hung_task_timeout_secs=0")
        file = image(kernel, boot, "insmod /ktcp_kunit.ko && rmmod ktcp_kunit").write(
            log.with_suffix(".initramfs"))
        report.say("booting")
        vm = machine_of(kernel, boot, log.with_suffix(".console"), file, processors(boot, kernel_name, choice))
        # They run while it is loaded; how long one may take is for KUnit to say.
        vm.run(limit_of(kernel, boot))
        cases = results.ktap(vm.log())
        for each in cases:
            each.name = f"vm/{kernel_name}/kunit/{each.name}"
            if choice.case(each.name):
                report.case(each)
        if vm.code or not cases:
            report.case(results.Case(f"vm/{kernel_name}/kunit/job", "failed", 0.0,
                                     f"{vm.why or f'exit code {vm.code}'}\n{vm.last()}"))
        judge(report, f"vm/{kernel_name}/kunit", vm)
        file.unlink(missing_ok=True)
    return run


def parts(choice):
    """The suite's parts (lanes.Part), as they are chosen."""
    names = choice.kernels or debian.release().checked
    boots = [*BOOTS]
    if choice.boots == [SMOKE.name]:
        boots, names = [SMOKE], names[:1]
    for each in choice.boots or ():
        if each not in [boot.name for boot in boots] + ["kunit"]:
            raise Wrong(f"no boot is called {each}: "
                        f"{' '.join(boot.name for boot in BOOTS)} kunit, or {SMOKE.name} alone")
    yield lanes.Part("vm/guest_tests", build_tests, lane="build", cases=False)
    for kernel in names:
        yield lanes.Part(f"vm/{kernel}/modules", build_modules(kernel), lane="build", cases=False)
    # The longest first: the general one, which comes last.
    for boot in reversed(boots):
        for kernel in names:
            if is_for(boot, kernel, choice):
                yield lanes.Part(f"vm/{kernel}/{boot.name}", run_boot(kernel, boot, choice),
                                 after=("vm/guest_tests", f"vm/{kernel}/modules"))
    for kernel in names:
        if kernel.endswith("-debug") and not choice.filter and \
                (not choice.boots or "kunit" in choice.boots):
            yield lanes.Part(f"vm/{kernel}/kunit", run_kunit(kernel, choice),
                             after=("vm/guest_tests", f"vm/{kernel}/modules"))
