// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* port/log.h over printk. */
#include <linux/bug.h>
#include <linux/printk.h>
#include <linux/ratelimit.h>

#include <ktcp/port/log.h>

static void ktcp_vprintk(enum ktcp_log_level level, const char *format, va_list *args)
{
	struct va_format line = { .fmt = format, .va = args };

	switch (level) {
	case KTCP_LOG_ERROR:
		printk(KERN_ERR KBUILD_MODNAME ": %pV\n", &line);
		break;
	case KTCP_LOG_WARNING:
		printk(KERN_WARNING KBUILD_MODNAME ": %pV\n", &line);
		break;
	case KTCP_LOG_INFO:
		printk(KERN_INFO KBUILD_MODNAME ": %pV\n", &line);
		break;
	}
}

void ktcp_printk(enum ktcp_log_level level, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	ktcp_vprintk(level, format, &args);
	va_end(args);
}

void ktcp_printk_ratelimited(enum ktcp_log_level level, const char *format, ...)
{
	/* Each level has its own, so that peers' warnings keep no error from being said. */
	static struct ratelimit_state limits[] = {
		[KTCP_LOG_ERROR... KTCP_LOG_INFO] = RATELIMIT_STATE_INIT(
			limits, DEFAULT_RATELIMIT_INTERVAL, DEFAULT_RATELIMIT_BURST),
	};
	va_list args;

	if (!__ratelimit(&limits[level]))
		return;
	va_start(args, format);
	ktcp_vprintk(level, format, &args);
	va_end(args);
}

void ktcp_warn(const char *format, ...)
{
	struct va_format line = { .fmt = format };
	va_list args;

	va_start(args, format);
	line.va = &args;
	WARN(1, KBUILD_MODNAME ": %pV\n", &line);
	va_end(args);
}
