# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""tools/same-code, with modules of a line each, and a kernel of another architecture and compiler."""

import types

import pytest

from harness import debian

from conftest import TOP, script

CLANG = f"clang-{debian.release().clang}"


@pytest.fixture
def same_code(tmp_path, monkeypatch, capsys):
    """same_code(BEFORE, AFTER): its exit code and its output, where those are the modules' sources."""
    tool = script("tools/same-code")
    monkeypatch.setattr(tool, "BUILD", tmp_path)
    monkeypatch.setattr(tool, "TREE", TOP)
    source = tmp_path / "source.c"

    def make(_, place, *__):
        return [CLANG, "--target=aarch64-linux-gnu", "-O2", "-c", source, "-o", place / "module.ko"]

    monkeypatch.setattr(tool.kernels, "headers", lambda name: types.SimpleNamespace(name=name, make=make))

    def run(before, after):
        texts = {"HEAD": after, "HEAD~": before}
        monkeypatch.setattr(tool, "check_out", lambda commit: source.write_text(texts[commit]))
        monkeypatch.setattr(tool.given, "commit", lambda name: name)
        code = tool.main(["HEAD~", "--kernel", "6.12"])
        return code, capsys.readouterr().out
    return run


SOURCE = """
void say(const char *);
int one(int a) { say("a text"); return a * 3; }
__attribute__((section(".text.more"))) int two(int a) { return a * 5; }
"""


def test_texts_may_differ_and_code_may_not(same_code):
    code, said = same_code(SOURCE, SOURCE.replace("a text", "another text"))
    assert code == 0 and said.count(": the same") == 3, said
    assert ": 2 sections with 52 bytes of code" in said, said
    code, said = same_code(SOURCE, SOURCE.replace("* 5", "* 7"))
    assert code == 1 and said.count(": 1 differ: .text.more\n") == 3, said
    # A call of another function has the same bytes.
    code, said = same_code(SOURCE, SOURCE.replace("say", "cry"))
    assert code == 1 and said.count(": 1 differ: .text\n") == 3, said
