#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR MIT
#
# wget2 1.99.1 --chunk-size cuts a file that its server also has compressed, and ends with 0.
#
#     findings/wget2-chunks-cut-coded-files.sh
#
# wget2 asks by HEAD for the file's length first. It offers gzip there, as in every request, so the answer has the
# length of the compressed form, and says so (Content-Encoding: gzip). RFC 9110, section 8.6, wants just that
# length. wget2 then asks for ranges of that many bytes. A server may answer ranges from the plain file, as khttpd
# does. So wget2 writes the beginning of the plain file, as long as its compressed form is. Its exit code is 0.
# Without --chunk-size the same file comes whole.
#
# Needs Debian 12, python3, and its archive for the package and its libraries, which are unpacked and not installed.
# Fails if the behaviour has changed.
set -euo pipefail
[[ $# -eq 0 ]] || { echo "${0##*/}: '$1' is not known: it takes no arguments, and its head says what it shows" >&2; exit 2; }
version=1.99.1-2.2
work=$(mktemp -d)
server=
trap '[[ -z $server ]] || kill "$server" 2>/dev/null || true; rm -rf "$work"' EXIT
cd "$work"
apt-get -q -o APT::Sandbox::User=root download "wget2=$version" "libwget0=$version" \
    libgpgme11=1.18.0-3+deb12u1 libassuan0=2.5.5-5 >/dev/null
for each in *.deb; do dpkg -x "$each" root; done
wget2() { LD_LIBRARY_PATH=$(dirname "$(find "$work/root" -name 'libwget.so.*' | head -n 1)") "$work/root/usr/bin/wget2" "$@"; }

seq 200000 >plain
cat >server.py <<'PYTHON'
import gzip
import http.server
import re

plain = open("plain", "rb").read()
coded = gzip.compress(plain)


class Files(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        part = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        body, status, fields = plain, 200, []
        if part and self.command == "GET":
            first, last = int(part[1]), min(int(part[2] or len(plain) - 1), len(plain) - 1)
            body, status = plain[first:last + 1], 206
            fields = [("Content-Range", f"bytes {first}-{last}/{len(plain)}")]
        elif "gzip" in self.headers.get("Accept-Encoding", ""):
            body, fields = coded, [("Content-Encoding", "gzip")]
        self.send_response(status)
        for name, value in [*fields, ("Vary", "Accept-Encoding"), ("Content-Length", str(len(body)))]:
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Files)
print(server.server_address[1], len(coded), flush=True)
server.serve_forever()
PYTHON
python3 server.py >said &
server=$!
until [[ -s said ]]; do sleep 0.1; done
read -r port coded <said

wget2 --version | head -n 1
wget2 -q --no-config -O whole "http://127.0.0.1:$port/file"
if ! cmp -s whole plain; then
    echo "wget2 did not get the file without --chunk-size, either: nothing is shown by this run" >&2
    exit 1
fi
status=0
wget2 -q --no-config --chunk-size=300k -O cut "http://127.0.0.1:$port/file" || status=$?
echo "the file has $(stat -c %s plain) bytes, compressed $coded; wget2 ended with $status and wrote $(stat -c %s cut)"
if [[ $status -ne 0 || $(stat -c %s cut) -ne $coded ]] || ! cmp -s -n "$coded" cut plain; then
    echo "changed: wget2 does not cut the file any more, or says so" >&2
    exit 1
fi
echo "as described: the file was cut, and nothing says so"
