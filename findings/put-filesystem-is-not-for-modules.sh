#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR MIT
#
# get_fs_type() is exported to modules, and its counterpart put_filesystem() is not. A module that calls the
# first owes module_put() on the type's owner, and has to do that itself. Code that is built into the kernel
# links with either. The fault shows only when the same code becomes a module: modpost does not find the name.
#
# Reads Module.symvers, the list of what modules may call, in the headers of two kernels of Debian 12.
#
#     findings/put-filesystem-is-not-for-modules.sh
#
# Ends with 0 while that is so, with 1 when it is not. Seen: get_fs_type in both lists, put_filesystem in none.
set -euo pipefail
[[ $# -eq 0 ]] || { echo "${0##*/}: '$1' is not known: it takes no arguments, and its head says what it shows" >&2; exit 2; }
packages=(linux-headers-6.1.0-57-cloud-amd64 linux-headers-6.12.117+deb12-cloud-amd64)

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get -q -o APT::Sandbox::User=root download "${packages[@]}" >log 2>&1 || { cat log; exit 1; }
for each in *.deb; do dpkg -x "$each" root; done

status=0
for each in "${packages[@]}"; do
	symbols=root/usr/src/$each/Module.symvers
	for name in get_fs_type put_filesystem; do
		count=$(awk -v name="$name" '$2 == name' "$symbols" | wc -l)
		echo "$each: $name is exported $count times"
		[[ $name:$count == get_fs_type:1 || $name:$count == put_filesystem:0 ]] || status=1
	done
done
exit "$status"
