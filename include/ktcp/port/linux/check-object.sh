#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR MIT
#
# check-object.sh OBJECT [constructors]: fail if a C++ object holds what must not be in a
# module; print the sizes of its coroutine frames and take that note out of it.
#
#   COMDAT groups   the kernel's link of several objects discards one of two copies, and the
#                   other's mitigation tables refer to it
#   the x87         the kernel's code leaves the user's registers alone (g++ refuses by itself)
#   .init_array     run-time constructors run only on kernels with CONFIG_CONSTRUCTORS
#                   ("constructors"), so they would work on debug kernels alone
set -eu
object=$1
constructors=${2:-}
sections=$(${READELF:-readelf} -SW "$object")

if ${READELF:-readelf} -gW "$object" | grep -q 'COMDAT'; then
	echo "$object: COMDAT groups are left; link C++ objects with --force-group-allocation" >&2
	rm -f "$object"
	exit 1
fi
if ${OBJDUMP:-objdump} -d --no-show-raw-insn "$object" |
		grep -Eq ':[[:space:]]+f(ld|ild|st|ist|add|sub|mul|div|ucom|com)'; then
	echo "$object: floating point; a module has none" >&2
	rm -f "$object"
	exit 1
fi
if [ -z "$constructors" ] && echo "$sections" | grep -Eq '\.(init_array|ctors)'; then
	echo "$object: global constructors; make every global object constinit" >&2
	rm -f "$object"
	exit 1
fi
if echo "$sections" | grep -q '\.ktcp\.frames'; then
	sizes=$(${OBJCOPY:-objcopy} -O binary --only-section=.ktcp.frames --set-section-flags \
			.ktcp.frames=alloc "$object" /dev/stdout | od -An -v -tu8 | xargs)
	echo "  FRAMES  $object: ${sizes:-none} bytes"
	${OBJCOPY:-objcopy} --remove-section=.ktcp.frames "$object" # modpost would warn
fi
