#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR MIT
#
# llvm-objcopy replaces a link that its output is named by. Builds write a section to /dev/stdout, into a pipe, and
# GNU objcopy does that. /dev/stdout is a link to /proc/self/fd/1. llvm-objcopy makes a new file beside it, and renames
# that over the link. So the pipe gets nothing, the exit code is 0, and as root the machine has a plain file for
# /dev/stdout from then on. A build by make LLVM=1 puts llvm-objcopy in the other's place.
#
#     findings/llvm-objcopy-replaces-the-link-to-its-output.sh
#
# A link of the same kind in a folder of its own stands for /dev/stdout. Both tools write the section .interp of a
# program to it. Needs Debian 12 and its archive for the packages, which are unpacked and not installed.
# Ends with 0 while that is so, with 1 when it is not. Seen with GNU objcopy 2.40: 28 bytes, and a link. With
# llvm-objcopy 19.1.7: 0 bytes, and a regular file of 28.
set -euo pipefail
[[ $# -eq 0 ]] || { echo "${0##*/}: '$1' is not known: it takes no arguments, and its head says what it shows" >&2; exit 2; }
llvm=1:19.1.7-3~deb12u1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get -q -o APT::Sandbox::User=root download "llvm-19=$llvm" "libllvm19=$llvm" binutils-x86-64-linux-gnu=2.40-2 \
    libbinutils=2.40-2 libedit2 libz3-4 libxml2 libicu72 libbsd0 libmd0 >log 2>&1 || { cat log; exit 1; }
for each in *.deb; do dpkg -x "$each" root; done
export LD_LIBRARY_PATH=$work/root/usr/lib/x86_64-linux-gnu:$work/root/usr/lib/llvm-19/lib
program=root/usr/bin/x86_64-linux-gnu-objcopy

# written TOOL: how many bytes come through the pipe, and what the link is then.
written() {
    ln -sf /proc/self/fd/1 out
    local bytes
    bytes=$("$1" -O binary --only-section=.interp "$program" out | wc -c)
    echo "$bytes $(stat -c '%F, %s bytes' out)"
    rm out
}

gnu=$(written "$program") other=$(written root/usr/lib/llvm-19/bin/llvm-objcopy)
"$program" --version | head -n 1
echo "GNU objcopy: $gnu"
root/usr/lib/llvm-19/bin/llvm-objcopy --version | grep version
echo "llvm-objcopy: $other"
[[ $gnu == '28 symbolic link, 15 bytes' && $other == '0 regular file, 28 bytes' ]]
