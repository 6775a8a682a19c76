/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Files below a root, to be read on behalf of strangers.
 *
 * Everything here sleeps: process context, and not on a queue whose items others wait for.
 * Modules that want it say `ktcp-with := file` in their Kbuild.
 */
#ifndef KTCP_PORT_FILE_H
#define KTCP_PORT_FILE_H

#include <ktcp/port/types.h>

KTCP_PORT_BEGIN

struct ktcp_file_root;
struct file;
struct page;

enum ktcp_file_kind {
	KTCP_FILE_REGULAR,
	KTCP_FILE_DIRECTORY,
	KTCP_FILE_OTHER, /* never opened: a FIFO would block for ever */
};

struct ktcp_file_status {
	uint64_t size; /* bytes */
	int64_t mtime; /* seconds since 1970 */
	int64_t ctime; /* when anything of it changed, by the file system's own account */
	uint64_t inode;
	uint32_t mtime_ns;
	uint32_t ctime_ns;
	enum ktcp_file_kind kind;
};

/* So many at once: 64 KiB. */
enum { KTCP_FILE_PAGES_MOST = 16 };

/* Part of a file in the page cache, with a reference to its page. */
struct ktcp_file_page {
	struct page *page;
	uint32_t offset;
	uint32_t size;
};

/**
 * ktcp_file_root_open() - name a directory, and make the credentials for everything below it.
 * An absolute path is looked up again a second after each time, so that another folder may take
 * its name while the server runs. Between two requests that are further apart nothing is pinned. A
 * relative one is looked up once, and pinned.
 * Look-ups, opens and reads have @uid and @gid, no other group, no capability and no key.
 * @path: as kern_path() takes it, looked up with the caller's own credentials, and from the caller's
 *        root folder, which stays pinned.
 * @symlinks: follow symbolic links that stay below the root; else none is followed.
 * Return: 0, -ENOENT, -ENOTDIR, -EINVAL (no such user), -ENOMEM …
 */
int ktcp_file_root_open(const char *path, uint32_t uid, uint32_t gid, bool symlinks,
			struct ktcp_file_root **out);

/** ktcp_file_root_close() - after the last file below it was closed; NULL is ignored. */
void ktcp_file_root_close(struct ktcp_file_root *root);

/**
 * ktcp_file_open() - look a path up below the root, and open it for reading if it is a regular file
 * or a directory. The look-up is vfs_path_lookup() with LOOKUP_BENEATH and LOOKUP_NO_MAGICLINKS, or
 * lookup_positive_unlocked() name by name, where there are folders alone on the way. After -ESTALE it is done again
 * with LOOKUP_REVAL, as open() does: the file was replaced on another machine.
 * @path: relative; "" is the root itself.
 * @status: filled in.
 * Return: 0, -ENOENT, -ENOTDIR, -EXDEV (it leads out of the root), -ELOOP (a symbolic link
 *         that is not followed, or that leads nowhere), -EACCES (not for this user, or neither file
 *         nor directory), -ENAMETOOLONG, -ENOMEM,
 *         -EAGAIN (leased to a writer, renamed again and again, or the root itself is not there:
 *         try later) …
 */
int ktcp_file_open(struct ktcp_file_root *root, const char *path, struct file **out,
		   struct ktcp_file_status *status);

/** ktcp_file_stat() - as ktcp_file_open(), without opening. */
int ktcp_file_stat(struct ktcp_file_root *root, const char *path, struct ktcp_file_status *status);

/** ktcp_file_restat() - an open file as it is now, by vfs_getattr(). Return: 0, -EIO … */
int ktcp_file_restat(struct file *file, struct ktcp_file_status *status);

/**
 * ktcp_file_close() - at once (__fput_sync()): a delayed fput() of a kernel thread's would keep
 * the file system busy after the module has gone. In softirq it is delayed all the same, until
 * ktcp_file_root_close() at the latest; in a user's process until that leaves the kernel. Any
 * context.
 */
void ktcp_file_close(struct file *file);

/** ktcp_file_read() - as kernel_read(). Return: bytes, 0 at the end, -EIO … */
long ktcp_file_read(struct file *file, void *buffer, size_t size, uint64_t offset);

/**
 * ktcp_file_read_pages() - up to @most pages of the file from @offset on, at most @size bytes.
 * The file system's splice_read() gives them: pages of the page cache, where it has one.
 * @pages: each with a reference, which ktcp_put_page() gives back.
 * @count: how many.
 * Return: bytes in all, 0 at the end of the file, -EIO, -EINVAL …
 */
long ktcp_file_read_pages(struct file *file, uint64_t offset, size_t size,
			  struct ktcp_file_page *pages, unsigned int most, unsigned int *count);

/**
 * ktcp_file_list() - names in a directory, but for "." and "..", as iterate_dir().
 * @first: from its first on; else from that for which @each said no in the call before.
 * @each: false ends it. @folder: it is one, as far as the file system tells at once. It must not look
 *        anything up: the directory is locked.
 * Return: 0, -ENOTDIR, -EIO …
 */
int ktcp_file_list(struct file *directory, bool first,
		   bool (*each)(void *context, const char *name, size_t length, bool folder),
		   void *context);

KTCP_PORT_END

#endif
