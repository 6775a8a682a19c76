# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Holds every response of khttpd against h11, a strict reader of HTTP/1.1.

    python3 h11_client.py PORT pages|files

Each line of the tables below is a request on a connection of its own or on one that is kept. h11 raises on
all that a client must not accept: framing, fields, versions, bytes behind the end. The further demands of a
status are checked here. Prints what was wrong; exit code 1 then.
"""
import socket
import sys

import h11

PORT = int(sys.argv[1])
HOST = [("Host", "guest")]
checked = failed = 0


class Peer:
    """A connection, and h11's idea of its state."""

    def __init__(self):
        self.socket = socket.socket()
        self.socket.settimeout(60)
        self.socket.connect(("127.0.0.1", PORT))
        self.h11 = h11.Connection(h11.CLIENT)

    def read(self):
        """The next response: its head, its body."""
        body = b""
        while True:
            event = self.h11.next_event()
            if event is h11.NEED_DATA:
                self.h11.receive_data(self.socket.recv(65536))
            elif isinstance(event, h11.InformationalResponse):
                continue
            elif isinstance(event, h11.Response):
                head = event
            elif isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.EndOfMessage):
                return head, body
            else:
                raise h11.RemoteProtocolError(f"{event!r} instead of a response")

    def ask(self, method, target, fields=(), body=None):
        fields = HOST + list(fields)
        if body is not None and not any(name == "Transfer-Encoding" for name, _ in fields):
            fields.append(("Content-Length", str(len(body))))
        data = self.h11.send(h11.Request(method=method, target=target, headers=fields))
        if body is not None:
            data += self.h11.send(h11.Data(data=body))
        self.socket.sendall(data + self.h11.send(h11.EndOfMessage()))
        return self.read()

    def ended(self):
        """Nothing more, as after Connection: close."""
        return self.socket.recv(1) == b""

    def next(self):
        """Is it to be used again? h11 says whether it may be."""
        if self.h11.our_state is h11.MUST_CLOSE or self.h11.their_state is h11.MUST_CLOSE:
            if not self.ended():
                raise h11.RemoteProtocolError("bytes behind a last response")
            return False
        self.h11.start_next_cycle()
        return True


def check(what, function):
    global checked, failed
    checked += 1
    try:
        problem = function()
    except (h11.ProtocolError, OSError) as error:
        problem = repr(error)
    if problem:
        failed += 1
        print(f"{what}: {problem}")


def judge(method, wanted, head, body):
    """The faults of a response that h11 has let through."""
    fields = {name.decode(): value.decode() for name, value in head.headers}
    if len(fields) != len(head.headers):
        return f"a field twice: {head.headers}"
    if head.status_code != wanted:
        return f"{head.status_code} instead of {wanted}"
    if head.http_version != b"1.1":
        return f"HTTP/{head.http_version}"
    if not head.reason:
        return "no reason phrase"
    for name in ("date", "server"):
        if name not in fields:
            return f"no {name}"
    length = fields.get("content-length")
    if wanted in (204, 304) and (body or "transfer-encoding" in fields):
        return f"a body of {wanted}"
    if wanted == 204 and length is not None:
        return "a length of 204"
    if method == "HEAD" and body:
        return "a body to HEAD"
    if method != "HEAD" and wanted not in (204, 304):
        if length is not None and int(length) != len(body):
            return f"{len(body)} bytes, promised {length}"
        if body and "content-type" not in fields:
            return "no content-type"
    if wanted == 405 and "allow" not in fields:
        return "405 without allow"
    if wanted == 416 and not fields.get("content-range", "").startswith("bytes */"):
        return "416 without content-range"
    if wanted == 206 and "content-range" not in fields and "multipart" not in fields["content-type"]:
        return "206 without content-range"
    if wanted == 301 and "location" not in fields:
        return "301 without location"
    if wanted in (200, 206, 304) and sys.argv[2] == "files" and "accept-ranges" in fields:
        for name in ("etag", "last-modified"):
            if name not in fields:
                return f"no {name}"
    return None


