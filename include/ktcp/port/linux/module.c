// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * port/module.h over linux/module.h: the module's list (KTCP_MODULE_LIST) becomes its
 * metadata and its parameters.
 */
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/string.h>

#include <ktcp/port/log.h>
#include <ktcp/port/module.h>

static int ktcp_param_int_set(const char *text, const struct kernel_param *kp)
{
	struct ktcp_param_int *param = kp->arg;
	long value;

	if (kstrtol(text, 0, &value) < 0 || value < param->least || value > param->most) {
		ktcp_printk(KTCP_LOG_ERROR, "%s=%.*s: must be a whole number from %ld to %ld",
			    param->name, (int)min_t(size_t, ktcp_param_shown(text), 32), text,
			    param->least, param->most);
		return -EINVAL;
	}
	param->value = value;
	return 0;
}

/*
 * What a text says goes into responses, paths and the log: a line end in it would forge a line
 * there.
 */
static int ktcp_param_text_set(const char *text, const struct kernel_param *kp)
{
	size_t shown = ktcp_param_shown(text);

	if (text[shown]) {
		ktcp_printk(KTCP_LOG_ERROR, KTCP_PARAM_TEXT_REFUSED, kp->name, shown + 1);
		return -EINVAL;
	}
	return param_set_charp(text, kp);
}

static const struct kernel_param_ops ktcp_param_text_ops = {
	.set = ktcp_param_text_set,
	.get = param_get_charp,
	.free = param_free_charp,
};

static int ktcp_param_int_get(char *text, const struct kernel_param *kp)
{
	const struct ktcp_param_int *param = kp->arg;

	return scnprintf(text, PAGE_SIZE, "%ld\n", param->value);
}

static const struct kernel_param_ops ktcp_param_int_ops = {
	.set = ktcp_param_int_set,
	.get = ktcp_param_int_get,
};

/*
 * The license must let GPL-only symbols in: alloc_workqueue() and others are.
 */
#define KTCP_MODULE(description, author, version) \
	MODULE_DESCRIPTION(description);          \
	MODULE_AUTHOR(author);                    \
	MODULE_VERSION(version);                  \
	MODULE_LICENSE("Dual MIT/GPL");

#define KTCP_PARAM_INT(name_, initial_, least_, most_, text_)                           \
	extern struct ktcp_param_int ktcp_param_##name_;                                \
	struct ktcp_param_int ktcp_param_##name_ = {                                    \
		.name = #name_, .value = (initial_), .least = (least_), .most = (most_) \
	};                                                                              \
	module_param_cb(name_, &ktcp_param_int_ops, &ktcp_param_##name_, 0444);         \
	__MODULE_PARM_TYPE(name_, "int");                                               \
	MODULE_PARM_DESC(name_, text_ " (" __stringify(least_) " to " __stringify(      \
					most_) ";"                                      \
					       " default " __stringify(initial_) ")");

#define KTCP_PARAM_STRING(name_, initial_, text_)                                \
	extern char *ktcp_param_##name_;                                         \
	char *ktcp_param_##name_ = (initial_);                                   \
	module_param_cb(name_, &ktcp_param_text_ops, &ktcp_param_##name_, 0444); \
	__MODULE_PARM_TYPE(name_, "charp");                                      \
	MODULE_PARM_DESC(name_, text_ " (default \"" initial_ "\")");

#include KTCP_MODULE_LIST

/*
 * modprobe and insmod take four errors for the loader's: ENOENT is an unknown symbol to them,
 * ENOEXEC a wrong format, ESRCH a wrong version of a symbol, and EEXIST a module that is loaded
 * already, which modprobe calls success. The module has said in the log what is wrong.
 */
static int ktcp_module_status(int status)
{
	switch (status) {
	case -ENOENT:
	case -ENOEXEC:
	case -ESRCH:
		return -EINVAL;
	case -EEXIST:
		return -EBUSY;
	default:
		return status;
	}
}

static int __init ktcp_module_init(void)
{
	int status = ktcp_frames_create();

	if (status) {
		ktcp_printk(KTCP_LOG_ERROR, "no memory to start; free some and load again");
		return status;
	}
	status = ktcp_module_start();
	if (status)
		ktcp_frames_destroy();
	return ktcp_module_status(status);
}
module_init(ktcp_module_init);

static void __exit ktcp_module_exit(void)
{
	ktcp_module_stop();
	ktcp_frames_destroy();
}
module_exit(ktcp_module_exit);
