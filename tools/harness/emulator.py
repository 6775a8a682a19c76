# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""How a guest can run here: by KVM, or by an emulator that is fit for it."""

import functools
import os
import re
import shutil
import subprocess

from . import Problem, cache, debian, packages, process, say

PROGRAM = "qemu-system-x86_64"
OLDEST = (8, 1)
"""The oldest QEMU that emulates several processors rightly: see qemu()."""


@functools.cache
def acceleration(vmlinuz):
    """
    "kvm" or "tcg". $KTCP_ACCEL decides without asking. What QEMU needs for it is there then.

    That /dev/kvm exists does not mean that a stock kernel gets through its boot (nested
    virtualisation may refuse registers or instructions), so it is tried: without a root file system a
    kernel that works says so within seconds.
    """
    given = os.environ.get("KTCP_ACCEL", "")
    if given not in ("", "kvm", "tcg"):
        raise Problem(f"KTCP_ACCEL={given} is not known: kvm or tcg")
    if given == "kvm" or not given and os.access("/dev/kvm", os.R_OK | os.W_OK) and _boots(vmlinuz):
        return "kvm"
    # Fetched now if it must be, and not while somebody waits for a guest to boot.
    qemu()
    return "tcg"


def _boots(vmlinuz):
    command = ["timeout", "-k", "1", "10", PROGRAM, "-accel", "kvm", "-cpu", "host", "-smp", "2",
               "-m", "256", "-nodefaults", "-display", "none", "-no-reboot", "-serial", "stdio",
               "-kernel", str(vmlinuz), "-append", "console=ttyS0 panic=-1"]
    said = subprocess.run([*process.WITH_US, *command], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False).stdout
    return b"Unable to mount root fs" in said


@functools.cache
def qemu():
    """
    The QEMU for guests with several processors where there is no KVM; its path.

    Debian 12's own, 7.2, translates a page of code without holding on to it: that another processor
    patches the same code meanwhile, as kernels do with every static key, goes unnoticed then, and
    what was there in the midst of patching stays: "Oops: int3" some thousand patches later. From 8.1
    on the page is locked. Where this system's is older it is that of Debian's backports, unpacked
    without being installed; its libraries are those that the older package brings. It stays what it
    is until its folder in the cache is removed.
    """
    found = re.search(r"version (\d+)\.(\d+)", process.output([PROGRAM, "--version"]))
    if found and tuple(map(int, found.groups())) >= OLDEST:
        return shutil.which(PROGRAM)
    folder = cache.folder("emulator")
    path = folder / "root/usr/bin" / PROGRAM
    if not path.exists():
        with cache.Lock(folder / ".lock", "emulator: waiting for another run that fetches QEMU"):
            if not path.exists():
                _fetch(folder)
    return str(path)


def _fetch(folder):
    suite = f"{debian.release().name}-backports"
    say("emulator", f"fetching QEMU from {suite}: this system's may not emulate several processors")
    log, new = folder / "log", folder / "root.new"
    log.write_bytes(b"")
    shutil.rmtree(new, ignore_errors=True)
    for each in packages.Suite(suite, folder, log).download(
            ["qemu-system-x86", "qemu-system-common", "qemu-system-data", "seabios"], folder):
        packages.unpack(each, new)
        each.unlink()
    process.run([new / "usr/bin" / PROGRAM, "--version"], log)
    shutil.rmtree(folder / "lists")
    shutil.rmtree(folder / "root", ignore_errors=True)
    new.rename(folder / "root")
