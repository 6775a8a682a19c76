# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""The runner, with suites of this file's: counts, names of what failed, choice, interruption."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
import xml.etree.ElementTree as xml

import pytest
from _pytest.mark.expression import Expression

from harness import check, child, debian, packages
from harness.check import Choice
from harness.lanes import Part

from conftest import TOP, script

SUITE = """
import os, signal, threading, time
from harness import child, lanes, results
def cases(*outcomes):
    def run(report):
        for number, outcome in enumerate(outcomes):
            name = f"{report.part.name}/t{number}"
            if CHOICE.case(name):
                report.case(results.Case(name, outcome, 0.1, f"why {number} {outcome}"))
    return run
def hang(report):
    report.say("hanging")
    if number := os.environ.get("ITSELF"):
        time.sleep(1)   # the other thread is asleep by now
        signal.pthread_kill(threading.get_ident(), int(number))
    child.run(["sleep", "1000"], death="KILL")
def parts(choice):
    global CHOICE
    CHOICE = choice
    yield lanes.Part("one/6.1/a", cases("passed", "passed"))
    yield lanes.Part("one/6.12/b", cases("passed", "skipped"))
    if os.environ.get("FAIL"):
        yield lanes.Part("one/6.1/c", cases("passed", "failed"))
    if os.environ.get("HANG"):
        yield lanes.Part("one/6.1/d", hang)
    if words := os.environ.get("COMPILE"):
        yield lanes.Part("one/compiled", lambda report: child.run(words.split()), cases=False)
        yield lanes.Part("one/6.1/e", cases("passed"), after=("one/compiled",))
"""


@pytest.fixture
def command(tmp_path):
    """A runner with the suite above, in a tree of its own."""
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "suite.py").write_text(SUITE)
    program = tmp_path / "runner"
    program.write_text(textwrap.dedent(f"""
        import pathlib, sys
        sys.path.insert(0, {str(TOP / 'tools')!r})
        import harness
        harness.TOP = pathlib.Path({str(tmp_path)!r})
        from harness import check, packages
        packages.install = lambda *groups: None
        check.SUITES = {{"one": "one"}}
        harness.main("test", check.main, sys.argv[1:])
        """))
    return [sys.executable, str(program)]


