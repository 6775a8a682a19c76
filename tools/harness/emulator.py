# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""How a guest can run here: by KVM, or by an emulator that is fit for it."""

import ctypes
import functools
import mmap
import os
import platform
import re
import shutil
import subprocess
import time

from . import Wrong, cache, debian, packages, process, say

OLDEST = {"amd64": (8, 1), "arm64": (9, 1)}
"""The oldest QEMU that emulates several processors rightly: see qemu(). arm64's gives a guest two serial ports."""
PROGRAMS = {"amd64": "qemu-system-x86_64", "arm64": "qemu-system-aarch64"}
PARTS = {"amd64": ["qemu-system-x86", "qemu-system-common", "qemu-system-data", "seabios"],
         "arm64": ["qemu-system-arm", "qemu-system-common", "qemu-system-data"]}
"""The packages of which one is made, beside the libraries of this system's own."""


@functools.cache
def program():
    """This system's own QEMU, which is there then, with what else guests need: its name."""
    packages.install("vm")
    return PROGRAMS["amd64"]


@functools.cache
def acceleration(vmlinuz, architecture="amd64"):
    """
    "kvm" or "tcg": for another architecture than this machine's it is tcg. $KTCP_ACCEL decides without asking. QEMU's means for it are there then.

    A stock kernel may not get through its boot even though /dev/kvm exists: nested virtualisation may
    refuse registers or instructions. So it is tried: without a root file system a kernel that works says so
    within seconds.
    """
    if architecture != "amd64":
        qemu(architecture)
        return "tcg"
    given = os.environ.get("KTCP_ACCEL", "")
    if given not in ("", "kvm", "tcg"):
        raise Wrong(f"KTCP_ACCEL={given} is not known: kvm or tcg")
    if given == "kvm" or not given and not (why := _no_kvm(vmlinuz)):
        return "kvm"
    if not given:
        _say_once(f"{why}: guests are emulated, some ten times slower")
    # Fetched now if it must be, and not while somebody waits for a guest to boot.
    qemu()
    return "tcg"


@functools.cache
def _say_once(text):
    say("emulator", text)


def _no_kvm(vmlinuz):
    """Why KVM cannot be used for it; "" if it can."""
    if not os.path.exists("/dev/kvm"):
        return "there is no /dev/kvm"
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return "/dev/kvm may not be opened by this user (the group kvm may)"
    return "" if _boots(vmlinuz) else "/dev/kvm is there, but a kernel does not boot by it"


def _boots(vmlinuz):
    command = ["timeout", "-k", "1", "10", program(), "-accel", "kvm", "-cpu", "host", "-smp", "2",
               "-m", "256", "-nodefaults", "-display", "none", "-no-reboot", "-serial", "stdio",
               "-kernel", str(vmlinuz), "-append", "console=ttyS0 panic=-1"]
    said = subprocess.run([*process.WITH_US, *command], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False).stdout
    return b"Unable to mount root fs" in said


RDTSC = bytes.fromhex("0f31" "48c1e220" "4809d0" "c3")     # rdtsc; shl $32,%rdx; or %rdx,%rax; ret


@functools.cache
def clock():
    """
    The kernel's words for an emulated guest of several processors: it keeps time by their own counter. QEMU makes
    that of this machine's. Without these words the kernel takes such processors' counters for out of step. It would
    read an emulated clock (HPET) instead, with a lock of QEMU's each time. It would also measure the counter, and
    err where the machine is busy. "" where this machine's counter is not constant.
    """
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        flags = re.search(r"^flags\s*:(.*)", file.read(), re.M)
    if platform.machine() != "x86_64" or not flags or not {"constant_tsc", "nonstop_tsc"} <= set(flags[1].split()):
        return ""
    page = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    page.write(RDTSC)
    count = ctypes.CFUNCTYPE(ctypes.c_uint64)(ctypes.addressof(ctypes.c_char.from_buffer(page)))

    def both():
        """The counter and the time in nanoseconds, of the pair that was read in the shortest time."""
        pairs = []
        for _ in range(50):
            before, now, after = time.monotonic_ns(), count(), time.monotonic_ns()
            pairs.append((after - before, now, (before + after) / 2))
        return min(pairs)[1:]

    first = both()
    time.sleep(0.1)
    last = both()
    khz = round((last[0] - first[0]) * 1e6 / (last[1] - first[1]))
    return f"tsc=reliable tsc_early_khz={khz}"


@functools.cache
def qemu(architecture="amd64"):
    """
    The QEMU for guests with several processors where there is no KVM; its path.

    Debian 12's own, 7.2, translates a page of code without holding on to it. Kernels patch code with every
    static key, and it does not notice that another processor patches the same code meanwhile. The state in
    the midst of patching stays: "Oops: int3" some thousand patches later. From 8.1 on the page is locked.
    Where this system's is older it is that of Debian's backports, unpacked without being installed; its
    libraries are those that the older package brings. It stays what it is until its folder in the cache is
    removed.
    """
    name = PROGRAMS[architecture]
    program()   # and the libraries of all of them
    if architecture != "amd64":
        packages.install(architecture)
    if shutil.which(name):
        found = re.search(r"version (\d+)\.(\d+)", process.output([name, "--version"]))
        if found and tuple(map(int, found.groups())) >= OLDEST[architecture]:
            return shutil.which(name)
    folder = cache.folder("emulator" if architecture == "amd64" else f"emulator-{architecture}")
    path = folder / "root/usr/bin" / name
    if not path.exists():
        with cache.Lock(folder / ".lock", "emulator: waiting for another run that fetches QEMU"):
            if not path.exists():
                _fetch(folder, architecture)
    return str(path)


def _fetch(folder, architecture):
    suite = f"{debian.release().name}-backports"
    say("emulator", f"fetching QEMU from {suite}: this system's may not emulate several processors")
    log, new = folder / "log", folder / "root.new"
    log.write_bytes(b"")
    shutil.rmtree(new, ignore_errors=True)
    for each in packages.Suite(suite, folder, log).download(PARTS[architecture], folder):
        packages.unpack(each, new)
        each.unlink()
    process.run([new / "usr/bin" / PROGRAMS[architecture], "--version"], log)
    shutil.rmtree(folder / "lists")
    shutil.rmtree(folder / "root", ignore_errors=True)
    new.rename(folder / "root")
