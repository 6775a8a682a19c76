# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Promises of pages about themselves: the cookbook's length, the manual's options, one version everywhere."""

import pathlib
import re
import shutil
import subprocess

import pytest

from harness import TOP, check, given

from conftest import script


@pytest.fixture
def page():
    return script("tools/page")


def test_the_cookbook_has_ten_recipes_of_20_lines(page):
    recipes = [block for block in page.parse(TOP / "docs/cookbook.md")[1]
               if block.labels.get("file", "").endswith(".cpp")]
    assert len(recipes) == 10
    for block in recipes:
        code = [line for line in block.lines if not re.fullmatch(r"(?:#include|//|KTCP_(?:SERVER_MODULE|MODULE_OBJECT)\().*|[{};\s]*", line)]
        assert len(code) <= 20, block.labels["file"]
        # One that writes before it awaits anything of its peer says so.
        first = re.search(r"co_await peer\.(\w+)", re.sub(r"co_await peer\.may_sleep\(\)", "", block.text))
        assert ("speaks_first = true" in block.text) == (first is not None and first[1] == "write"), block.labels["file"]


def section(file, title):
    """A page's part below that heading."""
    return re.search(rf"^#+ {re.escape(title)}\n(.*?)(?=^#|\Z)", (TOP / file).read_text(), re.M | re.S)[1]


def first_cells(text):
    """The names in the first column of a part's tables."""
    return re.findall(r"`(\w+)`", "".join(re.findall(r"^\|([^|]*)\|", text, re.M)))


def test_the_page_has_each_counter_and_each_column_of_a_server():
    files = (TOP / "include/ktcp/engine/server_files.hpp").read_text()
    lines = re.findall(r'\{ "(\w+)", \w+', files)
    columns = re.search(r'"(peer .*?)\\n"', re.sub(r'"\s+"', "", files))[1].split()
    assert len(lines) > 20 and len(columns) == 6
    told = first_cells(section("docs/modules.md", "What a server tells"))
    assert sorted(told) == sorted(lines + columns)


def test_the_page_has_each_counter_of_http():
    stream = (TOP / "include/ktcp/http/stream.hpp").read_text()
    counters = re.findall(r'"(\w+)"', re.search(r"wait_counters\[\] = \{(.*?)\}", stream, re.S)[1])
    assert counters and set(counters) <= set(first_cells(section("docs/http.md", "Slow readers")))


def test_the_counters_to_watch_are_there():
    watched = re.findall(r"`([a-z_]+)`", "".join(re.findall(r"^\|([^|]*)\|", section("docs/scaling.md", "What to watch"), re.M)))
    assert set(watched) - {"max_connections", "nstat"} <= set(first_cells(section("docs/modules.md", "What a server tells")))


@pytest.fixture
def lists(page, tmp_path, monkeypatch):
    """A copy of the parameters' lists and of their page."""
    for each in ("docs/modules.md", *page.LISTS):
        (tmp_path / each).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(TOP / each, tmp_path / each)
    monkeypatch.setattr(page, "TOP", tmp_path)
    assert page.parameters(False) == []
    return tmp_path


@pytest.mark.parametrize("file, old, new, said", [
    ("include/ktcp/server_params.h", "(drain_ms, 0", "(drain_s, 0", "drain_ms is no parameter"),
    ("include/ktcp/server_params.h", "backlog, 1024, 1,", "backlog, 512, 1,", "backlog: its default in"),
    ("include/ktcp/server_params.h", "backlog, 1024, 1,", "backlog, 1024, 2,", "backlog: .* allows '2 to 65535'"),
    ("include/ktcp/server_params.h", "LIVE_INT(backlog", "INT(backlog", "backlog may not change"),
    ("include/ktcp/server_params.h", "PARAM_INT(mark", "PARAM_LIVE_INT(mark", "mark may change"),
    ("docs/modules.md", "| `tos` |", "| tos |", "no row for tos"),
])
def test_a_parameter_that_the_page_has_otherwise_is_noticed(page, lists, file, old, new, said):
    text = re.sub(r"\(\s+", "(", (lists / file).read_text())
    assert text.count(old) == 1
    (lists / file).write_text(text.replace(old, new))
    assert any(re.search(said, each) for each in page.parameters(False))