TABLES = {
    "pages": [
        ("GET", "/", [], None, 200),
        ("HEAD", "/", [], None, 200),
        ("OPTIONS", "/", [], None, 204),
        ("PUT", "/", [], b"x", 405),
        ("GET", "/nothing", [], None, 404),
        ("HEAD", "/nothing", [], None, 404),
        ("POST", "/echo", [], b"hello", 200),
        ("POST", "/echo", [], b"x" * 100000, 200),
        ("POST", "/echo", [], b"", 200),
        ("POST", "/echo", [("Transfer-Encoding", "chunked")], b"chunks", 200),
        ("POST", "/echo", [("Transfer-Encoding", "chunked")], b"y" * 70000, 200),
        ("POST", "/echo", [("Expect", "100-continue")], b"told", 200),
        ("POST", "/echo", [], b"z" * 200000, 413),
        ("GET", "/echo", [], None, 405),
        ("GET", "/", [("Expect", "more")], None, 417),
        ("BREW", "/", [], None, 501),
        ("GET", "/" + "a" * 10000, [], None, 414),
        ("GET", "/", [("A", "b" * 17000)], None, 431),
        ("GET", "/", [("Connection", "close")], None, 200),
        ("HEAD", "/", [("Connection", "close")], None, 200),
    ],
    "files": [
        ("GET", "/", [], None, 200),
        ("HEAD", "/", [], None, 200),
        ("GET", "/small", [], None, 200),
        ("HEAD", "/small", [], None, 200),
        ("GET", "/empty", [], None, 200),
        ("GET", "/large", [], None, 200),
        ("HEAD", "/large", [], None, 200),
        ("GET", "/sub", [], None, 301),
        ("GET", "/sub/", [], None, 200),
        ("GET", "/small/", [], None, 404),
        ("GET", "/nothing", [], None, 404),
        ("GET", "/secret", [], None, 403),
        ("GET", "/%zz", [], None, 400),
        ("GET", "/../x", [], None, 400),
        ("OPTIONS", "/small", [], None, 204),
        ("POST", "/small", [], b"hello", 405),
        ("GET", "/small", [("Range", "bytes=0-0")], None, 206),
        ("GET", "/small", [("Range", "bytes=-2")], None, 206),
        ("GET", "/small", [("Range", "bytes=0-1,3-4")], None, 206),
        ("GET", "/large", [("Range", "bytes=100-99999")], None, 206),
        ("GET", "/large", [("Range", "bytes=0-70000,90000-")], None, 206),
        ("GET", "/small", [("Range", "bytes=100000-")], None, 416),
        ("GET", "/small", [("Range", "lines=1-2")], None, 200),
        ("GET", "/small", [("If-None-Match", "*")], None, 304),
        ("HEAD", "/small", [("If-None-Match", "*")], None, 304),
        ("GET", "/small", [("If-Modified-Since", "Fri, 31 Dec 2100 23:59:59 GMT")], None, 304),
        ("GET", "/small", [("If-Match", '"other"')], None, 412),
        ("GET", "/small", [("If-Unmodified-Since", "Thu, 01 Jan 1970 00:00:00 GMT")], None, 412),
    ],
}


def one(method, target, fields, body, wanted):
    peer = Peer()
    problem = judge(method, wanted, *peer.ask(method, target, fields, body))
    if not problem:
        peer.next()
    return problem


def kept(table):
    """All of it over as few connections as the server allows."""
    peer = Peer()
    for method, target, fields, body, wanted in table:
        problem = judge(method, wanted, *peer.ask(method, target, fields, body))
        if problem:
            return f"{method} {target[:20]}: {problem}"
        if not peer.next():
            peer = Peer()
    return None


def pipelined(table):
    """Requests all at once; each response ends where the next begins."""
    peer = Peer()
    table = [each for each in table if each[3] is None and each[4] < 400 and not each[2]]
    sent = b""
    for method, target, fields, _, _ in table:
        request = h11.Request(method=method, target=target, headers=HOST + fields)
        sent += h11.Connection(h11.CLIENT).send(request)
    peer.socket.sendall(sent)
    rest = b""
    for method, target, fields, _, wanted in table:
        peer.h11 = h11.Connection(h11.CLIENT)
        peer.h11.send(h11.Request(method=method, target=target, headers=HOST + fields))
        peer.h11.send(h11.EndOfMessage())
        if rest:
            peer.h11.receive_data(rest)
        problem = judge(method, wanted, *peer.read())
        if problem:
            return f"{method} {target}: {problem}"
        rest = peer.h11.trailing_data[0]
    return f"{len(rest)} bytes too many" if rest else None


table = TABLES[sys.argv[2]]
for each in table:
    check(f"{each[0]} {each[1][:40]} {each[2]!r:.60}", lambda: one(*each))
check("kept alive", lambda: kept(table))
check("pipelined", lambda: pipelined(table))
print(f"h11: {checked - failed} checks passed, {failed} failed")
sys.exit(failed != 0)
