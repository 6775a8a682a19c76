#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""
Tests of the programs that read a profile: bench/profile's contexts.py, flame.py and parts. They use small
trees, and profile/*.txt, which are recorded ones without their smallest contexts.
"""

import collections
import pathlib
import sys
import tempfile
import unittest
import xml.etree.ElementTree

HERE = pathlib.Path(__file__).resolve().parent
sys.dont_write_bytecode = True
sys.path.insert(0, str(HERE.parent / "profile"))

import contexts  # noqa: E402
import flame     # noqa: E402

RECORDED = sorted((HERE / "profile").glob("*.txt"))
PARTS = contexts.Parts(contexts.PARTS.read_text())

# A client that sends, whose packets a softirq takes to a server; two threads that do the same.
SMALL = """\
instructions 1000
0 -1 0 0 client
1 0 100 0 user code
2 1 50 10 entry_SYSCALL_64
3 2 100 10 tcp_sendmsg
4 3 30 20 memcpy
5 3 20 10 __do_softirq
6 5 200 10 tcp_v4_rcv
7 6 100 10 serve.isra.0 [kecho]
8 -1 0 0 task
9 8 100 1 worker_thread
10 9 100 3 tcp_sendmsg
11 -1 0 0 task
12 11 50 1 worker_thread
13 12 50 2 tcp_sendmsg
14 -1 0 0 task
15 14 40 0 user code
16 15 60 5 entry_SYSCALL_64
"""


def read(text, parts=PARTS):
    with tempfile.NamedTemporaryFile("w") as file:
        file.write(text)
        file.flush()
        return contexts.read(file.name, parts)


class Reading(unittest.TestCase):
    def test_folded_stacks(self):
        self.assertEqual(sorted(read(SMALL).folded()), sorted([
            ("client;user code", 100),
            ("client;user code;entry_SYSCALL_64", 50),
            ("client;user code;entry_SYSCALL_64;tcp_sendmsg", 100),
            ("client;user code;entry_SYSCALL_64;tcp_sendmsg;memcpy", 30),
            ("client;user code;entry_SYSCALL_64;tcp_sendmsg;__do_softirq", 20),
            ("client;user code;entry_SYSCALL_64;tcp_sendmsg;__do_softirq;tcp_v4_rcv", 200),
            ("client;user code;entry_SYSCALL_64;tcp_sendmsg;__do_softirq;tcp_v4_rcv;serve [kecho]", 100),
            # Threads of a kind are one.
            ("kernel threads;worker_thread", 150),
            ("kernel threads;worker_thread;tcp_sendmsg", 150),
            ("user tasks;user code", 40),
            ("user tasks;user code;entry_SYSCALL_64", 60)]))

    def test_what_a_softirq_does_is_not_the_clients(self):
        parts = read(SMALL).by_part()
        self.assertEqual(parts["user code"], [100, 40])
        self.assertEqual(parts["system calls"], [50, 60])
        # The copy of a few bytes is its caller's.
        self.assertEqual(parts["TCP, sending"], [130, 150])
        self.assertEqual(parts["softirq, IP in"], [0, 20])
        self.assertEqual(parts["TCP, receiving"], [0, 200])
        self.assertEqual(parts["the server's module"], [0, 100])

    def test_a_function_is_the_sum_of_its_contexts(self):
        functions = read(SMALL).by_function()
        self.assertEqual(functions["tcp_sendmsg", "TCP, sending"], [250, 15])
        self.assertEqual(functions["serve [kecho]", "the server's module"], [100, 10])

    def test_names_of_cpp_are_readable(self):
        text = "instructions 5\n0 -1 0 0 task\n1 0 5 1 _ZN4ktcp10connection5go_onEj.part.0 [kecho]\n"
        self.assertEqual(read(text).folded(),
                         [("kernel threads;ktcp::connection::go_on [kecho]", 5)])

    def test_a_file_that_is_not_whole_is_refused(self):
        for text in ("", "something\n", SMALL.replace("1000", "1001"),
                     SMALL.rsplit("\n", 2)[0] + "\n", SMALL.replace("2 1 50", "2 3 50"),
                     SMALL.replace("2 1 50 10 ", "2 1 50 ")):
            with self.assertRaises(contexts.Malformed, msg=text):
                read(text)


class Rules(unittest.TestCase):
    def test_the_first_that_matches_decides_and_callees_inherit(self):
        parts = contexts.Parts("one # a comment\n\ta* exact\ntwo\n\tab* b?\n")
        self.assertEqual(parts.names, ["one", "two"])
        self.assertEqual([parts.of(name) for name in ("ab", "exact", "exactly", "bc", "b")],
                         ["one", "one", None, "two", None])
        found = read("instructions 10\n0 -1 0 0 task\n1 0 1 1 nobody\n2 1 2 1 bc\n3 2 3 1 nobody\n"
                     "4 3 4 1 ab\n", parts)
        self.assertEqual(found.by_part(), {"": [0, 0], contexts.OTHER: [0, 1], "two": [0, 5],
                                           "one": [0, 4]})

    def test_a_pattern_belongs_to_a_part(self):
        with self.assertRaisesRegex(contexts.Malformed, "line 2"):
            contexts.Parts("# nothing yet\n  tcp_*\n")

    def test_no_pattern_stands_twice(self):
        patterns = [pattern.pattern for pattern, _ in PARTS.rules]
        self.assertEqual([each for each, count in collections.Counter(patterns).items()
                          if count > 1], [])


class Recorded(unittest.TestCase):
    def test_there_is_one(self):
        self.assertTrue(RECORDED)

    def test_each_function_is_in_a_part(self):
        for path in RECORDED:
            for each in contexts.read(path, PARTS).nodes:
                if each.caller:
                    self.assertIn(each.part, PARTS.names, f"{path.name}: {each.name}")

    def test_all_sums_are_the_total(self):
        for path in RECORDED:
            found = contexts.read(path, PARTS)
            self.assertEqual(sum(map(sum, found.by_part().values())), found.total)
            self.assertEqual(sum(own for own, _ in found.by_function().values()), found.total)
            self.assertEqual(sum(count for _, count in found.folded()), found.total)
            self.assertEqual(found.merged().all, found.total)
            self.assertEqual(sum(each.all for each in found.roots), found.total)


class Drawing(unittest.TestCase):
    SPACE = "{http://www.w3.org/2000/svg}"

    def frames(self, found):
        text = flame.draw(found, PARTS.names, "a < b & c", 10)
        drawing = xml.etree.ElementTree.fromstring(text)
        self.assertIn("a < b & c", "".join(drawing.itertext()))
        return [(each.get("data-n"), each.find(f"{self.SPACE}rect"),
                 each.find(f"{self.SPACE}title").text)
                for each in drawing.iter(f"{self.SPACE}g") if each.get("class") == "frame"]

    def test_width_is_instructions(self):
        frames = {name: (float(rect.get("width")), title)
                  for name, rect, title in self.frames(read(SMALL))}
        whole = flame.WIDTH - 2 * flame.MARGIN
        self.assertAlmostEqual(frames["all"][0], whole, delta=0.3)
        self.assertAlmostEqual(frames["client"][0], 0.6 * whole, delta=0.3)
        self.assertAlmostEqual(frames["tcp_v4_rcv"][0], 0.3 * whole, delta=0.3)
        self.assertIn("30 a request, 30.0 %; itself 20, 1.00 calls; TCP, receiving",
                      frames["tcp_v4_rcv"][1])

    def test_names_are_escaped(self):
        names = [name for name, *_ in
                 self.frames(read("instructions 3\n0 -1 0 0 task\n1 0 3 1 f<\"&'>\n"))]
        self.assertEqual(names, ["all", "kernel threads", "f<\"&'>"])

    def test_a_frame_lies_on_the_one_that_called_it(self):
        for path in RECORDED:
            boxes = [(float(rect.get("x")), float(rect.get("width")), float(rect.get("y")))
                     for _, rect, _ in self.frames(contexts.read(path, PARTS))]
            bottom = max(y for *_, y in boxes)
            for x, width, y in boxes:
                if y == bottom:
                    continue
                self.assertTrue(any(below == y + flame.ROW and left - 0.01 <= x and
                                    x + width <= left + size + 0.3
                                    for left, size, below in boxes), (path.name, x, y))


if __name__ == "__main__":
    unittest.main()
