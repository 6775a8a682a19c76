#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR MIT
#
# check-source.sh FILE...: fail where C++ sources have what compilers let pass and what is wrong in
# every module:
#
#   co_await x;            its result is dropped; g++ 12 says nothing of it
#   a ? co_await x : …     g++ 12 destroys what the await gave before it is used
#   co_await f([x] …)      g++ 12 destroys a lambda's captures once too often
#   if (co_await x) …      g++ 12 runs nothing of a coroutine that declares nothing, and keeps its frame
#
# A result that is not wanted is cast to void: static_cast<void>(co_await x);
exec awk '
function say(file, line, text) {
	printf "%s:%d: %s\n", file, line, text > "/dev/stderr"
	bad = 1
}

# Without what may stand before a statement: labels, else, do, and if (…), while (…), for (…).
function bare(text,    depth, i, c) {
	for (;;) {
		sub(/^[ \t]+/, "", text)
		if (text ~ /^(else|do)[^A-Za-z0-9_]/) {
			sub(/^(else|do)/, "", text)
			continue
		}
		if (text !~ /^(if|while|for|switch)[ \t]*(constexpr)?[ \t]*\(/)
			return text
		depth = 0
		for (i = index(text, "("); i <= length(text); i++) {
			c = substr(text, i, 1)
			depth += (c == "(") - (c == ")")
			if (depth == 0)
				break
		}
		text = substr(text, i + 1)
	}
}

# Does it declare a name?
function declares(text) {
	if (text ~ /(^|[^A-Za-z0-9_])(const|constexpr|static|auto|using|typedef|struct|class|enum|unsigned|bool|int|long|char)[ \t&*]/)
		return 1
	if (text ~ /(^|[^A-Za-z0-9_])KTCP_CO_(TRY|CHECK)[ \t]*\(/)
		return 1
	text = bare(text)
	if (text ~ /^(return|co_return|co_await|co_yield|goto|delete|throw|new|case)[^A-Za-z0-9_]/)
		return 0
	return text ~ /^[A-Za-z_][A-Za-z0-9_:]*(<.*>)?[ \t*&]+[A-Za-z_][A-Za-z0-9_]*[ \t]*([=({[]|$)/
}

# Does the block behind it belong to a lambda? Those are compiled well, and are a name to the function around.
function begins_lambda(text) {
	return text !~ /(^|[^A-Za-z0-9_])operator[^A-Za-z0-9_]/ && text ~ /\][ \t]*(\([^;{}]*)?$/
}

# Or to a function?
function begins_function(text) {
	return !inside && bare(text) ~ /\)[ \t]*(const|noexcept|override|final|[ \t])*(->.*)?$/
}

# One statement, or what stands before its block.
function look(text, line,    after, behind) {
	if (inside && declares(text))
		declared[inside] = 1
	if (text !~ /co_await/)
		return
	after = text
	behind = bare(text)
	if (inside && !awaited[inside] && gsub(/co_await/, "", after) > gsub(/co_await/, "", behind))
		awaited[inside] = line
	if (bare(text) ~ /^co_await[^A-Za-z0-9_]/)
		say(FILENAME, line, "the result of this co_await is dropped; look at it, or say " \
		    "static_cast<void>(co_await ...)")
	if (text ~ /\?.*[^A-Za-z0-9_]co_await[^A-Za-z0-9_].*:/ || text ~ /\?.*:[ \t]*co_await[^A-Za-z0-9_]/)
		say(FILENAME, line, "co_await in an arm of ?: is compiled wrongly by g++ 12; use if and else")
	after = substr(text, index(text, "co_await"))
	if (after ~ /[(,=&|?:][ \t]*\[[ \t]*[&=A-Za-z_][^]]*\][ \t]*(\(|$|mutable|noexcept|->)/)
		say(FILENAME, line, "a lambda with captures inside co_await is destroyed twice by g++ 12; " \
		    "give it a name before")
}

FNR == 1 {
	statement = ""
	parentheses = comment = depth = inside = 0
}

{
	text = $0
	if (!comment && text ~ /^[ \t]*#/)
		next
	gsub(/\\["\047\\]/, "", text)
	for (i = 1; i <= length(text); i++) {
		two = substr(text, i, 2)
		c = substr(text, i, 1)
		if (comment) {
			if (two == "*/") {
				comment = 0
				i++
			}
			continue
		}
		if (two == "//")
			break
		if (two == "/*") {
			comment = 1
			i++
			continue
		}
		if (c == "\"" || (c == "\047" && substr(text, i + 1) ~ /^.?\047/)) {
			end = index(substr(text, i + 1), c)
			i += end ? end : length(text)
			statement = statement "0"
			continue
		}
		parentheses += (c == "(") - (c == ")")
		if (c == "{" || c == "}" || (c == ";" && parentheses <= 0)) {
			look(statement, begun)
			if (c == "{") {
				function_of[++depth] = inside
				if (begins_lambda(statement)) {
					declared[inside] = 1
					declared[inside = ++functions] = 1
				} else if (begins_function(statement))
					inside = ++functions
			} else if (c == "}" && depth) {
				if (inside != function_of[depth] && awaited[inside] && !declared[inside])
					say(FILENAME, awaited[inside], "g++ 12 runs nothing of a coroutine that " \
					    "awaits in a condition and declares no name; name the result, as in " \
					    "if (const auto done = co_await ...)")
				inside = function_of[depth--]
			}
			statement = ""
			parentheses = 0
			continue
		}
		if (statement == "" && c ~ /[ \t]/)
			continue
		if (statement == "")
			begun = FNR
		statement = statement c
	}
	if (statement != "")
		statement = statement " "
}

END {
	exit bad
}
' "$@"
