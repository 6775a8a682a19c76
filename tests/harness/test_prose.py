# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""tools/prose: one long sentence or indefinite subject put in on purpose fails, by file and line."""

import re
import subprocess

import pytest

from harness import TOP, Wrong

from conftest import script

LONG = "The server " + "very " * 22 + "slowly closes."
GOOD = "The server closes its listener first.\n"


@pytest.fixture
def prose(tmp_path, monkeypatch):
    """The program, for a tree of its own with the rules of ours and nothing held."""
    module = script("tools/prose")
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools/prose.toml").write_text((TOP / "tools/prose.toml").read_text())
    (tmp_path / "tools/prose.held").write_text("")
    files = tmp_path / "tools/files"
    files.write_text("#!/bin/sh\ncd \"$(dirname \"$0\")/..\"\nfind . -type f ! -path './tools/*' -printf '%P\\0'\n")
    files.chmod(0o755)
    monkeypatch.setattr(module, "TOP", tmp_path)
    (tmp_path / "good.md").write_text(GOOD * 3000)
    return module


def verdict(prose, capsys, name, text, *arguments):
    (prose.TOP / name).write_text(text)
    code = prose.main(["--rules", str(prose.TOP / "tools/prose.toml"), *arguments])
    return code, capsys.readouterr().out


@pytest.mark.parametrize("name, text, line", [
    ("page.md", f"# Head\n\n{GOOD}{LONG}\n", 4),
    ("page.md", f"- {GOOD}- {LONG}\n", 2),
    ("page.md", f"| a | {LONG} |\n|---|---|\n", 1),
    ("a.hpp", f"int a;\n/**\n * {GOOD} *\n * {LONG}\n */\n", 5),
    ("a.c", f"int a; /* {LONG} */\n", 1),
    ("a.cpp", f"char a[] = \"//\";\n\t// {GOOD}\t// {LONG}\n", 3),
    ("a.py", f"def a():\n    \"\"\"\n    {GOOD}    {LONG}\n    \"\"\"\n    # {GOOD}", 4),
    ("a.py", f"# {GOOD}# {LONG}\n", 2),
    ("a.sh", f"#!/bin/sh\n# {LONG}\n", 2),
    ("Kbuild", f"# {GOOD}# {LONG}\n", 2),
])
def test_one_long_sentence_fails(prose, capsys, name, text, line):
    code, said = verdict(prose, capsys, name, text)
    assert code == 1
    assert f"{name}:{line}: 26 words: {LONG}" in said


@pytest.mark.parametrize("sentence", [
    "Who has sent nothing is served later.",
    "What cannot be done there yields.",
    "It ends; what was queued is lost.",
    "And whoever waits is woken.",
    "Unload at once, and nobody waits for the client.",
    "The server serves whatever comes.",
])
def test_one_indefinite_subject_fails(prose, capsys, sentence):
    code, said = verdict(prose, capsys, "a.h", f"/* {GOOD} * {sentence} */\n")
    assert code == 1
    assert "a.h:2: subject" in said


@pytest.mark.parametrize("name, text", [
    ("page.md", f"```\n{LONG}\n```\n"),
    ("page.md", f"`{LONG}`\n"),
    ("page.md", "What is a strand?\n"),
    ("page.md", "The message says what happened and who is waited for.\n"),
    ("page.md", "The server " + "very " * 21 + "slowly closes.\n"),
    ("page.md", "The errors are " + "EPIPE, " * 20 + "EIO … The server " + "very " * 10 + "slowly closes.\n"),
    ("page.md", f"<!-- prose-ok: the words of the RFC -->\n{LONG}\n"),
    ("a.c", f"char *a = \"{LONG}\";\n"),
    ("a.c", f"/* prose-ok: the words of the RFC\n * {LONG} */\n"),
    ("a.txt", LONG),
])
def test_other_sentences_pass(prose, capsys, name, text):
    code, said = verdict(prose, capsys, name, text)
    assert code == 0, said


def test_an_exception_without_a_reason_is_none(prose, capsys):
    assert verdict(prose, capsys, "a.c", f"/* prose-ok:\n * {LONG} */\n")[0] == 1


