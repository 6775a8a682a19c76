/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * How the C++ suites in this folder look from C: a list of named functions each.
 * ktcp_kunit.c makes a KUnit test of every suite and a parameter of every case;
 * a new case needs a line in its own file only, a new suite one here as well.
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

#define KTCP_SUITES(X) \
	X(result)      \
	X(buffer)      \
	X(sync)        \
	X(thread)      \
	X(workqueue)   \
	X(socket)      \
	X(task)        \
	X(server)

#define KTCP_SUITE_DECLARE(suite) extern const struct ktcp_suite ktcp_suite_##suite;

#ifdef __cplusplus
extern "C" {
#endif
KTCP_SUITES(KTCP_SUITE_DECLARE)
#ifdef __cplusplus
}
#endif

#endif
