# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""
The parts of ktcp's commands: the means of this machine (debian, packages, cache, kernel, emulator), and
their uses.

The scripts in tools/ import it from beside themselves. It needs Debian's python3 alone.
"""

import errno
import os
import pathlib
import select
import signal
import sys

TOP = pathlib.Path(__file__).resolve().parents[2]
"""The project's folder: the clone, or where it is installed (PREFIX/share/ktcp)."""

TOOLS = TOP / "tools"


class Problem(Exception):
    """A reason why a command cannot do its work. The text says what happened and what to do."""
    code = 1
    """The command's exit code."""


class Wrong(Problem):
    """A word that a person gave to a command, or a variable of the environment, cannot be used: one line."""
    code = 2


def no_space(error):
    """The one line for an OSError that means that a disk is full; None for another."""
    if error.errno not in (errno.ENOSPC, errno.EDQUOT):
        return None
    where = f" for {error.filename}" if error.filename else ""
    return (f"{error.strerror}{where}: what is built goes into {TOP}/build, kernels and downloads into the cache "
            "(KTCP_CACHE=), some 10 GB in all; make room there (make clean), or name another cache")


def is_unread():
    """Has the reader of standard output or standard error closed it?"""
    ends = select.poll()
    for each in (1, 2):
        ends.register(each, 0)
    return any(events & select.POLLERR for _, events in ends.poll(0))


def say(who, text):
    """One line of progress, on standard error: standard output is for results."""
    for line in str(text).splitlines():
        print(f"{who}: {line}", file=sys.stderr, flush=True)


def main(who, function, *arguments):
    """
    Runs a command's function and ends the process with what it returns (None: 0).

    A Problem is said without a traceback: exit code 1. A Wrong is 2, and so is a file that a word names and that
    cannot be used (harness.given). SIGTERM, SIGHUP and ^C unwind the stack, so that each `with` gives back what it
    holds: exit code 128 + the signal. So does a reader that closes the pipe (`COMMAND | head -1`): the process ends by
    SIGPIPE then, as others do.
    """
    def end(number, _):
        # A second one must not cut short what the first has begun.
        for each in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            signal.signal(each, signal.SIG_IGN)
        raise SystemExit(128 + number)

    for each in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(each, end)
    # Messages are read by machines; Debian's own tools for root are not in everybody's PATH.
    os.environ["LC_ALL"] = "C.UTF-8"
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    # Clones share ccache's results.
    os.environ.setdefault("CCACHE_BASEDIR", str(TOP))
    os.environ.setdefault("CCACHE_NOHASHDIR", "1")
    # As CMakeLists.txt has it, and for the precompiled header of the guests' tests.
    os.environ.setdefault("CCACHE_SLOPPINESS", "pch_defines,time_macros,include_file_mtime,include_file_ctime")
    try:
        code = outcome(who, function, arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        if not is_unread():
            raise
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        signal.raise_signal(signal.SIGPIPE)
    sys.exit(code or 0)


def outcome(who, function, arguments):
    """Runs a command's function and says why it failed. Return: the exit code, or None."""
    from . import given
    try:
        return function(*arguments)
    except SystemExit as end:
        return end.code
    except Problem as problem:
        say(who, problem)
        return problem.code
    except OSError as error:
        if text := no_space(error):
            code = 1
        elif text := given.unusable(error):
            code = Wrong.code
        else:
            raise
        say(who, text)
        return code
