/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The boundary's contracts as a test suite, seen from C. A caller with a port and a way to report
 * runs the cases one by one, each in a context that may sleep.
 */
#ifndef KTCP_TESTS_CONFORMANCE_H
#define KTCP_TESTS_CONFORMANCE_H

#ifdef __cplusplus
extern "C" {
#endif

int ktcp_conformance_count(void);

/* Letters, digits and underscores. */
const char *ktcp_conformance_name(int index);

/* @fail may be called several times, and from other threads while this runs. */
void ktcp_conformance_run(int index, void *reporter,
			  void (*fail)(void *reporter, const char *file, int line,
				       const char *text));

#ifdef __cplusplus
}
#endif

#endif
