#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR MIT
#
# probe.sh RELEASE SYMVERS CONFIG SOURCE WORK COMPILER...: which of the questions in SOURCE (probes.c) do the
# kernel's headers answer with yes? A macro for each goes to standard output. One compilation answers all of them.
# The compiler's command has the kernel's flags. SYMVERS is the list of exported symbols; without the file all
# are. CONFIG is the kernel's .config, which names the options that are off, too; without the file it knows all.
# WORK is the name of a file for the time of the call.
set -eu
export LC_ALL=C
release=$1 symvers=$2 config=$3 source=$4 work=$5
shift 5

fail() {
	rm -f "$work"
	printf '%s\n' "$@" >&2
	exit 1
}

# The preprocessor writes the list of what is included, which the compiler does only if there is no error.
# An error in a header's macro is the question's then, and not the header's.
names=$(sed -n 's/.*[^a-z]EXPORTED(\([a-z_]*\)).*/\1/p' "$source")
for name in $names; do
	if [ ! -e "$symvers" ] || grep -q "	$name	" "$symvers"; then
		set -- "$@" "-Dktcp_exported_$name=0"
	fi
done
names=$(sed -n 's/.*[^a-z]OPTION(\([A-Z0-9_]*\)).*/\1/p' "$source")
for name in $names; do
	if [ ! -e "$config" ] || grep -qE "CONFIG_$name(=| is not set)" "$config"; then
		set -- "$@" "-Dktcp_option_$name=0"
	fi
done
"$@" -E -o "$work" "$source" || fail "ktcp: the headers of Linux $release do not go together (see above)"
said=$("$@" -x cpp-output -fsyntax-only -fdiagnostics-color=never -Wno-error \
	-Werror=implicit-function-declaration -Werror=incompatible-pointer-types -Werror=int-conversion \
	"$work" 2>&1) || :
rm -f "$work"
errors=$(printf '%s\n' "$said" | sed -nE 's/^(.*):[0-9]+:[0-9]+: (fatal )?error: .*/\1/p' | sort -u)
strange=$(printf '%s\n' "$said" | grep -E 'error: ' |
	grep -vE '^(KTCP_HAVE_[A-Z_]+|needs .*):[0-9]+:[0-9]+: ' || :)
[ -z "$strange" ] || fail "$strange" "ktcp: the headers of Linux $release do not compile (see above)"
case $errors in
*KTCP_HAVE_ANYTHING*) ;;
*KTCP_HAVE_NOTHING*) heard=yes ;;
esac
[ "${heard:-}" ] || fail "$said" "ktcp: the compiler does not tell what Linux $release has (see above)"
missing=$(printf '%s\n' "$errors" | sed -n 's/^needs //p')
[ -z "$missing" ] || fail "ktcp: Linux $release lacks $(printf '%s\n' "$missing" |
	sed ':all; N; $!b all; s/\n/, /g'), and no module of ktcp can be built for it"

echo "/* Generated: what Linux $release has. See the questions in port/linux/probes.c. */"
sed -n 's/^#line 1 "\(KTCP_HAVE_[A-Z_]*\)"$/\1/p' "$source" | while read -r name; do
	printf '%s\nKTCP_HAVE_ANYTHING\n' "$errors" | grep -qx "$name" || echo "#define $name 1"
done
