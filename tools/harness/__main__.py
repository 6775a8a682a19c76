# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""
The meanings of the scripts in tools/ that are no more than a name, and the services of the package for
scripts in other languages:

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
    tests/{vm,kunit,browser,clients,docs,mutants}/run    check.main(): that suite, and what is said there
    tools/proof, tools/matrix    proof.main(), proof.matrix()
    tools/headers [KERNEL...]    headers.main()
"""

import importlib
import os
import pathlib
import shlex
import sys

# Run as a folder: the package is to be found beside itself.
sys.path[0] = str(pathlib.Path(__file__).resolve().parents[1])

import harness
from harness import Problem, cache, debian, emulator, formatter, given, kernel, packages, root


def show(variables):
    """For a shell to read."""
    for name, value in variables.items():
        print(f"{name}={shlex.quote(str(value))}")


def deps(*groups):
    if not groups:
        raise Problem("usage: tools/deps GROUP...   groups: "
                      + " ".join(debian.groups(debian.release())))
    packages.install(*groups)


def kernel_(name, headers=""):
    kernel.known(name)
    if headers:
        given.one_of(headers, ("headers",), "word")
    one = kernel.headers(name) if headers else kernel.get(name)
    variables = {"RELEASE": one.release, "KDIR": one.kdir, "COMPILER": one.compiler}
    if one.vmlinuz:
        variables |= {"VMLINUZ": one.vmlinuz, "MODULES": one.modules, "ROOT": one.root or ""}
    show(variables)


def release(variable=""):
    variables = debian.release().variables
    if not variable:
        show(variables)
    else:
        print(variables[given.one_of(variable, variables, "variable")])


def within(root_, folder, *command):
    words = [*root.within(given.folder(root_), folder), *command]
    os.execvp(words[0], words)


def root_run(place, *command):
    words = root.Root(place).inside(*command)
    os.execvp(words[0], words)


def free_ports(count="1"):
    from harness import guest
    print("\n".join(map(str, guest.free_ports(given.number(count, "COUNT", 1, 1000)))))


def suite(name):
    def command(*arguments):
        from harness import check
        return check.suite(name, list(arguments))
    command.helps = True
    return command


def other(module, function="main", helps=False):
    """One of the package's modules, which is imported only when it is needed. helps: it knows --help by itself."""
    def command(*arguments):
        there = importlib.import_module(f"harness.{module}")
        if arguments[:1] and arguments[0] in given.HELP and not helps:
            print(there.__doc__.strip())
            return 0
        return getattr(there, function)(list(arguments))
    command.helps = True
    return command


COMMANDS = {
    "check": other("check", helps=True),
    "run": other("play"),
    "script": other("script", helps=True),
    "proof": other("proof"),
    "matrix": other("proof", "matrix"),
    "headers": other("headers"),
    "free-ports": free_ports,
    **{name: suite(name) for name in ("vm", "kunit", "browser", "clients", "docs", "mutants")},
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
    "accel": lambda vmlinuz: print(emulator.acceleration(given.file(vmlinuz))),
}


def run(command, *arguments):
    function = COMMANDS[given.one_of(command, COMMANDS, "command")]
    if arguments[:1] and arguments[0] in given.HELP and not getattr(function, "helps", False):
        print(given.usage(command, function))
        return 0
    given.fitting(command, function, arguments)
    return function(*arguments)


if __name__ == "__main__":
    harness.main(sys.argv[1] if sys.argv[1:] else "harness", run, *sys.argv[1:])