def test_another_range_is_mended(page, lists):
    file = lists / "include/ktcp/server_params.h"
    file.write_text(file.read_text().replace("backlog, 1024, 1, 65535", "backlog, 1024, 2, 9"))
    assert page.parameters(True) == [] and page.parameters(False) == []
    assert "| `backlog` | 1024 | 2 to 9 |" in (lists / "docs/modules.md").read_text()


TERMS = re.findall(r"^\*\*(.+?)\*\*:", (TOP / "docs/glossary.md").read_text(), re.M)


def test_the_glossary_is_in_order():
    assert len(TERMS) > 30 and TERMS == sorted(TERMS, key=str.lower)


@pytest.mark.parametrize("term", TERMS)
def test_a_page_has_each_word_of_the_glossary(term):
    pages = [*TOP.glob("docs/*.md"), *TOP.glob("docs/learn/*.md"), TOP / "README.md"]
    text = " ".join(each.read_text() for each in pages if each.name != "glossary.md")
    assert re.search(rf"\b{term}s?\b".replace(" ", r"\s+"), text, re.I), "no page has it: leave it out"


COMMANDS = {"ktcp-top": "ktcp-top.1", "khttpd-log": "khttpd-log.1", "ktcp-new": "ktcp-new.1", "drop-tcp": "drop-tcp.8"}


def test_each_command_that_is_installed_is_known():
    built = (TOP / "CMakeLists.txt").read_text()
    programs = re.findall(r"install\(PROGRAMS (.*) DESTINATION \$\{CMAKE_INSTALL_S?BINDIR\}\)", built)
    installed = {pathlib.Path(each).name for line in programs for each in line.split()} | \
        set(re.findall(r"\$\{bin\}/([\w-]+)", built))
    assert installed == set(COMMANDS)
    pages = set(re.findall(r"docs/man/(\S+)", built))
    assert pages == set(COMMANDS.values()) == {each.name for each in (TOP / "docs/man").iterdir()}


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("file, place", [
    ("docs/building.md", r"The tools are ([^;]*);"), ("debian/control", r"(?s)^Description: (.*)"), ("Makefile", r"'make install (.*)'")])
def test_each_command_is_named(command, file, place):
    assert command in re.search(place, (TOP / file).read_text(), re.M)[1]


@pytest.mark.parametrize("tool", ["ktcp-top", "khttpd-log", "drop-tcp"])
def test_the_manual_has_each_option_and_range(tool):
    said = subprocess.run([TOP / "tools" / tool, "--help"], stdout=subprocess.PIPE, text=True, check=True).stdout
    manual = (TOP / "docs/man" / COMMANDS[tool]).read_text()
    options = re.findall(r"^\.It Fl -(\w+)", manual, re.M)
    assert set(re.findall(r"--(\w+)", said)) | {"help"} == set(options)
    for each in re.findall(r"\d+ to \d+", said):
        assert each in manual


@pytest.mark.parametrize("page_of", sorted(COMMANDS.values()))
def test_the_manual_leads_to_pages_that_are_there(page_of):
    text = (TOP / "docs/man" / page_of).read_text()
    for name in re.findall(r"^\.Pa (docs/\S+)", text, re.M):
        assert (TOP / name).is_file()
    for name, number in re.findall(r"^\.Xr (\S+) (\d)", text, re.M):
        assert f"{name}.{number}" in COMMANDS.values() or name in ("insmod", "modinfo", "modprobe", "ss")


@pytest.mark.parametrize("file", ["CHANGELOG.md", "debian/changelog", "include/ktcp/version.h"])
def test_another_version_in_one_place_is_noticed(page, tmp_path, monkeypatch, file):
    for each in ("CHANGELOG.md", "debian/changelog", "include/ktcp/version.h"):
        (tmp_path / each).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(TOP / each, tmp_path / each)
    monkeypatch.setattr(page, "TOP", tmp_path)
    assert page.version() == []
    text = (tmp_path / file).read_text()
    (tmp_path / file).write_text(re.sub(r"\b0\.\d+\.\d+|(?<=PATCH )\d+", "9", text, count=1))
    assert page.version()


