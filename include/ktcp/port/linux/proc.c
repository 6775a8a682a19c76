// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* port/proc.h over proc_fs and seq_file. */
#include <linux/capability.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/namei.h>
#include <linux/nsproxy.h>
#include <linux/proc_fs.h>
#include <linux/rwsem.h>
#include <linux/sched.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <linux/workqueue.h>
#include <net/net_namespace.h>

#include <ktcp/port/proc.h>

#ifndef KTCP_HAVE_PDE_DATA
#define pde_data(inode) PDE_DATA(inode)
#endif

/* The most that one write(2) takes; callers go on with the rest. */
enum { KTCP_PROC_WRITE_MOST = 65536 };

struct ktcp_proc_folder {
	struct net *net;
	struct proc_dir_entry *entry; /* NULL: /proc/net itself */
	struct list_head nodes;
	struct list_head leaving; /* in ktcp_proc_leaving */
};

/*
 * A file's entry stays until the last process is out of its read or write; the ktcp_proc_file
 * does not. The node stands between them: calls of the ktcp_proc_file pass the gate, and touch no
 * memory of a process's inside.
 */
struct ktcp_proc_node {
	struct ktcp_proc_folder *folder;
	struct list_head in_folder;
	struct proc_dir_entry *entry;
	struct rw_semaphore gate;
	struct ktcp_proc_file *file; /* under gate; NULL: it has gone */
	struct mutex lock; /* of openings */
	struct list_head openings;
	size_t opening_size;
	bool writable;
	char name[];
};

/* Of the process that opened it, and of those that it gave the descriptor to. */
struct ktcp_proc_opening {
	struct ktcp_proc_node *node;
	struct list_head in_node;
	struct mutex writing;
	bool inside; /* was the gate passed for the item that is shown? */
	bool released;
	unsigned long state[]; /* the file's */
};

static struct ktcp_proc_node *ktcp_proc_node_of(struct seq_file *seq)
{
	return pde_data(file_inode(seq->file));
}

/* ---- reading ---------------------------------------------------------------------------- */

/* The iterator is the position + 1: never NULL. */
static void *ktcp_proc_at(struct seq_file *seq, loff_t position)
{
	struct ktcp_proc_file *file = ktcp_proc_node_of(seq)->file;
	struct ktcp_proc_opening *opening = seq->private;

	if (!file || !file->at(file, opening->state, position))
		return NULL;
	return (void *)(unsigned long)(position + 1);
}

/* From here to ktcp_proc_stop() nothing is copied to the reader. */
static void *ktcp_proc_start(struct seq_file *seq, loff_t *position)
{
	struct ktcp_proc_opening *opening = seq->private;
	int error = down_read_killable(&ktcp_proc_node_of(seq)->gate);

	opening->inside = !error;
	return error ? ERR_PTR(error) : ktcp_proc_at(seq, *position);
}

static void *ktcp_proc_next(struct seq_file *seq, void *item, loff_t *position)
{
	return ktcp_proc_at(seq, ++*position);
}

static void ktcp_proc_stop(struct seq_file *seq, void *item)
{
	struct ktcp_proc_opening *opening = seq->private;

	if (opening->inside)
		up_read(&ktcp_proc_node_of(seq)->gate);
	opening->inside = false;
}

static int ktcp_proc_show(struct seq_file *seq, void *item)
{
	struct ktcp_proc_file *file = ktcp_proc_node_of(seq)->file;
	struct ktcp_proc_opening *opening = seq->private;

	file->show(file, opening->state, seq);
	return 0;
}

static const struct seq_operations ktcp_proc_operations = {
	.start = ktcp_proc_start,
	.next = ktcp_proc_next,
	.stop = ktcp_proc_stop,
	.show = ktcp_proc_show,
};

/* ---- opening, writing, closing ----------------------------------------------------------- */

/*
 * The opener's cgroup is charged for the memory of an opening. The opening holds the namespace, as
 * seq_open_net() does. So a process that is stuck in a file keeps that namespace alive, and does not
 * hold up the end of all others.
 */
