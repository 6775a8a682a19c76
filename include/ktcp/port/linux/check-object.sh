#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR MIT
#
# check-object.sh OBJECT LARGEST-FRAME [constructors]: fail if a C++ object holds something that must not
# be in a module, in words for the author. Print the sizes of its coroutine frames, and take the note that
# has them out of the object.
#
#   COMDAT groups   the kernel's link of several objects discards one of two copies, and the
#                   other's mitigation tables refer to it
#   the x87         the kernel's code leaves the user's registers alone (g++ refuses by itself)
#   .init_array     run-time constructors run only on kernels with CONFIG_CONSTRUCTORS
#                   ("constructors"), so they would work on debug kernels alone
#   .fini_array     destructors of objects at file scope never run
#   symbols         of the C++ library's that no kernel has
#   frames          larger than the limit: they are allocated, one for each connection
set -eu
export LC_ALL=C
object=$1 largest=$2
constructors=${3:-}
sections=$(${READELF:-readelf} -SW "$object")

refuse() {
	echo "$object: $*" >&2
	rm -f "$object"
	exit 1
}

# The functions that a relocation to one of these symbols stands in.
users() {
	${OBJDUMP:-objdump} -dr -C --no-show-raw-insn "$object" | awk -v symbol="$1" '
		/^[0-9a-f]+ <.*>:$/ { function_name = substr($0, index($0, "<") + 1); sub(/>:$/, "", function_name) }
		$2 ~ /^R_/ {
			to = substr($0, index($0, $2) + length($2))
			sub(/^[ \t]+/, "", to)
			if (index(to, symbol) == 1 && !seen[function_name]++)
				printf "%s%s", found++ ? ", " : "", function_name
		}'
}

if ${READELF:-readelf} -gW "$object" | grep -q 'COMDAT'; then
	refuse "COMDAT groups are left; link C++ objects with --force-group-allocation"
fi
if ${OBJDUMP:-objdump} -d --no-show-raw-insn "$object" |
		grep -Eq ':[[:space:]]+f(ld|ild|st|ist|add|sub|mul|div|ucom|com)'; then
	refuse "floating point; a module has none"
fi
if [ -z "$constructors" ] && echo "$sections" | grep -Eq '\.(init_array|ctors)'; then
	refuse "global constructors; make every global object constinit"
fi
# KASAN leaves its own, where constructors run; there __cxa_atexit tells of an author's (below).
if [ -z "$constructors" ] && echo "$sections" | grep -Eq '\.(fini_array|dtors)'; then
	refuse "an object at file scope has a destructor, which no kernel runs; make it a member of the" \
		"module's object (KTCP_MODULE_OBJECT)"
fi
for symbol in $(${NM:-nm} -u "$object" | awk '{ print $2 }'); do
	case $symbol in
	_Zn[aw]*) what="new, as std::string and std::vector have; with which allocation flags? Take ktcp::buffer, \
ktcp::kmem_cache, ktcp::bounded_text or std::array" ;;
	_Zd[al]*) what="delete, as std::string and std::vector have, or a virtual destructor; memory goes back to \
where it came from. Take ktcp::bounded_text or std::array" ;;
	_ZSt*__throw_bad_alloc* | _ZSt*__throw_length_error* | _ZSt*__throw_bad_array_new_length*)
		what="std::string, std::vector or another that allocates; take ktcp::bounded_text or std::array" ;;
	_ZSt*__throw_system_error*) what="std::mutex or another of its kind; take ktcp::guarded or ktcp::spin_guarded" ;;
	_ZSt*__throw_* | _ZSt9terminatev | abort | __cxa_throw* | __cxa_call_* | _Unwind_*)
		what="at(), substr() or value(), which throw or abort; ask first, and take ktcp::slice()" ;;
	atexit | __cxa_atexit | __dso_handle)
		what="a static object with a destructor; make it a member of the module's object (KTCP_MODULE_OBJECT)" ;;
	__cxa_pure_virtual) what="a pure virtual function; take a table of functions, as the kernel does" ;;
	__cxa_guard_*) what="a static local object that is made at run time; make it constinit" ;;
	malloc | calloc | realloc | free | aligned_alloc | posix_memalign)
		what="a program's memory; with which allocation flags? Take ktcp::buffer, ktcp::kmem_cache or \
ktcp::kmalloc_array()" ;;
	__assert_fail | exit | _exit | _Exit | quick_exit)
		what="assert() or another end of a program; a handler returns, and KTCP_WARN_ONCE() tells of a bug" ;;
	printf | vprintf | fprintf | puts | putchar | fputs | fwrite)
		what="a program's output; KTCP_LOG_NOTE() and its like write to the kernel's log" ;;
	__*[sdtx]f[23] | __fix*[sdtx]f[dst]i | __float*[dst]i[sdtx]f)
		what="floating point; a module has none" ;;
	__div[dt]i3 | __mod[dt]i3 | __udiv[dt]i3 | __umod[dt]i3 | __udivmod[dt]i4 | __divmod[dt]i4 | __mulo[dt]i4)
		what="a division, or a checked product, of more bits than the processor's; divide 64 bits by 64" ;;
	_ZTV* | __dynamic_cast) what="dynamic_cast or typeid; a module has no types at run time" ;;
	_ZSt* | _ZNSt* | _ZNKSt*) what="a part of the C++ library that is not in its headers alone" ;;
	*) continue ;;
	esac
	where=$(users "$(printf '%s\n' "$symbol" | ${CXXFILT:-c++filt})")
	[ -n "$where" ] || where="its data"
	refuse "$where: no kernel has $symbol. That is $what"
