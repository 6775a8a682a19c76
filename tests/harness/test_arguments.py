# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""
A command that is given a bad argument, or is asked for help, ends before it begins anything. A bad argument is exit
code 2 and one line that names it. --help is the usage first, and 0. The programs that a command would call are not
there: one in the place of each notes the call.
"""

import os
import re
import shlex
import signal
import subprocess

import pytest

from conftest import TOP

# A line is a command with a bad argument. The word that it has to name stands behind a |, or is the last one.
CASES = """
.ci/run nonsense
bench/profile/run kecho-event nonsense
bench/profile/run kecho-event x16 --duration 1parsec
bench/profile/run kecho-event x16 --jobs 0 | --jobs
bench/profile/run kecho-event x16 --kernel 9.9
bench/profile/run kecho-event x16 --publish nofile
bench/profile/run kecho-event x16 --publish README.md
bench/profile/run nonsense x16 | nonsense
bench/real-hardware --server nonsense
bench/real-hardware --port 0 | --port
bench/real-hardware nonsense
bench/run --base nonsense
bench/run --cpus 0 | --cpus
bench/run --jobs 0 | --jobs
bench/run --kernel 9.9
bench/run --output /etc/hostname
bench/run --peer nonsense
bench/run --peer README.md
bench/run --quick --server nonsense
bench/run --section nonsense
bench/run nonsense
docs/learn/run nonsense
docs/scaling/run nonsense
env JOBS=none tests/host/run | none
env JOBS=none tools/check vm --collect-only | none
env JOBS=none tools/lint spdx | none
env KECHO_DIR=nofolder tests/vm/run --collect-only | nofolder
env KTCP_HOSTILE=0 tests/vm/run --collect-only | KTCP_HOSTILE
env KTCP_HOSTILE_MINUTES=hour tests/vm/run --collect-only | KTCP_HOSTILE_MINUTES
env KTCP_ACCEL=none tests/vm/accel README.md | none
python3 bench/report.py | FOLDER
python3 bench/report.py nofolder
python3 bench/report.py nofolder README.md more
tests/browser/run --figure nonsense
tests/browser/run --kernel
tests/browser/run --kernel 9.9
tests/clients/run --kernel 9.9
tests/clients/run --table nonsense
tests/clients/run nonsense
tests/docs/interactive nonsense
tests/docs/run --collect-only --kernel 6.1 | --kernel
tests/docs/run nonsense
tests/harness/names --compare
tests/harness/names --compare nothing
tests/harness/names --nonsense
tests/harness/names nothing
tests/harness/names one two | one
tests/harness/net nonsense
tests/host/cases --nonsense
tests/host/cases nonsense
tests/host/run --nonsense
tests/host/run --only
tests/host/run --only unit,nonsense | nonsense
tests/host/run nonsense
tests/kunit/run --collect-only --boot tests | --boot
tests/kunit/run --print --prepare | --prepare
tests/kunit/run --print nonsense
tests/kunit/run nonsense
tests/mutants/run nonsense
tests/package/fresh --release nonsense
tests/package/fresh nonsense
tests/package/run nonsense
tests/package/systemd nofolder out | nofolder
tests/package/systemd | ROOT
tests/vm/accel nofile
tests/vm/accel one two
tests/vm/accel | VMLINUZ
tests/vm/free-ports -1
tests/vm/free-ports 1 two
tests/vm/free-ports none
tests/vm/run --boot none
tests/vm/run --kernel 9.9
tests/vm/run --kernel
tests/vm/run -k and
tests/vm/run nonsense
tests/vm/script --out build/x --build nofolder README.md | nofolder
tests/vm/script --out build/x --file nofile README.md | nofile
tests/vm/script --out build/x --kernel 9.9 README.md | 9.9
tests/vm/script --out build/x nofile
tests/vm/script --out README.md README.md
tools/check --nonsense
tools/check docs lint --collect-only --boot tests | --boot
tools/check nonsense
tools/check vm --boot none
tools/check vm --kernel 9.9
tools/coverage --nonsense
tools/coverage nonsense
tools/deb nonsense
tools/deps nonsense
tools/deps | GROUP
tools/drop-tcp --nonsense
tools/drop-tcp -n
tools/drop-tcp - nonsense
tools/editor --check nonsense
tools/editor nonsense
tools/emulator nonsense
tools/fetch --nonsense | PACKAGE
tools/fetch Nonsense
tools/fetch one two
tools/fetch | PACKAGE
tools/figures --check nofile
tools/figures nonsense
tools/files nonsense
tools/headers --nonsense
tools/headers nonsense
tools/kernel 6.12 headers nonsense
tools/kernel 6.12 nonsense
tools/kernel nonsense
tools/kernel | NAME
tools/khttpd-log --interval
tools/khttpd-log --nonsense
tools/khttpd-log one two
tools/ktcp-top --peers
tools/ktcp-top nonsense
tools/lint --check nonsense | --check
tools/lint --nonsense
tools/lint nonsense
tools/matrix --nonsense
tools/matrix nonsense
tools/new Nonsense
tools/new one build/one nonsense
tools/new | NAME
tools/page commands nofile
tools/page figures nonsense
tools/page follow README.md nofolder
tools/page follow nofile .  | nofile
tools/page links README.md nofile
tools/page nonsense
tools/proof --nonsense
tools/proof nonsense
tools/prose --at nonsense
tools/prose nofile
tools/python nofile
tools/python tools/harness formatter nonsense
tools/python tools/harness nonsense
tools/python tools/harness | command
tools/reference nonsense
tools/release CC nonsense
tools/release nonsense
tools/run --demo nonsense | FOLDER
tools/run nonsense
tools/same-code HEAD HEAD --kernel 9.9
tools/same-code HEAD HEAD nonsense
tools/same-code HEAD nothing
tools/same-code nothing
tools/same-code | BEFORE
tools/site --look README.md
tools/site --serve 99999
tools/site nonsense
tools/within README.md | FOLDER
tools/within nofolder / true | nofolder
tools/within | ROOT
make bench BASE=nothing | nothing
make bench PEER=nothing | nothing
make demo KERNEL=9.9 | 9.9
make install PREFIX=
make kecho KDIR=nofolder | nofolder
make new NAME= | NAME
make new NAME=Nonsense | Nonsense
make new NAME=one DIR=README.md | README.md
make nonsense
make profile KERNEL=9.9 | 9.9
make profile SERVER=nonsense | nonsense
make profile WORKLOAD=nonsense | nonsense
make run HOST_PORT=none
make run KECHO_DIR=nofolder | nofolder
make run MODEL=none
"""

COMMANDS = ("tools/*", "tests/*/run", "tests/package/[fs]*", "tests/vm/*", "tests/harness/n*", "tests/docs/interactive",
            "docs/*/run", "bench/run", "bench/real-hardware", "bench/profile/run", ".ci/run")
# The machine's first process is none of a person's commands.
THERE = sorted({str(each.relative_to(TOP)) for pattern in COMMANDS for each in TOP.glob(pattern)
                if each.is_file() and os.access(each, os.X_OK) and each.read_bytes()[:2] == b"#!"} - {"tests/vm/init"})
# They run without this tree, so they have no help but their heads.
FINDINGS = sorted(f"{each.relative_to(TOP)} --help" for each in TOP.glob("findings/*.sh"))
LINES = CASES.strip().splitlines() + FINDINGS
INSTALLED = ("drop-tcp", "khttpd-log", "ktcp-top")
BEGUN = ("make", "cmake", "ctest", "apt-get", "debootstrap", "doxygen", "dot", "gnuplot", "chroot", "insmod",
         "qemu-system-x86_64")


@pytest.fixture(scope="session")
def instead(tmp_path_factory):
    """A folder of programs that note that they were called."""
    folder = tmp_path_factory.mktemp("instead")
    for name in BEGUN:
        program = folder / name
        # tools/new reads names by make.
        program.write_text('#!/bin/sh\ncase "$*" in *names.mk*) exec /usr/bin/make "$@" ;; esac\n'
                           'echo "$0 $*" >>"$BEGUN"\nexit 1\n')
        program.chmod(0o755)
    return folder


@pytest.fixture
def tried(instead, tmp_path):
    """tried(WORDS) runs a command, which begins nothing. Python writes its output as it does for people."""
    def run(words, stdout=subprocess.PIPE):
        begun = tmp_path / "begun"
        alone = {name: value for name, value in os.environ.items()
                 if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "PYTHONUNBUFFERED")}
        # One that has begun something after all is not waited for.
        done = subprocess.run(["timeout", "-k", "5", "60", *words], cwd=TOP, stdin=subprocess.DEVNULL,
                              stdout=stdout, stderr=subprocess.PIPE,
                              env={**alone, "PATH": f"{instead}:{os.environ['PATH']}", "BEGUN": str(begun)},
                              text=True, errors="replace", check=False)
        assert not begun.exists(), begun.read_text()
        return done
    return run


@pytest.mark.parametrize("line", LINES)
def test_a_bad_argument_is_named_before_anything_begins(line, tried):
    command, _, word = line.partition(" | ")
    words = shlex.split(command)
    made = words[0] == "make"
    done = tried(["/usr/bin/make", "--no-print-directory", *words[1:]] if made else words)
    said = done.stdout + done.stderr
    assert done.returncode == 2, said
    assert (word.strip() or words[-1]) in said, said
    assert "Traceback" not in said and "INTERNALERROR" not in said and "unbound variable" not in said, said
    # make says as well what it was at.
    assert len(said.splitlines()) <= (12 if made else 1), said


@pytest.mark.parametrize("command", THERE)
def test_help_is_the_usage_first(command, tried):
    done = tried([command, "--help"])
    assert done.returncode == 0 and done.stderr == "", done.stderr
    # Those that are installed are called by their names.
    assert re.match(rf"usage: ({re.escape(command)}|{'|'.join(INSTALLED)})( |\n)", done.stdout), done.stdout
    assert "Traceback" not in done.stdout and len(done.stdout.splitlines()) > 1, done.stdout


@pytest.fixture
def unread():
    """The end of a pipe whose reader has gone, as that of `COMMAND | head -1` has."""
    reader, writer = os.pipe()
    os.close(reader)
    yield writer
    os.close(writer)


@pytest.mark.parametrize("command", THERE)
def test_a_reader_that_has_gone_ends_it_without_a_word(command, tried, unread):
    """By SIGPIPE, or with a shell's exit code for that."""
    done = tried([command, "--help"], stdout=unread)
    assert done.returncode in (-signal.SIGPIPE, 128 + signal.SIGPIPE) and done.stderr == "", done.stderr


