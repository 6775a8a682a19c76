# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""The harness's tests share these: the package itself, and a machine that is none."""

import importlib.machinery
import importlib.util
import pathlib
import signal
import subprocess
import sys
import textwrap

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tools"))
sys.dont_write_bytecode = True

from harness import emulator, guest, kernel  # noqa: E402

BEGIN = """#!/usr/bin/python3
import sys, time
console = next(a.split("path=")[1] for a in sys.argv if a.startswith("file,id=console"))
def log(text):
    with open(console, "a") as file:
        file.write(text + "\\r\\n")
def say(text):
    print(text, flush=True)
"""


def script(path):
    """A script of this tree as a module: path is below its folder."""
    loader = importlib.machinery.SourceFileLoader(pathlib.PurePath(path).name, str(TOP / path))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(loader.name, loader))
    loader.exec_module(module)
    return module


@pytest.fixture(autouse=True, scope="session")
def signals():
    """
    The tests' processes can be interrupted. A shell's background commands ignore SIGINT, and nohup's
    SIGHUP; their children would do the same. They begin with the default where we have a handler.
    """
    for number in (signal.SIGINT, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, lambda *_: None)


@pytest.fixture
def start():
    """subprocess.Popen, whose processes end with the test, however the test ends."""
    started = []

    def begin(*words, **options):
        started.append(subprocess.Popen(*words, **options))
        return started[-1]
    yield begin
    for each in started:
        each.kill()
        with each:      # closes its pipes, and waits for it
            pass


@pytest.fixture
def fake(tmp_path, monkeypatch):
    """fake(text): from now on a guest is a program of Python: log() is its console, say() its job."""
    def make(text):
        program = tmp_path / "qemu"
        program.write_text(BEGIN + textwrap.dedent(text))
        program.chmod(0o755)
        monkeypatch.setattr(guest, "machine", lambda accel, **_: [str(program)])
        monkeypatch.setattr(emulator, "acceleration", lambda vmlinuz, _="amd64": "tcg")
        return kernel.Kernel("6.1", "6.1.0-fake", *map(pathlib.Path, ("/kdir", "/vmlinuz", "/modules")))
    return make
