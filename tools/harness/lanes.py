# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""
Parts of a run, side by side, each in a thread of its own. A part begins when the parts that it needs have
succeeded and its lane has room. Parts come in order; a later one goes ahead where an earlier has to wait.

A lane is what its parts compete for:
    build   compiling, checking, counting instructions: all processors, but politely (nice)
    guest   machines, which wait much of their time
"""

import dataclasses
import queue
import threading
import time
import traceback

from . import Problem, child, given, no_space
from .results import Case

NICE = 10
PROCESSORS = given.jobs()
# A build keeps all processors busy by itself, and a guest of the tests keeps half of one busy. More at once
# would cost: where the machine has too few processors, a guest's wait for each other by spinning.
LANES = {"build": 1, "guest": PROCESSORS + 1}


@dataclasses.dataclass
class Part:
    """
    run(report) says its progress by report.say(text), and each test by report.case(Case). An exception from
    it is a failed case of the part's own name.

        lane    what it competes for
        after   names of parts that have to succeed before
        cases   False: it only makes what others need, and is left out where they are
        tests   the names of its cases, where they are known before it has run
    """
    name: str
    run: callable
    lane: str = "guest"
    after: tuple = ()
    cases: bool = True
    tests: tuple = ()


@dataclasses.dataclass
class Event:
    """The outcome of a part: kind is say, case, began or ended."""
    kind: str
    part: Part
    text: str = ""
    case: Case = None
    seconds: float = 0.0
    cpu: float = 0.0
    good: bool = True


class Report:
    """A part's words to the runner."""

    def __init__(self, part, events):
        self.part, self._events, self.good = part, events, True

    def say(self, text):
        self._events.put(Event("say", self.part, text))

    def case(self, case):
        if case.outcome == "failed":
            self.good = False
        self._events.put(Event("case", self.part, case=case))

    def cases(self, cases):
        for each in cases:
            self.case(each)


def _run(part, events):
    report = Report(part, events)
    child.polite(NICE if part.lane == "build" else 0)
    started, used = time.monotonic(), child.cpu()
    try:
        part.run(report)
    except Problem as problem:
        report.case(Case(part.name, "failed", 0.0, str(problem)))
    except child.Failed as failed:
        report.case(Case(part.name, "failed", 0.0, f"{failed}\n{failed.text[-6000:]}"))
    except OSError as error:
        report.case(Case(part.name, "failed", 0.0, no_space(error) or (
            f"{error.filename}: {error.strerror}" if error.filename else traceback.format_exc())))
    except Exception:   # a mistake of ours is a failure like another
        report.case(Case(part.name, "failed", 0.0, traceback.format_exc()))
    events.put(Event("ended", part, seconds=time.monotonic() - started, cpu=child.cpu() - used,
                     good=report.good))


def run(parts):
    """Runs the parts and gives their events as they come. A caller that stops asking ends all running
    parts."""
    events = queue.Queue()
    waiting, busy, ended = list(parts), {}, {}
    names = {part.name for part in parts}
    try:
        while waiting or busy:
            for part in list(waiting):
                needed = [each for each in part.after if each in names]
                if any(ended.get(each) is False for each in needed):
                    waiting.remove(part)
                    ended[part.name] = False
                    yield Event("ended", part, text="what it needs has failed", good=False)
                    continue
                if not all(each in ended for each in needed):
                    continue
                if sum(lane == part.lane for lane in busy.values()) >= LANES[part.lane]:
                    continue
                waiting.remove(part)
                busy[part.name] = part.lane
                yield Event("began", part)
                threading.Thread(target=_run, args=(part, events), daemon=True).start()
            if not busy:
                continue
            try:
                # Python notices a signal between two instructions of this thread. One that comes just
                # before get() sleeps, or to another thread, does not end that sleep.
                event = events.get(timeout=1)
            except queue.Empty:
                continue
            if event.kind == "ended":
                del busy[event.part.name]
                ended[event.part.name] = event.good
            yield event
    finally:
        child.end_all()
