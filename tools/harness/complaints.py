# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""
How a kernel complains, and how a compiler. A kernel: complaints.txt, the one list there is, an expression a line. Python, grep -E
and std::regex read them alike; the guest has the file as /complaints.txt. They are the kernel's own
words where the kernel puts them, so a module named after one is none. Of KCSAN's races it has those in
which a module's function is one of the two: the others are the kernel's own.
"""

import pathlib
import re

LIST = pathlib.Path(__file__).with_name("complaints.txt")
_any = re.compile("|".join(LIST.read_text().splitlines()))


def complains(line):
    return _any.search(line) is not None


def found(text):
    """The lines of a kernel's log that complain."""
    return [line for line in text.splitlines() if complains(line)]


def warnings(text):
    """The lines in which compiler, objtool or modpost warn: the word where they put it."""
    return [line for line in text.splitlines() if re.search(r"(?i)(^|: )warning: ", line)]


def report(text, after=40, most=150):
    """Those, each with what comes after it: where it happened."""
    lines, kept, until = text.splitlines(), [], -1
    for number, line in enumerate(lines):
        if complains(line):
            until = number + after
        if number <= until:
            kept.append(line)
    return "\n".join(kept[:most])
