# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""
The way to kernels and guests: all that the benchmark wants of tools/ and tests/vm.
"""

import functools
import os
import pathlib
import re
import shlex
import subprocess
import sys
import threading
from dataclasses import dataclass

TOP = pathlib.Path(__file__).resolve().parent.parent
VM = TOP / "tests" / "vm"
printing = threading.Lock()


def say(text):
    with printing:
        print(f"bench: {text}", flush=True)


def stop(text):
    sys.exit(f"bench: {text}")


def command(*words, **options):
    """Runs one of ours; what it says is shown when it fails."""
    done = subprocess.run([str(word) for word in words], stdin=subprocess.DEVNULL, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, **options)
    if done.returncode:
        stop(f"{' '.join(map(str, words))} failed:\n{done.stdout}")
    return done.stdout


@dataclass(frozen=True)
class Kernel:
    name: str          # 6.1
    release: str
    kdir: str          # to build modules against
    vmlinuz: str
    modules: str

    @property
    def build(self):
        """Debian's version of it."""
        return pathlib.Path(self.vmlinuz).parent.name.split("_", 1)[-1]


@functools.lru_cache(None)
def kernel(name):
    """What tools/kernel says of it."""
    done = subprocess.run([TOP / "tools" / "kernel", name], text=True, stdout=subprocess.PIPE,
                          check=False)
    if done.returncode:
        stop(f"no kernel {name} to measure with (see above)")
    said = dict(line.split("=", 1) for line in shlex.split(done.stdout))
    return Kernel(name, said["RELEASE"], said["KDIR"], said["VMLINUZ"], said["MODULES"])


def accel(of):
    return command(VM / "accel", of.vmlinuz).strip()


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


def _image(of, folder, job, files, programs=(), modules=()):
    folder.mkdir(parents=True, exist_ok=True)
    words = [VM / "initramfs", "--output", folder / "initramfs", "--job", job,
             "--release", of.release, "--modules", of.modules]
    for each in modules:
        words += ["--module", each]
    for each in sorted(map(str, files)):
        words += ["--file", each]
    for each in sorted(programs):
        words += ["--program", each]
    command(*words)


def _environment(how, cpus, memory, strings=False):
    return dict(os.environ, KTCP_ACCEL=how, KTCP_VM_CPUS=str(cpus), KTCP_VM_MEMORY=str(memory),
                KTCP_VM_COUNTED=processor(strings))


def run(of, folder, job, files, programs, line, *, how, cpus, memory, limit, strings=False,
        modules=(), devices=()):
    """Boots a guest with these files and programs, and gives line() each line that the job says."""
    _image(of, folder, job, files, programs, modules)
    # setpriv: should this program be killed, the machine goes as well.
    with subprocess.Popen(
            ["setpriv", "--pdeathsig", "TERM", str(VM / "boot"), of.vmlinuz,
             str(folder / "initramfs"), str(folder / "guest"), str(limit), "",
             *devices],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, errors="replace",
            env=_environment(how, cpus, memory, strings)) as process:
        for text in process.stdout:
            line(text)
    return process.returncode


class Conversation:
    """A counted guest with a network card, whose port there is this machine's port here."""

    def __init__(self, of, folder, job, files, here, there, *, memory):
        _image(of, folder, job, files, modules=("virtio_pci", "virtio_net"))
        self.words = [
            str(VM / "qemu"), of.vmlinuz, str(folder / "initramfs"), str(folder / "guest.console"),
            "", "-netdev", f"user,id=net,hostfwd=tcp:127.0.0.1:{here}-:{there}",
            "-device", "virtio-net-pci,netdev=net,romfile="]
        self.environment = _environment("icount", 1, memory)
        self.process = None

    def __enter__(self):
        self.process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "TERM", *self.words], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
            env=self.environment)
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def lines(self):
        """What the job says, until it is done."""
        for text in self.process.stdout:
            if text.startswith("ktcp-guest-exit: "):
                return
            yield text.replace("\r", "")

    def say(self, text=""):
        self.process.stdin.write(text + "\n")
        self.process.stdin.flush()