@pytest.fixture
def pages(page, tmp_path, monkeypatch):
    """A copy of the pages that are compared with each other."""
    for each in ("README.md", "README.zh-TW.md", "docs/benchmarks.md", "docs/scaling.md", "docs/figures/cost.svg"):
        (tmp_path / each).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(TOP / each, tmp_path / each)
    shutil.copytree(TOP / "docs/learn", tmp_path / "docs/learn", ignore=shutil.ignore_patterns("modules", "programs"))
    monkeypatch.setattr(page, "TOP", tmp_path)
    assert page.translations() == [] and page.figures(False) == []
    return tmp_path


@pytest.mark.parametrize("file, old, new", [
    ("docs/learn/zh-TW/text.md", "hello Alice\n", "hello Alicia\n"),
    ("docs/learn/zh-TW/models.md", "docs/learn/run models", "docs/learn/run"),
    ("docs/learn/models.md", "| `softirq` | the same |", "| `more` | a | b |\n| `softirq` | the same |"),
    ("README.zh-TW.md", "## 授權", "## 版權\n\n## 授權"),
    ("README.md", "make run\t", "make demo\t"),
])
def test_a_translation_with_other_code_or_parts_is_noticed(page, pages, file, old, new):
    text = (pages / file).read_text()
    assert text.count(old) == 1
    (pages / file).write_text(text.replace(old, new))
    found = page.translations()
    assert len(found) == 1 and pathlib.Path(file).name in found[0]


def test_a_page_without_its_translation_is_noticed(page, pages):
    (pages / "docs/learn/zh-TW/text.md").unlink()
    (pages / "docs/learn/new.md").write_text("# New\n")
    (pages / "docs/learn/zh-TW/old.md").write_text("# Old\n")
    assert [each.partition(":")[0] for each in page.translations()] == \
        ["docs/learn/new.md", "docs/learn/text.md", "docs/learn/zh-TW/old.md"]


def test_another_figure_is_noticed_and_mended(page, pages):
    file = pages / "docs/benchmarks.md"
    file.write_text(re.sub(r"^(kecho-event +)0\.\d+", r"\g<1>0.123", file.read_text(), flags=re.M))
    assert [each.partition(":")[0] for each in page.figures(False)] == \
        ["docs/figures/cost.svg", "README.md", "README.zh-TW.md"]
    assert page.figures(True) == [] and page.figures(False) == []
    assert ">0.12<" in (pages / "docs/figures/cost.svg").read_text()


def test_another_cost_of_a_connection_is_noticed_and_mended(page, pages):
    file = pages / "docs/benchmarks.md"
    file.write_text(re.sub(r"^(kecho-event .*) [\d,]+$", r"\g<1> 150,123", file.read_text(), flags=re.M))
    assert [each.partition(":")[0] for each in page.figures(False)] == ["docs/scaling.md"]
    assert page.figures(True) == [] and page.figures(False) == []
    made = (pages / "docs/scaling.md").read_text()
    assert "costs 150,000 instructions" in made and "some 20,000 a second" in made and "| 50 s of" in made


def strange_commits(text):
    """The commits that a page names, and that this repository does not have; none where the page says so."""
    older = "".join(re.findall(r"The commits? [^.]* (?:is|are) of an older history", text))
    named = set(re.findall(r"\b(?=\d*[a-f])(?=[a-f]*\d)[0-9a-f]{7}\b", text)) | \
        set(re.findall(r"\bcommits?:? (\d{7})\b", text))
    return sorted(each for each in named - set(re.findall(r"\w+", older))
                  if given.git("cat-file", "-e", each + "^{commit}", quiet=True) is None)


@pytest.mark.skipif(given.git("rev-parse", "--is-shallow-repository", quiet=True) != "false\n", reason="there is no whole history here")
@pytest.mark.parametrize("file", [*sorted(TOP.glob("docs/**/*.md")), TOP / "docs/reliability.csv", TOP / "README.md",
                                  TOP / "README.zh-TW.md", TOP / "CHANGELOG.md"], ids=lambda file: str(file.relative_to(TOP)))
