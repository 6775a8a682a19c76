// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* port/file.h over the VFS; included behind port.c. */
#include <linux/cred.h>
#include <linux/dcache.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/fs_struct.h>
#include <linux/ima.h>
#include <linux/mm.h>
#include <linux/mount.h>
#include <linux/namei.h>
#include <linux/pipe_fs_i.h>
#include <linux/sched/task.h>
#include <linux/security.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/splice.h>
#include <linux/stat.h>
#include <linux/string.h>
#include <linux/uidgid.h>
#include <linux/workqueue.h>

#include <ktcp/port/file.h>

#ifndef KTCP_HAVE_VFS_PATH_LOOKUP
/* Exported, and declared in fs/internal.h alone. */
int vfs_path_lookup(struct dentry *, struct vfsmount *, const char *, unsigned int, struct path *);
#endif

#ifndef KTCP_HAVE_IDMAPPED_MOUNTS
#define is_idmapped_mnt(mount) false
#define path_permission(path, mask) inode_permission(d_backing_inode((path)->dentry), mask)
#endif

struct ktcp_file_root {
	struct path base; /* where an absolute name begins: the root folder of who loaded us */
	spinlock_t lock; /* of path */
	struct path path; /* none: the name is to be looked up */
	struct delayed_work forget; /* the path: another folder may have its name by now */
	struct cred *cred;
	unsigned int flags; /* LOOKUP_… */
	char name[];
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

static void ktcp_file_root_forget(struct work_struct *work)
{
	struct ktcp_file_root *root = container_of(to_delayed_work(work), struct ktcp_file_root,
						   forget);
	struct path path;

	spin_lock(&root->lock);
	path = root->path;
	root->path = (struct path){};
	spin_unlock(&root->lock);
	path_put(&path);
}

/* The folder that has the root's name, with a reference. With the caller's own credentials. */
static int ktcp_file_root_get(struct ktcp_file_root *root, unsigned int reval, struct path *path)
{
	bool first;
	int status;

	spin_lock(&root->lock);
	/* A relative name was looked up once. */
	*path = root->path;
	if (reval && root->base.dentry)
		path->dentry = NULL;
	if (path->dentry)
		path_get(path);
	spin_unlock(&root->lock);
	if (path->dentry)
		return 0;
	/* From a root of our own an absolute name begins there, in every caller. */
	status = vfs_path_lookup(root->base.dentry, root->base.mnt, root->name,
				 LOOKUP_FOLLOW | LOOKUP_DIRECTORY | reval, path);
	if (status)
		return status;
	spin_lock(&root->lock);
	first = !root->path.dentry;
	if (first) {
		root->path = *path;
		path_get(path);
	}
	spin_unlock(&root->lock);
	/* It is not pending: only its function takes a path away. */
	if (first)
		schedule_delayed_work(&root->forget, HZ);
	return 0;
}

/* The same for who serves files: a name that nothing has just now is no answer about a file. */
static int ktcp_file_root_now(struct ktcp_file_root *root, unsigned int reval, struct path *path)
{
	return ktcp_file_root_get(root, reval, path) ? -EAGAIN : 0;
}

int ktcp_file_root_open(const char *path, uint32_t uid, uint32_t gid, bool symlinks,
			struct ktcp_file_root **out)
{
	struct ktcp_file_root *root = kzalloc(sizeof(*root) + strlen(path) + 1, GFP_KERNEL);
	int status;

