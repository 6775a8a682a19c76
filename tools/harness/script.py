# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""
Modules and a shell script in a virtual machine:

    tests/vm/script --out FOLDER [--kernel 6.1] [--build FOLDER]... [--module NAME]...
                    [--program FILE]... [--file FILE]... SCRIPT

SCRIPT runs in the guest, in its root folder, with busybox's commands and kmod's insmod. Its output is this
program's output. It has failed as well if the kernel complained meanwhile.

In the environment: KTCP_ACCEL (kvm or tcg), KTCP_VM_MEMORY in MiB, KTCP_VM_CPUS, and KTCP_VM_SECONDS without
a word until the guest is given up (300).
"""

import os
import pathlib

from . import Problem, emulator, given, guest, module, packages
from . import kernel as kernels

JOB = """#!/bin/sh
export PATH=/sbin:/bin
# The shell would take its own commands of these names. (Its insmod tries twice.)
{functions}
(
{script}
)
status=$?
# What the script expected it has taken off the log.
if dmesg | grep -E -f /complaints.txt; then
    echo 'the kernel complained'
    status=1
fi
if [ $status -ne 0 ]; then
    echo "failed with exit code $status; the end of the kernel's log:"
    dmesg | tail -n 20
fi
exit $status
"""


def say(text):
    print(f"script: {text}", flush=True)


def build(kernel, folder, out):
    """The modules of a folder, which may be a reader's own."""
    folder = pathlib.Path(folder).resolve()
    say(f"building {folder.name} for Linux {kernel.release}")
    return module.build(kernel, folder, out, lambda text: print(text, flush=True))


def main(arguments):
    parser = given.Parser(__doc__)
    parser.add_argument("--out", required=True, type=given.option(given.output), metavar="FOLDER",
                        help="where to build, and where the guest's log goes")
    parser.add_argument("--kernel", type=given.option(kernels.known), metavar="KERNEL", help="which to boot")
    parser.add_argument("--counted", action="store_true",
                        help="one processor, whose clock counts its instructions: no load of this "
                             "machine's is seen there")
    parser.add_argument("--build", action="append", default=[], type=given.option(given.folder), metavar="FOLDER",
                        help="one that module.mk builds a module in; the guest has it as /NAME.ko")
    parser.add_argument("--module", action="append", default=[], metavar="NAME",
                        help="one of the kernel's own modules, loaded before")
    parser.add_argument("--program", action="append", default=[], metavar="FILE",
                        help="a program of this machine, in the guest's /sbin")
    parser.add_argument("--file", action="append", default=[], type=given.option(given.file), metavar="FILE",
                        help="a file, in the guest's root folder")
    parser.add_argument("script", type=given.option(given.file), metavar="SCRIPT",
                        help="what runs there, with busybox's commands")
    asked = parser.parse_args(arguments)
    for each in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL"):
        os.environ.pop(each, None)

    cpus = given.number(os.environ.get("KTCP_VM_CPUS") or "2", "KTCP_VM_CPUS", 1)
    seconds = os.environ.get("KTCP_VM_SECONDS") and given.number(os.environ["KTCP_VM_SECONDS"], "KTCP_VM_SECONDS", 1)
    packages.install("build", "vm")
    kernel = kernels.get(asked.kernel)
    out = asked.out.absolute() / kernel.release
    out.mkdir(parents=True, exist_ok=True)
    files = list(asked.file)
    for folder in asked.build:
        files += build(kernel, folder, out)
    functions = "\n".join(f'{name}() {{ /sbin/{name} "$@"; }}' for name in
                          ["insmod", *(os.path.basename(each) for each in asked.program)])
    image = guest.Image(kernel, JOB.format(functions=functions, script=asked.script.read_text()),
                        modules=asked.module, programs=["insmod", *asked.program], files=files)
    accel = "icount" if asked.counted else emulator.acceleration(kernel.vmlinuz, kernel.architecture)
    vm = guest.Guest(kernel, image.write(out / "initramfs"), out / "guest.console", accel=accel,
                     cpus=cpus,
                     mib=os.environ.get("KTCP_VM_MEMORY"))
    say(f"booting Linux {kernel.release} ({accel})")
    code = vm.run(seconds or guest.seconds(kernel, 300),
                  lambda text: print(text, flush=True))
    if code is None:
        raise Problem(f"{vm.last()}\nFAILED on Linux {kernel.release}: {vm.why}")
    if code:
        raise Problem(f"FAILED on Linux {kernel.release}; the guest's log: {vm.console}")
    return code
