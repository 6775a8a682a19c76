# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""The reports of test programs, as cases: GoogleTest's lines and XML, KUnit's KTAP, JUnit's XML."""

import dataclasses
import re
import xml.etree.ElementTree as xml


@dataclasses.dataclass
class Case:
    """A test: passed, failed or skipped; how long it took, and what it said if it failed."""
    name: str
    outcome: str
    seconds: float = 0.0
    text: str = ""


class GoogleTestLines:
    """
    GoogleTest's lines as they come, and behind them its report in XML (REPORT, of the file REPORT_FILE).
    feed() gives a case when one has ended. end() gives one for a test that was still running, and one if
    there is no report. It gives one for each test of which report and lines disagree: a client's output may
    have come between the lines.
    """
    REPORT_FILE = "/tmp/report.xml"
    REPORT = f"status=$?\necho ktcp-report-begin\ncat {REPORT_FILE}\necho\necho ktcp-report-end\nexit $status\n"
    _begun = re.compile(r"\[ RUN      \] (\S+)")
    _ended = re.compile(r"\[ +(OK|FAILED|SKIPPED) +\] (\S+?),?(?: where .*)? \((\d+) ms\)$")

    def __init__(self):
        self.running, self.said, self.outcomes, self.report, self.whole = None, [], {}, None, False

    def feed(self, line):
        line = line.rstrip("\r\n")
        if line == "ktcp-report-begin":
            self.report = []
        elif line == "ktcp-report-end":
            self.whole = True
        elif self.report is not None and not self.whole:
            self.report.append(line)
        elif begun := self._begun.search(line):
            # A case's lines go with it, and not with the one before.
            self.running, self.said = begun[1], []
        elif (ended := self._ended.search(line)) and ended[2] == self.running:
            outcome = {"OK": "passed", "FAILED": "failed", "SKIPPED": "skipped"}[ended[1]]
            # A client's unfinished line may stand before the verdict.
            case = Case(ended[2], outcome, int(ended[3]) / 1000, "\n".join(self.said))
            self.running, self.said = None, []
            self.outcomes[case.name] = outcome
            return case
        else:
            self.said.append(line)
        return None

    def end(self, why="the run ended here"):
        if self.running:
            return [Case(self.running, "failed", 0.0, "\n".join(self.said + [why]))]
        try:
            reported = junit_text("\n".join(self.report or []))
        except xml.ParseError as error:
            return [Case("the report", "failed", 0.0, "\n".join(self.said[-50:] + [str(error), why]))]
        return [dataclasses.replace(each, outcome="failed",
                                    text=f"{each.text}\nthe report has it {each.outcome}, the lines "
                                         f"{self.outcomes.get(each.name, 'have it not')}")
                for each in reported if self.outcomes.get(each.name) != each.outcome]


def _seconds(text):
    return float(text or 0)


def junit(path):
    """JUnit's XML, as ctest, pytest and GoogleTest write it, as cases."""
    with open(path, encoding="utf-8") as file:
        return junit_text(file.read())


def junit_text(text):
    cases = []
    for each in xml.fromstring(text.encode()).iter("testcase"):
        name = each.get("name")
        # ctest repeats the name there; GoogleTest's and pytest's is the suite.
        group = each.get("classname", "")
        if group and group != name:
            name = f"{group}.{name}"
        said = [f"{part.get('message') or ''}\n{part.text or ''}".strip()
                for tag in ("failure", "error") for part in each.findall(tag)]
        if said or each.get("status") == "fail":
            said += [part.text or "" for part in each.findall("system-out")]
            outcome = "failed"
        elif each.find("skipped") is not None or each.get("status") in ("notrun", "disabled") or \
                each.get("result") in ("skipped", "suppressed"):
            outcome = "skipped"
        else:
            outcome = "passed"
        cases.append(Case(name, outcome, _seconds(each.get("time")), "\n".join(said)))
    return cases


@dataclasses.dataclass
class _Document:
    """A KTAP document, or a subtest's, while it is read."""
    name: str = ""
    plan: int = 0
    seen: int = 0
    cases: list = dataclasses.field(default_factory=list)


_stamp = re.compile(r"^(?:<\d+>)?\[ *\d+\.\d+\](?:\[ *[TC]\d+\])? ?")
_version = re.compile(r"K?TAP version \d+$")
_named = re.compile(r"# Subtest: (.*)$")
_plan = re.compile(r"1\.\.(\d+)\b")
_result = re.compile(r"(ok|not ok) (\d+)(?: -)?(?: ([^#]*?))? *(?:# *(\S.*))?$")


def ktap(text):
    """
    All KTAP documents of a kernel's log, with any other lines between, as cases: one for each innermost
    result, named SUITE.TEST. A promised result that does not come is a failed case, and so is a suite that
    failed though its tests passed.
    """
    cases, documents, said = [], [], []

    def close(depth):
        """Ends the documents from that depth on, and gives what was in the first of them."""
        inner = []
        while len(documents) > depth:
            ended = documents.pop()
            if ended.seen < ended.plan:
                ended.cases.append(Case("plan", "failed", 0.0, "\n".join(
                    [f"{ended.seen} of {ended.plan} results came"] + said[-60:])))
            inner = ended.cases
            if len(documents) > depth:
                documents[-1].cases += named(ended.name, inner)
        return inner

    def named(name, inner):
        return [dataclasses.replace(each, name=f"{name}.{each.name}" if name else each.name)
                for each in inner]

    def document(depth):
        while len(documents) <= depth:
            documents.append(_Document())
        return documents[depth]

    for line in text.splitlines():
        line = _stamp.sub("", line.rstrip("\r"))
        words = line.lstrip(" ")
        depth = (len(line) - len(words)) // 4
        if _version.match(words):
            if depth:
                document(depth - 1).cases += close(depth)
            else:
                cases += close(0)
            document(depth)
        elif match := _named.match(words):
            document(depth).name = match[1]
        elif not documents:
            continue
        elif (match := _plan.match(words)) and depth < len(documents):
            documents[depth].plan = int(match[1])
        elif (match := _result.match(words)) and depth < len(documents):
            inner = close(depth + 1)
            documents[depth].seen += 1
            name = match[3] or match[2]
            outcome = "skipped" if (match[4] or "").upper().startswith("SKIP") else \
                "passed" if match[1] == "ok" else "failed"
            blamed = any(each.outcome == "failed" for each in inner)
            documents[depth].cases += named(name, inner)
            if not inner or (outcome == "failed" and not blamed):
                documents[depth].cases.append(
                    Case(name, outcome, 0.0, "\n".join(said[-60:]) if outcome == "failed" else ""))
            said = []
        else:
            said.append(line)
    return cases + close(0)
