# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Other programs to whose end a command waits, and whose failure is a Problem (see child)."""

import os
import subprocess

from . import Problem, child

# For what needs our terminal, as sudo does, and so is no session of its own.
WITH_US = ("setpriv", "--pdeathsig", "TERM")


def run(command, log=None, check=True, env=None, shown=None, **options):
    """
    Runs a command to its end; its exit code.

    log: a file to which its output is appended. With check a failure is a Problem, which shows the
    end of what was said. env: variables beside those that there are. shown: the command as a person
    knows it.
    """
    if env:
        options["env"] = {**os.environ, **env}
    if log:
        with open(log, "ab") as said:
            code = _wait(child.Process(command, stdout=said, stderr=subprocess.STDOUT, **options))
    else:
        code = _wait(child.Process(command, **options))
    if code and check:
        words = " ".join(map(str, shown or command))
        if not log:
            raise Problem(f"{words}: exit code {code}")
        raise Problem(f"{tail(log)}\n{words}: exit code {code}; the whole of it: {log}")
    return code


def output(command, **options):
    """A command's output, as text; its failure is a Problem."""
    process = child.Process(command, stdout=subprocess.PIPE, text=True, errors="replace", **options)
    with process.stdout:
        text = process.stdout.read()
    code = _wait(process)
    if code:
        raise Problem(f"{' '.join(map(str, command))}: exit code {code}")
    return text


def tail(file, lines=40):
    """The last lines of a log."""
    with open(file, encoding="utf-8", errors="replace") as text:
        return "".join(text.readlines()[-lines:]).rstrip()


def _wait(process):
    try:
        return process.wait()
    except BaseException:
        process.end()
        raise
