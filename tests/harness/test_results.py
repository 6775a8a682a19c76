# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Reports are read whole: each document of KTAP, each test of GoogleTest's, also of a dead guest."""

from harness import results
from harness.results import Case

TWO_DOCUMENTS = """[    0.1] KTAP version 1
[    0.1] 1..0
[    1.0] KTAP version 1
[    1.0] 1..1
[    1.0]     KTAP version 1
[    1.0]     # Subtest: first
[    1.0]     1..2
[    1.0]         KTAP version 1
[    1.0]         # Subtest: sync
[    1.0]         ok 1 a mutex is held by one
[    1.1] kecho: a line of somebody else's
[    1.1]     # sync: sync.cpp:12: not so: held
[    1.1]         not ok 2 and let go
[    1.1]     # sync: pass:1 fail:1 skip:0 total:2
[    1.1]     not ok 1 sync
[    1.1]     ok 2 plain # SKIP not here
[    1.1] not ok 1 first
[    2.0]     KTAP version 1
[    2.0]     # Subtest: second
[    2.0]     1..2
[    2.0]     ok 1 - one
[    2.0]     not ok 2 - other
[    2.0] not ok 2 second
"""


def outcomes(cases):
    return {each.name: each.outcome for each in cases}


def test_every_ktap_document_is_read():
    cases = results.ktap(TWO_DOCUMENTS)
    assert outcomes(cases) == {
        "first.sync.a mutex is held by one": "passed", "first.sync.and let go": "failed",
        "first.plain": "skipped", "second.one": "passed", "second.other": "failed"}
    assert "sync.cpp:12: not so: held" in cases[1].text


def test_a_planned_test_without_a_result_has_failed():
    cut = TWO_DOCUMENTS[:TWO_DOCUMENTS.index("[    2.0]     not ok 2")] + "[    2.1] Oops: 0000\n"
    last = results.ktap(cut)[-1]
    assert (last.name, last.outcome) == ("second.plan", "failed")
    assert "1 of 2" in last.text and "Oops" in last.text


def test_a_suite_that_fails_by_itself_has_failed():
    text = "KTAP version 1\n1..1\n    KTAP version 1\n    # Subtest: s\n    1..1\n    ok 1 t\nnot ok 1 s\n"
    assert outcomes(results.ktap(text)) == {"s.t": "passed", "s": "failed"}


def test_no_document_is_no_case():
    assert results.ktap("[ 0.1] Linux version 6.1\n[ 0.2] ok 1 it seems\n") == []


def read(text):
    reader = results.GoogleTestLines()
    return [case for line in text.splitlines() if (case := reader.feed(line))], reader


REPORT = """ktcp-report-begin
<?xml version="1.0" encoding="UTF-8"?>
<testsuites tests="3" failures="1" name="AllTests"><testsuite name="models/echoes">
<testcase name="some/event" status="run" result="completed" time="0.012" classname="models/echoes" />
<testcase name="more/event" status="run" result="completed" time="1.5" classname="models/echoes">
<failure message="echo_test.cpp:12&#x0A;Value of: x" type=""><![CDATA[echo_test.cpp:12]]></failure></testcase>
<testcase name="none/event" status="run" result="skipped" time="0" classname="models/echoes">
<skipped message="no" /></testcase>
</testsuite></testsuites>

ktcp-report-end
"""


def test_the_report_has_results_that_the_lines_lost():
    cases, reader = read(REPORT)
    assert cases == []
    ended = reader.end()
    assert [(each.name, each.outcome) for each in ended] == [
        ("models/echoes.some/event", "failed"), ("models/echoes.more/event", "failed"),
        ("models/echoes.none/event", "failed")]
    assert "Value of: x" in ended[1].text


def test_googletest_as_it_comes():
    cases, reader = read("""[==========] Running 3 tests from 1 test suite.
[ RUN      ] models/echoes.some/event
[       OK ] models/echoes.some/event (12 ms)
[ RUN      ] models/echoes.more/event
echo_test.cpp:12: Failure
Value of: x
unfinished line of a client's[  FAILED  ] models/echoes.more/event, where GetParam() = "event" (1500 ms)
[ RUN      ] models/echoes.none/event
[  SKIPPED ] models/echoes.none/event (0 ms)
[==========] 3 tests from 1 test suite ran. (1512 ms total)
[  FAILED  ] models/echoes.more/event, where GetParam() = "event"
""" + REPORT)
    assert [(each.name, each.outcome) for each in cases] == [
        ("models/echoes.some/event", "passed"), ("models/echoes.more/event", "failed"),
        ("models/echoes.none/event", "skipped")]
    assert cases[1].seconds == 1.5 and "echo_test.cpp:12: Failure" in cases[1].text
    assert reader.end() == []


def test_the_test_in_which_a_guest_dies_has_failed():
    cases, reader = read("[ RUN      ] models/echoes.some/event\nlast words\n")
    assert cases == []
    assert reader.end("the kernel panicked") == [
        Case("models/echoes.some/event", "failed", 0.0, "last words\nthe kernel panicked")]


def test_a_run_without_its_report_has_failed():
    _, reader = read("[ RUN      ] a.b\n[       OK ] a.b (1 ms)\n")
    assert [each.outcome for each in reader.end()] == ["failed"]


def test_junit_of_ctest(tmp_path):
    file = tmp_path / "results.xml"
    file.write_text("""<?xml version="1.0"?><testsuite>
        <testcase name="unit/a.b" classname="unit/a.b" time="0.5" status="run"/>
        <testcase name="unit/c.d" classname="unit/c.d" time="1" status="fail">
            <failure message="Failed"/><system-out>x.cpp:1: Failure</system-out></testcase>
        <testcase name="unit/e.f" classname="unit/e.f" time="0" status="notrun"><skipped/></testcase>
        </testsuite>""")
    cases = results.junit(file)
    assert [(each.name, each.outcome) for each in cases] == [
        ("unit/a.b", "passed"), ("unit/c.d", "failed"), ("unit/e.f", "skipped")]
    assert "x.cpp:1: Failure" in cases[1].text
