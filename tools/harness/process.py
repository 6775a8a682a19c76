# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Other programs, which end when we do."""

import os
import subprocess

from . import Problem

# Should we be killed, so is what we started.
WITH_US = ("setpriv", "--pdeathsig", "TERM")


def start(command, **options):
    """A Popen of a command that does not outlive us. Without standard input, unless one is given."""
    options.setdefault("stdin", subprocess.DEVNULL)
    return subprocess.Popen([*WITH_US, *map(str, command)], **options)


def end(process):
    """Ends a process of start(), and waits for it."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


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
        with open(log, "ab") as output:
            code = _wait(start(command, stdout=output, stderr=subprocess.STDOUT, **options))
    else:
        code = _wait(start(command, **options))
    if code and check:
        words = " ".join(map(str, shown or command))
        if not log:
            raise Problem(f"{words}: exit code {code}")
        raise Problem(f"{tail(log)}\n{words}: exit code {code}; the whole of it: {log}")
    return code


def output(command, **options):
    """What a command prints, as text; that it fails is a Problem."""
    process = start(command, stdout=subprocess.PIPE, text=True, errors="replace", **options)
    try:
        text = process.communicate()[0]
    finally:
        end(process)
    if process.returncode:
        raise Problem(f"{' '.join(map(str, command))}: exit code {process.returncode}")
    return text


def tail(file, lines=40):
    """The last lines of a log."""
    with open(file, encoding="utf-8", errors="replace") as text:
        return "".join(text.readlines()[-lines:]).rstrip()


def _wait(process):
    try:
        return process.wait()
    finally:
        end(process)
