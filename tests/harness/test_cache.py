# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Where what is kept is, and who may use it."""

import os
import subprocess
import sys

import pytest

from harness import TOP, Problem, cache

NAMES = ("KTCP_CACHE", "XDG_CACHE_HOME", "HOME")


@pytest.fixture
def environment(monkeypatch):
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


@pytest.mark.parametrize("given, place", [
    ({"KTCP_CACHE": "/a", "XDG_CACHE_HOME": "/b", "HOME": "/c"}, "/a"),
    ({"XDG_CACHE_HOME": "/b", "HOME": "/c"}, "/b/ktcp"),
    ({"HOME": "/c"}, "/c/.cache/ktcp"),
    ({"KTCP_CACHE": "", "XDG_CACHE_HOME": "", "HOME": "/c"}, "/c/.cache/ktcp"),
])
def test_the_nearest_name_decides(environment, given, place):
    for name, value in given.items():
        environment.setenv(name, value)
    assert str(cache.cache()) == place


def test_without_home_one_sentence_names_the_variable(environment):
    with pytest.raises(Problem) as told:
        cache.folder("kernel")
    assert "KTCP_CACHE=" in str(told.value) and "\n" not in str(told.value)


def test_a_folder_that_cannot_be_made_is_named(environment):
    environment.setenv("KTCP_CACHE", "/proc/none")
    with pytest.raises(Problem, match="/proc/none/kernel cannot be made .*KTCP_CACHE="):
        cache.folder("kernel")


@pytest.mark.parametrize("command", [
    ["tools/kernel"], ["tests/kunit/run", "--print"], ["tools/lint", "spdx"],
    ["tests/vm/script", "--out", "OUT", "SCRIPT"],
])
def test_so_says_each_command_that_keeps_something(tmp_path, command):
    (tmp_path / "script").write_text("true\n")
    words = [str(TOP / command[0]), *({"OUT": str(tmp_path), "SCRIPT": str(tmp_path / "script")}.get(each, each)
                                      for each in command[1:])]
    if command == ["tools/kernel"]:
        words.append(subprocess.run([TOP / "tools/release", "KERNEL"], stdout=subprocess.PIPE, text=True,
                                    check=True).stdout.strip())
    without = {name: value for name, value in os.environ.items() if name not in NAMES}
    done = subprocess.run(words, env=without, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False)
    assert done.returncode != 0
    assert "KTCP_CACHE=" in done.stdout and "unbound" not in done.stdout and "Traceback" not in done.stdout


def test_a_run_that_waits_for_a_lock_says_so_and_gets_it_from_the_dead(tmp_path, start):
    """The holder has a child that runs on: it does not hold the lock."""
    holder = f"""
import subprocess, sys, time
sys.path.insert(0, {str(TOP / 'tools')!r})
from harness.cache import Lock
with Lock({str(tmp_path / 'lock')!r}, "one: waiting"):
    child = subprocess.Popen(["sleep", "600"])
    print(child.pid, flush=True)
    time.sleep(600)
"""
    other = f"""
import sys
sys.path.insert(0, {str(TOP / 'tools')!r})
from harness.cache import Lock
with Lock({str(tmp_path / 'lock')!r}, "two: waiting for another"):
    print("mine", flush=True)
"""
    first = start([sys.executable, "-B", "-c", holder], stdout=subprocess.PIPE, text=True)
    child = int(first.stdout.readline())
    second = start([sys.executable, "-B", "-c", other], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert second.stderr.readline() == "two: waiting for another\n"
    first.kill()
    assert second.stdout.readline() == "mine\n"
    os.kill(child, 9)
