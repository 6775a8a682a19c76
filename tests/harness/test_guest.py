# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Guests that do not do what they should: each is said, and leaves no process."""

import os
import subprocess
import sys
import textwrap
import time

import pytest

from harness import Problem, child, guest

from conftest import TOP


def boot(kernel, tmp_path, limit=20):
    vm = guest.Guest(kernel, tmp_path / "initramfs", tmp_path / "console")
    vm.run(limit)
    return vm


def test_a_job_that_ends_gives_its_code_and_its_output(fake, tmp_path):
    vm = boot(fake("say('hello'); log('[ 1.0] all is well'); say('ktcp-guest-exit: 3')"), tmp_path)
    assert (vm.code, vm.output, vm.complaints()) == (3, ["hello"], [])


def test_a_guest_that_panics_is_said_with_the_end_of_its_console(fake, tmp_path):
    vm = boot(fake("say('begun'); log('[ 1.0] Kernel panic - not syncing: Fatal exception')"), tmp_path)
    assert vm.code is None and "panicked" in vm.why
    assert "not syncing: Fatal exception" in vm.last()
    assert vm.complaints() == ["[ 1.0] Kernel panic - not syncing: Fatal exception"]


def test_a_command_line_that_speaks_of_panics_is_none(fake, tmp_path):
    vm = boot(fake("log('[ 0.0] Kernel command line: oops=panic panic=-1')"), tmp_path)
    assert vm.code is None and vm.why == "the guest ended without a result (QEMU's exit code: 0)"


def test_a_guest_that_says_nothing(fake, tmp_path):
    vm = boot(fake(""), tmp_path)
    assert vm.code is None and "said nothing" in vm.why


def test_a_guest_that_hangs_is_ended_when_its_time_is_up(fake, tmp_path):
    started = time.monotonic()
    vm = boot(fake("log('[ 1.0] booting'); time.sleep(1000)"), tmp_path, limit=1)
    assert vm.code is None and vm.why == "the guest hangs: it said nothing for 1 seconds"
    assert "booting" in vm.last()
    assert time.monotonic() - started < 10


def test_what_QEMU_says_at_its_end_hides_no_hang(fake, tmp_path):
    vm = boot(fake("""
        import signal
        signal.signal(signal.SIGTERM, lambda *_: sys.exit("qemu-system-x86_64: terminating on signal 15"))
        log("[ 0.0] Kernel command line: oops=panic panic=-1")
        time.sleep(1000)
        """), tmp_path, limit=1)
    assert vm.code is None and vm.why == "the guest hangs: it said nothing for 1 seconds"


def test_a_guest_that_goes_on_speaking_has_its_time(fake, tmp_path):
    vm = boot(fake("""
        for number in range(6):
            say("still here")
            time.sleep(0.5)
        say("ktcp-guest-exit: 0")
        """), tmp_path, limit=2)
    assert vm.code == 0, vm.why


def test_an_emulator_that_does_not_start_says_why(fake, tmp_path):
    vm = boot(fake("sys.exit('qemu: cannot set up guest memory')"), tmp_path)
    assert "cannot set up guest memory" in vm.why


CONVERSE = """
say("ktcp-guest-done: 0")
for line in sys.stdin:
    line = line.strip()
    if line == "exit":
        break
    say("did " + line)
    if line == "die":
        log("Kernel panic - not syncing")
        sys.exit(1)
    say("ktcp-guest-done: " + ("1" if line == "false" else "0"))
"""


def test_a_session_runs_its_commands(fake, tmp_path):
    said = []
    with guest.Session(fake(CONVERSE), "x", tmp_path / "console", said=said.append) as session:
        assert session.do("this") == ["did this"]
        with pytest.raises(Problem, match="exit code 1"):
            session.do("false")
        session.shut_down()
    assert said == ["did this", "did false"]


