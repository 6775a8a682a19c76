// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* The module's parameters (KTCP_MODULE_LIST) with their defaults, in one file of a program. */
#include <ktcp/port/module.h>

#define KTCP_MODULE(description, author, version)
#define KTCP_PARAM_INT(name_, initial_, least_, most_, text_)                           \
	static_assert((least_) <= (initial_) && (initial_) <= (most_),                  \
		      "the parameter " #name_ ": its default is out of its own range"); \
	extern "C" struct ktcp_param_int ktcp_param_##name_;                            \
	struct ktcp_param_int ktcp_param_##name_ = { #name_, initial_, least_, most_ };
#define KTCP_PARAM_STRING(name_, initial_, text_)      \
	extern "C" char *ktcp_param_##name_;           \
	static char ktcp_default_##name_[] = initial_; \
	char *ktcp_param_##name_ = ktcp_default_##name_;
#include KTCP_MODULE_LIST
#undef KTCP_MODULE
#undef KTCP_PARAM_INT
#undef KTCP_PARAM_STRING
