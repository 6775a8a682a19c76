/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The suite's C interface. The only translation unit: a kernel module wants one. */
#include "conformance.h"

#include "cases.hpp"

int ktcp_conformance_count(void)
{
	return sizeof(ktcp_test::cases) / sizeof(ktcp_test::cases[0]);
}

const char *ktcp_conformance_name(int index)
{
	return ktcp_test::cases[index].name;
}

void ktcp_conformance_run(int index, void *reporter,
			  void (*fail)(void *reporter, const char *file, int line, const char *text))
{
	ktcp_test::context context(reporter, fail);

	ktcp_test::cases[index].run(context);
}
