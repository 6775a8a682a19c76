#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR MIT
#
# A C++20 library has a coroutine in a header, so it is inline. A program that has it is built by clang 14 with
# -fsanitize=undefined, as others are. It does not compile: "Cannot represent a difference across sections", without a
# file and a line. The check of indirect calls (-fsanitize=function, one of undefined) puts a distance in front of each
# function: that from it to its type's description. clang cuts a coroutine into parts. Each part takes over the
# distance that the whole has. An inline function is in a section of its own, as all are by -ffunction-sections. The
# assembler knows no distance between two sections. A coroutine in a .cpp file shows nothing: there all are in one.
# -fno-sanitize=function helps, and clang 19 needs no help.
#
# Compiles one coroutine four ways. Needs the libraries of Debian 12's clang-14.
#
#     findings/clang-14-function-check-and-inline-coroutine.sh
#
# Ends with 0 while that is so, with 1 when it is not. Seen with 1:14.0.6-12: the inline one compiles without the
# check, and not with it; the other one compiles with it, and not with -ffunction-sections.
set -euo pipefail
[[ $# -eq 0 ]] || { echo "${0##*/}: '$1' is not known: it takes no arguments, and its head says what it shows" >&2; exit 2; }
version=1:14.0.6-12

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get -q -o APT::Sandbox::User=root download {clang-14,libclang-cpp14,libllvm14}="$version" libz3-4 libedit2 libbsd0 \
	libmd0 libxml2 libicu72 libffi8 >log 2>&1 || { cat log; exit 1; }
for each in *.deb; do dpkg -x "$each" root; done
export LD_LIBRARY_PATH=$work/root/usr/lib/x86_64-linux-gnu:$work/root/usr/lib/llvm-14/lib

# As <coroutine> has them, so that no library is needed.
cat >coroutine.hpp <<'CPP'
namespace std
{
template <class Result, class... Arguments> struct coroutine_traits {
	using promise_type = typename Result::promise_type;
};
template <class Promise = void> struct coroutine_handle;
template <> struct coroutine_handle<void> {
	static coroutine_handle from_address(void *) noexcept { return {}; }
};
template <class Promise> struct coroutine_handle : coroutine_handle<> {
	static coroutine_handle from_address(void *) noexcept { return {}; }
};
struct suspend_never {
	bool await_ready() const noexcept { return true; }
	void await_suspend(coroutine_handle<>) const noexcept {}
	void await_resume() const noexcept {}
};
}

struct job {
	struct promise_type {
		job get_return_object() noexcept { return {}; }
		std::suspend_never initial_suspend() noexcept { return {}; }
		std::suspend_never final_suspend() noexcept { return {}; }
		void return_void() noexcept {}
		void unhandled_exception() noexcept {}
	};
};

KIND job twice(int &count)
{
	count++;
	co_await std::suspend_never();
	count++;
}
CPP
cat >program.cpp <<'CPP'
#include "coroutine.hpp"

int two()
{
	int count = 0;

	twice(count);
	return count;
}
CPP

# compile KIND [OPTION...]: what the compiler says, in a word or a line
compile()
{
	root/usr/lib/llvm-14/bin/clang -x c++ -std=c++20 -DKIND="$1" "${@:2}" -c program.cpp -o program.o 2>&1 | grep "^error" | sort -u
	[[ ${PIPESTATUS[0]} -ne 0 ]] || echo compiles
}

{
	echo "inline: $(compile inline)"
	echo "inline, with the check: $(compile inline -fsanitize=function)"
	echo "in its file's section, with the check: $(compile "" -fsanitize=function)"
	echo "in a section of its own, with the check: $(compile "" -fsanitize=function -ffunction-sections)"
} | tee seen
diff -u - seen <<'EXPECTED'
inline: compiles
inline, with the check: error: Cannot represent a difference across sections
in its file's section, with the check: compiles
in a section of its own, with the check: error: Cannot represent a difference across sections
EXPECTED