def test_a_guest_that_dies_in_a_session_is_said(fake, tmp_path):
    with guest.Session(fake(CONVERSE), "x", tmp_path / "console", said=lambda _: None) as session:
        with pytest.raises(Problem, match="(?s)has ended.*Kernel panic"):
            session.do("die")


def test_a_guest_that_does_not_answer_is_given_up(fake, tmp_path):
    with guest.Session(fake("say('ktcp-guest-done: 0'); time.sleep(1000)"), "x", tmp_path / "console",
                       said=lambda _: None) as session:
        process = session.process
        with pytest.raises(Problem, match="no answer from the guest in 1 seconds"):
            session.do("anything", seconds=1)
    assert process.returncode is not None


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize("signal", ["KILL", "TERM", "HUP", "INT"])
def test_no_guest_outlives_its_runner(tmp_path, start, signal):
    """The runner ends by a signal in the midst of a run; so do its guest and the lock."""
    runner = start([sys.executable, "-c", textwrap.dedent(f"""
        import sys
        sys.path.insert(0, {str(TOP / 'tools')!r})
        import harness
        from harness import cache, child
        def main():
            with cache.Lock({str(tmp_path / 'lock')!r}, "test: waiting"):
                def line(text):
                    print(text, flush=True)
                child.run(["sh", "-c", "echo $$; exec sleep 1000"], death="KILL", line=line)
        harness.main("test", main)
        """)], stdout=subprocess.PIPE, text=True)
    pid = int(runner.stdout.readline())
    assert alive(pid)
    subprocess.run(["kill", f"-{signal}", str(runner.pid)], check=True)
    runner.wait(10)
    end = time.monotonic() + 5
    while alive(pid) and time.monotonic() < end:
        time.sleep(0.05)
    assert not alive(pid)
    assert subprocess.run(["flock", "-n", tmp_path / "lock", "true"], check=False).returncode == 0


def test_children_of_a_command_end_with_a_killed_runner(start):
    runner = start([sys.executable, "-c", textwrap.dedent(f"""
        import sys
        sys.path.insert(0, {str(TOP / 'tools')!r})
        from harness import child
        child.guard()
        child.run(["sh", "-c", "trap : TERM; sleep 1000 & echo $!; wait; wait"],
                  line=lambda text: print(text, flush=True))
        """)], stdout=subprocess.PIPE, text=True)
    pid = int(runner.stdout.readline())
    runner.kill()
    runner.communicate()
    end = time.monotonic() + 10
    while alive(pid) and time.monotonic() < end:
        time.sleep(0.05)
    assert not alive(pid)


def test_children_of_a_command_end_with_it(tmp_path):
    file = tmp_path / "pid"
    status, _ = child.run(["sh", "-c", f"sleep 1000 & echo $! >{file}; wait"], check=False, limit=1)
    assert status < 0
    time.sleep(0.1)
    assert not alive(int(file.read_text()))


def test_free_ports_are_free_and_different():
    assert len(set(guest.free_ports(5))) == 5


def test_cpio_reads_an_archive(tmp_path):
    folder = tmp_path / "www"
    (folder / "sub").mkdir(parents=True)
    (folder / "sub" / "file").write_text("text")
    os.symlink("file", folder / "sub" / "link")
    # Its name has more bytes than characters.
    (folder / "ü").write_text("wide")
    (folder / "ü behind").write_text("behind")
    with open(tmp_path / "archive", "wb") as file:
        archive = guest._Archive(file)
        archive.add("init", b"#!/bin/sh\n", 0o755)
        guest.Image._folder(archive, folder)
        archive.end()
    out = tmp_path / "out"
    out.mkdir()
    with open(tmp_path / "archive", "rb") as file:
        subprocess.run(["cpio", "-i", "--quiet", "--no-preserve-owner"], stdin=file, cwd=out, check=True)
    assert (out / "www/sub/link").read_text() == "text"
    assert [(out / "www" / name).read_text() for name in ("ü", "ü behind")] == ["wide", "behind"]
    assert os.access(out / "init", os.X_OK)
