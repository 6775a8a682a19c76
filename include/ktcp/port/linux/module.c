// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * port/module.h over linux/module.h: the module's list (KTCP_MODULE_LIST) becomes its
 * metadata and its parameters.
 */
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/string.h>

#include <ktcp/port/log.h>
#include <ktcp/port/module.h>

static int ktcp_param_int_set(const char *text, const struct kernel_param *kp)
{
	struct ktcp_param_int *param = kp->arg;
	const char *refused = ktcp_param_number(param, text);

	if (!refused)
		return 0;
	ktcp_printk(KTCP_LOG_ERROR, KTCP_PARAM_NUMBER_REFUSED, param->name,
		    (int)min_t(size_t, ktcp_param_shown(text), 32), text, param->least, param->most,
		    refused);
	return -EINVAL;
}

/*
 * The text goes into responses, paths and the log: a line end in it would forge a line there.
 */
enum { KTCP_PARAM_TEXT_MOST = 1024 };

static int ktcp_param_text_check(const char *text, size_t length, const char *name)
{
	size_t shown = ktcp_param_shown(text);

	if (shown < length) {
		ktcp_printk(KTCP_LOG_ERROR, KTCP_PARAM_TEXT_REFUSED, name, shown + 1);
		return -EINVAL;
	}
	/* param_set_charp()'s own bound, whose error says that no space is left on a device. */
	if (length > KTCP_PARAM_TEXT_MOST) {
		ktcp_printk(KTCP_LOG_ERROR, "%s: %zu characters; at most %d are allowed", name,
			    length, KTCP_PARAM_TEXT_MOST);
		return -EINVAL;
	}
	return 0;
}

static int ktcp_param_text_set(const char *text, const struct kernel_param *kp)
{
	int status = ktcp_param_text_check(text, strlen(text), kp->name);

	return status ? status : param_set_charp(text, kp);
}

static const struct kernel_param_ops ktcp_param_text_ops = {
	.set = ktcp_param_text_set,
	.get = param_get_charp,
	.free = param_free_charp,
};

/*
 * A parameter may be written while the module starts or ends: its files are there from before the one
 * until after the other. The module hears of changes in between alone.
 */
static DEFINE_MUTEX(ktcp_param_mutex);
static enum {
	KTCP_PARAM_READ, /* by the loader */
	KTCP_PARAM_IN_USE, /* while the module starts, or ends */
	KTCP_PARAM_HEEDED,
} ktcp_param_state;

/* The old value is back. Parts of the module may have heard of the new one. */
static void ktcp_param_taken_back(const char *name, int status)
{
	ktcp_module_change();
	if (status != -EINVAL) /* which the module explains */
		ktcp_printk(KTCP_LOG_ERROR, "%s stays as it was (error %d); try again later", name,
			    status);
}

static int ktcp_param_live_int_set(const char *text, const struct kernel_param *kp)
{
	struct ktcp_param_int *param = kp->arg;
	int status;
	long before;

	mutex_lock(&ktcp_param_mutex);
	before = param->value;
	status = ktcp_param_int_set(text, kp);
	if (!status && ktcp_param_state == KTCP_PARAM_HEEDED && param->value != before) {
		status = ktcp_module_change();
		if (status) {
			ktcp_param_put(param, before);
			ktcp_param_taken_back(param->name, status);
		} else {
			ktcp_printk(KTCP_LOG_INFO, "%s=%ld from now on; it was %ld", param->name,
				    param->value, before);
		}
	}
	mutex_unlock(&ktcp_param_mutex);
	return status;
}

/* A text that may be changed: where it is, and what is to be freed. */
struct ktcp_param_live_text {
	char **value;
	char *own;
};

/* With the lock, and a new text of the parameter's own. */
static int ktcp_param_live_text_change(struct ktcp_param_live_text *param, char *made,
				       const char *name)
{
	char *const was = *param->value;
	int status = 0;

	*param->value = made;
	if (ktcp_param_state == KTCP_PARAM_HEEDED && strcmp(was, made)) {
		status = ktcp_module_change();
		if (!status)
			ktcp_printk(KTCP_LOG_INFO, "%s=%.200s from now on; it was %.200s", name,
				    made, was);
	}
	if (status) {
		*param->value = was;
		ktcp_param_taken_back(name, status);
		kfree(made);
		return status;
	}
	kfree(param->own);
	param->own = made;
	return 0;
}

static int ktcp_param_live_text_set(const char *text, const struct kernel_param *kp)
{
	struct ktcp_param_live_text *param = kp->arg;
	size_t length = strlen(text);
	char *made;
	int status;

	mutex_lock(&ktcp_param_mutex);
	/* A line end that echo wrote. */
	if (ktcp_param_state == KTCP_PARAM_HEEDED && length && text[length - 1] == '\n')
		length--;
	status = ktcp_param_text_check(text, length, kp->name);
	/* The module may be reading the old one. */
	if (!status && ktcp_param_state == KTCP_PARAM_IN_USE)
		status = -EBUSY;
	if (!status) {
		made = kstrndup(text, length, GFP_KERNEL);
		status = made ? ktcp_param_live_text_change(param, made, kp->name) : -ENOMEM;
	}
	mutex_unlock(&ktcp_param_mutex);
	return status;
}

