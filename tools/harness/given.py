# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""
The words that a person gave to a command, and the variables in the environment. A check gives the value, or a
Wrong that names the bad word and says what is allowed. A command checks all before it builds anything.
"""

import argparse
import inspect
import os
import pathlib
import re
import subprocess
import sys

from . import TOP, Wrong


def called():
    """The path in this tree of the command that runs, or the name of one that is elsewhere."""
    path = pathlib.Path(sys.argv[0])
    full = path.resolve()
    return str(full.relative_to(TOP)) if full.is_relative_to(TOP) else path.name


class Parser(argparse.ArgumentParser):
    """
    The words of every command in Python. A wrong word is one line, a Wrong. --help gives the usage first, then the
    command's docstring and the options. Shell scripts have the same by tools/given.sh.
    """

    def __init__(self, description=None, *, prog=None, **more):
        super().__init__(prog=prog or called(), description=description, add_help=False,
                         formatter_class=argparse.RawDescriptionHelpFormatter, **more)
        self.add_argument("-h", "--help", action="help", help=argparse.SUPPRESS)

    def print_help(self, file=None):
        # argparse's own passes over a reader that has gone.
        print(self.format_help(), end="", file=file)

    def error(self, message):
        raise Wrong(f"{message}; {' '.join(self.format_usage().split())}")

    def parse_known_args(self, args=None, namespace=None):
        asked, rest = super().parse_known_args(args, namespace)
        # By the usage of the form that it was given to: parse_args() knows the whole command's alone.
        if rest:
            self.error(f"'{rest[0]}' is not known")
        return asked, rest


def fitted(function):
    """A command of a function: main(arguments), which takes so many words as the function does."""
    known = list(inspect.signature(function).parameters.values())
    every = [each.name for each in known if each.kind is each.VAR_POSITIONAL]

    def shown(each):
        name = each.name.strip("_").upper()
        return f"[{name}...]" if each.name in every else name if each.default is each.empty else f"[{name}]"

    def main(arguments):
        parser = Parser(inspect.getdoc(function), usage=" ".join([called(), *map(shown, known)]))
        for each in known:
            nargs = argparse.REMAINDER if each.name in every else None if each.default is each.empty else "?"
            parser.add_argument(each.name, metavar=each.name.strip("_").upper(), help=argparse.SUPPRESS, nargs=nargs,
                                default=None if each.default is each.empty else each.default)
        asked = vars(parser.parse_args(arguments))
        return function(*(asked[each.name] for each in known if each.name not in every),
                        *(word for name in every for word in asked[name]))
    return main


def one_of(word, allowed, what):
    """A word of those that are allowed."""
    if word not in allowed:
        raise Wrong(f"there is no {what} '{word}': {', '.join(allowed)}")
    return word


def number(text, what, least, most=None):
    """A whole number, least to most."""
    if not re.fullmatch(r"\d{1,9}", text) or int(text) < least or most is not None and int(text) > most:
        raise Wrong(f"{what} cannot be '{text}': a whole number, {least} "
                    f"{'or more' if most is None else f'to {most}'}")
    return int(text)


def jobs():
    """How many things a command does at once: JOBS of the environment, or one for each processor."""
    return number(os.environ.get("JOBS") or str(len(os.sched_getaffinity(0))), "JOBS", 1)


def git(*words, quiet=False, top=TOP):
    """The output of git about a tree's history, in a clone of any user; None where git fails."""
    done = subprocess.run(["git", "-c", f"safe.directory={top}", "-C", top, *words], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL if quiet else None, check=False)
    return None if done.returncode else done.stdout.decode(errors="replace")


def commit(name, top=TOP):
    """The short hash of a commit of a tree's history, by any of its names."""
    found = git("rev-parse", "-q", "--short", "--verify", "--end-of-options", f"{name}^{{commit}}", quiet=True,
                top=top)
    if not found:
        raise Wrong(f"this repository has no commit '{name}': a hash, a branch or a tag of it "
                    "(git log --oneline shows them)")
    return found.strip()


def file(name):
    """The path of a file that is there."""
    if not pathlib.Path(name).is_file():
        raise Wrong(f"there is no file '{name}': the path of one that is there is needed")
    return pathlib.Path(name)


def marked(name, begin, end):
    """The path of a page with these two lines in it, between which a command is to write."""
    text = file(name).read_text(encoding="utf-8", errors="replace")
    if end not in text.partition(begin)[2]:
        raise Wrong(f"'{name}' has no lines {begin.strip()} and {end.strip()}: put them where the text is to stand")
    return pathlib.Path(name)


def folder(name):
    """The path of a folder that is there."""
    if not pathlib.Path(name).is_dir():
        raise Wrong(f"there is no folder '{name}': the path of one that is there is needed")
    return pathlib.Path(name)


def output(name):
    """The path of a folder to write to, which need not be there."""
    path = pathlib.Path(name).absolute()
    if not next(each for each in (path, *path.parents) if each.exists()).is_dir():
        raise Wrong(f"'{name}' cannot be a folder, for a file is there: name another")
    return pathlib.Path(name)


def option(check, *more):
    """A check as the type of one of a Parser's words."""
    return lambda text: check(text, *more)


def unusable(error):
    """The one line for an OSError of a file that an argument names, or is in a folder that one names; or None."""
    path = os.path.abspath(os.fsdecode(error.filename)) if isinstance(error.filename, (str, bytes, os.PathLike)) else ""
    for word in sys.argv[1:]:
        named = os.path.abspath(word)
        if path and (path == named or path.startswith(f"{named}/")):
            return f"{error.filename} cannot be used ({error.strerror}): name another, or mend it"
    return None
