// SPDX-License-Identifier: GPL-2.0-only OR MIT
//
// UBSan traps in the tests (./CMakeLists.txt). AddressSanitizer, if it is there, takes the signal for a finding, and
// prints the line. A test may have options of its own.
extern "C" __attribute__((weak)) const char *__asan_default_options()
{
	return "handle_sigill=1";
}