def run(command, *arguments, **environment):
    done = subprocess.run([*command, *arguments], env={**os.environ, **environment}, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    return done.returncode, done.stdout


def test_all_that_passes_is_counted(command, tmp_path):
    code, said = run(command)
    assert code == 0, said
    assert "one: 3 passed, 0 failed, 1 skipped" in said
    assert said.splitlines()[-1] == "3 passed, 0 failed"
    found = xml.parse(tmp_path / "build/check/one.xml").getroot()
    assert [(each.get("classname"), each.get("name")) for each in found.iter("testcase")
            if "6.12" in each.get("name")] == [("one", "6.12/b/t0"), ("one", "6.12/b/t1")]
    assert len(list(found.iter("testcase"))) == 4


def test_a_failure_is_named_at_the_end_with_its_words_before(command, tmp_path):
    code, said = run(command, FAIL="1")
    assert code == 1
    assert "FAILED: one/6.1/c/t1" in said.split("=== summary")[1]
    assert "why 1 failed" in said.split("=== times")[0]
    assert said.splitlines()[-1] == "4 passed, 1 failed"
    failures = list(xml.parse(tmp_path / "build/check/one.xml").getroot().iter("failure"))
    assert len(failures) == 1 and "why 1 failed" in failures[0].text


def test_k_chooses_by_name(command):
    code, said = run(command, "-k", "6.1 and t1", FAIL="1")
    assert code == 1 and said.splitlines()[-1] == "1 passed, 1 failed"
    assert "6.12" not in said
    code, said = run(command, "-k", "nothing_of_that")
    assert code == 1 and "no test was chosen" in said


def test_the_times_are_kept_and_compared(command, tmp_path):
    run(command)
    kept = json.loads((tmp_path / "build/check/times.json").read_text())
    assert set(kept["parts"]) == {"one/6.1/a", "one/6.12/b"}
    kept["parts"]["one/6.1/a"]["seconds"] = 61
    (tmp_path / "build/check/times.json").write_text(json.dumps(kept))
    assert "1:01" in run(command)[1]


def test_nothing_is_compiled_twice(command, tmp_path):
    packages.install("host")
    (tmp_path / "a.cpp").write_text("int a;\n")
    place = {"CCACHE_DIR": str(tmp_path / "ccache"),
             "PATH": os.environ["PATH"].replace("/usr/lib/ccache:", "")}
    for name in ("first", "second"):
        code, said = run(command, COMPILE=f"{debian.release().cxx} -c -o {tmp_path}/{name}.o {tmp_path}/a.cpp", **place)
        assert code == 0, said
    counted = dict(line.split() for line in subprocess.run(
        ["ccache", "--print-stats"], env={**os.environ, **place}, stdout=subprocess.PIPE, text=True,
        check=True).stdout.splitlines())
    assert (counted["cache_miss"], counted["direct_cache_hit"]) == ("1", "1")


def test_a_readers_new_home_has_what_was_compiled_before(monkeypatch, tmp_path):
    packages.install("host")
    monkeypatch.delenv("CCACHE_DIR", raising=False)
    asked = ["ccache", "--get-config=cache_dir"]
    here = subprocess.check_output(asked)
    environment = {**check.load("docs").kept(), "HOME": str(tmp_path)}
    assert subprocess.check_output(asked, env=environment) == here


def test_two_runs_in_a_tree_wait_and_say_so(command, start):
    first = start(command, env={**os.environ, "HANG": "1"}, stdout=subprocess.PIPE, text=True)
    while "hanging" not in first.stdout.readline():
        pass
    second = start(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert "another run is going on in this tree" in second.stdout.readline()
    first.kill()
    assert second.communicate(timeout=30)[0].splitlines()[-1] == "3 passed, 0 failed"
    assert second.returncode == 0
    first.communicate()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_run_leaves_nothing_and_sums_up(command, start, number):
    process = start(command, env={**os.environ, "HANG": "1", "MARK": str(os.getpid())},
                    stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    while "hanging" not in process.stdout.readline():
        pass
    process.send_signal(number)
    said = process.communicate(timeout=30)[0]
    assert process.returncode != 0
    assert "interrupted" in said and "3 passed, 0 failed" in said.splitlines()[-1]
    time.sleep(0.2)
    left = subprocess.run(["pgrep", "-f", "^sleep 1000$"], stdout=subprocess.PIPE, text=True, check=False)
    mine = [pid for pid in left.stdout.split()
            if f"MARK={os.getpid()}" in open(f"/proc/{pid}/environ", encoding="utf-8").read().split("\0")]
    assert mine == []


def test_a_signal_that_wakes_another_thread_ends_a_run(command):
    """The thread that waits for the parts sleeps on; it has to look."""
    done = subprocess.run(command, env={**os.environ, "HANG": "1", "ITSELF": str(int(signal.SIGINT))},
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60, check=False)
    assert "interrupted" in done.stdout


def test_no_command_begins_once_all_were_ended():
    """Between a part's beginning and its first command, the run is interrupted."""
    begin, outcome = threading.Event(), []

    def late():
        begin.wait()
        try:
            child.run(["true"])
        except child.Failed as failed:
            outcome.append(failed)
    thread = threading.Thread(target=late)
    thread.start()
    child.end_all()
    begin.set()
    thread.join()
    assert outcome
    assert child.run(["echo", "mine"]) == "mine\n"


def choice(text):
    return Choice(expression=Expression.compile(text), keyword=text)


def may(text, name, *tests):
    return choice(text).part(Part(name, None, tests=tests))


def test_a_kernel_is_all_of_its_name():
    assert choice("6.1").case("vm/6.1/tests/x") and not choice("6.1").case("vm/6.12/tests/x")
    assert may("6.1", "vm/6.1/tests") and not may("6.1", "vm/6.12/tests")


def test_a_part_is_kept_whose_tests_may_be_meant():
    assert may("6.1 and unloading", "vm/6.1/tests")
    assert may("6.1 and not unloading", "vm/6.1/tests")
    assert not may("6.1 and unloading", "vm/6.12/tests")
    assert may("top", "docs/top", "docs/top") and not may("top", "docs/demo", "docs/demo")


def test_each_suite_has_a_defect_that_can_be_put_in():
    """tests/harness/net makes one assertion of each suite fail."""
    net = script("tests/harness/net")
    assert set(net.DEFECTS) == set(check.SUITES)
    for name, old, new, _, _ in net.DEFECTS.values():
        was, defect = net.defective(TOP / name, old, new)
        assert was != defect, name
