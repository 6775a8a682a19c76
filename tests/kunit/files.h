/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The suite proc looks at the kernel beyond the boundary, in C (files.c). It sees /proc/net as a
 * program reads it, and the memory that a thread has asked for. All in process context.
 */
#ifndef KTCP_TESTS_KUNIT_FILES_H
#define KTCP_TESTS_KUNIT_FILES_H

#include <ktcp/port/types.h>

struct file;
struct vfsmount;

KTCP_PORT_BEGIN

/* An instance of proc that no other task sees; NULL on failure. */
struct vfsmount *ktcp_kunit_proc_mount(void);
void ktcp_kunit_proc_unmount(struct vfsmount *mount);

/* Open /proc/net/@name of the initial network namespace; NULL on failure. */
struct file *ktcp_kunit_proc_open(struct vfsmount *mount, const char *name, bool writing);

/* As read(2): up to @size bytes from where the last call ended; how many, or a negative errno. */
long ktcp_kunit_proc_read(struct file *file, void *to, size_t size);

/* As close(2), of the last descriptor: it has been released when this returns. */
void ktcp_kunit_proc_close(struct file *file);

/*
 * Remember from now on the memory that functions called ktcp_... allocate by kmalloc() in this thread;
 * 0 or a negative errno. One at a time. The second ends that, and returns how many allocations have not
 * been freed, or a negative errno if there were too many to remember.
 */
int ktcp_kunit_watch_memory(void);
int ktcp_kunit_memory_left(void);

KTCP_PORT_END

#endif
