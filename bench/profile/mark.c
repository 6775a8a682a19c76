// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * mark begin|end: executes a mark of mark.h, around clients that execute none themselves.
 */
#include <stdio.h>
#include <string.h>

#include "mark.h"

int main(int count, char **arguments)
{
	if (count == 2 && !strcmp(arguments[1], "begin")) {
		PROFILE_MARK(PROFILE_BEGIN);
		return 0;
	}
	if (count == 2 && !strcmp(arguments[1], "end")) {
		PROFILE_MARK(PROFILE_END);
		return 0;
	}
	fputs("usage: mark begin|end\n", stderr);
	return 2;
}
