# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""
What the scripts in tools/ that are no more than a name stand for; and what scripts in other languages
ask of the package:

    tools/deps GROUP...          packages.install()
    tools/kernel NAME [headers]  kernel.get(), kernel.headers(): variables for a shell
    tools/emulator               emulator.qemu()
    (cache NAME, formatter)      cache.folder(), formatter.formatter(), for tools/lint
    tools/fetch PACKAGE          packages.fetch() into the current folder
    tools/release [VARIABLE]     debian.release(): variables for a shell, or the value of one
    tools/within ROOT FOLDER COMMAND...     root.within()
    (root-make PLACE RELEASE LOG, root-run PLACE COMMAND...: root.Root, for tests/package/run)
    tests/vm/accel VMLINUZ       emulator.acceleration()
    tests/vm/free-ports [COUNT]  guest.free_ports(), one a line
    tests/vm/script              script.main()
    tools/run                    play.main()
    tools/check                  check.main(): every suite
    tests/{vm,kunit,browser,docs}/run    check.main(): that suite, and what is said there
    tools/proof, tools/matrix    proof.main(), proof.matrix()
"""

import importlib
import os
import pathlib
import shlex
import sys

# Run as a folder: the package is to be found beside itself.
sys.path[0] = str(pathlib.Path(__file__).resolve().parents[1])

import harness
from harness import Problem, cache, debian, emulator, formatter, kernel, packages, root


def show(variables):
    """For a shell to read."""
    for name, value in variables.items():
        print(f"{name}={shlex.quote(str(value))}")


def deps(*groups):
    if not groups:
        raise Problem("usage: tools/deps GROUP...   groups: "
                      + " ".join(debian.groups(debian.release())))
    packages.install(*groups)


def kernel_(name="", what=""):
    if not name or what not in ("", "headers"):
        raise Problem(f"usage: tools/kernel {'|'.join(debian.release().kernels)} [headers]")
    one = kernel.headers(name) if what else kernel.get(name)
    variables = {"RELEASE": one.release, "KDIR": one.kdir, "COMPILER": one.compiler}
    if one.vmlinuz:
        variables |= {"VMLINUZ": one.vmlinuz, "MODULES": one.modules, "ROOT": one.root or ""}
    show(variables)


def release(variable=""):
    variables = debian.release().variables
    if not variable:
        show(variables)
    elif variable in variables:
        print(variables[variable])
    else:
        raise Problem(f"usage: tools/release [{'|'.join(variables)}]")


def within(where, folder, *command):
    words = [*root.within(where, folder), *command]
    os.execvp(words[0], words)


def root_run(place, *command):
    words = root.Root(place).inside(*command)
    os.execvp(words[0], words)


def suite(name):
    def command(*arguments):
        from harness import check
        return check.suite(name, list(arguments))
    return command


def other(module, function="main"):
    """One of the package's modules, which nobody else has to wait for."""
    def command(*arguments):
        return getattr(importlib.import_module(f"harness.{module}"), function)(list(arguments))
    return command


COMMANDS = {
    "check": other("check"),
    "run": other("play"),
    "script": other("script"),
    "proof": other("proof"),
    "matrix": other("proof", "matrix"),
    "free-ports": other("guest", "show_free_ports"),
    **{name: suite(name) for name in ("vm", "kunit", "browser", "docs")},
    "deps": deps,
    "kernel": kernel_,
    "emulator": lambda: print(emulator.qemu()),
    "cache": lambda name: print(cache.folder(name)),
    "formatter": lambda: print(formatter.formatter()),
    "fetch": lambda package: packages.fetch(package, ".") and None,
    "release": release,
    "within": within,
    "root-make": lambda place, release, log: root.Root(place).make(release, log),
    "root-run": root_run,
    "accel": lambda vmlinuz: print(emulator.acceleration(vmlinuz)),
}

if __name__ == "__main__":
    harness.main(sys.argv[1], COMMANDS[sys.argv[1]], *sys.argv[2:])
