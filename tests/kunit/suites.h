/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * How the C++ suites in this folder look from C: a list of named functions each,
 * `const struct ktcp_suite ktcp_suite_NAME`. table.c makes a KUnit test of every suite and a parameter
 * of every case. A new case needs a line in its own file only. A new suite needs its name in Kbuild,
 * from which KTCP_SUITES() is made.
 */
#ifndef KTCP_TESTS_KUNIT_SUITES_H
#define KTCP_TESTS_KUNIT_SUITES_H

struct ktcp_reporter;

struct ktcp_suite_case {
	const char *name; /* a sentence without '#' or line end, under 100 characters */
	void (*run)(struct ktcp_reporter *reporter);
};

struct ktcp_suite {
	const struct ktcp_suite_case *cases; /* up to one without a name */
};

#endif
