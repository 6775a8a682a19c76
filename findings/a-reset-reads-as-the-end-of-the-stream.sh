#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR MIT
#
# A program has a TCP connection whose peer sends a part and then resets it. recv() gives the part, and then the
# program expects ECONNRESET. That is so only if it has written nothing meanwhile. The kernel tells of a reset once.
# If a send() was told (sk_stream_error()), no error is left. The socket counts as shut down (tcp_done()). So the next
# recv() gives 0 bytes, as behind a peer that has finished (tcp_recvmsg_locked()). Many proxies have a thread for
# each direction. One thread's send() is told, and the other passes half an upload on as all of it.
#
# A virtual machine with Debian 12's kernel connects to itself. The peer sends three bytes and resets. The program
# reads them, and looks what comes then: once without a write, and once behind a write that failed. Needs the
# libraries of Debian 12's qemu-system-x86 and cpio.
#
#     findings/a-reset-reads-as-the-end-of-the-stream.sh
#
# Ends with 0 while that is so, with 1 when it is not. Seen with 6.1.0-57: "abc, ECONNRESET" without a write;
# "ECONNRESET, abc, end" behind one.
set -euo pipefail
[[ $# -eq 0 ]] || { echo "${0##*/}: '$1' is not known: it takes no arguments, and its head says what it shows" >&2; exit 2; }
qemu=1:7.2+dfsg-7+deb12u18
packages=("qemu-system-x86=$qemu+b3" "qemu-system-common=$qemu+b3" "qemu-system-data=$qemu" seabios
          linux-image-6.1.0-57-cloud-amd64 busybox-static python3.11-minimal libpython3.11-minimal
          libc6 zlib1g libexpat1)

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get -q -o APT::Sandbox::User=root download "${packages[@]}" >log 2>&1 || { cat log; exit 1; }
for each in *.deb; do dpkg -x "$each" root; done

mkdir -p image/bin image/proc image/usr/bin image/usr/lib
cp root/bin/busybox image/bin/busybox
cp root/usr/bin/python3.11 image/usr/bin/
cp -r root/usr/lib/python3.11 root/usr/lib/x86_64-linux-gnu image/usr/lib/
cp -r root/lib/. image/lib/ 2>/dev/null || true
rm -rf image/lib/modules
cp -r root/lib64 image/ 2>/dev/null || true
cat >image/look.py <<'PY'
import errno
import select
import socket
import struct

listener = socket.socket()
listener.bind(("127.0.0.1", 7))
listener.listen(1)


def attempt(what):
    try:
        got = what()
    except OSError as error:
        return errno.errorcode[error.errno]
    return got.decode() or "end" if isinstance(got, bytes) else str(got)


for writes in (False, True):
    peer = socket.create_connection(("127.0.0.1", 7))
    ours, _ = listener.accept()
    peer.send(b"abc")
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()
    over = select.poll()
    over.register(ours, 0)
    over.poll(10000)
    seen = [attempt(lambda: ours.send(b"x"))] if writes else []
    seen += [attempt(lambda: ours.recv(8)) for _ in range(2)]
    print("result", "write" if writes else "plain", ", ".join(seen))
PY
cat >image/init <<'SH'
#!/bin/busybox sh
/bin/busybox mount -t proc proc /proc
/bin/busybox ip link set lo up
/usr/bin/python3.11 -S /look.py
/bin/busybox uname -r
/bin/busybox poweroff -f
SH
chmod +x image/init
(cd image && find . | cpio -o -H newc --quiet) >initramfs
timeout 300 root/usr/bin/qemu-system-x86_64 -L root/usr/share/qemu -L root/usr/share/seabios \
	-accel tcg -cpu max -m 1024 -display none -nodefaults -no-reboot -serial stdio \
	-kernel root/boot/vmlinuz-* -initrd initramfs -append "console=ttyS0 quiet panic=-1" | tr -d '\r' >said
cat said
grep -qx 'result plain abc, ECONNRESET' said && grep -qx 'result write ECONNRESET, abc, end' said
