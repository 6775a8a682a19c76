/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The receiver of a failed check, in C: KUnit and GoogleTest each supply one. */
#ifndef KTCP_TESTS_CONFORMANCE_REPORTER_H
#define KTCP_TESTS_CONFORMANCE_REPORTER_H

struct ktcp_reporter {
	void (*failed)(struct ktcp_reporter *reporter, const char *file, int line,
		       const char *what);
};

#endif