def test_a_command_by_another_name_is_called_so(tried, tmp_path):
    """As the package has tools/new: ktcp-new."""
    (tmp_path / "ktcp-new").symlink_to(TOP / "tools/new")
    assert tried([tmp_path / "ktcp-new", "--help"]).stdout.startswith("usage: ktcp-new NAME [FOLDER]\n")
    done = tried([tmp_path / "ktcp-new", "Nonsense"])
    assert done.returncode == 2 and done.stderr.startswith("ktcp-new: 'Nonsense' "), done.stderr
    assert done.stderr.endswith("; usage: ktcp-new NAME [FOLDER]\n"), done.stderr


def test_every_command_is_tried():
    tried = {word for line in LINES for word in shlex.split(line.partition(" | ")[0])}
    assert set(THERE) - tried == set()


def with_a_line(pattern):
    """The names of the tree's files that have such a line, without pages."""
    listed = subprocess.run([TOP / "tools/files"], stdout=subprocess.PIPE, check=True).stdout.decode().split("\0")
    return {name for name in listed if name and (TOP / name).is_file() and not name.startswith("docs/")
            and re.search(pattern, (TOP / name).read_bytes(), re.M)}


def test_every_argparse_is_the_one_parser():
    """An argument that is wrong is one line only where the parser is harness.given's."""
    assert with_a_line(rb"^(?:import|from) argparse\b") == {"tools/harness/given.py"}


def test_every_command_in_python_ends_by_the_one_function():
    """harness.main() knows how. Tests that unittest runs are no commands."""
    commands = with_a_line(rb"\A#!.*python")
    assert len(commands) > 10
    assert commands - with_a_line(rb"^ *(?:harness|unittest)\.main\(") == set()


@pytest.mark.parametrize("command, options", [
    ("tests/kunit/run", "--prepare --print"), ("tests/browser/run", "--figure --kernel"),
    ("tests/clients/run", "--table --all"), ("tests/vm/run", "--boot"),
])
def test_the_help_of_a_suite_has_its_own_options(command, options, tried):
    said = tried([command, "--help"]).stdout
    assert set(options.split()) <= set(re.findall(r"^ +(--\w+)", said, re.M)), said
