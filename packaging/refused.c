// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The module in the place of one that could not be built for a kernel (dkms.mk). It refuses to be
 * loaded, with one line in the kernel's log. `modinfo -F refused` shows the line, too.
 *
 * A generated file defines KTCP_REFUSED, the line. It includes this file, and then the module's list
 * (port/module.h). The module's parameters are taken without a look, or the log would have lines
 * about them as well.
 */
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/moduleparam.h>

#include <ktcp/version.h>

MODULE_INFO(refused, KTCP_REFUSED);

static int __init ktcp_refuse(void)
{
	pr_err("%s: %s\n", KBUILD_MODNAME, KTCP_REFUSED);
	return -EOPNOTSUPP;
}
module_init(ktcp_refuse);

#define KTCP_MODULE(description, author, version) \
	MODULE_DESCRIPTION(description);          \
	MODULE_AUTHOR(author);                    \
	MODULE_VERSION(version);                  \
	MODULE_LICENSE("Dual MIT/GPL");

#define KTCP_PARAM_IGNORED(name_)          \
	static char *ktcp_ignored_##name_; \
	module_param_named(name_, ktcp_ignored_##name_, charp, 0);

#define KTCP_PARAM_INT(name_, initial_, least_, most_, text_) KTCP_PARAM_IGNORED(name_)
#define KTCP_PARAM_STRING(name_, initial_, text_) KTCP_PARAM_IGNORED(name_)
#define KTCP_PARAM_LIVE_INT KTCP_PARAM_INT
#define KTCP_PARAM_LIVE_STRING KTCP_PARAM_STRING