static int ktcp_param_live_text_get(char *text, const struct kernel_param *kp)
{
	const struct ktcp_param_live_text *param = kp->arg;
	int length;

	mutex_lock(&ktcp_param_mutex);
	length = scnprintf(text, PAGE_SIZE, "%s\n", *param->value);
	mutex_unlock(&ktcp_param_mutex);
	return length;
}

static void ktcp_param_live_text_free(void *arg)
{
	kfree(((struct ktcp_param_live_text *)arg)->own);
}

static const struct kernel_param_ops ktcp_param_live_text_ops = {
	.set = ktcp_param_live_text_set,
	.get = ktcp_param_live_text_get,
	.free = ktcp_param_live_text_free,
};

static void ktcp_param_enter(int state)
{
	mutex_lock(&ktcp_param_mutex);
	ktcp_param_state = state;
	/* A change that came while it started is heeded now. */
	if (state == KTCP_PARAM_HEEDED)
		ktcp_module_change();
	mutex_unlock(&ktcp_param_mutex);
}

static int ktcp_param_int_get(char *text, const struct kernel_param *kp)
{
	const struct ktcp_param_int *param = kp->arg;

	return scnprintf(text, PAGE_SIZE, "%ld\n", ktcp_param_get(param));
}

static const struct kernel_param_ops ktcp_param_int_ops = {
	.set = ktcp_param_int_set,
	.get = ktcp_param_int_get,
};

static const struct kernel_param_ops ktcp_param_live_int_ops = {
	.set = ktcp_param_live_int_set,
	.get = ktcp_param_int_get,
};

/*
 * The license must let GPL-only symbols in: alloc_workqueue() and others are.
 */
#define KTCP_MODULE(description, author, version) \
	MODULE_DESCRIPTION(description);          \
	MODULE_AUTHOR(author);                    \
	MODULE_VERSION(version);                  \
	MODULE_INFO(ktcp, KTCP_VERSION);          \
	MODULE_LICENSE("Dual MIT/GPL");

#define KTCP_PARAM_INT(name_, initial_, least_, most_, text_) \
	KTCP_PARAM_NUMBER(name_, initial_, least_, most_, text_, ktcp_param_int_ops, 0444)

#undef KTCP_PARAM_LIVE_INT
#define KTCP_PARAM_LIVE_INT(name_, initial_, least_, most_, text_) \
	KTCP_PARAM_NUMBER(name_, initial_, least_, most_, text_, ktcp_param_live_int_ops, 0644)

#define KTCP_PARAM_NUMBER(name_, initial_, least_, most_, text_, ops_, mode_)            \
	_Static_assert((least_) <= (initial_) && (initial_) <= (most_),                  \
		       "the parameter " #name_ ": its default is out of its own range"); \
	extern struct ktcp_param_int ktcp_param_##name_;                                 \
	struct ktcp_param_int ktcp_param_##name_ = {                                     \
		.name = #name_, .value = (initial_), .least = (least_), .most = (most_)  \
	};                                                                               \
	module_param_cb(name_, &ops_, &ktcp_param_##name_, mode_);                       \
	__MODULE_PARM_TYPE(name_, "int");                                                \
	MODULE_PARM_DESC(name_, text_ " (" __stringify(least_) " to " __stringify(       \
					most_) ";"                                       \
					       " default " __stringify(initial_) ")");

#define KTCP_PARAM_STRING(name_, initial_, text_)                                \
	extern char *ktcp_param_##name_;                                         \
	char *ktcp_param_##name_ = (initial_);                                   \
	module_param_cb(name_, &ktcp_param_text_ops, &ktcp_param_##name_, 0444); \
	__MODULE_PARM_TYPE(name_, "charp");                                      \
	MODULE_PARM_DESC(name_, text_ " (default \"" initial_ "\")");

#undef KTCP_PARAM_LIVE_STRING
#define KTCP_PARAM_LIVE_STRING(name_, initial_, text_)                                     \
	extern char *ktcp_param_##name_;                                                   \
	char *ktcp_param_##name_ = (initial_);                                             \
	static struct ktcp_param_live_text ktcp_param_live_##name_ = {                     \
		.value = &ktcp_param_##name_                                               \
	};                                                                                 \
	module_param_cb(name_, &ktcp_param_live_text_ops, &ktcp_param_live_##name_, 0644); \
	__MODULE_PARM_TYPE(name_, "charp");                                                \
	MODULE_PARM_DESC(name_, text_ " (default \"" initial_ "\")");

#include KTCP_MODULE_LIST

/*
 * modprobe and insmod take four errors for the loader's. ENOENT is an unknown symbol to them,
 * ENOEXEC a wrong format, ESRCH a wrong version of a symbol. EEXIST is a module that is loaded
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
	ktcp_param_enter(KTCP_PARAM_IN_USE);
	ktcp_proc_put_off();
	status = ktcp_module_start();
	ktcp_proc_catch_up();
	if (status) {
		ktcp_frames_destroy();
		ktcp_memory_uncharge();
	} else {
		ktcp_param_enter(KTCP_PARAM_HEEDED);
	}
	return ktcp_module_status(status);
}
module_init(ktcp_module_init);

static void __exit ktcp_module_exit(void)
{
	ktcp_param_enter(KTCP_PARAM_IN_USE);
	ktcp_proc_put_off();
	ktcp_module_stop();
	ktcp_frames_destroy();
	ktcp_memory_uncharge();
	ktcp_proc_catch_up();
}
module_exit(ktcp_module_exit);
