# SPDX-License-Identifier: GPL-2.0-only OR MIT
# shellcheck shell=sh
#
# For a shell script that takes no arguments, before it does anything: `. tools/no-arguments.sh`.
[ $# -eq 0 ] || {
	echo "${0##*/}: '$1' is not known: $0 takes no arguments" >&2
	exit 2
}
