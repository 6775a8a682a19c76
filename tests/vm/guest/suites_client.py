# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Asks khttpd the cases of public suites (tests/host/http/suites), each whole and on a connection of its own.

    python3 suites_client.py PORT pages|files FOLDER

Makes the files that cases are about in FOLDER, khttpd's root. Prints the cases that have another outcome than their
line says; exit code 1 then.
"""
import os
import socket
import sys

import h11

import cases

PORT, WHO, FOLDER = int(sys.argv[1]), sys.argv[2], sys.argv[3]


def ask(request, count, to_head):
    """The bytes of so many answers; of all until the end, where the last one says that it comes."""
    received = b""
    with socket.socket() as peer:
        peer.settimeout(60)
        peer.connect(("127.0.0.1", PORT))
        peer.sendall(request)
        while count:
            piece = peer.recv(65536)
            received += piece
            try:
                outcome = cases.Outcome(received, to_head)
            except cases.Cut:
                outcome = None
            if not piece or (outcome and len(outcome.statuses) >= count and outcome.end == "keep"):
                break
    return received


def fault_of(case, tag):
    request = case.request(tag)
    try:
        received = ask(request, len((case.instead or case.suite).statuses), request.startswith(b"HEAD "))
        return case.fault(case.outcome(received, tag))
    except (h11.ProtocolError, cases.Cut, OSError) as error:
        return repr(error)


def main():
    cases.make_files(FOLDER)
    tag = cases.tag_in(ask(cases.ASKS_TAG, 1, True)) if WHO == "files" else ""
    total = failed = 0
    for name in sorted(os.listdir("/")):
        for case in cases.read(f"/{name}") if name.endswith(".cases") else ():
            if case.who != WHO:
                continue
            total += 1
            if fault := fault_of(case, tag):
                failed += 1
                print(f"{case.where}: {case.text:.200}: {fault:.300}")
    print(f"suites: {total - failed} cases passed, {failed} failed")
    sys.exit(failed != 0)


main()