	if (!root)
		return -ENOMEM;
	strcpy(root->name, path);
	spin_lock_init(&root->lock);
	INIT_DELAYED_WORK(&root->forget, ktcp_file_root_forget);
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
	/* Its work runs in another folder than we: a relative name is looked up here alone. */
	if (*path == '/') {
		struct path found;

		get_fs_root(current->fs, &root->base);
		status = ktcp_file_root_get(root, 0, &found);
		if (!status)
			path_put(&found);
	} else {
		status = kern_path(path, LOOKUP_FOLLOW | LOOKUP_DIRECTORY, &root->path);
	}
	if (status) {
		ktcp_file_root_close(root);
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
	cancel_delayed_work_sync(&root->forget);
	path_put(&root->path); /* which may be none */
	path_put(&root->base);
	put_cred(root->cred);
	kfree(root);
}

enum { KTCP_LOOKUPS = 8 };

#ifdef KTCP_HAVE_LOOKUP_POSITIVE_UNLOCKED
/*
 * As vfs_path_lookup(), where nothing but names of folders leads to a file: one after the other. That
 * spares the page for a whole path, which getname_kernel() clears each time. No step can lead out of
 * the root. -ECHILD: something else is on the way.
 */
static int ktcp_file_walk(const struct path *root, const char *name, struct path *path)
{
	struct dentry *at = dget(root->dentry), *next;

	/* It asks for rights as on a mount without a map of its own. */
	while (!is_idmapped_mnt(root->mnt) && d_can_lookup(at)) {
		const char *end = strchrnul(name, '/');
		int length = end - name;

		if (!length || (*name == '.' && (length == 1 || (length == 2 && name[1] == '.'))))
			break;
		next = lookup_positive_unlocked(name, at, length);
		dput(at);
		if (IS_ERR(next))
			return next == ERR_PTR(-ENOENT) || next == ERR_PTR(-EACCES) ?
				       PTR_ERR(next) :
				       -ECHILD;
		at = next;
		/* A mount point, an automount, or a link. */
		if (d_managed(at) || d_is_symlink(at))
			break;
		if (!*end) {
			path->mnt = mntget(root->mnt);
			path->dentry = at;
			return 0;
		}
		name = end + 1;
	}
	dput(at);
	return -ECHILD;
}
#else
static int ktcp_file_walk(const struct path *root, const char *name, struct path *path)
{
	return -ECHILD;
}
#endif

static int ktcp_file_getattr(const struct path *path, struct ktcp_file_status *out)
{
	struct kstat stat;
	int status = vfs_getattr(path, &stat, STATX_BASIC_STATS, AT_STATX_SYNC_AS_STAT);

	if (status)
		return status;
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

/* Is a name of which nothing was found that of a link? */
static bool ktcp_file_dangles(const struct ktcp_file_root *root, const struct path *top,
			      const char *name)
{
	struct path path;
	bool link;

	if (root->flags & LOOKUP_NO_SYMLINKS ||
	    vfs_path_lookup(top->dentry, top->mnt, name, root->flags & ~LOOKUP_FOLLOW, &path))
		return false;
	link = d_is_symlink(path.dentry);
	path_put(&path);
	return link;
}

/* With the root's credentials. */
static int ktcp_file_find(struct ktcp_file_root *root, const struct path *top, const char *name,
			  unsigned int reval, struct path *path, struct ktcp_file_status *out)
{
	int status, i = 0;

	if (*name) {
		status = reval ? -ECHILD : ktcp_file_walk(top, name, path);
		/* -EAGAIN: something was renamed or mounted while a link led upwards. Anything,
		 * anywhere in the system; as openat2()'s callers do, try again. */
		for (; i < KTCP_LOOKUPS && (status == -ECHILD || status == -EAGAIN); i++)
			status = vfs_path_lookup(top->dentry, top->mnt, name, root->flags | reval,
						 path);
		/* The walk by names meets no links. */
		if (i && status == -ENOENT && ktcp_file_dangles(root, top, name))
			status = -ELOOP;
		if (status)
			return status;
	} else {
		*path = *top;
		path_get(path);
	}
	status = ktcp_file_getattr(path, out);
	if (status)
		path_put(path);
	return status;
}

int ktcp_file_restat(struct file *file, struct ktcp_file_status *status)
{
	const struct cred *before = override_creds(file->f_cred);
	int found = ktcp_file_getattr(&file->f_path, status);

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

/* @out: NULL: the file is not to be opened. @reval: LOOKUP_REVAL: the file system asks its server at each step. */
static int ktcp_file_try(struct ktcp_file_root *root, const char *name, unsigned int reval,
			 struct file **out, struct ktcp_file_status *status)
{
	const struct cred *before;
	struct path top, path;
	int found = ktcp_file_root_now(root, reval, &top);

	if (found)
		return found;
	before = override_creds(root->cred);
	found = ktcp_file_find(root, &top, name, reval, &path, status);
	if (!found) {
		if (out)
			found = ktcp_file_open_path(root, &path, status->kind, out);
		path_put(&path);
	}
	revert_creds(before);
	path_put(&top);
	return found;
}

/* As do_filp_open() and vfs_statx(): on the file system's server another file may have the name by now. */
static int ktcp_file_look(struct ktcp_file_root *root, const char *name, struct file **out,
			  struct ktcp_file_status *status)
{
	int found = ktcp_file_try(root, name, 0, out, status);

	return found == -ESTALE ? ktcp_file_try(root, name, LOOKUP_REVAL, out, status) : found;
}

int ktcp_file_open(struct ktcp_file_root *root, const char *name, struct file **out,
		   struct ktcp_file_status *status)
{
	return ktcp_file_look(root, name, out, status);
}

int ktcp_file_stat(struct ktcp_file_root *root, const char *name, struct ktcp_file_status *status)
{
	return ktcp_file_look(root, name, NULL, status);
}

void ktcp_file_close(struct file *file)
{
	/* A coroutine that fails where it cannot sleep closes its file all the same. A user's
	 * process does so by itself on its way out of the kernel. */
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

/* As splice_direct_to_actor() asks the file, into a pipe of ours. */
static ssize_t ktcp_file_splice(struct file *file, loff_t *at, struct pipe_inode_info *pipe,
				size_t size)
{
#ifdef KTCP_HAVE_VFS_SPLICE_READ
	return vfs_splice_read(file, at, pipe, size, 0);
#else
#ifdef KTCP_HAVE_RW_VERIFY_AREA
	int error = rw_verify_area(READ, file, at, size);
#else
	/* To read no bytes asks the same: the security modules, and locks that are mandatory. */
	int error = kernel_read(file, NULL, 0, at);
#endif

	if (error)
		return error;
	return file->f_op->splice_read ? file->f_op->splice_read(file, at, pipe, size, 0) : -EINVAL;
#endif
}

/* The pages in the pipe, each with a reference. Of a page that was truncated meanwhile, and of
 * those
 * behind it, nothing. */
static long ktcp_file_collect(struct pipe_inode_info *pipe, struct ktcp_file_page *pages,
			      unsigned int *count)
{
	long got = 0;
	int error = 0;

	for (; pipe->head != pipe->tail; pipe->tail++) {
		struct pipe_buffer *buffer = &pipe->bufs[pipe->tail & (pipe->ring_size - 1)];

		if (!error)
			error = pipe_buf_confirm(pipe, buffer);
		if (!error && buffer->len) {
			get_page(buffer->page);
			pages[*count].page = buffer->page;
			pages[*count].offset = buffer->offset;
			pages[*count].size = buffer->len;
			got += buffer->len;
			++*count;
		}
		pipe_buf_release(pipe, buffer);
	}
	return got ?: error;
}

/*
 * Page cache pages come out of a file by way of a pipe. splice_direct_to_actor() would give the
 * worker a pipe for ever after. It is charged to root's fs.pipe-user-pages-soft and -hard, and fails
 * where root's other processes have used these up. This pipe is charged to no user, lives for the
 * call alone, and is empty at its end.
 */
long ktcp_file_read_pages(struct file *file, uint64_t offset, size_t size,
			  struct ktcp_file_page *pages, unsigned int most, unsigned int *count)
{
	struct pipe_buffer buffers[roundup_pow_of_two(KTCP_FILE_PAGES_MOST)] = {};
	struct pipe_inode_info pipe = {
		.ring_size = ARRAY_SIZE(buffers),
		.readers = 1,
		.bufs = buffers,
	};
	const struct cred *before = override_creds(file->f_cred);
	loff_t at = offset;
	long got = 0, all = 0;

	mutex_init(&pipe.mutex);
	init_waitqueue_head(&pipe.rd_wait);
	init_waitqueue_head(&pipe.wr_wait);
	/* A file system may stop after a part of its own. */
	for (*count = 0; *count < most && size; size -= got, all += got) {
		/* A page more than fits would be read in vain. */
		const size_t room = (most - *count) * PAGE_SIZE - offset_in_page(at);

		pipe.max_usage = most - *count;
		got = ktcp_file_splice(file, &at, &pipe, min(size, room));
		if (got > 0)
			got = ktcp_file_collect(&pipe, pages, count);
		if (got <= 0)
			break;
		at = offset + all + got;
	}
	revert_creds(before);
	return all ?: got;
}

struct ktcp_file_names {
	struct dir_context context;
	bool (*each)(void *context, const char *name, size_t length, bool folder);
	void *of;
	bool any; /* in this call of iterate_dir() */
	bool over;
};

#ifdef KTCP_HAVE_FILLDIR_BOOL
typedef bool ktcp_filldir;
#define KTCP_FILLDIR(more) (more)
#else
typedef int ktcp_filldir;
#define KTCP_FILLDIR(more) ((more) ? 0 : -EINVAL)
#endif

static ktcp_filldir ktcp_file_name(struct dir_context *context, const char *name, int length,
				   loff_t at, u64 inode, unsigned int type)
{
	struct ktcp_file_names *names = container_of(context, struct ktcp_file_names, context);

	/* As where getdents() copies to a page that is not there: an actor may sleep. */
	cond_resched();
	names->any = true;
	if (name[0] == '.' && (length == 1 || (length == 2 && name[1] == '.')))
		return KTCP_FILLDIR(true);
	names->over = !names->each(names->of, name, length, type == DT_DIR);
	return KTCP_FILLDIR(!names->over);
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
ALLOW_ERROR_INJECTION(ktcp_file_restat, ERRNO);
ALLOW_ERROR_INJECTION(ktcp_file_read, ERRNO);
ALLOW_ERROR_INJECTION(ktcp_file_read_pages, ERRNO);
ALLOW_ERROR_INJECTION(ktcp_file_list, ERRNO);
