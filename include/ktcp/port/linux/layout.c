// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Compiled to assembly only: the build turns its markers into <ktcp_layout.h>
 * (see port/layout.h), as the kernel does for asm-offsets.h.
 */
#include <linux/completion.h>
#include <linux/kbuild.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

void ktcp_layout(void);
void ktcp_layout(void)
{
	DEFINE(KTCP_SIZEOF_WORK, sizeof(struct work_struct));
	DEFINE(KTCP_SIZEOF_DELAYED_WORK, sizeof(struct delayed_work));
	DEFINE(KTCP_SIZEOF_MUTEX, sizeof(struct mutex));
	DEFINE(KTCP_SIZEOF_COMPLETION, sizeof(struct completion));
	DEFINE(KTCP_SIZEOF_SPINLOCK, sizeof(spinlock_t));
	DEFINE(KTCP_SIZEOF_LOCK_CLASS_KEY, sizeof(struct lock_class_key));

	BUILD_BUG_ON(__alignof__(struct work_struct) > sizeof(void *));
	BUILD_BUG_ON(__alignof__(struct delayed_work) > sizeof(void *));
	BUILD_BUG_ON(__alignof__(struct mutex) > sizeof(void *));
	BUILD_BUG_ON(__alignof__(struct completion) > sizeof(void *));
	BUILD_BUG_ON(__alignof__(struct lock_class_key) > sizeof(void *));
	BUILD_BUG_ON(__alignof__(spinlock_t) > sizeof(void *));
}
