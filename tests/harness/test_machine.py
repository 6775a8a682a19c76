# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""A machine that lacks something: one line says what, and what to do."""

import os
import signal
import subprocess
import sys
import textwrap

import pytest

from harness import Problem, Wrong, emulator, guest, packages

from conftest import TOP


@pytest.fixture
def commands(tmp_path, monkeypatch):
    """commands(NAME, TEXT): from now on the command of that name is this script."""
    def make(name, text):
        program = tmp_path / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(f"#!/bin/sh\n{text}\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    return make


def test_a_package_that_cannot_be_installed_is_named(commands, monkeypatch):
    monkeypatch.setattr(packages, "_as_root", lambda missing: [])
    commands("dpkg-query", "exit 1")
    commands("apt-get", """case "$*" in *update*) exit 0; esac
        echo 'Reading package lists...'
        echo 'E: Unable to locate package ktcp-nothing'
        exit 100""")
    with pytest.raises(Problem) as told:
        packages.install("python")
    last = str(told.value).splitlines()[-1]
    assert "apt-get install failed" in last and "Unable to locate package ktcp-nothing" in last


def test_no_network_is_told_from_no_package(commands, monkeypatch):
    monkeypatch.setattr(packages, "_as_root", lambda missing: [])
    commands("dpkg-query", "exit 1")
    commands("apt-get", "echo 'E: Failed to fetch http://archive/: Could not resolve'; exit 100")
    with pytest.raises(Problem, match="apt-get update failed .Failed to fetch .*: check the network"):
        packages.install("python")


def test_with_all_installed_nothing_is_asked(commands):
    commands("dpkg-query", "echo installed")
    commands("apt-get", "echo asked >&2; exit 100")
    packages.install("python", "vm")


@pytest.mark.parametrize("package, file", [
    ("one", "one_1.0-1_all.deb"), ("one=1:1.0-1+b2", "one_1%3a1.0-1+b2_amd64.deb"), ("two:arm64", "two_2_arm64.deb")])
def test_a_package_that_is_there_already_is_given_back(commands, tmp_path, package, file):
    """apt-get downloads it, or leaves what is there as it is."""
    for name in (file, "one-more_1.0-1_all.deb", "one_0.9_all.deb"):
        (tmp_path / name).touch()
    os.utime(tmp_path / "one_0.9_all.deb", (0, 0))
    commands("apt-get", "exit 0")
    assert packages.fetch(package, tmp_path) == tmp_path / file


@pytest.mark.parametrize("word", ["--help", "-q", "", "One", "one=", "one two", "../one", "one*"])
def test_what_is_no_packages_name_is_not_asked_for(commands, tmp_path, word):
    commands("apt-get", f"touch {tmp_path}/asked")
    with pytest.raises(Wrong, match="is no package's name"):
        packages.fetch(word, tmp_path)
    assert not (tmp_path / "asked").exists()


@pytest.mark.parametrize("exists, allowed, boots, says", [
    (False, False, False, "there is no /dev/kvm"),
    (True, False, False, "may not be opened"),
    (True, True, False, "does not boot"),
    (True, True, True, None),
])
def test_without_kvm_one_line_says_so(monkeypatch, capsys, exists, allowed, boots, says):
    monkeypatch.delenv("KTCP_ACCEL", raising=False)
    monkeypatch.setattr(emulator, "qemu", lambda: "qemu")
    monkeypatch.setattr(emulator, "_boots", lambda vmlinuz: boots)
    monkeypatch.setattr(emulator.os.path, "exists", lambda path: exists)
    monkeypatch.setattr(emulator.os, "access", lambda path, mode: allowed)
    emulator._say_once.cache_clear()
    emulator.acceleration.cache_clear()
    try:
        found = {emulator.acceleration("a kernel"), emulator.acceleration("another")}
    finally:
        emulator.acceleration.cache_clear()
    said = capsys.readouterr().err
    if says:
        assert found == {"tcg"} and said.count("\n") == 1 and says in said and "emulated" in said
    else:
        assert found == {"kvm"} and said == ""


@pytest.mark.parametrize("use", [
    lambda: emulator.acceleration("a kernel"), emulator.qemu, lambda: guest.machine("kvm"),
    lambda: guest.machine("icount"), lambda: guest.machine("tcg"),
], ids=["acceleration", "qemu", "kvm", "icount", "tcg"])
def test_the_first_run_that_needs_an_emulator_installs_it(monkeypatch, use):
    """On a fresh machine a kernel was tried while another part still installed QEMU."""
    asked, cached = [], [emulator.program, emulator.acceleration, emulator.qemu]
    monkeypatch.delenv("KTCP_ACCEL", raising=False)
    monkeypatch.setattr(packages, "install", lambda *groups: asked.extend(groups))
    monkeypatch.setattr(emulator, "_boots", lambda vmlinuz: bool(emulator.program()))
    monkeypatch.setattr(emulator.process, "output", lambda words: words[0] and "version 9.0")
    for each in cached:
        each.cache_clear()
    try:
        use()
    finally:
        for each in cached:
            each.cache_clear()
    assert asked == ["vm"]


def test_no_space_is_one_line(tmp_path):
    """In a command, and in a part of a run."""
    program = textwrap.dedent(f"""
        import sys
        sys.path.insert(0, {str(TOP / 'tools')!r})
        import harness
        from harness import child, lanes
        def main():
            if sys.argv[1:] != ["part"]:
                child.run(["echo", "much"], log="/dev/full")
            for event in lanes.run([lanes.Part("one", lambda report: child.run(["echo", "much"], log="/dev/full"))]):
                if event.case:
                    print(event.case.text, file=sys.stderr)
        harness.main("test", main)
        """)
    for arguments, code in ((["command"], 1), (["part"], 0)):
        done = subprocess.run([sys.executable, "-c", program, *arguments], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, check=False)
        assert done.returncode == code, done.stdout
        assert done.stdout.count("\n") == 1 and "No space left on device" in done.stdout
        assert "KTCP_CACHE=" in done.stdout


def test_a_reader_that_has_gone_unwinds_the_stack(tmp_path):
    """And ends by SIGPIPE. Another pipe that breaks is a fault, which is shown."""
    held = tmp_path / "held"
    program = textwrap.dedent(f"""
        import contextlib, pathlib, sys
        sys.path.insert(0, {str(TOP / 'tools')!r})
        import harness
        def main(what):
            with contextlib.ExitStack() as held:
                path = pathlib.Path({str(held)!r})
                path.touch()
                held.callback(path.unlink)
                if what == "other":
                    raise BrokenPipeError("another one")
                for i in range(100_000):
                    print(i)
        harness.main("test", main, *sys.argv[1:])
        """)
    with subprocess.Popen([sys.executable, "-c", program, "print"], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "0\n"
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == -signal.SIGPIPE and not held.exists()
    done = subprocess.run([sys.executable, "-c", program, "other"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, check=False)
    assert done.returncode == 1 and "another one" in done.stderr and not held.exists()
