# SPDX-License-Identifier: GPL-2.0-only OR MIT
# shellcheck shell=sh
#
# The words that a shell script was given: `. tools/given.sh`, before it does anything. The script's head has a line
# for each form of it, four spaces further in, with the path of the script in this tree:
#
#     tools/new NAME [FOLDER]      what that form does
#
# --help prints the usage and the head. A script whose one form is its path takes no words, and another is refused
# here. wrong() is for words that the script itself refuses. A link's own name stands in the place of the path.
given_usage()
{
	given_name=$(realpath -- "$0")
	given_name=${given_name##*/}
	given_shown=
	[ "${0##*/}" = "$given_name" ] || given_shown=${0##*/}
	sed -n "s/^# \{5\}\([^ ]*\/$given_name\)\( .*\)*\$/\1\2/p" "$0" |
		sed -e "s/ \{2,\}.*//" ${given_shown:+-e "s/^[^ ]*/$given_shown/"} | paste -s -d '|' | sed 's/|/ | /g'
}

# wrong TEXT: ends the script. The text says which of its words is wrong, and which are allowed.
wrong()
{
	echo "${0##*/}: $*; usage: $(given_usage)" >&2
	exit 2
}

case ${1-} in
'') ;;
-h | --help)
	printf 'usage: %s\n' "$(given_usage)"
	sed '1,2d; /^[^#]/Q; s/^# \{0,1\}//' "$0"
	exit 0
	;;
*)
	case $(given_usage) in
	*' '*) ;;
	*) wrong "'$1' is not known" ;;
	esac
	;;
esac