def test_each_commit_that_a_page_names_is_there(file):
    assert strange_commits(file.read_text()) == []


@pytest.mark.parametrize("text, found", [
    ("as of 0a1b2c3 it was", ["0a1b2c3"]), ("commit: 7654321", ["7654321"]), ("1511518 schedules, deadbee, effaced", []),
    ("- commit: 0a1b2c3\n\nThe commits 0a1b2c3 and\n7654321 are of an older history.", [])])
def test_a_commit_that_is_not_there_is_noticed(text, found):
    assert strange_commits(text) == found


@pytest.mark.parametrize("file, bound, page_of, said", [
    ("include/ktcp/port/linux/module.c", r"KTCP_PARAM_TEXT_MOST = (\d+)", "docs/modules.md", "A text has {} characters at most"),
    ("include/ktcp/net/prefix.hpp", r"size_t most = (\d+)", "docs/modules.md", "Up to {} of them"),
    ("include/ktcp/engine/cpu_list.hpp", r"size_t most = (\d+)", "docs/modules.md", "{} numbers and ranges at most"),
    ("examples/drop-tcp-socket/drop-tcp-socket.cpp", r"longest_line = (\d+)", "docs/modules.md", "A line has {} bytes at most"),
    ("examples/drop-tcp-socket/drop-tcp-socket.cpp", r"longest_line = (\d+)", "docs/man/drop-tcp.8", "A line has {} bytes at most"),
    ("packaging/modprobe.conf", r"options kecho (.*)", "docs/modules.md", "`{}`"),
    ("packaging/modprobe.conf", r"options khttpd (.*)", "docs/building.md", "`{}`"),
])
def test_a_page_has_the_bound_of_the_code(file, bound, page_of, said):
    found = re.search(bound, (TOP / file).read_text())
    assert said.format(found[1]) in (TOP / page_of).read_text().replace("\n", " ")


@pytest.mark.parametrize("file, place", [("Makefile", r"'make check    (.*?)(?=@echo 'make)"), ("docs/testing.md", r"(.*)")])
def test_each_suite_is_named(file, place):
    text = re.search(place, (TOP / file).read_text(), re.S)[1]
    assert [each for each in check.SUITES if each not in text and not (each == "harness" and "of what runs them" in text)] == []


PATH = re.compile(r"(?<![\w/.{<$\"'-])((?:docs|tools|tests|bench|examples|findings|templates|include/ktcp)/[\w./-]*\w)|<(ktcp/[\w./-]+)>")
NOT_THERE = {"bench/results", "bench/results-hardware",   # a run makes them
             "include/ktcp/none.h"}   # a test wants it to be missing


def absent(file, text):
    """The paths in ktcp's tree that a source or a comment names, and that are not there."""
    named = {inside or f"include/{header}" for inside, header in PATH.findall(text)} - NOT_THERE
    return sorted(each for each in named if not (TOP / each).exists() and not (file.parent / each).exists())


def test_each_path_that_a_source_names_is_there():
    listed = subprocess.run([TOP / "tools/files"], cwd=TOP, stdout=subprocess.PIPE, check=True).stdout.decode().split("\0")
    skipped = re.compile(r"\.(md|txt|png|svg|csv|patch)$|(^|/)(corpus|LICENSES)/|^debian/changelog$|^tests/harness/test_pages\.py$")
    files = [TOP / each for each in listed if each and not skipped.search(each) and (TOP / each).is_file()]
    assert len(files) > 300
    wrong = {str(file.relative_to(TOP)): absent(file, file.read_text(errors="replace")) for file in files}
    assert {name: paths for name, paths in wrong.items() if paths} == {}


def test_a_path_that_is_not_there_is_noticed():
    assert absent(TOP / "Kbuild", "// See docs/nothing.md, docs/http.md, <ktcp/none.hpp>.") == ["docs/nothing.md", "include/ktcp/none.hpp"]
