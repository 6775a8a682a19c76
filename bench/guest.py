# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""
The way to kernels and guests: all that the benchmark wants of tools/harness.
"""

import functools
import pathlib
import re
import subprocess
import sys
import threading

TOP = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TOP / "tools"))

import harness     # noqa: E402
from harness import Problem, Wrong, child, debian, emulator, given, module     # noqa: E402
from harness import guest as machines            # noqa: E402
from harness import kernel as kernels            # noqa: E402

printing = threading.Lock()


def compiler():
    """The release's, by which servers and clients are built."""
    return debian.release().cxx


def say(text):
    with printing:
        print(f"bench: {text}", flush=True)


def stop(text):
    sys.exit(f"bench: {text}")


def command(*words, **options):
    """Runs one of ours; its output is shown when it fails."""
    done = subprocess.run([str(word) for word in words], stdin=subprocess.DEVNULL, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, **options)
    if done.returncode:
        stop(f"{' '.join(map(str, words))} failed:\n{done.stdout}")
    return done.stdout


class Kernel(kernels.Kernel):
    @property
    def build(self):
        """Debian's version of it."""
        return pathlib.Path(self.vmlinuz).parent.name.split("_", 1)[-1]


@functools.lru_cache(None)
def kernel(name):
    """Debian's, fetched first where it is not there."""
    try:
        one = kernels.get(name)
    except Problem as problem:
        stop(f"no kernel {name} to measure with: {problem}")
    return Kernel(**vars(one))


def accel(of):
    return emulator.acceleration(of.vmlinuz)


# "Fast" string instructions: `rep movsb` and `rep stosb`, whose every byte -icount takes for an
# instruction. A kernel that does not find them copies by words. Newer QEMUs offer more of them.
STRINGS = ("erms", "fsrm", "fsrs", "fzrm")


def without(flags, known):
    """The processor for counting, without those of the flags that this QEMU knows."""
    return ",".join(["max", "-cx16"] + [f"-{flag}" for flag in flags if flag in known])


@functools.lru_cache(None)
def processor(strings=False):
    """The processor of guests that are counted; with its string instructions, or without."""
    known = set(re.findall(r"\S+", command("qemu-system-x86_64", "-cpu", "help")))
    return without(() if strings else STRINGS, known)


def _guest(of, folder, job, files, *, how, cpus, memory, programs=(), modules=(), devices=(),
           strings=False):
    """A guest whose job is the file job, its initramfs written."""
    image = machines.Image(of, job.read_text(), programs=sorted(programs), modules=modules,
                           files=sorted(map(str, files)))
    return machines.Guest(of, image.write(folder / "initramfs"), folder / "guest.console", accel=how,
                          cpus=cpus, mib=memory, extra=devices, processor=processor(strings))


def run(of, folder, job, files, programs, line, *, limit, **conditions):
    """Boots a guest with these files and programs, and gives line() each line that the job says."""
    one = _guest(of, folder, job, files, programs=programs, **conditions)
    code = one.run(limit, lambda text: line(text + "\n"))
    if code is None:
        say(f"{one.why}: {one.console}")
    return code


def free_port():
    return machines.free_ports(1)[0]


class Conversation:
    """A counted guest with a network card, whose port there is this machine's port here."""

    def __init__(self, of, folder, job, files, here, there, *, memory):
        self.guest = _guest(
            of, folder, job, files, how="icount", cpus=1, memory=memory,
            modules=("virtio_pci", "virtio_net"), devices=(
                "-netdev", f"user,id=net,hostfwd=tcp:127.0.0.1:{here}-:{there}",
                "-device", "virtio-net-pci,netdev=net,romfile="))
        self.process = None

    def __enter__(self):
        self.process = child.Process(self.guest.words, death="KILL", stdin=child.PIPE,
                                     stdout=child.PIPE, stderr=child.STDOUT, text=True,
                                     errors="replace")
        return self

    def __exit__(self, *_):
        self.process.end(0)

    def lines(self):
        """The job's output, until it is done."""
        for text in self.process.stdout:
            if text.startswith("ktcp-guest-exit: "):
                return
            yield text.replace("\r", "")

    def say(self, text=""):
        """To the job. Where the guest has ended, lines() ends too."""
        try:
            self.process.stdin.write(text + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass
