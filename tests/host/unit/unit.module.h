/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The list of the module that module_test.cpp is; see <ktcp/port/module.h>. */
KTCP_MODULE("a module for the unit tests", "the ktcp authors", "0.0")
KTCP_PARAM_INT(times, 3, -5, 10, "how often")
KTCP_PARAM_STRING(greeting, "hello", "what to say, anything")
