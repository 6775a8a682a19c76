# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""
The meanings of the scripts that are no more than a name: those of tools and of tests/vm, and the run of a suite.
Some are services of the package for scripts in other languages.
"""

import importlib
import os
import pathlib
import shlex
import sys

# Run as a folder: the package is to be found beside itself.
sys.path[0] = str(pathlib.Path(__file__).resolve().parents[1])

import harness
from harness import TOP, Wrong, cache, debian, emulator, formatter, given, kernel, packages, root


def show(variables):
    """For a shell to read."""
    for name, value in variables.items():
        print(f"{name}={shlex.quote(str(value))}")


def deps(*group):
    """Installs the packages of these groups that are missing. Without a GROUP, it names all groups."""
    if not group:
        raise Wrong(f"no GROUP is named: {', '.join(debian.groups(debian.release()))}")
    packages.install(*group)


def kernel_(name, headers=""):
    """
    Fetches a kernel by its name here, as 6.12, and shows it as variables for a shell. With the word headers, only
    what its modules are built with is fetched.
    """
    kernel.known(name)
    if headers:
        given.one_of(headers, ("headers",), "word")
    one = kernel.headers(name) if headers else kernel.get(name)
    variables = {"RELEASE": one.release, "KDIR": one.kdir, "COMPILER": one.compiler}
    if one.vmlinuz:
        variables |= {"VMLINUZ": one.vmlinuz, "MODULES": one.modules, "ROOT": one.root or ""}
    show(variables)


def qemu():
    """Shows the path of the emulator, which it installs first where it is missing."""
    print(emulator.qemu())


def cache_(name):
    """Shows the folder of that name in the cache."""
    print(cache.folder(name))


def formatter_():
    """Shows the path of clang-format, which it fetches first where it is missing."""
    print(formatter.formatter())


def fetch(package):
    """Downloads a package of Debian's, or PACKAGE=VERSION, into the current folder. Nothing is installed."""
    packages.fetch(package, ".")


def release(variable=""):
    """Shows what follows this machine's release of Debian, as variables for a shell, or the value of one."""
    variables = debian.release().variables
    if not variable:
        show(variables)
    else:
        print(variables[given.one_of(variable, variables, "variable")])


def within(root_, folder, *command):
    """Runs a command in a folder of another root of Debian."""
    words = [*root.within(given.folder(root_), folder), *command]
    os.execvp(words[0], words)


def root_make(place, release_, log):
    """Makes a fresh root of a release in a folder."""
    root.Root(place).make(release_, log)


def root_run(place, *command):
    """Runs a command in such a root, as its root."""
    words = root.Root(place).inside(*command)
    os.execvp(words[0], words)


def accel(vmlinuz):
    """Shows how a guest with that kernel runs on this machine: kvm or tcg."""
    print(emulator.acceleration(given.file(vmlinuz)))


def free_ports(count="1"):
    """Shows so many ports of this machine that nothing uses, one a line."""
    from harness import guest
    print("\n".join(map(str, guest.free_ports(given.number(count, "COUNT", 1, 1000)))))


def suite(name):
    """A suite's own run: that suite alone."""
    def command(arguments):
        from harness import check
        return check.main(arguments, [name])
    return command


def other(module, function="main"):
    """One of the package's modules, which is imported only when it is needed."""
    def command(arguments):
        return getattr(importlib.import_module(f"harness.{module}"), function)(arguments)
    return command


COMMANDS = {
    "check": other("check"),
    "run": other("play"),
    "script": other("script"),
    "proof": other("proof"),
    "matrix": other("proof", "matrix"),
    "headers": other("headers"),
    **{name: suite(name) for name in ("vm", "kunit", "browser", "clients", "docs", "mutants")},
    **{name: given.fitted(function) for name, function in {
        "deps": deps, "kernel": kernel_, "emulator": qemu, "fetch": fetch, "release": release, "within": within,
        "accel": accel, "free-ports": free_ports,
        # Of scripts alone.
        "cache": cache_, "formatter": formatter_, "root-make": root_make, "root-run": root_run}.items()},
}


def run(command="", *arguments):
    function = COMMANDS[given.one_of(command, COMMANDS, "command")]
    # Its usage and its --help name the script by which it was called.
    script = next((each for each in (f"tools/{command}", f"tests/vm/{command}", f"tests/{command}/run")
                   if (TOP / each).is_file()), command)
    sys.argv = [str(TOP / script), *arguments]
    return function(list(arguments))


if __name__ == "__main__":
    harness.main(sys.argv[1] if sys.argv[1:] else "harness", run, *sys.argv[1:])
