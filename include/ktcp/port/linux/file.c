// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* port/file.h over the VFS; included behind port.c. */
#include <linux/cred.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/ima.h>
#include <linux/mm.h>
#include <linux/mount.h>
#include <linux/namei.h>
#include <linux/pipe_fs_i.h>
#include <linux/sched/task.h>
#include <linux/security.h>
#include <linux/slab.h>
#include <linux/splice.h>
#include <linux/stat.h>
#include <linux/uidgid.h>

#include <ktcp/port/file.h>

#ifndef KTCP_HAVE_VFS_PATH_LOOKUP
/* Exported, and declared in fs/internal.h alone. */
int vfs_path_lookup(struct dentry *, struct vfsmount *, const char *, unsigned int, struct path *);
#endif

struct ktcp_file_root {
	struct path path;
	struct cred *cred;
	unsigned int flags; /* LOOKUP_… */
};

/* From a kernel thread's, not the loader's: the keys in those are a user's as well. */
static struct cred *ktcp_unprivileged(uint32_t uid, uint32_t gid)
{
	struct cred *cred = prepare_kernel_cred(&init_task);
	struct group_info *groups;

	if (!cred)
		return ERR_PTR(-ENOMEM);
	cred->uid = cred->euid = cred->suid = cred->fsuid = make_kuid(cred->user_ns, uid);
	cred->gid = cred->egid = cred->sgid = cred->fsgid = make_kgid(cred->user_ns, gid);
	if (!uid_valid(cred->uid) || !gid_valid(cred->gid)) {
		abort_creds(cred);
		return ERR_PTR(-EINVAL);
	}
	cap_clear(cred->cap_inheritable);
	cap_clear(cred->cap_permitted);
	cap_clear(cred->cap_effective);
	cap_clear(cred->cap_ambient);
	groups = groups_alloc(0);
	if (!groups) {
		abort_creds(cred);
		return ERR_PTR(-ENOMEM);
	}
	set_groups(cred, groups);
	put_group_info(groups);
	return cred;
}

int ktcp_file_root_open(const char *path, uint32_t uid, uint32_t gid, bool symlinks,
			struct ktcp_file_root **out)
{
	struct ktcp_file_root *root = kzalloc(sizeof(*root), GFP_KERNEL);
	int status;

	if (!root)
		return -ENOMEM;
	/* LOOKUP_FOLLOW: or a link at the end of a path would be found, not refused. */
	root->flags = LOOKUP_BENEATH | LOOKUP_NO_MAGICLINKS | LOOKUP_FOLLOW;
	if (!symlinks)
		root->flags |= LOOKUP_NO_SYMLINKS;
	root->cred = ktcp_unprivileged(uid, gid);
	if (IS_ERR(root->cred)) {
		status = PTR_ERR(root->cred);
		kfree(root);
		return status;
	}
	status = kern_path(path, LOOKUP_FOLLOW | LOOKUP_DIRECTORY, &root->path);
	if (status) {
		put_cred(root->cred);
		kfree(root);
		return status;
	}
	*out = root;
	return 0;
}

void ktcp_file_root_close(struct ktcp_file_root *root)
{
	if (!root)
		return;
	flush_delayed_fput(); /* see ktcp_file_close() */
	path_put(&root->path);
	put_cred(root->cred);
	kfree(root);
}

enum { KTCP_LOOKUPS = 8 };

/* With the root's credentials. */
static int ktcp_file_find(struct ktcp_file_root *root, const char *name, struct path *path,
			  struct ktcp_file_status *out)
{
	struct kstat stat;
	int status, i;

	if (*name) {
		/* -EAGAIN: something was renamed or mounted while a link led upwards. Anything,
		 * anywhere in the system; as openat2()'s callers do, try again. */
		for (i = 0; i < KTCP_LOOKUPS; i++) {
			status = vfs_path_lookup(root->path.dentry, root->path.mnt, name,
						 root->flags, path);
			if (status != -EAGAIN)
				break;
		}
		if (status)
			return status;
	} else {
		*path = root->path;
		path_get(path);
	}
	status = vfs_getattr(path, &stat, STATX_BASIC_STATS, AT_STATX_SYNC_AS_STAT);
	if (status) {
		path_put(path);
		return status;
	}
	out->size = stat.size;
	out->mtime = stat.mtime.tv_sec;
	out->mtime_ns = stat.mtime.tv_nsec;
	out->ctime = stat.ctime.tv_sec;
	out->ctime_ns = stat.ctime.tv_nsec;
	out->inode = stat.ino;
	out->kind = S_ISREG(stat.mode) ? KTCP_FILE_REGULAR :
		    S_ISDIR(stat.mode) ? KTCP_FILE_DIRECTORY :
					 KTCP_FILE_OTHER;
	return 0;
}

int ktcp_file_stat(struct ktcp_file_root *root, const char *name, struct ktcp_file_status *status)
{
	const struct cred *before = override_creds(root->cred);
	struct path path;
	int found = ktcp_file_find(root, name, &path, status);

	if (!found)
		path_put(&path);
	revert_creds(before);
	return found;
}

/* The integrity measurement of what is opened on behalf of others, as nfsd asks for it. */
static int ktcp_file_opened(struct file *file)
{
#ifdef KTCP_HAVE_SECURITY_FILE_POST_OPEN
	return security_file_post_open(file, MAY_READ | MAY_OPEN);
#else
	return ima_file_check(file, MAY_READ | MAY_OPEN);
#endif
}

