# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""
Cases of public suites, as facts: bytes that a suite sends, and what it expects of a server.

A file has the cases of one suite, and a line for each. A line in brackets begins a group. It says who is asked, what
the cases are about, and where the suite has them:

    [pages: hosts, request.t]
    400 > GET / HTTP/1.1|Host: .h||
    yes keep "abc" > POST /echo HTTP/1.1|Host: h|Content-Length: 3||abc
    yes; 400: folded line > GET / HTTP/1.1|Host: h|A: b| c||

`pages` is khttpd without a root, `files` is khttpd with the files that are below. Before the semicolon stands what
the suite expects. Behind it stands what khttpd does instead, and the row of docs/http.md that gives the reason.

    400, 200 206      the status of each answer
    yes               accepted: 2xx, or 405, for a suite that knows parsers alone
    no                refused: 400 or more, and not 405
    more              the request is not whole: no answer
    keep, close       what the last answer says of the connection
    "abc"             the answers' bodies

These stand in requests. Others, as \\t and \\xHH, are those of C.

    |                 the end of a line
    \\s  \\p            a space at an end, a |
    \\*300{ab}         300 times ab
    \\E  \\e            the entity tag of /text, and the same without its quotes
"""

import os
import re

import h11

FILES = {
    "index.html": b"<p>index\n",
    "text": b"0123456789abcdefghij\n",
    "kilo": 100 * b"0123456789",
    "a.txt": b"a text\n",
    "Upper.txt": b"another\n",
    "folder/index.html": b"<p>folder\n",
    "~folder \xe4_/index.html": b"<p>folder\n",
}
CHANGED = 1_700_000_000     # Tue, 14 Nov 2023 22:13:20 GMT


def make_files(folder):
    for name, data in FILES.items():
        path = os.path.join(folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(data)
        os.utime(path, (CHANGED, CHANGED))


def bytes_of(text, tag):
    """The request that a line writes down."""
    one = {"s": " ", "p": "|", "t": "\t", "r": "\r", "n": "\n", "0": "\0", "\\": "\\", "E": tag, "e": tag.strip('"')}

    def replaced(found):
        if found[0] == "|":
            return "\r\n"
        return chr(int(found[1], 16)) if found[1] else one[found[2]]
    text = re.sub(r"\\\*(\d+)\{(.*?)\}", lambda found: int(found[1]) * found[2], text)
    return re.sub(r"\||\\(?:x(..)|(.))", replaced, text).encode("latin-1")


class Expected:
    """An outcome that a case is to have."""

    def __init__(self, text):
        words, _, body = text.partition(' "')
        words = words.split()
        self.text = text
        self.end = words.pop() if words[-1] in ("keep", "close") else None
        self.statuses = [] if words == ["more"] else words
        self.body = bytes_of(body[:-1], "") if body else None


class Cut(Exception):
    """The last answer is not whole."""


class Outcome:
    """The answers that came back, as a strict client reads them."""

    def __init__(self, received, to_head):
        self.statuses, self.body, self.end = [], b"", "keep"
        while received:
            reader = h11.Connection(h11.CLIENT)
            reader.send(h11.Request(method="HEAD" if to_head else "GET", target="/", headers=[("Host", "h")]))
            reader.send(h11.EndOfMessage())
            reader.receive_data(received)
            while not isinstance(event := reader.next_event(), h11.EndOfMessage):
                if isinstance(event, h11.Response):
                    self.statuses.append(event.status_code)
                    self.end = "close" if (b"connection", b"close") in event.headers else "keep"
                elif isinstance(event, h11.Data):
                    self.body += bytes(event.data)
                elif event is h11.NEED_DATA:
                    raise Cut
            received = reader.trailing_data[0]

    def is_refusal(self):
        return self.statuses[-1:] >= [400]

    def is_as(self, expected):
        def fits(wanted, status):
            accepted = status < 300 or status == 405
            return {"yes": accepted, "no": not accepted and status >= 400}.get(wanted, wanted == str(status))

        return (len(expected.statuses) == len(self.statuses)
                and all(map(fits, expected.statuses, self.statuses))
                and expected.end in (None, self.end) and expected.body in (None, self.body))

    def __str__(self):
        return f'{" ".join(map(str, self.statuses)) or "more"} {self.end} {self.body!r}'


class Case:
    def __init__(self, where, who, verdict, text):
        expected, _, differs = verdict.partition("; ")
        instead, _, self.row = differs.partition(": ")
        self.where, self.who, self.text = where, who, text
        self.suite = Expected(expected)
        self.instead = Expected(instead) if instead else None

    def request(self, tag):
        return bytes_of(self.text, tag)

    def outcome(self, received, tag):
        """The answers that came back to this request."""
        return Outcome(received, self.request(tag).startswith(b"HEAD "))

    def fault(self, outcome):
        """Why this is not what was to be; None where it is."""
        if self.instead is None:
            return None if outcome.is_as(self.suite) else f"{outcome} instead of {self.suite.text}"
        if outcome.is_as(self.suite):
            return f"{outcome} is as the suite expects, and '{self.row}' excuses it"
        return None if outcome.is_as(self.instead) else f"{outcome} instead of {self.instead.text} ({self.row})"


def read(path):
    """The cases of a file."""
    made, who = [], None
    with open(path, encoding="ascii") as file:
        for number, line in enumerate(file, 1):
            line = line.rstrip("\n")
            if line.startswith("["):
                who = re.match(r"\[(pages|files): .+, .+\]$", line)[1]
            elif line and not line.startswith("#"):
                verdict, _, text = line.partition(" > ")
                made.append(Case(f"{os.path.basename(path)}:{number}", who, verdict, text))
    return made


ASKS_TAG = b"HEAD /text HTTP/1.1\r\nHost: h\r\n\r\n"


def tag_in(received):
    return re.search(rb'\r\nETag: ("[^"]*")\r\n', received)[1].decode()
