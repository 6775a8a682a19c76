# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""
A virtual machine: its content (Image), and its run (Guest) or a conversation with it (Session).

The guest's first serial port is the kernel's console and goes to a file. The second is the job's
standard input and output (tests/vm/init); the job's exit code is its last line. An oops is a panic
and a panic ends the machine, so nothing waits for a dead guest.
"""

import hashlib
import os
import pathlib
import random
import re
import shutil
import socket
import stat
import subprocess
import tempfile
import time

from . import TOP, Problem, cache, child, complaints, debian, emulator, packages, say
from .kernel import TRIPLETS

INIT = TOP / "tests" / "vm" / "init"
HOST = "x86_64-linux-gnu"
EXIT = re.compile(r"ktcp-guest-exit: (\d+)")


def memory(kernel):
    """Of a guest, in MiB: a debug kernel's objects are larger."""
    return 3072 if kernel.debug else 1024


def seconds(kernel, usual):
    """How long something may take: a debug kernel is some five times slower."""
    return 8 * usual if kernel.debug else usual


# ---- what a guest holds -------------------------------------------------------------------------

class _Archive:
    """A cpio archive as the kernel unpacks it (newc), owned by root."""

    def __init__(self, file):
        self.file, self.count, self.names = file, 0, set()

    def _entry(self, name, mode, data=b"", time_of=0):
        self.count += 1
        name = os.fsencode(name) + b"\0"
        head = "070701" + "".join(f"{each:08X}" for each in (
            self.count, mode, 0, 0, 1, int(time_of), len(data), 0, 0, 0, 0, len(name), 0))
        text = head.encode() + name
        self.file.write(text + b"\0" * (-len(text) % 4))
        self.file.write(data + b"\0" * (-len(data) % 4))

    def folder(self, name):
        """A folder, and those above it."""
        name = name.strip("/")
        if name and name not in self.names:
            self.folder(os.path.dirname(name))
            self.names.add(name)
            self._entry(name, stat.S_IFDIR | 0o755)

    def add(self, name, data, mode=0o644, time_of=0):
        name = name.strip("/")
        if name not in self.names:
            self.folder(os.path.dirname(name))
            self.names.add(name)
            self._entry(name, stat.S_IFREG | mode, data, time_of)

    def link(self, name, target):
        name = name.strip("/")
        if name not in self.names:
            self.folder(os.path.dirname(name))
            self.names.add(name)
            self._entry(name, stat.S_IFLNK | 0o777, target.encode())

    def end(self):
        self._entry("TRAILER!!!", 0)


class Foreign:
    """
    The programs of a guest of another architecture. They are Debian's packages of it, unpacked in the cache, keyed
    by the packages' names. They stay what they are until their folder is removed.
    """

    def __init__(self, architecture):
        self.triplet = TRIPLETS[architecture]
        folder = cache.folder("programs")
        self.packages = debian.groups(debian.release())["guest"]
        key = hashlib.sha256(" ".join(self.packages).encode()).hexdigest()[:12]
        self.root = folder / f"{debian.release().name}-{architecture}_{key}"
        with cache.Lock(folder / f".{architecture}.lock", "guest: waiting for another run that fetches programs"):
            if not self.root.exists():
                self._fetch(folder, architecture)

    def _fetch(self, folder, architecture):
        of = debian.release()
        say("guest", f"fetching the guest's programs for {architecture}")
        log = folder / "log"
        log.write_bytes(b"")
        with tempfile.TemporaryDirectory(prefix=".new.", dir=folder) as new:
            new = pathlib.Path(new)
            suite = packages.Suite(of.name, new / "apt", log, packages.sources(of.name), architecture)
            for each in suite.download_all(self.packages, new / "packages", architecture):
                packages.unpack(each, new / "root")
            (new / "root").rename(self.root)

    def program(self, name):
        """The file of that program, here."""
        for folder in ("bin", "sbin", "usr/bin", "usr/sbin"):
            if os.path.isfile(file := self._file(f"{folder}/{os.path.basename(name)}")):
                return file
        raise Problem(f"none of the guest's packages has a program {name} ({self.root})")

    def _file(self, name):
        """The file of that name, here; for a link, the one that the guest finds by it."""
        while os.path.islink(path := self.root / name):
            name = os.path.join(os.path.dirname(name), os.readlink(path)).lstrip("/")
        return str(path)

    def libraries(self, program):
        """{where the guest looks for it: its file here} of the libraries that a program wants, and theirs."""
        found, todo = {}, [program]
        while todo:
            said = subprocess.run(["readelf", "-dlW", todo.pop()], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                  text=True, check=False).stdout
            for name in re.findall(r"interpreter: /(\S+)\]", said):
                found[name] = self._file(name)
            names = re.findall(r"\(NEEDED\).*\[(.*)\]", said)
            for name in names:
                for folder in (f"lib/{self.triplet}", f"usr/lib/{self.triplet}"):
                    file = self._file(f"{folder}/{name}")
                    if os.path.isfile(file) and f"{folder}/{name}" not in found:
                        found[f"{folder}/{name}"] = file
                        todo.append(found[f"{folder}/{name}"])
                        break
        return found

    def own(self, path):
        """The name and the file of a file of this machine's Python, as that architecture has it; None: it has none."""
        if "__pycache__" in path:   # of the same sources
            return path, path
        name = path.replace(HOST, self.triplet).lstrip("/")
        return (f"/{name}", self.root / name) if os.path.isfile(self.root / name) else None