def test_a_file_may_have_as_many_as_are_held(prose, capsys):
    assert verdict(prose, capsys, "page.md", f"{LONG}\n\nWhat waits is woken.\n", "--hold")[0] == 0
    assert verdict(prose, capsys, "page.md", f"{LONG}\n\nWhat waits is woken.\n")[0] == 0
    assert verdict(prose, capsys, "page.md", f"{LONG}\n\n{LONG}\n")[0] == 1


def test_the_bars_hold_without_a_list(prose, capsys):
    (prose.TOP / "tools/prose.held").unlink()
    assert verdict(prose, capsys, "page.md", f"{LONG}\n")[0] == 0
    code, said = verdict(prose, capsys, "page.md", f"{LONG}\n\n" * 1000)
    assert code == 1 and "page.md:1: 26 words" in said


@pytest.mark.parametrize("name, sentence, what", [
    ("README.md", LONG, "26 words"),
    ("include/ktcp/server.hpp", "Whoever waits is woken.", "subject"),
    ("tools/lint", LONG, "26 words"),
])
def test_one_more_in_this_tree_fails(prose, capsys, tmp_path, monkeypatch, name, sentence, what):
    comment = {".md": "{}\n\n", ".hpp": "/* {} */\n"}.get(name[name.rfind("."):], "# {}\n\n").format(sentence)
    monkeypatch.setattr(prose, "TOP", TOP)
    monkeypatch.setattr(prose, "HELD", tmp_path / "held")
    assert prose.main(["--hold"]) == 0
    assert prose.main([]) == 0
    before = prose.files
    monkeypatch.setattr(prose, "files", lambda *given: (
        (each, comment + text if each == name and not text.startswith("#!") else
         text.replace("\n", "\n" + comment, 1) if each == name else text) for each, text in before(*given)))
    capsys.readouterr()
    assert prose.main([]) == 1
    said = capsys.readouterr().out
    assert re.search(rf"^{re.escape(name)}:\d+: {what}.*{re.escape(sentence)}", said, re.M)


@pytest.mark.parametrize("subject, wrong", [
    ("server: close the listener first", False),
    ("tests, docs: run each command of a page", False),
    ("close the listener first", True),
    ("server: closed the listener", True),
    ("server: closing the listener", True),
    ("server: the listener closes first", True),
    ("server: Close the listener first", True),
    ("server: close " + "a" * 59, True),
])
def test_the_subject_of_a_commit(prose, capsys, subject, wrong):
    def git(*words):
        subprocess.run(["git", "-C", prose.TOP, "-c", "user.name=a", "-c", "user.email=a@example.org", *words],
                       check=True, stdout=subprocess.DEVNULL)
    git("init", "-q")
    git("commit", "-q", "--allow-empty", "-m", "whatever came before")
    git("tag", "first")
    rules = prose.TOP / "tools/prose.toml"
    rules.write_text(prose.re.sub(r'after = "\w+"', 'after = "first"', rules.read_text()))
    git("commit", "-q", "--allow-empty", "-m", subject)
    code, said = verdict(prose, capsys, "page.md", GOOD, "commits")
    assert (code, subject in said) == (int(wrong), wrong)


def test_history_without_the_first_commit(prose, capsys):
    subprocess.run(["git", "-C", prose.TOP, "init", "-q"], check=True)
    code, said = verdict(prose, capsys, "page.md", GOOD, "commits")
    assert code == 1
    assert "this repository has no commit" in said


def test_a_release_has_no_commits(prose, capsys):
    assert verdict(prose, capsys, "page.md", GOOD, "commits") == (0, "")


@pytest.mark.parametrize("arguments, words", [
    (["none.md"], "there is no file 'none.md'"),
    (["--at", "none"], "this repository has no commit 'none'"),
    (["--at", "--worst"], "expected one argument"),
])
def test_what_is_not_there_is_named(prose, arguments, words):
    with pytest.raises(Wrong, match=words):
        prose.main(["--rules", str(prose.TOP / "tools/prose.toml"), *arguments])
