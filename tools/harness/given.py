# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""
The words that a person gave to a command, and the variables in the environment. A check gives the value, or a
Problem that names the bad word and says what is allowed. A command checks all before it builds anything.
"""

import argparse
import inspect
import os
import pathlib
import re
import subprocess
import sys

from . import TOP, Problem


HELP = ("-h", "--help")
"""A command whose first word is one of these says what it does, and does nothing."""


def shown(function):
    """The words that a command's function takes, as a person is told of them."""
    def name(parameter):
        return parameter.name.upper().rstrip("_")
    return [f"[{name(each)}...]" if each.kind is each.VAR_POSITIONAL else
            name(each) if each.default is each.empty else f"[{name(each)}]"
            for each in inspect.signature(function).parameters.values()]


def usage(who, function):
    """The one line about the words of a command's function."""
    return " ".join(["usage:", who, *shown(function)]) if shown(function) else f"{who} takes no arguments"


def fitting(who, function, arguments):
    """A Problem unless a command's function takes so many words."""
    try:
        inspect.signature(function).bind(*arguments)
    except TypeError:
        words = shown(function)
        wrong = f"'{arguments[len(words)]}' is one word too many" if len(arguments) > len(words) else \
            f"{words[len(arguments)]} is missing"
        raise Problem(f"{wrong}: {usage(who, function)}") from None


def one_of(word, allowed, what):
    """A word of those that are allowed."""
    if word not in allowed:
        raise Problem(f"there is no {what} '{word}': {', '.join(allowed)}")
    return word


def number(text, what, least, most=None):
    """A whole number, least to most."""
    if not re.fullmatch(r"\d{1,9}", text) or int(text) < least or most is not None and int(text) > most:
        raise Problem(f"{what} cannot be '{text}': a whole number, {least} "
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
        raise Problem(f"this repository has no commit '{name}': a hash, a branch or a tag of it "
                      "(git log --oneline shows them)")
    return found.strip()


def file(name):
    """The path of a file that is there."""
    if not pathlib.Path(name).is_file():
        raise Problem(f"there is no file '{name}': the path of one that is there is needed")
    return pathlib.Path(name)


def marked(name, begin, end):
    """The path of a page with these two lines in it, between which a command is to write."""
    text = file(name).read_text(encoding="utf-8", errors="replace")
    if end not in text.partition(begin)[2]:
        raise Problem(f"'{name}' has no lines {begin.strip()} and {end.strip()}: put them where the text is to stand")
    return pathlib.Path(name)


def folder(name):
    """The path of a folder that is there."""
    if not pathlib.Path(name).is_dir():
        raise Problem(f"there is no folder '{name}': the path of one that is there is needed")
    return pathlib.Path(name)


def output(name):
    """The path of a folder to write to, which need not be there."""
    path = pathlib.Path(name).absolute()
    if not next(each for each in (path, *path.parents) if each.exists()).is_dir():
        raise Problem(f"'{name}' cannot be a folder, for a file is there: name another")
    return pathlib.Path(name)


def option(check, *more):
    """A check as the type of one of argparse's options."""
    def typed(text):
        try:
            return check(text, *more)
        except Problem as problem:
            raise argparse.ArgumentTypeError(problem) from None
    return typed


def unusable(error):
    """The one line for an OSError of a file that an argument names, or is in a folder that one names; or None."""
    path = os.path.abspath(os.fsdecode(error.filename)) if isinstance(error.filename, (str, bytes, os.PathLike)) else ""
    for word in sys.argv[1:]:
        named = os.path.abspath(word)
        if path and (path == named or path.startswith(f"{named}/")):
            return f"{error.filename} cannot be used ({error.strerror}): name another, or mend it"
    return None