/* dentry_open() itself asks nobody: permission comes first, as in path_openat(). */
static int ktcp_file_open_path(struct ktcp_file_root *root, const struct path *path,
			       enum ktcp_file_kind kind, struct file **out)
{
	struct file *file;
	int status;

	if (kind == KTCP_FILE_OTHER)
		return -EACCES;
	status = path_permission(path, MAY_READ | MAY_OPEN);
	if (status)
		return status;
	file = dentry_open(path, O_RDONLY | O_LARGEFILE | O_NONBLOCK, root->cred);
	if (IS_ERR(file))
		return PTR_ERR(file);
	status = ktcp_file_opened(file);
	if (status) {
		ktcp_file_close(file);
		return status;
	}
	*out = file;
	return 0;
}

int ktcp_file_open(struct ktcp_file_root *root, const char *name, struct file **out,
		   struct ktcp_file_status *status)
{
	const struct cred *before = override_creds(root->cred);
	struct path path;
	int opened = ktcp_file_find(root, name, &path, status);

	if (!opened) {
		opened = ktcp_file_open_path(root, &path, status->kind, out);
		path_put(&path);
	}
	revert_creds(before);
	return opened;
}

void ktcp_file_close(struct file *file)
{
	/* A coroutine that fails where it cannot sleep closes its file all the same; and a user's
	 * process does by itself on its way out of the kernel. */
	if (in_interrupt() || !(current->flags & PF_KTHREAD))
		fput(file);
	else
		__fput_sync(file);
}

long ktcp_file_read(struct file *file, void *buffer, size_t size, uint64_t offset)
{
	const struct cred *before = override_creds(file->f_cred);
	loff_t at = offset;
	long got = kernel_read(file, buffer, size, &at);

	revert_creds(before);
	return got;
}

struct ktcp_file_collected {
	struct ktcp_file_page *pages;
	unsigned int most, count;
};

/* Keep the page; the pipe's own reference goes when the buffer is used up. */
static int ktcp_file_collect(struct pipe_inode_info *pipe, struct pipe_buffer *buffer,
			     struct splice_desc *sd)
{
	struct ktcp_file_collected *into = sd->u.data;
	struct ktcp_file_page *page = &into->pages[into->count];

	if (into->count == into->most)
		return 0;
	get_page(buffer->page);
	page->page = buffer->page;
	page->offset = buffer->offset;
	page->size = sd->len;
	into->count++;
	return sd->len;
}

static int ktcp_file_actor(struct pipe_inode_info *pipe, struct splice_desc *sd)
{
	return __splice_from_pipe(pipe, sd, ktcp_file_collect);
}

long ktcp_file_read_pages(struct file *file, uint64_t offset, size_t size,
			  struct ktcp_file_page *pages, unsigned int most, unsigned int *count)
{
	struct ktcp_file_collected into = { .pages = pages, .most = most };
	/* A page more than fits, and the splice would go on for it: never ask for one. */
	struct splice_desc sd = {
		.total_len = min_t(size_t, size, most * PAGE_SIZE - offset_in_page(offset)),
		.pos = offset,
		.u.data = &into,
	};
	const struct cred *before = override_creds(file->f_cred);
	/* From 6.8 on the splice leaves this to its callers. */
	long got = rw_verify_area(READ, file, &sd.pos, sd.total_len);

	if (!got)
		got = splice_direct_to_actor(file, &sd, ktcp_file_actor);
	revert_creds(before);
	*count = into.count;
	return got;
}

struct ktcp_file_names {
	struct dir_context context;
	bool (*each)(void *context, const char *name, size_t length, bool folder);
	void *of;
	bool any; /* in this call of iterate_dir() */
	bool over;
};

static bool ktcp_file_name(struct dir_context *context, const char *name, int length, loff_t at,
			   u64 inode, unsigned int type)
{
	struct ktcp_file_names *names = container_of(context, struct ktcp_file_names, context);

	/* As where getdents() copies to a page that is not there: an actor may sleep. */
	cond_resched();
	names->any = true;
	if (name[0] == '.' && (length == 1 || (length == 2 && name[1] == '.')))
		return true;
	names->over = !names->each(names->of, name, length, type == DT_DIR);
	return !names->over;
}

int ktcp_file_list(struct file *directory, bool first,
		   bool (*each)(void *context, const char *name, size_t length, bool folder),
		   void *context)
{
	struct ktcp_file_names names = {
		.context.actor = ktcp_file_name,
		.each = each,
		.of = context,
	};
	const struct cred *before = override_creds(directory->f_cred);
	loff_t at = first && directory->f_pos ? vfs_llseek(directory, 0, SEEK_SET) : 0;
	int status = at < 0 ? (int)at : 0;

	/* A file system may stop after a block of its own; the end is where nothing more comes. It
	 * goes on from the name that was refused. */
	while (!status && !names.over) {
		names.any = false;
		status = iterate_dir(directory, &names.context);
		if (!names.any)
			break;
	}
	revert_creds(before);
	return status;
}

/* As inject.c. */
ALLOW_ERROR_INJECTION(ktcp_file_open, ERRNO);
ALLOW_ERROR_INJECTION(ktcp_file_stat, ERRNO);
ALLOW_ERROR_INJECTION(ktcp_file_read, ERRNO);
ALLOW_ERROR_INJECTION(ktcp_file_read_pages, ERRNO);
ALLOW_ERROR_INJECTION(ktcp_file_list, ERRNO);
