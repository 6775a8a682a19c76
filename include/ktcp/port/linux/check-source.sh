#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR MIT
#
# check-source.sh FILE...: fail where C++ sources have what compilers let pass and what is wrong in
# every module:
#
#   co_await x;            its result is dropped; g++ 12 says nothing of it. So it is behind a label, in
#                          parentheses, and behind a comma or && of an expression that is a statement
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

# Where the first parenthesis is closed.
function closing(text,    depth, i, c) {
	for (i = index(text, "("); i <= length(text); i++) {
		c = substr(text, i, 1)
		depth += (c == "(") - (c == ")")
		if (depth == 0)
			break
	}
	return i
}

# Without what may stand before a statement: labels, attributes, else, do, and if (…), while (…), for (…).
function bare(text) {
	for (;;) {
		sub(/^[ \t]+/, "", text)
		if (text ~ /^(else|do)[^A-Za-z0-9_]/)
			sub(/^(else|do)/, "", text)
		else if (text ~ /^\[\[[^]]*\]\]/)
			sub(/^\[\[[^]]*\]\]/, "", text)
		else if (text ~ /^(case[ \t(\047][^?]*[^:?]|[A-Za-z_][A-Za-z0-9_]*[ \t]*):([^:]|$)/)
			sub(/^[^:]*(::[^:]*)*:/, "", text)
		else if (text ~ /^(if|while|for|switch)[ \t]*(constexpr)?[ \t]*\(/)
			text = substr(text, closing(text) + 1)
		else
			return text
	}
}

# Is it an expression whose value is that of a co_await, and nothing has that value?
function drops(text,    end, all) {
	sub(/^[ \t!]+/, "", text)
	sub(/[ \t]+$/, "", text)
	if (text ~ /^co_await[^A-Za-z0-9_]/)
		return 1
	if (text ~ /^\(/ && closing(text) == length(text))
		return drops(substr(text, 2, length(text) - 2))
	if (text ~ /^(return|co_return|co_yield)[^A-Za-z0-9_]/)
		return 0
	while ((end = index(text, "(")))
		text = substr(text, 1, end - 1) " " substr(text, closing(text) + 1)
	return text !~ /=/ && text ~ /(,|&&|\|\|)[ \t!]*co_await[^A-Za-z0-9_]/
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

# Or is it the braces of a value, within the statement?
function begins_value(text) {
	return !begins_lambda(text) && (parentheses > 0 ||
		(text ~ /(^|[^A-Za-z0-9_])co_(await|return)[^A-Za-z0-9_]/ && text ~ /[A-Za-z0-9_>=][ \t]*$/))
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
	if (drops(bare(text)) || text ~ /(^|[^A-Za-z0-9_])for[ \t]*\([^;]*;[^;]*;[ \t]*co_await[^A-Za-z0-9_]/)
		say(FILENAME, line, "the result of this co_await is dropped; look at it, or say " \
		    "static_cast<void>(co_await ...)")
	if (text ~ /\?.*[^A-Za-z0-9_]co_await[^A-Za-z0-9_].*:/ || text ~ /\?.*:[ \t]*co_await[^A-Za-z0-9_]/)
		say(FILENAME, line, "co_await in an arm of ?: is compiled wrongly by g++ 12; use if and else")
	after = substr(text, index(text, "co_await"))
	if (after ~ /[({,=&|?:][ \t]*\[[ \t]*[&=A-Za-z_][^]]*\][ \t]*([({]|$|mutable|noexcept|->)/)
		say(FILENAME, line, "a lambda with captures inside co_await is destroyed twice by g++ 12; " \
		    "give it a name before")
}

FNR == 1 {
	statement = raw = ""
	parentheses = comment = depth = inside = 0
	split("", is_value)
	split("", rest_of)
}

{
	text = $0
	if (!comment && text ~ /^[ \t]*#/)
		next
	gsub(/\\["\047\\]/, "", text)
	for (i = 1; i <= length(text); i++) {
		two = substr(text, i, 2)
		c = substr(text, i, 1)
		if (raw != "") {
			end = index(substr(text, i), raw)
			if (!end)
				break
			i += end + length(raw) - 2
			raw = ""
			statement = statement "0"
			continue
		}
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
		if (two == "R\"" && (end = index(substr(text, i), "("))) {
			raw = ")" substr(text, i + 2, end - 3) "\""
			i += end - 1
			continue
		}
		if (c == "\"" || (c == "\047" && substr(text, i + 1) ~ /^.?\047/)) {
			end = index(substr(text, i + 1), c)
			i += end ? end : length(text)
			statement = statement "0"
			continue
		}
		parentheses += (c == "(") - (c == ")")
		if (c == "{" && begins_value(statement)) {
			is_value[++depth] = 1
			parentheses++
		} else if (c == "}" && is_value[depth]) {
			delete is_value[depth--]
			parentheses--
		} else if (c == "{" || c == "}" || (c == ";" && parentheses <= 0)) {
			# A lambda among arguments: the statement goes on behind it, and is looked at as a whole.
			goes_on = c == "{" && parentheses > 0
			if (!goes_on)
				look(statement, begun)
			if (c == "{") {
				function_of[++depth] = inside
				rest_of[depth] = goes_on ? statement : ""
				open_of[depth] = parentheses
				line_of[depth] = begun
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
			if (c == "}" && rest_of[depth + 1] != "") {
				statement = rest_of[depth + 1] "{}"
				parentheses = open_of[depth + 1]
				begun = line_of[depth + 1]
				rest_of[depth + 1] = ""
			}
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
