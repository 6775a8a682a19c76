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
 * KTCP_PARAM_LIVE_INT and KTCP_PARAM_LIVE_STRING are the same for a parameter that may be changed while
 * the module is loaded, in /sys/module/NAME/parameters. Such a text is read only where the module starts,
 * and where it hears of a change: the old one is freed then.
 *
 * A text with control characters is refused: its words go into responses, paths and the log.
 *
 * The generated C file makes three things from it: MODULE_DESCRIPTION() and friends, parameters
 * that check their range, and modinfo's output. In C++, <ktcp/module.hpp> makes
 * ktcp::params::name().
 */
#ifndef KTCP_PORT_MODULE_H
#define KTCP_PORT_MODULE_H

#include <ktcp/port/types.h>
#include <ktcp/version.h>

KTCP_PORT_BEGIN

/* Readers of the list that make no difference define the other alone. */
#define KTCP_PARAM_LIVE_INT KTCP_PARAM_INT
#define KTCP_PARAM_LIVE_STRING KTCP_PARAM_STRING

struct ktcp_param_int {
	const char *name;
	long value;
	long least;
	long most;
};

/** ktcp_param_get() - its number, which may just be changed. Context: any. */
static inline long ktcp_param_get(const struct ktcp_param_int *param)
{
	return __atomic_load_n(&param->value, __ATOMIC_RELAXED);
}

/** ktcp_param_put() - give it a number that is allowed. Context: any, one at a time. */
static inline void ktcp_param_put(struct ktcp_param_int *param, long value)
{
	__atomic_store_n(&param->value, value, __ATOMIC_RELAXED);
}

/** ktcp_param_shown() - how many characters of @text come before a control character, or its end. */
static inline size_t ktcp_param_shown(const char *text)
{
	size_t length = 0;

	while ((unsigned char)text[length] >= 0x20 && text[length] != 0x7f)
		length++;
	return length;
}

/* Is it this word, in any case, with a line end behind it perhaps (from /sys)? */
static inline bool ktcp_param_is_word(const char *text, const char *word)
{
	for (; *word; text++, word++)
		if ((text[0] | 0x20) != *word)
			return false;
	return !*text || (text[0] == '\n' && !text[1]);
}

/* For the log: a parameter's name, as much of its text as can be shown, its least, its most, and what
 * ktcp_param_number() says. */
#define KTCP_PARAM_NUMBER_REFUSED "%s=%.*s: must be a whole number from %ld to %ld%s"

/**
 * ktcp_param_number() - give a parameter the number that a text says. The number is decimal, without
 * a plus sign, and without a leading zero, which some readers take for octal. A parameter from 0 to 1
 * also takes a word, as the kernel's own parameters of type bool do.
 * Return: NULL; if the text is refused, the end of KTCP_PARAM_NUMBER_REFUSED.
 * Context: any.
 */
static inline const char *ktcp_param_number(struct ktcp_param_int *param, const char *text)
{
	static const char *const words[2][5] = { { "n", "no", "off", "f", "false" },
						 { "y", "yes", "on", "t", "true" } };
	const bool is_switch = param->least == 0 && param->most == 1;
	const char *refused = is_switch ? ", or no, yes, off, on, false, true" : "";
	const bool negative = *text == '-';
	const char *digit = text + negative;
	long long value = 0;
	int which, word;

	for (which = 0; is_switch && which < 2; which++)
		for (word = 0; word < 5; word++)
			if (ktcp_param_is_word(text, words[which][word])) {
				ktcp_param_put(param, which);
				return NULL;
			}
	if (digit[0] == '0' && digit[1] && digit[1] != '\n')
		return ", without a leading zero";
	if (digit[0] < '0' || *digit > '9')
		return refused;
	for (; *digit >= '0' && *digit <= '9' && value <= 0xffffffffffff; digit++)
		value = 10 * value + (digit[0] - '0');
	if (digit[0] == '\n')
		digit++;
	if (negative)
		value = -value;
	if (digit[0] || value < param->least || value > param->most)
		return refused;
	ktcp_param_put(param, (long)value);
	return NULL;
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

/**
 * ktcp_module_change() - live parameters were changed, between start and stop: heed them.
 * Supplied by <ktcp/module.hpp>.
 * Return: 0, or a negative errno: the parameter gets its old value back, and the log says why.
 * Context: process, one at a time.
 */
int ktcp_module_change(void);

/** ktcp_module_stop() - called once at rmmod; must leave nothing. Context: process. */
void ktcp_module_stop(void);

KTCP_PORT_END

#endif
