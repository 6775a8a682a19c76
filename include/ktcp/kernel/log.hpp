// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * Lines in the kernel's log, "MODULE: " before each.
 *
 * @code
 * KTCP_LOG_ERR("port %u is in use; choose another with port=", port);
 * @endcode
 *
 * Say what happened, what is allowed, what to do. Never print a peer's bytes, and nothing that
 * happens per message. A line that a peer can cause goes through KTCP_LOG_WARN_RATELIMITED. Any
 * context. Kernel: pr_err(), pr_warn_ratelimited() …
 *
 * Macros, so that the compiler checks the arguments against the format.
 */
#ifndef KTCP_KERNEL_LOG_HPP
#define KTCP_KERNEL_LOG_HPP

#include <ktcp/base/atomic.hpp>
#include <ktcp/port/log.h>

/** A fault that keeps the module, or a part of it, from working. Any context. */
#define KTCP_LOG_ERR(...) ktcp_printk(KTCP_LOG_ERROR, __VA_ARGS__)
/** The same where a server starts: with netns_all=1 users cause that, who make namespaces. Any context. */
#define KTCP_LOG_ERR_RATELIMITED(...) ktcp_printk_ratelimited(KTCP_LOG_ERROR, __VA_ARGS__)
/** A fault beside which the module goes on. Any context. */
#define KTCP_LOG_WARN(...) ktcp_printk(KTCP_LOG_WARNING, __VA_ARGS__)
/** A fact for the person who loads the module. Any context. */
#define KTCP_LOG_NOTE(...) ktcp_printk(KTCP_LOG_INFO, __VA_ARGS__)
/** The same where peers can cause it. Any context. */
#define KTCP_LOG_NOTE_RATELIMITED(...) ktcp_printk_ratelimited(KTCP_LOG_INFO, __VA_ARGS__)
/** A warning where peers can cause it. Any context. */
#define KTCP_LOG_WARN_RATELIMITED(...) ktcp_printk_ratelimited(KTCP_LOG_WARNING, __VA_ARGS__)
/**
 * A bug of the module that was kept from doing harm: once for each place in the source, with the
 * callers (WARN_ONCE()). Any context.
 */
#define KTCP_WARN_ONCE(...)                                                  \
	do {                                                                 \
		static constinit ktcp::atomic<bool> ktcp_warned = false;     \
		if (!ktcp_warned.exchange(true, ktcp::memory_order_relaxed)) \
			ktcp_warn(__VA_ARGS__);                              \
	} while (0)

#endif
