# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Parts side by side: order, lanes, and what fails."""

import threading
import time

from harness import Problem, lanes
from harness.lanes import Part
from harness.results import Case


def events(parts):
    return [(each.kind, each.part.name) for each in lanes.run(parts) if each.kind in ("began", "ended")]


def test_a_lane_has_room_for_so_many_and_others_run_beside(monkeypatch):
    monkeypatch.setitem(lanes.LANES, "build", 1)
    meeting = threading.Barrier(3, timeout=10)
    building = []

    def build(report):
        building.append(report.part.name)
        if len(building) == 1:
            meeting.wait()     # with both guests
            assert len(building) == 1

    list_of = [Part("first", build, lane="build"), Part("second", build, lane="build"),
               Part("a", lambda report: meeting.wait()), Part("b", lambda report: meeting.wait())]
    cases = [each.case for each in lanes.run(list_of) if each.kind == "case"]
    assert cases == [] and building == ["first", "second"]


def test_a_part_that_needs_another_comes_after_it():
    order = events([Part("guest", lambda report: None, after=("built",)),
                    Part("built", lambda report: time.sleep(0.1), lane="build")])
    assert order == [("began", "built"), ("ended", "built"), ("began", "guest"), ("ended", "guest")]


def test_a_part_that_needs_one_that_fails_is_reported_and_not_run():
    def fail(report):
        raise Problem("no compiler")
    seen = list(lanes.run([Part("built", fail, lane="build"),
                           Part("guest", lambda report: None, after=("built",))]))
    assert [each.case for each in seen if each.kind == "case"] == [
        Case("built", "failed", 0.0, "no compiler")]
    last = seen[-1]
    assert (last.part.name, last.good, last.text) == ("guest", False, "what it needs has failed")


def test_a_mistake_in_a_part_is_a_failure():
    def wrong(report):
        raise KeyError("no such thing")
    case = next(each.case for each in lanes.run([Part("part", wrong)]) if each.kind == "case")
    assert case.outcome == "failed" and "no such thing" in case.text
