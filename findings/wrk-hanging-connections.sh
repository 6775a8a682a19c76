#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR MIT
#
# wrk 4.1.0 reports no error for connections that never get an answer, although --timeout is over.
#
#     findings/wrk-hanging-connections.sh
#
# A server answers one connection of sixteen and leaves the others without an answer. wrk runs for four
# seconds with --timeout 1s. One would expect 15 timeouts or more. It prints no line of "Socket errors". It
# records a timeout when an answer is complete and took too long (response_complete() in src/wrk.c), and
# these answers never come.
#
# Needs Debian 12, python3, and its archive for the package, which is unpacked and not installed.
# Fails if the behaviour has changed.
set -euo pipefail
[[ $# -eq 0 ]] || { echo "${0##*/}: '$1' is not known: it takes no arguments, and its head says what it shows" >&2; exit 2; }
version=4.1.0-3+b2
work=$(mktemp -d)
server=
trap '[[ -z $server ]] || kill "$server" 2>/dev/null || true; rm -rf "$work"' EXIT
cd "$work"
apt-get -q -o APT::Sandbox::User=root download "wrk=$version" >/dev/null
dpkg -x wrk_*.deb root

cat >server.py <<'PYTHON'
import socket
import threading

listener = socket.create_server(("127.0.0.1", 0), backlog=64)
print(listener.getsockname()[1], flush=True)
count, kept = 0, []


def serve(peer, answers):
    try:
        while peer.recv(65536):
            if answers:
                peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    except OSError:
        pass    # wrk has left


while True:
    peer = listener.accept()[0]
    # wrk looks first whether it can connect at all; that connection sends nothing.
    threading.Thread(target=serve, args=(peer, count % 16 == 1), daemon=True).start()
    kept.append(peer)
    count += 1
PYTHON
python3 server.py >port &
server=$!
until [[ -s port ]]; do sleep 0.1; done

root/usr/bin/wrk --version 2>&1 | head -n 1 || true
root/usr/bin/wrk -t 1 -c 16 -d 4s --timeout 1s "http://127.0.0.1:$(cat port)/" | tee said

requests=$(awk '/requests in/ { print $1 }' said)
if [[ ${requests:-0} -lt 100 ]]; then
    echo "the server did not answer: nothing is shown by this run" >&2
    exit 1
fi
if grep -q 'Socket errors' said; then
    echo "changed: wrk reports errors now" >&2
    exit 1
fi
echo "as described: 15 of 16 connections had no answer, and wrk reports no error"
