// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* files.h over the kernel's own: a mount within the kernel, and trace points. */
#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/mount.h>
#include <linux/sched.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <trace/events/kmem.h>

#include "files.h"

struct vfsmount *ktcp_kunit_proc_mount(void)
{
	struct file_system_type *type = get_fs_type("proc");
	struct vfsmount *mount;

	if (!type)
		return NULL;
	mount = kern_mount(type);
	module_put(type->owner); /* put_filesystem(), which modules may not call */
	return IS_ERR(mount) ? NULL : mount;
}

void ktcp_kunit_proc_unmount(struct vfsmount *mount)
{
	kern_unmount(mount);
}

struct file *ktcp_kunit_proc_open(struct vfsmount *mount, const char *name, bool writing)
{
	struct path root = { .mnt = mount, .dentry = mount->mnt_root };
	struct file *file;
	char path[64];

	snprintf(path, sizeof(path), "self/net/%s", name);
	file = file_open_root(&root, path, writing ? O_RDWR : O_RDONLY, 0);
	return IS_ERR(file) ? NULL : file;
}

long ktcp_kunit_proc_read(struct file *file, void *to, size_t size)
{
	return kernel_read(file, to, size, &file->f_pos);
}

void ktcp_kunit_proc_close(struct file *file)
{
	/* Tests run in kernel threads, whose fput() leaves it to a work item. */
	__fput_sync(file);
}

/* ---- memory -------------------------------------------------------------------------------- */

static struct {
	spinlock_t lock;
	struct task_struct *thread;
	const void *pieces[256];
	bool too_many;
} ktcp_kunit_memory = { .lock = __SPIN_LOCK_UNLOCKED(ktcp_kunit_memory.lock) };

/* Put @new in the place of @old. */
static bool ktcp_kunit_replace(const void *old, const void *new)
{
	unsigned long flags;
	bool found = false;
	size_t i;

	spin_lock_irqsave(&ktcp_kunit_memory.lock, flags);
	for (i = 0; i < ARRAY_SIZE(ktcp_kunit_memory.pieces) && !found; i++) {
		found = ktcp_kunit_memory.pieces[i] == old;
		if (found)
			ktcp_kunit_memory.pieces[i] = new;
	}
	spin_unlock_irqrestore(&ktcp_kunit_memory.lock, flags);
	return found;
}

/* Is that address in one of our functions? The kernel's own may keep what they allocate a while. */
static bool ktcp_kunit_is_ours(unsigned long address)
{
	char name[32];

	snprintf(name, sizeof(name), "%ps", (void *)address);
	return !strncmp(name, "ktcp_", strlen("ktcp_"));
}

static void ktcp_kunit_allocated(void *data, unsigned long by, const void *piece, size_t asked,
				 size_t size, gfp_t gfp, int node)
{
	if (current == ktcp_kunit_memory.thread && piece && in_task() && ktcp_kunit_is_ours(by) &&
	    !ktcp_kunit_replace(NULL, piece))
		ktcp_kunit_memory.too_many = true;
}

static void ktcp_kunit_freed(void *data, unsigned long by, const void *piece)
{
	if (piece)
		ktcp_kunit_replace(piece, NULL);
}

int ktcp_kunit_watch_memory(void)
{
	int status;

	memset(ktcp_kunit_memory.pieces, 0, sizeof(ktcp_kunit_memory.pieces));
	ktcp_kunit_memory.too_many = false;
	status = register_trace_kfree(ktcp_kunit_freed, NULL);
	if (status)
		return status;
	status = register_trace_kmalloc(ktcp_kunit_allocated, NULL);
	if (status) {
		unregister_trace_kfree(ktcp_kunit_freed, NULL);
		return status;
	}
	WRITE_ONCE(ktcp_kunit_memory.thread, current);
	return 0;
}

int ktcp_kunit_memory_left(void)
{
	int left = 0;
	size_t i;

	WRITE_ONCE(ktcp_kunit_memory.thread, NULL);
	unregister_trace_kmalloc(ktcp_kunit_allocated, NULL);
	unregister_trace_kfree(ktcp_kunit_freed, NULL);
	tracepoint_synchronize_unregister();
	for (i = 0; i < ARRAY_SIZE(ktcp_kunit_memory.pieces); i++)
		left += ktcp_kunit_memory.pieces[i] != NULL;
	return ktcp_kunit_memory.too_many ? -EOVERFLOW : left;
}