done
if echo "$sections" | grep -q '\.ktcp\.frames'; then
	# SIZE FUNCTION, the largest first: a note is the address where the frame is allocated, which a
	# relocation holds, and its size. LLVM's objcopy puts a file in the place of what it writes to, so it gets
	# no /dev/stdout.
	notes=$object.frames
	${OBJCOPY:-objcopy} -O binary --only-section=.ktcp.frames --set-section-flags .ktcp.frames=alloc \
		"$object" "$notes"
	frames=$({
		${OBJDUMP:-objdump} -t -C "$object"
		echo '== relocations'
		${READELF:-readelf} -rW "$object"
		echo '== sizes'
		od -An -v -w16 -tu8 "$notes"
	} | awk '
		function number(hex,    i, n) {
			for (i = 1; i <= length(hex); i++)
				n = n * 16 + index("0123456789abcdef", substr(hex, i, 1)) - 1
			return n
		}
		/^== / { part = $2; next }
		part == "" && $1 ~ /^[0-9a-f]+$/ && / F / {
			tail = substr($0, index($0, " F ") + 3)
			split(tail, field, /[ \t]+/)
			functions++
			section[functions] = field[1]
			from[functions] = number($1)
			to[functions] = from[functions] + number(field[2])
			name = substr(tail, index(tail, field[2]) + length(field[2]) + 1)
			sub(/^\.hidden /, "", name)
			# A coroutine body of g++: NAME(NAME(ARGUMENTS)::…Frame*) [clone .actor].
			if ((i = index(name, "::_Z"))) {
				name = substr(name, 1, i - 1)
				for (i = 1; i < length(name); i++)
					if (substr(name, i, 1) == "(" &&
					    index(substr(name, i + 1), substr(name, 1, i)) == 1)
						name = substr(name, i + 1)
			}
			names[functions] = name
		}
		/^Relocation section / { ours = index($3, ".rela.ktcp.frames") }
		part == "relocations" && ours && $3 ~ /(_64|_ABS64)$/ {
			place = $5
			offset = number($7)
			at[++notes] = "?"
			for (i = 1; i <= functions; i++)
				if (section[i] == place && from[i] <= offset && offset < to[i])
					at[notes] = names[i]
		}
		part == "sizes" { print $2, at[++sizes] }' | sort -k 1nr -u)
	rm -f "$notes"
	if [ -n "$frames" ]; then
		echo "  FRAMES  $object:"
		echo "$frames" | sed 's/^\([0-9]*\) /          \1 bytes  /'
	fi
	${OBJCOPY:-objcopy} --remove-section=.ktcp.frames "$object" # modpost would warn
	if [ "${frames%% *}" -gt "$largest" ] 2>/dev/null; then
		refuse "a coroutine's frame has ${frames%% *} bytes, more than $largest: $(echo "$frames" |
			sed -n '1s/^[0-9]* //p'). Hold large things in a ktcp::buffer; or set ktcp-largest-frame" \
			"in the Kbuild"
	fi
elif ${NM:-nm} "$object" | grep -Eq '\.actor|\.resume'; then
	echo "  FRAMES  $object: not known without optimisation (-O1); the limit of $largest bytes was not checked"
fi
