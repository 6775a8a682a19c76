#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR MIT
#
# TCP's keepalive ends connections whose peers live and answer. The kernel's timers are coarse: at HZ=250 those
# of 20 s run out every 2 s, and those of minutes every 16 s. So connections that began one after the other are
# probed in the same tick. Loopback queues up to net.core.netdev_max_backlog packets for a CPU and drops the
# others (enqueue_to_backlog()). TCP tries again soon where a device's queue was full, but loopback says that all
# was well. The lost probe counts as one without an answer.
#
# A virtual machine with Debian 12's kernel opens 5000 connections to itself. Keepalive begins after 20 s of
# silence and gives up after one probe. A minute later it counts those that TCP has ended. It does so with the
# system's backlog of 1000 and with one of 100000. Needs the libraries of Debian 12's qemu-system-x86 and cpio.
#
#     findings/keepalive-probes-come-in-bursts.sh
#
# Ends with 0 while that is so, with 1 when it is not. Seen: 3999 ended with 1000, 0 with 100000.
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
cat >image/count.py <<'PY'
import select
import socket
import sys
import time

listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind(("127.0.0.1", 7))
listener.listen(128)
peers = []
for i in range(5000):
    one = socket.create_connection(("127.0.0.1", 7))
    other, _ = listener.accept()
    one.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 20)
    one.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 2)
    one.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 1)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    peers.append((one, other))
time.sleep(60)
ended = select.poll()
for one, _ in peers:
    ended.register(one, 0)
print("result", sys.argv[1], len(ended.poll(0)))
PY
cat >image/init <<'SH'
#!/bin/busybox sh
/bin/busybox mount -t proc proc /proc
/bin/busybox ip link set lo up
ulimit -n 20000
for backlog in 1000 100000; do
	echo $backlog >/proc/sys/net/core/netdev_max_backlog
	/usr/bin/python3.11 -S /count.py $backlog
done
/bin/busybox uname -r
/bin/busybox poweroff -f
SH
chmod +x image/init
(cd image && find . | cpio -o -H newc --quiet) >initramfs
timeout 600 root/usr/bin/qemu-system-x86_64 -L root/usr/share/qemu -L root/usr/share/seabios \
	-accel tcg -icount shift=0,sleep=off -cpu max -m 1024 -display none -nodefaults -no-reboot -serial stdio \
	-kernel root/boot/vmlinuz-* -initrd initramfs -append "console=ttyS0 quiet panic=-1" | tr -d '\r' >said
cat said
small=$(sed -n 's|^result 1000 ||p' said)
large=$(sed -n 's|^result 100000 ||p' said)
[ -n "$small" ] && [ -n "$large" ] && [ "$small" -ge 500 ] && [ "$large" -eq 0 ]
