# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Reads what the plugin has counted, and says where the instructions went."""

import collections
import fnmatch
import pathlib
import re
import subprocess

PARTS = pathlib.Path(__file__).resolve().parent / "parts"
OTHER = "other"
# Interrupts, softirqs and the backlog of a socket take packets further, whichever task they come
# upon: that is the network's work and not the client's.
NETWORK = re.compile(r"(__do_softirq|handle_softirqs|asm_.*|__release_sock)$")


class Malformed(Exception):
    """The file is not one of the plugin's, or it is not whole."""


class Node:
    """A function in one context: below one chain of callers, in one task."""

    def __init__(self, caller, name, instructions, calls):
        self.caller, self.name = caller, name
        self.instructions, self.calls = instructions, calls
        self.below = []
        self.all = instructions      # with what is below
        self.part = OTHER
        self.client = False          # the client's own work


class Contexts:
    """The tree, and what it comes to. All figures are of the whole measurement."""

    def __init__(self, total, nodes, parts):
        self.total, self.nodes = total, nodes
        self.roots = [each for each in nodes if each.caller is None]
        # Callers come before what they call.
        for each in reversed(nodes):
            if each.caller:
                each.caller.all += each.all
                each.caller.below.append(each)
        for each in nodes:
            above = each.caller
            each.client = each.name == "client" if above is None else \
                above.client and not NETWORK.match(each.name)
            # A task is in no part, and takes nothing itself.
            each.part = above and (parts.of(each.name) or above.part or OTHER) or ""

    def by_part(self):
        """{part: [the client's instructions, all others]}"""
        result = collections.defaultdict(lambda: [0, 0])
        for each in self.nodes:
            result[each.part][0 if each.client else 1] += each.instructions
        return dict(result)

    def by_function(self):
        """{(name, part): [instructions, calls]}"""
        result = collections.defaultdict(lambda: [0, 0])
        for each in self.nodes:
            figures = result[each.name, each.part]
            figures[0] += each.instructions
            figures[1] += each.calls
        return dict(result)

    def merged(self):
        """The same tree with the tasks of a kind as one, dearest first; its root is "all"."""
        return Frame("all", "", [Frame.of(group) for group in grouped(self.roots)])

    def folded(self):
        """[("name;name;…", instructions)], outermost first, of what the contexts themselves took."""
        result = []

        def walk(frame, path):
            path = path + [frame.name.replace(";", ",")]
            if frame.own:
                result.append((";".join(path), frame.own))
            for each in frame.below:
                walk(each, path)

        for each in self.merged().below:
            walk(each, [])
        return result


def grouped(nodes):
    """Lists of those that have one name."""
    groups = collections.defaultdict(list)
    for each in nodes:
        groups[each.name].append(each)
    return groups.values()


class Frame:
    """Nodes with the same names from the root on."""

    def __init__(self, name, part, below, own=0, calls=0):
        self.name, self.part = name, part
        self.own, self.calls = own, calls
        self.below = sorted(below, key=lambda each: -each.all)
        self.all = own + sum(each.all for each in below)

    @staticmethod
    def of(nodes):
        return Frame(nodes[0].name, nodes[0].part,
                     [Frame.of(group) for group in grouped(below for each in nodes
                                                           for below in each.below)],
                     sum(each.instructions for each in nodes), sum(each.calls for each in nodes))


class Parts:
    """
    The rules: which part of the work a function belongs to. A line that begins with no space names
    a part; indented lines below it are patterns of names, as the shell's. The first that matches
    decides; a function that none matches belongs to its caller's part. `#` begins a comment.
    """

    def __init__(self, text):
        self.names = []
        self.rules = []
        for number, line in enumerate(text.splitlines(), 1):
            line = line.split("#", 1)[0].rstrip()
            if not line:
                continue
            if not line[0].isspace():
                self.names.append(line)
            elif not self.names:
                raise Malformed(f"parts, line {number}: a pattern before the first part")
            else:
                self.rules += [(re.compile(fnmatch.translate(word)), self.names[-1])
                               for word in line.split()]
        self.known = {}

    def of(self, name):
        if name not in self.known:
            self.known[name] = next((part for pattern, part in self.rules if pattern.match(name)),
                                    None)
        return self.known[name]


def plain(name):
    """Without what the compiler appends to the names of its copies."""
    return re.sub(r"\.(isra|constprop|part|lto_priv)\.\d+", "", name)


def demangled(names):
    """C++'s names as people write them, without parameters."""
    said = subprocess.run(["c++filt", "-p"], input="\n".join(names), text=True, check=True,
                          stdout=subprocess.PIPE).stdout
    return dict(zip(names, said.splitlines()))


def read(path, parts=None):
    parts = parts or Parts(PARTS.read_text())
    lines = pathlib.Path(path).read_text().splitlines()
    if not lines or not re.fullmatch(r"instructions \d+", lines[0]):
        raise Malformed(f"{path}: the first line is not 'instructions N'")
    rows = []
    for number, line in enumerate(lines[1:], 2):
        words = line.split(" ", 4)
        if len(words) != 5 or int(words[0]) != number - 2 or int(words[1]) >= int(words[0]):
            raise Malformed(f"{path}, line {number}: not 'NODE CALLER INSTRUCTIONS CALLS NAME'")
        rows.append((int(words[1]), int(words[2]), int(words[3]), plain(words[4])))
    # A module's name follows its function's.
    own = {name.split(" ")[0] for *_, name in rows if name.startswith("_Z")}
    readable = demangled(sorted(own))
    nodes = []
    for caller, instructions, calls, name in rows:
        first, *module = name.split(" ")
        if first in readable:
            name = " ".join([readable[first], *module])
        nodes.append(Node(nodes[caller] if caller >= 0 else None, name, instructions, calls))
    for each in nodes:
        if each.caller is None and each.name == "task":
            each.name = "kernel threads"
    for each in nodes:
        if each.name == "user code" and each.caller.name == "kernel threads":
            each.caller.name = "user tasks"
    total = int(lines[0].split()[1])
    if sum(each.instructions for each in nodes) != total:
        raise Malformed(f"{path}: the contexts' sum is not the total: the file is not whole")
    return Contexts(total, nodes, parts)
