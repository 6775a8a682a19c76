# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""What this machine offers to guests: kernels, and the way to run them."""

import dataclasses
import functools
import os
import re
import shlex
import subprocess

from . import TOP, Problem


@dataclasses.dataclass(frozen=True)
class Kernel:
    """A kernel for a guest, and what its modules are built with."""
    name: str
    release: str
    kdir: str
    vmlinuz: str
    modules: str
    compiler: str = None    # by its name, where it is not the headers' own choice
    root: str = None        # the folder of the system that modules are built in
    debug: bool = False


def _output(*words):
    done = subprocess.run([str(word) for word in words], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise Problem(f"{' '.join(map(str, words))} failed (see above)")
    return done.stdout


# The kernel for those who name none.
USUAL = "6.1"


def deps(*groups):
    """Installs the packages that these groups need and that are missing."""
    _output(TOP / "tools" / "deps", *groups)


@functools.lru_cache(None)
def kernel(name):
    if name.endswith("-debug"):
        words = ["debug-kernel", name.removesuffix("-debug")]
    elif name == "backports":
        words = ["backports-kernel"]
    else:
        words = ["kernel", name]
    said = dict(line.split("=", 1) for line in
                shlex.split(_output(TOP / "tools" / words[0], *words[1:])))
    return Kernel(name, said["RELEASE"], said["KDIR"], said["VMLINUZ"], said["MODULES"],
                  said.get("COMPILER"), said.get("ROOT"), name.endswith("-debug"))


def every_kernel():
    """The names of all stock kernels."""
    return ["6.1", "6.12", "backports"]


def make(kernel_, folder, out):
    """The command that builds the modules of a folder for a kernel."""
    words = ["make", "-s", "--no-print-directory", f"-j{len(os.sched_getaffinity(0))}", "-C", folder,
             f"KDIR={kernel_.kdir}", f"OUT={out}"]
    # Debian's headers name their compiler; a kernel of our own wants the one that built it, by name.
    if kernel_.compiler:
        words.append(f"CC={kernel_.compiler}")
    # Where the kernel has its compiler with it.
    if kernel_.root:
        words = [TOP / "tools" / "within", kernel_.root, TOP, *words]
    return words


def warnings(text):
    """The lines in which compiler, objtool or modpost warn: the word where they put it."""
    return [line for line in text.splitlines() if re.search(r"(?i)(^|: )warning: ", line)]


@functools.lru_cache(None)
def accel(vmlinuz):
    """How a guest is run here, kvm or tcg: tried once."""
    if os.environ.get("KTCP_ACCEL") == "icount":
        return "icount"
    return _output(TOP / "tests" / "vm" / "accel", vmlinuz).strip()


def emulator(how):
    """The program and its words for kvm, tcg or icount."""
    if how == "icount":
        # The guest's clock counts instructions, one a nanosecond, and skips idle time.
        return "qemu-system-x86_64", ["-accel", "tcg", "-icount", "shift=0,sleep=off", "-cpu", "max,-cx16"]
    if how == "kvm":
        return "qemu-system-x86_64", ["-accel", "kvm", "-cpu", "host"]
    # Without cmpxchg16b: QEMU 7.2 gets it wrong under multi-threaded TCG, and 6.12 uses it in its
    # allocator. And not by 7.2 itself (tools/emulator).
    return _output(TOP / "tools" / "emulator").strip(), \
        ["-accel", "tcg,thread=multi", "-cpu", "max,-cx16"]