def _python_files(names):
    """The files that Python reads to import these: it lists them itself; compiled ones save the guest
    that."""
    said = subprocess.run(
        ["/usr/bin/python3", "-B", "-s", "-E", "-c", """
import importlib, os, sys
for name in sys.argv[1:]:
    importlib.import_module(name)
for module in list(sys.modules.values()):
    for name in (getattr(module, "__file__", None), getattr(module, "__cached__", None)):
        if name and os.path.isabs(name) and os.path.exists(name):
            print(name)
""", *names], stdout=subprocess.PIPE, text=True, check=True).stdout
    return sorted(set(said.split()))


def _libraries(program):
    """The shared libraries of a program of this machine: ldd prints "name => path (address)", or the path alone."""
    said = subprocess.run(["ldd", program], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                          text=True, check=False).stdout
    return re.findall(r"/[^ )]+", said)


class Image:
    """
    A guest's whole file system.

        job        what the guest runs: the text of a shell script (see tests/vm/init)
        modules    names of the kernel's own modules, loaded before the job with what they need
        programs   programs of this machine, with their libraries, in /sbin (the shell's own commands
                   win where a name has no path)
        python     modules of Python, with python3 and all that they import
        files      files, in the guest's root folder; a module is stripped of debug information
        folders    folders, with all that is in them, for everybody to read
        texts      names in the root folder, and what is to be in them
    """

    def __init__(self, kernel, job, modules=(), programs=(), python=(), files=(), folders=(),
                 texts=None):
        self.kernel, self.job, self.modules, self.programs = kernel, job, modules, list(programs)
        self.python, self.files, self.folders, self.texts = python, files, folders, texts or {}

    def _kernel_modules(self):
        """The files of the kernel's modules, in the order in which they load."""
        with tempfile.TemporaryDirectory() as root:
            # modprobe wants the tree below lib/modules.
            os.makedirs(f"{root}/lib/modules")
            os.symlink(self.kernel.modules, f"{root}/lib/modules/{self.kernel.release}")
            order = {}
            for name in self.modules:
                said = subprocess.run(
                    ["modprobe", "-d", root, "-S", self.kernel.release, "--show-depends", name],
                    stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
                if said.returncode:
                    raise Problem(f"Linux {self.kernel.release} has no module {name}: "
                                  f"{said.stderr.strip()}")
                for line in said.stdout.splitlines():
                    word = line.split()
                    if word and word[0] == "insmod":
                        path = os.path.realpath(word[1])
                        order.setdefault(os.path.basename(path), path)
            loaded = {}
            for name, path in order.items():
                if name.endswith(".xz"):
                    name = name[:-3]
                    loaded[name] = subprocess.run(["xz", "-dc", path], stdout=subprocess.PIPE,
                                                  check=True).stdout
                else:
                    loaded[name] = pathlib.Path(path).read_bytes()
            return loaded

    def write(self, path):
        """Writes it, not compressed: the emulated processor would be the one to expand it."""
        path = pathlib.Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_name(f"{path.name}.{os.getpid()}.new")
        try:
            with open(new, "wb") as file:
                self._fill(_Archive(file))
            new.replace(path)
        except OSError as error:
            raise Problem(f"{path} cannot be written: {error.strerror}") from error
        finally:
            new.unlink(missing_ok=True)
        return path

    def _fill(self, archive):
        for name in ("bin", "sbin", "dev", "proc", "sys", "tmp", "run", "modules"):
            archive.folder(name)
        foreign = Foreign(self.kernel.architecture) if self.kernel.cross else None
        program_of = foreign.program if foreign else _program
        archive.add("bin/busybox", pathlib.Path(program_of("busybox")).read_bytes(), 0o755)
        archive.add("init", INIT.read_bytes(), 0o755)
        archive.add("job", self.job.encode(), 0o755)
        archive.add("complaints.txt", complaints.LIST.read_bytes())
        modules = self._kernel_modules()
        for name, data in modules.items():
            archive.add(f"modules/{name}", data)
        if modules:
            archive.add("modules/order", "".join(f"/modules/{n}\n" for n in modules).encode())
        programs = {os.path.basename(each): program_of(each) for each in self.programs}
        if self.python:
            # Debian's: the first in somebody's PATH may be a script that starts another one.
            programs["python3"] = foreign.program("python3") if foreign else "/usr/bin/python3"
            for each in _python_files(self.python):
                name, each = (foreign.own(each) or ("", None)) if foreign else (each, each)
                if each:
                    archive.add(name, pathlib.Path(each).read_bytes(), 0o644, os.stat(each).st_mtime)
        for name, program in programs.items():
            archive.add(f"sbin/{name}", pathlib.Path(program).read_bytes(), 0o755)
            libraries = foreign.libraries(program) if foreign else {each: each for each in _libraries(program)}
            for library, file in libraries.items():
                archive.add(library, pathlib.Path(file).read_bytes(), 0o755)
        for each in self.files:
            self._file(archive, pathlib.Path(each))
        for each in self.folders:
            self._folder(archive, pathlib.Path(each))
        for name, text in self.texts.items():
            archive.add(name, text.encode(), 0o755)
        archive.end()

    def _file(self, archive, path):
        mode = 0o755 if os.access(path, os.X_OK) else 0o644
        if path.suffix == ".ko":
            with tempfile.NamedTemporaryFile(suffix=".ko") as small:
                subprocess.run([f"{self.kernel.cross}strip", "--strip-debug", "-o", small.name, path], check=True)
                archive.add(path.name, pathlib.Path(small.name).read_bytes(), mode)
        else:
            archive.add(path.name, path.read_bytes(), mode, path.stat().st_mtime)

    @staticmethod
    def _folder(archive, top):
        for place, _, names in os.walk(top):
            inside = os.path.join(top.name, os.path.relpath(place, top)).removesuffix("/.")
            archive.folder(inside)
            for name in sorted(names):
                each = pathlib.Path(place, name)
                if each.is_symlink():
                    archive.link(f"{inside}/{name}", os.readlink(each))
                elif each.is_file():
                    mode = 0o755 if os.access(each, os.X_OK) else 0o644
                    archive.add(f"{inside}/{name}", each.read_bytes(), mode, each.stat().st_mtime)


def _program(name):
    found = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if not found:
        raise Problem(f"there is no program {name} on this machine for the guest")
    return found


# ---- the machine --------------------------------------------------------------------------------

# An emulated kernel of amd64 leaves two things out that cost much there:
#   - the ways round a real processor's leaks. It patches a module's retpolines away when it loads the module;
#   - zeroing memory that it is about to write.
# One boot of tests/vm/suite.py (isolated) has both.
EMULATED = "mitigations=off init_on_alloc=0"


# Without erms and fsrm: the kernel would copy by `rep movsb`, which QEMU does byte by byte. Without la57: page
# tables have a level less.
# Without cmpxchg16b: QEMU 7.2 gets it wrong under multi-threaded TCG, and 6.12 uses it in its allocator.
PROCESSOR = "max,-cx16,-erms,-fsrm,-la57"


def machine(accel, processor=PROCESSOR, architecture="amd64"):
    """QEMU, and what makes a processor of it; where it is emulated, such a one."""
    if architecture == "arm64":
        # Its own way to sign pointers is much quicker to emulate than the architecture's. The kernel does not
        # use SVE and SME for itself.
        words = [emulator.qemu(architecture), "-machine", "virt,gic-version=3", "-cpu", "max,pauth-impdef=on,sve=off,sme=off"]
        return words + (["-accel", "tcg", "-icount", "shift=0,sleep=off"] if accel == "icount" else
                        ["-accel", "tcg,thread=multi"])
    if accel == "kvm":
        return [emulator.program(), "-accel", "kvm", "-cpu", "host"]
    if accel == "icount":
        # The guest's clock counts instructions, one a nanosecond, and skips idle time.
        return [emulator.program(), "-accel", "tcg", "-icount", "shift=0,sleep=off", "-cpu", processor]
    return [emulator.qemu(), "-accel", "tcg,thread=multi", "-cpu", processor]


def _command(qemu, kernel, image, console, arguments, cpus, mib, extra):
    """QEMU's words."""
    # slab_nomerge: our own caches show by name in /proc/slabinfo. no_timer_check: the kernel judges by
    # counting loops whether the timer's interrupt arrives. That is wrong where the machine itself has to
    # wait for a processor (KVM guests skip it by themselves). Stalls are not looked for before init:
    # without its clock yet, a slow machine loses ticks, and counts them all at once afterwards.
    # tsc=nowatchdog: the kernel reads two clocks, one behind the other (clocksource_watchdog()). Where
    # the machine waits for a processor in between, the kernel takes the processor's clock for broken.
    # random.trust_cpu: a kernel that is built without that has no other random numbers in a guest, and
    # shows no pointer's hash before it has some.
    port = "ttyAMA0" if kernel.architecture == "arm64" else "ttyS0"
    append = (f"console={port} loglevel=7 oops=panic panic=-1 slab_nomerge no_timer_check tsc=nowatchdog "
              "random.trust_cpu=on "
              f"rcupdate.rcu_cpu_stall_suppress_at_boot=1 {arguments}")
    return [*qemu, "-smp", cpus, "-m", mib, "-nodefaults", "-display", "none", "-no-reboot",
            "-chardev", f"file,id=console,path={console}", "-serial", "chardev:console",
            "-chardev", "stdio,id=job,signal=off", "-serial", "chardev:job",
            "-kernel", kernel.vmlinuz, "-initrd", image, "-append", append, *extra]


class Guest:
    """
    A run from boot to end. line() gets the job's output as it comes, and output keeps it; the kernel's
    console is the file console. accel is kvm, tcg, or icount: one processor, and a clock that counts its
    instructions.
    """

    def __init__(self, kernel, image, console, accel=None, arguments="", cpus=2, mib=None,
                 extra=(), **processor):
        self.console = pathlib.Path(console)
        self.console.parent.mkdir(parents=True, exist_ok=True)
        self.console.write_bytes(b"")
        accel = accel or emulator.acceleration(kernel.vmlinuz, kernel.architecture)
        if accel == "tcg" and kernel.architecture == "amd64":
            arguments = f"{EMULATED} {emulator.clock()} {arguments}"
        self.words = _command(machine(accel, architecture=kernel.architecture, **processor), kernel, image, console, arguments,
                              1 if accel == "icount" else cpus, mib or memory(kernel), extra)
        self.output = []
        self.code = None
        self.why = ""

    def run(self, limit, line=None):
        """
        Boots, and gives the job's exit code. None: the guest ended without one, or was ended because it had
        not said a line for limit seconds.
        """
        def each(text):
            if found := EXIT.search(text):
                self.code = int(found[1])
            else:
                self.output.append(text)
                if line:
                    line(text)

        status, said = child.run(self.words, death="KILL", check=False, limit=limit, line=each)
        if self.code is None:
            if child.silence(limit) in said:
                self.why = f"the guest hangs: it said nothing for {limit} seconds"
            elif "Kernel panic" in self.log():
                self.why = "the guest's kernel panicked"
            elif not self.log():
                self.why = f"the guest said nothing (QEMU's exit code: {status}): {said[-500:]}"
            else:
                self.why = f"the guest ended without a result (QEMU's exit code: {status})"
        return self.code

    def log(self):
        return self.console.read_text(encoding="utf-8", errors="replace").replace("\r", "")

    def last(self, lines=100):
        """The end of its console, for people."""
        return "\n".join([f"the end of the guest's console, {self.console}:"] +
                         self.log().splitlines()[-lines:])

    def complaints(self):
        return complaints.found(self.log())


# ---- a conversation -----------------------------------------------------------------------------

CONVERSATION = """#!/bin/sh
# QEMU's user networking: this address, and itself as the way out.
ip link set eth0 up && ip addr add 10.0.2.15/24 dev eth0 && ip route add default via 10.0.2.2
echo "ktcp-guest-done: $?"
while read -r command; do
    eval "$command"
    echo "ktcp-guest-done: $?"
done
"""


class Session(Guest):
    """
    A guest that is told what to do from here. forwards are pairs of a port of this machine and one of
    the guest's; said(line) is given what the guest's shell prints.
    """

    def __init__(self, kernel, image, console, forwards=(), said=print, **options):
        net = "user,id=net" + "".join(f",hostfwd=tcp:127.0.0.1:{here}-:{there}"
                                      for here, there in forwards)
        super().__init__(kernel, image, console, extra=(
            "-netdev", net, "-device", "virtio-net-pci,netdev=net,romfile="), **options)
        self.said, self.process, self.over, self._rest = said, None, False, b""

    @staticmethod
    def image(kernel, **options):
        """Its Image: with the only network card that these kernels have a driver for."""
        options["modules"] = ["virtio_pci", "virtio_net", *options.get("modules", ())]
        # kmod's insmod: busybox's tries a second time when the kernel has refused.
        options["programs"] = ["insmod", *options.get("programs", ())]
        return Image(kernel, CONVERSATION, **options)

    def __enter__(self):
        self.process = child.Process(self.words, death="KILL", stdin=subprocess.PIPE,
                                     stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        os.set_blocking(self.process.stdout.fileno(), False)
        try:
            self._answer("the guest did not start", 180)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self.process:
            self.process.end(0)
            self.process.stdin.close()
            self.process.stdout.close()
            self.process = None

    def alive(self):
        return self.process.wait(0) is None

    def _line(self, end):
        """A line of the guest's; None when time is up or the machine has ended."""
        while True:
            line, found, rest = self._rest.partition(b"\n")
            if found:
                self._rest = rest
                return line.decode(errors="replace").rstrip("\r")
            data = self.process.stdout.read(65536)
            if data:
                self._rest += data
            elif data == b"":
                self.over = True
                return None
            elif time.monotonic() > end:
                return None
            else:
                child.readable(self.process.stdout, 0.2)

    def _answer(self, problem, seconds):
        end = time.monotonic() + seconds
        text = []
        while (line := self._line(end)) is not None:
            if done := re.match(r"ktcp-guest-done: (\d+)$", line):
                if int(done[1]):
                    raise Problem(f"{problem}: exit code {done[1]}" + "".join(f"\n  {each}" for each in text))
                return text
            if EXIT.match(line):
                self.over = True
                break
            text.append(line)
            self.said(line)
        why = "the virtual machine has ended" if self.over else \
            f"no answer from the guest in {seconds} seconds"
        raise Problem(f"{problem}: {why}\n{self.last(40)}")

    def do(self, command, problem=None, seconds=60):
        """Runs a line of shell in it; returns the output. That it fails is a Problem."""
        self.process.stdin.write(command.encode() + b"\n")
        self.process.stdin.flush()
        return self._answer(problem or f"'{command}' failed", seconds)

    def shut_down(self):
        """Ends it by itself."""
        self.process.stdin.write(b"exit\n")
        self.process.stdin.flush()
        self.process.wait(10)


def free_ports(count):
    """
    Ports of this machine that are free now. Clients do not get them by themselves, so no other connection
    takes one before the server listens there.
    """
    with open("/proc/sys/net/ipv4/ip_local_port_range", encoding="ascii") as file:
        first_of_clients = int(file.read().split()[0])
    found = []
    ports = list(range(10000, first_of_clients))
    random.shuffle(ports)
    for port in ports:
        if len(found) == count:
            break
        with socket.socket() as listener:
            try:
                listener.bind(("127.0.0.1", port))
            except OSError:
                continue
            found.append(port)
    if len(found) < count:
        raise Problem(f"not {count} ports are free from 10000 to {first_of_clients - 1}")
    return found
