# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""khttpd-log, with a file as the kernel makes it."""

import pathlib
import signal
import subprocess

import pytest

PROGRAM = str(pathlib.Path(__file__).resolve().parents[2] / "tools" / "khttpd-log")


@pytest.fixture
def log(tmp_path):
    """log(OPTION...): its output, its messages and its exit code."""
    def run(*options):
        done = subprocess.run([PROGRAM, "--root", tmp_path, *options], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, timeout=60, check=False)
        return done.stdout, done.stderr, done.returncode

    run.file = tmp_path / "khttpd" / "access_log"
    run.file.parent.mkdir()
    return run


def test_the_lines_that_wait_are_printed(log):
    log.file.write_text("one\ntwo\n")
    assert log("--once") == ("one\ntwo\n", "", 0)


def test_another_server_is_named(log):
    log.file.parent.rename(log.file.parent.parent / "other")
    (log.file.parent.parent / "other" / "access_log").write_text("one\n")
    assert log("--once", "other") == ("one\n", "", 0)


def test_it_goes_on_until_the_server_ends(log):
    log.file.write_text("one\n")
    with subprocess.Popen([PROGRAM, "--root", log.file.parent.parent, "--interval", "1"],
                          stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "one\n"
        # A file of the kernel's would be empty by now; this one is read again.
        assert process.stdout.readline() == "one\n"
        log.file.unlink()
        assert process.wait(60) == 0


def test_it_ends_with_the_reader_of_its_output(log):
    """As other commands do: by SIGPIPE, in a shell's words."""
    log.file.write_text("one\n")
    with subprocess.Popen([PROGRAM, "--root", log.file.parent.parent, "--interval", "1"],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "one\n"
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait(60) == 128 + signal.SIGPIPE


@pytest.mark.parametrize("options", [["--interval"], ["--interval", "0"], ["--interval", "x"], ["--nothing"]])
def test_wrong_options_are_refused_with_a_word(log, options):
    printed, said, code = log(*options)
    assert code == 2 and printed == "" and said.startswith("khttpd-log: ")


def test_no_file_is_said_with_what_to_do(log):
    printed, said, code = log("--once")
    assert code == 1 and printed == "" and "access_log=2" in said