static int ktcp_proc_open(struct inode *inode, struct file *at)
{
	struct ktcp_proc_node *node = pde_data(inode);
	struct ktcp_proc_opening *opening;
	struct net *net;
	int error;

	if ((at->f_mode & FMODE_WRITE) && !node->writable)
		return -EACCES;
	net = maybe_get_net(node->folder->net);
	if (!net)
		return -ENXIO;
	opening = kzalloc(sizeof(*opening) + node->opening_size, GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	error = opening ? seq_open(at, &ktcp_proc_operations) : -ENOMEM;
	if (error)
		goto fail;
	opening->node = node;
	mutex_init(&opening->writing);
	((struct seq_file *)at->private_data)->private = opening;

	down_read(&node->gate);
	mutex_lock(&node->lock);
	list_add(&opening->in_node, &node->openings);
	mutex_unlock(&node->lock);
	opening->released = !node->file;
	if (node->file && node->file->open)
		node->file->open(node->file, opening->state);
	up_read(&node->gate);
	return 0;
fail:
	kfree(opening);
	put_net(net);
	return error;
}

/* With the gate held. */
static void ktcp_proc_let_go(struct ktcp_proc_file *file, struct ktcp_proc_opening *opening)
{
	if (!opening->released && file->release)
		file->release(file, opening->state);
	opening->released = true;
}

static int ktcp_proc_release(struct inode *inode, struct file *at)
{
	struct ktcp_proc_node *node = pde_data(inode);
	struct ktcp_proc_opening *opening = ((struct seq_file *)at->private_data)->private;
	struct net *net = node->folder->net;

	down_read(&node->gate);
	mutex_lock(&node->lock);
	list_del(&opening->in_node);
	mutex_unlock(&node->lock);
	ktcp_proc_let_go(node->file, opening);
	up_read(&node->gate);
	kfree(opening);
	put_net(net);
	return seq_release(inode, at);
}

static long ktcp_proc_pass_on(struct ktcp_proc_node *node, struct ktcp_proc_opening *opening,
			      const char *text, size_t size)
{
	long taken;

	if (mutex_lock_killable(&opening->writing))
		return -EINTR;
	if (down_read_killable(&node->gate)) {
		taken = -EINTR;
	} else {
		taken = node->file ? node->file->write(node->file, opening->state, text, size) :
				     -ENOENT;
		up_read(&node->gate);
	}
	mutex_unlock(&opening->writing);
	return taken;
}

static struct ktcp_proc_node *ktcp_proc_node_at(void *state)
{
	return container_of(state, struct ktcp_proc_opening, state)->node;
}

/*
 * Outside of the gate, a writer has the node and its opening still. Both stay until it is out of its
 * write(2) or close(2): proc_remove() waits for that, and no other task waits for proc_remove().
 */
bool ktcp_proc_leave(void *state)
{
	struct ktcp_proc_node *node = ktcp_proc_node_at(state);

	if (!node->file)
		return false; /* ktcp_proc_shut() is the caller's caller */
	up_read(&node->gate);
	return true;
}

/* Not killable: the caller's caller gives the gate back. It is never kept for long. */
bool ktcp_proc_enter(void *state)
{
	struct ktcp_proc_node *node = ktcp_proc_node_at(state);

	down_read(&node->gate);
	return node->file;
}

/*
 * The right first, then memory, then the process's: nothing of ours is held while that is copied.
 */
static ssize_t ktcp_proc_write(struct file *at, const char __user *from, size_t size,
			       loff_t *position)
{
	struct ktcp_proc_node *node = pde_data(file_inode(at));
	long taken = -EFAULT;
	char *text;

	if (!file_ns_capable(at, node->folder->net->user_ns, CAP_NET_ADMIN))
		return -EPERM;
	size = min_t(size_t, size, KTCP_PROC_WRITE_MOST);
	if (!size)
		return 0;
	text = kvmalloc(size, GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	if (!text)
		return -ENOMEM;
	size -= copy_from_user(text, from, size);
	if (size)
		taken = ktcp_proc_pass_on(node, ((struct seq_file *)at->private_data)->private,
					  text, size);
	kvfree(text);
	if (taken > 0)
		*position += taken;
	return taken;
}

static const struct proc_ops ktcp_proc_ops = {
	.proc_open = ktcp_proc_open,
	.proc_read_iter = seq_read_iter,
	.proc_lseek = seq_lseek,
	.proc_write = ktcp_proc_write,
	.proc_release = ktcp_proc_release,
};

/* ---- where the files are -------------------------------------------------------------------- */

/* Is there something of that name, as the calling task sees /proc? */
static bool ktcp_proc_is_there(const char *path)
{
	struct path found;

	if (kern_path(path, 0, &found))
		return false;
	path_put(&found);
	return true;
}

struct ktcp_proc_look {
	struct work_struct work;
	const char *path;
	bool found;
};

static void ktcp_proc_look(struct work_struct *work)
{
	struct ktcp_proc_look *look = container_of(work, struct ktcp_proc_look, work);

	look->found = ktcp_proc_is_there(look->path);
}

/* A worker is in the first namespace, whichever namespace or changed root folder insmod runs in. */
static bool ktcp_proc_is_there_at_first(const char *path)
{
	struct ktcp_proc_look look = { .path = path };

	INIT_WORK_ONSTACK(&look.work, ktcp_proc_look);
	schedule_work(&look.work);
	flush_work(&look.work);
	destroy_work_on_stack(&look.work);
	return look.found;
}

/*
 * proc_mkdir() of a name that is taken prints a WARN() with a stack. Only a look into /proc can tell before, by a
 * task of that namespace: the calling process, or a worker for the first one.
 */
static int ktcp_proc_is_free(struct net *net, const char *name)
{
	char *path = kasprintf(GFP_KERNEL, "/proc/thread-self/net/%s", name);
	bool found = false;

	if (!path)
		return -ENOMEM;
	if (current->nsproxy && net_eq(current->nsproxy->net_ns, net))
		found = ktcp_proc_is_there(path);
	if (!found && net_eq(net, &init_net))
		found = ktcp_proc_is_there_at_first(path);
	kfree(path);
	return found ? -EEXIST : 0;
}

/* proc_create_data() warns of a name that a folder has, too. These folders have our files alone. */
static bool ktcp_proc_has(const struct ktcp_proc_folder *folder, const char *name)
{
	const struct ktcp_proc_node *each;

	list_for_each_entry(each, &folder->nodes,
			    in_folder) if (!strcmp(each->name, name)) return true;
	return false;
}

int ktcp_proc_mkdir(struct net *net, const char *name, struct ktcp_proc_folder **out)
{
	struct ktcp_proc_folder *folder = kzalloc(sizeof(*folder), GFP_KERNEL);
	int error;

	if (!folder)
		return -ENOMEM;
	folder->net = net ? net : &init_net;
	INIT_LIST_HEAD(&folder->nodes);
	if (name) {
		error = ktcp_proc_is_free(folder->net, name);
		if (!error)
			folder->entry = proc_net_mkdir(folder->net, name, folder->net->proc_net);
		if (!folder->entry) {
			kfree(folder);
			return error ?: -ENOMEM;
		}
	}
	*out = folder;
	return 0;
}

int ktcp_proc_create(struct ktcp_proc_folder *folder, const char *name, struct ktcp_proc_file *file)
{
	struct proc_dir_entry *parent = folder->entry ?: folder->net->proc_net;
	struct ktcp_proc_node *node;
	kgid_t group;
	int error = 0;

	if (ktcp_proc_has(folder, name))
		error = -EEXIST;
	else if (!folder->entry)
		error = ktcp_proc_is_free(folder->net, name);
	if (error)
		return error;
	node = kzalloc(struct_size(node, name, strlen(name) + 1), GFP_KERNEL);
	if (!node)
		return -ENOMEM;
	strcpy(node->name, name);
	node->folder = folder;
	init_rwsem(&node->gate);
	mutex_init(&node->lock);
	INIT_LIST_HEAD(&node->openings);
	node->file = file;
	node->opening_size = file->opening_size;
	node->writable = file->write;
	node->entry = proc_create_data(name, file->mode, parent, &ktcp_proc_ops, node);
	if (!node->entry) {
		kfree(node);
		return -ENOMEM;
	}
	list_add(&node->in_folder, &folder->nodes);
	/* /proc/net looks each name up anew, so no reader has the earlier group. */
	group = make_kgid(folder->net->user_ns, file->group);
	if (file->group && gid_valid(group)) {
		kuid_t root = make_kuid(folder->net->user_ns, 0);

		proc_set_user(node->entry, uid_valid(root) ? root : GLOBAL_ROOT_UID, group);
	}
	return 0;
}

/* ---- taking them away ------------------------------------------------------------------------ */

/*
 * A process that is stuck in a read keeps an entry for as long as it likes. While a module starts
 * or
 * ends, others wait for it: no namespace begins or ends while it leaves them, and its threads are
 * to
 * go. So entries are removed behind all that, and their namespaces stay until then.
 */
static LIST_HEAD(ktcp_proc_leaving);
static DEFINE_MUTEX(ktcp_proc_leaving_lock);
static bool ktcp_proc_puts_off;

/* On return nothing of the file's is called, nor will it be. */
static void ktcp_proc_shut(struct ktcp_proc_node *node)
{
	struct ktcp_proc_opening *opening;
	struct ktcp_proc_file *file;

	down_write(&node->gate);
	file = node->file;
	node->file = NULL;
	/* No holder of this lock waits for the gate. */
	mutex_lock(&node->lock);
	list_for_each_entry(opening, &node->openings, in_node) ktcp_proc_let_go(file, opening);
	mutex_unlock(&node->lock);
	up_write(&node->gate);
}

/* Waits for processes that are in a read or a write. */
static void ktcp_proc_remove(struct ktcp_proc_folder *folder)
{
	struct ktcp_proc_node *node, *next;

	list_for_each_entry(node, &folder->nodes, in_folder) proc_remove(node->entry);
	proc_remove(folder->entry);
	list_for_each_entry_safe(node, next, &folder->nodes, in_folder) kfree(node);
	kfree(folder);
}

void ktcp_proc_rmdir(struct ktcp_proc_folder *folder)
{
	struct ktcp_proc_node *node;
	bool put_off;

	if (!folder)
		return;
	list_for_each_entry(node, &folder->nodes, in_folder) ktcp_proc_shut(node);
	mutex_lock(&ktcp_proc_leaving_lock);
	/* In a namespace that ends by itself no file is open. */
	put_off = ktcp_proc_puts_off && maybe_get_net(folder->net);
	if (put_off)
		list_add(&folder->leaving, &ktcp_proc_leaving);
	mutex_unlock(&ktcp_proc_leaving_lock);
	if (!put_off)
		ktcp_proc_remove(folder);
}

/* From here to ktcp_proc_catch_up() removals are put off. */
static __maybe_unused void ktcp_proc_put_off(void)
{
	mutex_lock(&ktcp_proc_leaving_lock);
	ktcp_proc_puts_off = true;
	mutex_unlock(&ktcp_proc_leaving_lock);
}

/* No other task may have to wait for the caller. */
static __maybe_unused void ktcp_proc_catch_up(void)
{
	struct ktcp_proc_folder *folder, *next;
	LIST_HEAD(leaving);

	mutex_lock(&ktcp_proc_leaving_lock);
	ktcp_proc_puts_off = false;
	list_splice_init(&ktcp_proc_leaving, &leaving);
	mutex_unlock(&ktcp_proc_leaving_lock);
	list_for_each_entry_safe(folder, next, &leaving, leaving)
	{
		struct net *net = folder->net;

		ktcp_proc_remove(folder);
		put_net(net);
	}
}

void ktcp_seq_printf(struct seq_file *to, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	seq_vprintf(to, format, args);
	va_end(args);
}
