// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * port/module.h over a process: a module, compiled unchanged, as a program. Its list
 * (KTCP_MODULE_LIST) becomes its options; loading it is starting the program, unloading it
 * SIGINT or SIGTERM.
 *
 * Exit codes: 0 after a signal, 1 if it could not start, 2 if it was called wrongly.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <iterator>

#include <ktcp/port/log.h>
#include <ktcp/port/module.h>

#include "parameters.hpp"

namespace
{

struct parameter {
	const char *name;
	ktcp_param_int *number; /* or … */
	char **text;
	const char *what;
};

const parameter parameters[] = {
#define KTCP_MODULE(description, author, version)
#define KTCP_PARAM_INT(name_, initial_, least_, most_, text_) \
	{ #name_, &ktcp_param_##name_, nullptr, text_ },
#define KTCP_PARAM_STRING(name_, initial_, text_) { #name_, nullptr, &ktcp_param_##name_, text_ },
#include KTCP_MODULE_LIST
#undef KTCP_MODULE
#undef KTCP_PARAM_INT
#undef KTCP_PARAM_STRING
};

constexpr const char *about[] = {
#define KTCP_MODULE(description, author, version) description, version,
#define KTCP_PARAM_INT(name_, initial_, least_, most_, text_)
#define KTCP_PARAM_STRING(name_, initial_, text_)
#include KTCP_MODULE_LIST
};

void print_help(FILE *to, const char *program)
{
	fprintf(to, "%s %s: %s\n\nusage: %s [--NAME=VALUE ...]\n\n", program, about[1], about[0],
		program);
	for (const parameter &each : parameters)
		if (each.number)
			fprintf(to, "  --%-18s %s (%ld to %ld; default %ld)\n", each.name,
				each.what, each.number->least, each.number->most,
				each.number->value);
		else
			fprintf(to, "  --%-18s %s (default \"%s\")\n", each.name, each.what,
				*each.text);
	fprintf(to,
		"  --%-18s this text\n  --%-18s the version\n\n"
		"Ends on SIGINT or SIGTERM.\n",
		"help", "version");
}

bool set(const parameter &which, char *value)
{
	const size_t shown = ktcp_param_shown(value);

	if (which.text) {
		if (value[shown])
			ktcp_printk(KTCP_LOG_ERROR, KTCP_PARAM_TEXT_REFUSED, which.name, shown + 1);
		*which.text = value;
		return !value[shown];
	}

	const char *const refused = ktcp_param_number(which.number, value);

	if (refused)
		ktcp_printk(KTCP_LOG_ERROR, KTCP_PARAM_NUMBER_REFUSED, which.name,
			    static_cast<int>(shown < 32 ? shown : 32), value, which.number->least,
			    which.number->most, refused);
	return !refused;
}

} // namespace

int main(int count, char **arguments)
{
	option options[std::size(parameters) + 3] = {};
	size_t used = 0;

	for (const parameter &each : parameters)
		options[used++] = { each.name, required_argument, nullptr, 0 };
	options[used++] = { "help", no_argument, nullptr, 'h' };
	options[used++] = { "version", no_argument, nullptr, 'v' };
	for (int index, which;
	     (which = getopt_long(count, arguments, "h", options, &index)) != -1;) {
		switch (which) {
		case 0:
			if (!set(parameters[index], optarg))
				return 2;
			break;
		case 'h':
			print_help(stdout, program_invocation_short_name);
			return 0;
		case 'v':
			printf("%s %s\n", program_invocation_short_name, about[1]);
			return 0;
		default:
			fprintf(stderr, "Try '%s --help'.\n", program_invocation_short_name);
			return 2;
		}
	}
	if (optind != count) {
		fprintf(stderr, "%s: unexpected '%s'. Try '%s --help'.\n",
			program_invocation_short_name, arguments[optind],
			program_invocation_short_name);
		return 2;
	}

	/* Before the first thread, so that all of them leave the signals to sigwait(). */
	sigset_t ends;
	int signal;

	sigemptyset(&ends);
	sigaddset(&ends, SIGINT);
	sigaddset(&ends, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &ends, nullptr);

	const int status = ktcp_module_start();

	if (status < 0) {
		fprintf(stderr, "%s: cannot start: %s\n", program_invocation_short_name,
			strerror(-status));
		return 1;
	}
	sigwait(&ends, &signal);
	ktcp_module_stop();
	return 0;
}
