# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""GoogleTest's cases, many in a process: each has a verdict and its name, also where the process dies."""

import subprocess

import pytest

from harness import debian, packages, results

from conftest import TOP, script

PROGRAM = """
#include <gtest/gtest.h>
#include <unistd.h>
TEST(a, passes) {}
TEST(a, leaks) { volatile char *lost = new char[100]; lost[0] = 1; }
TEST(b, passes) {}
TEST(b, fails) { EXPECT_EQ(1, 2) << "one is not two"; }
TEST(b, passes_too) {}
TEST(c, crashes) { volatile int *nothing = nullptr; *nothing = 1; }
TEST(c, passes) {}
TEST(c, shifts_too_far) { volatile int far = 40; volatile int one = 1; one = one << far; }
TEST(c, leaves) { _exit(0); }
TEST(c, is_skipped) { GTEST_SKIP(); }
TEST(d, hangs) { for (;;) pause(); }
TEST(d, passes) {}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A build folder with such a program, and two tests of ctest's own."""
    packages.install("host")
    here = tmp_path_factory.mktemp("build")
    (here / "cases.cpp").write_text(PROGRAM)
    subprocess.run([debian.release().cxx, "-g1", "-fsanitize=address,undefined",
                    "-fsanitize-undefined-trap-on-error", "-o", here / "program", here / "cases.cpp",
                    TOP / "tests" / "host" / "sanitizers.cpp",
                    "-lgtest", "-lgtest_main", "-pthread"], check=True)
    lines = [f"add_test(plain/{name} {name})\n" for name in ("true", "false")]
    for each in subprocess.check_output([here / "program", "--gtest_list_tests"], text=True).splitlines():
        if not each.startswith(" "):
            suite = each
            continue
        name = suite + each.strip()
        lines.append(f'add_test([=[x/{name}]=] {here}/program "--gtest_filter={name}")\n'
                     f"set_tests_properties([=[x/{name}]=] PROPERTIES TIMEOUT 5)\n")
    (here / "CTestTestfile.cmake").write_text("".join(lines))
    return here


def run(folder, monkeypatch, capsys, *arguments):
    module = script("tests/host/cases")
    monkeypatch.setattr(module, "BUILD", folder)
    monkeypatch.setattr(module, "RESULTS", folder / "results.xml")
    monkeypatch.setenv("JOBS", "1")
    code = module.main(list(arguments))
    return code, {each.name: each for each in results.junit(folder / "results.xml")}, capsys.readouterr().out


def test_each_has_its_verdict(folder, monkeypatch, capsys):
    code, cases, said = run(folder, monkeypatch, capsys)
    assert code == 1
    assert {name: each.outcome for name, each in cases.items()} == {
        "plain/true": "passed", "plain/false": "failed", "x/a.passes": "passed", "x/a.leaks": "failed",
        "x/b.passes": "passed", "x/b.fails": "failed", "x/b.passes_too": "passed", "x/c.crashes": "failed",
        "x/c.passes": "passed", "x/c.shifts_too_far": "failed", "x/c.leaves": "failed", "x/c.is_skipped": "skipped", "x/d.hangs": "failed",
        "x/d.passes": "passed"}
    for name, words in (("a.leaks", "LeakSanitizer"), ("b.fails", "one is not two"), ("c.crashes", "AddressSanitizer"),
                        ("c.shifts_too_far", "ILL"), ("c.shifts_too_far", "cases.cpp:"),
                        ("d.hangs", "said nothing for 5")):
        assert words in cases[f"x/{name}"].text
        assert f"FAILED: x/{name}" in said
    assert "x: 5 passed, 7 failed" in said and said.splitlines()[-1] == "6 passed, 8 failed"


def test_those_that_are_asked_for_run(folder, monkeypatch, capsys):
    code, cases, said = run(folder, monkeypatch, capsys, "-R", "^(x/b|plain/t)", "-E", "fails")
    assert code == 0, said
    assert set(cases) == {"x/b.passes", "x/b.passes_too", "plain/true"}
    assert run(folder, monkeypatch, capsys, "-R", "nothing of that")[0] == 1


def test_what_failed_runs_again(folder, monkeypatch, capsys):
    run(folder, monkeypatch, capsys, "-R", "^(x/b|plain)")
    _, cases, _ = run(folder, monkeypatch, capsys, "--rerun-failed")
    assert set(cases) == {"x/b.fails", "plain/false"}


def test_a_program_that_does_not_start_fails_each_of_its_cases(tmp_path, monkeypatch, capsys):
    (tmp_path / "CTestTestfile.cmake").write_text(
        "".join(f'add_test(x/a.{name} /bin/false "--gtest_filter=a.{name}")\n' for name in "bcd"))
    code, cases, _ = run(tmp_path, monkeypatch, capsys)
    assert code == 1 and [each.outcome for each in cases.values()] == ["failed"] * 3
