/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The kernel's log. */
#ifndef KTCP_PORT_LOG_H
#define KTCP_PORT_LOG_H

#include <ktcp/port/types.h>

KTCP_PORT_BEGIN

enum ktcp_log_level {
	KTCP_LOG_ERROR,
	KTCP_LOG_WARNING,
	KTCP_LOG_INFO,
};

/**
 * ktcp_printk() - one line in the kernel's log, "MODULE: " before it and a line end
 * after it.
 * @format: as printf(); the kernel's own %p extensions are not portable. Never a
 *          peer's bytes.
 * Context: any.
 */
__attribute__((format(printf, 2, 3))) void ktcp_printk(enum ktcp_log_level level,
						       const char *format, ...);

/**
 * ktcp_printk_ratelimited() - the same for lines that a peer can cause, or a user who makes network
 * namespaces. The kernel drops those of a level beyond ten in five seconds.
 */
__attribute__((format(printf, 2, 3))) void ktcp_printk_ratelimited(enum ktcp_log_level level,
								   const char *format, ...);

/**
 * ktcp_warn() - the module has a bug: print one line and the callers, as WARN(). It ends nothing by
 * itself; a machine with panic_on_warn ends.
 * @format: as printf(). Never a peer's bytes.
 * Context: any.
 */
__attribute__((format(printf, 1, 2))) void ktcp_warn(const char *format, ...);

KTCP_PORT_END

#endif
