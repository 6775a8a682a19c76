/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * A module's metadata and parameters: one list, read in C and in C++.
 *
 * A module NAME has a file NAME.module.h beside NAME.cpp, without include guards,
 * that holds only these, one a line:
 *
 *   KTCP_MODULE("what it does", "who wrote it", "version")
 *   KTCP_PARAM_INT(name, default, least, most, "what it is")
 *   KTCP_PARAM_STRING(name, "default", "what it is, and what is allowed")
 *
 * A text with control characters is refused: what is said in it goes into responses, paths
 * and the log.
 *
 * From it the generated C file makes MODULE_DESCRIPTION() and friends, parameters
 * that refuse what is out of range and say so, and what modinfo prints;
 * <ktcp/module.hpp> makes ktcp::params::name().
 */
#ifndef KTCP_PORT_MODULE_H
#define KTCP_PORT_MODULE_H

#include <ktcp/port/types.h>

KTCP_PORT_BEGIN

struct ktcp_param_int {
	const char *name;
	long value;
	long least;
	long most;
};

/** ktcp_param_shown() - how many characters of @text come before a control character, or its end. */
static inline size_t ktcp_param_shown(const char *text)
{
	size_t length = 0;

	while ((unsigned char)text[length] >= 0x20 && text[length] != 0x7f)
		length++;
	return length;
}

/** For the log: a parameter's name, and where in its text the first control character is. */
#define KTCP_PARAM_TEXT_REFUSED \
	"%s: character %zu is a control character, such as a line end; leave it out"

/**
 * ktcp_module_start() - called once at insmod, after the parameters were read.
 * Supplied by <ktcp/module.hpp>.
 * Return: 0, or a negative errno that insmod reports; then nothing may be left. In the kernel,
 *         -ENOENT, -ENOEXEC and -ESRCH are reported as -EINVAL, -EEXIST as -EBUSY: kmod takes
 *         them for its own.
 * Context: process.
 */
int ktcp_module_start(void);

/** ktcp_module_stop() - called once at rmmod; must leave nothing. Context: process. */
void ktcp_module_stop(void);

KTCP_PORT_END

#endif
