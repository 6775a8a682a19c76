# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""
What ktcp's commands are made of: what this machine offers (debian, packages, cache, kernel,
emulator), and what is done with it.

The scripts in tools/ import it from beside themselves. It needs Debian's python3 alone.
"""

import os
import pathlib
import signal
import sys

TOP = pathlib.Path(__file__).resolve().parents[2]
"""The project's folder: the clone, or where it is installed (PREFIX/share/ktcp)."""

TOOLS = TOP / "tools"


class Problem(Exception):
    """What keeps a command from its work. The text says what happened and what to do."""


def say(who, text):
    """One line of progress, on standard error: standard output is for results."""
    for line in str(text).splitlines():
        print(f"{who}: {line}", file=sys.stderr, flush=True)


def main(who, function, *arguments):
    """
    Runs a command's function and ends the process with what it returns (None: 0).

    A Problem is said without a traceback: exit code 1. SIGTERM, SIGHUP and ^C unwind the stack, so
    that each `with` gives back what it holds: exit code 128 + the signal.
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
    try:
        code = function(*arguments)
    except Problem as problem:
        say(who, problem)
        code = 1
    sys.exit(code or 0)
