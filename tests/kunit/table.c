// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The KUnit suite "ktcp". It has one test for every C++ suite (Kbuild, suites.h) and one for the
 * boundary's conformance suite. A test has one parameter for every case, with the case's name.
 */
#include <kunit/test.h>
#include <linux/container_of.h>
#include <linux/module.h>
#include <linux/string.h>

#include "../conformance/conformance.h"
#include "../conformance/reporter.h"
#include "net.h"
#include "suites.h"

struct ktcp_kunit_reporter {
	struct ktcp_reporter base;
	struct kunit *test;
};

/* Any thread of the test's. */
static void ktcp_kunit_not_so(struct kunit *test, const char *file, int line, const char *what)
{
	kunit_set_failure(test);
	kunit_err(test, "%s:%d: not so: %s\n", kbasename(file), line, what);
}

static void ktcp_kunit_failed(struct ktcp_reporter *base, const char *file, int line,
			      const char *what)
{
	ktcp_kunit_not_so(container_of(base, struct ktcp_kunit_reporter, base)->test, file, line,
			  what);
}

static const void *ktcp_kunit_next(const struct ktcp_suite *suite, const void *previous,
				   char *description)
{
	const struct ktcp_suite_case *next = previous;

	next = next ? next + 1 : suite->cases;
	if (!next->name)
		return NULL;
	strscpy(description, next->name, KUNIT_PARAM_DESC_SIZE);
	return next;
}

static void ktcp_kunit_run(struct kunit *test)
{
	const struct ktcp_suite_case *self = test->param_value;
	struct ktcp_kunit_reporter reporter = {
		.base.failed = ktcp_kunit_failed,
		.test = test,
	};

	self->run(&reporter.base);
}

/* The conformance suite counts its cases: the parameter is an index, and one more. */

static const void *ktcp_kunit_conformance_next(const void *previous, char *description)
{
	int index = (int)(long)previous;

	if (index == ktcp_conformance_count())
		return NULL;
	strscpy(description, ktcp_conformance_name(index), KUNIT_PARAM_DESC_SIZE);
	return (const void *)(long)(index + 1);
}

static void ktcp_kunit_conformance_failed(void *test, const char *file, int line, const char *what)
{
	ktcp_kunit_not_so(test, file, line, what);
}

static void ktcp_kunit_conformance(struct kunit *test)
{
	ktcp_conformance_run((int)(long)test->param_value - 1, test, ktcp_kunit_conformance_failed);
}

#define KTCP_KUNIT_GENERATOR(suite)                                                           \
	extern const struct ktcp_suite ktcp_suite_##suite;                                    \
	static const void *ktcp_kunit_##suite##_next(const void *previous, char *description) \
	{                                                                                     \
		return ktcp_kunit_next(&ktcp_suite_##suite, previous, description);           \
	}
KTCP_SUITES(KTCP_KUNIT_GENERATOR)

#define KTCP_KUNIT_CASE(suite)                                \
	{                                                     \
		.name = #suite,                               \
		.run_case = ktcp_kunit_run,                   \
		.generate_params = ktcp_kunit_##suite##_next, \
	},

/* clang-format off */
static struct kunit_case ktcp_kunit_cases[] = {
	{
		.name = "conformance",
		.run_case = ktcp_kunit_conformance,
		.generate_params = ktcp_kunit_conformance_next,
	},
	KTCP_SUITES(KTCP_KUNIT_CASE) /* each ends in a comma */
	{}
};
/* clang-format on */

static int ktcp_kunit_suite_init(struct kunit_suite *suite)
{
	return ktcp_kunit_loopback(true);
}

/* Every case must give back the sockets it made, accepted ones and all. */
static int ktcp_kunit_init(struct kunit *test)
{
	test->priv = (void *)ktcp_kunit_tcp_sockets();
	return 0;
}

static void ktcp_kunit_exit(struct kunit *test)
{
	long before = (long)test->priv;
	long after = ktcp_kunit_tcp_sockets_settled(before);

	if (after > before) {
		kunit_set_failure(test);
		kunit_err(test, "TCP sockets left behind: %ld\n", after - before);
	}
}

static struct kunit_suite ktcp_kunit_suite = {
	.name = "ktcp",
	.suite_init = ktcp_kunit_suite_init,
	.init = ktcp_kunit_init,
	.exit = ktcp_kunit_exit,
	.test_cases = ktcp_kunit_cases,
};
kunit_test_suite(ktcp_kunit_suite);

MODULE_DESCRIPTION("KUnit tests for ktcp");
MODULE_LICENSE("Dual MIT/GPL");
