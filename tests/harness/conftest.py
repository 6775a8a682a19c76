# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""What the harness's tests share: the package itself, and a machine that is none."""

import pathlib
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


@pytest.fixture
def fake(tmp_path, monkeypatch):
    """fake(text): from now on a guest is a program of Python: log() is its console, say() its job."""
    def make(text):
        program = tmp_path / "qemu"
        program.write_text(BEGIN + textwrap.dedent(text))
        program.chmod(0o755)
        monkeypatch.setattr(guest, "machine", lambda accel, **_: [str(program)])
        monkeypatch.setattr(emulator, "acceleration", lambda vmlinuz: "tcg")
        return kernel.Kernel("6.1", "6.1.0-fake", *map(pathlib.Path, ("/kdir", "/vmlinuz", "/modules")))
    return make
