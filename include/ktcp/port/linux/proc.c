// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* port/proc.h over proc_fs and seq_file. */
#include <linux/capability.h>
#include <linux/mutex.h>
#include <linux/proc_fs.h>
#include <linux/sched/signal.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <net/net_namespace.h>

#include <ktcp/port/proc.h>

static struct ktcp_proc_file *ktcp_proc_file_of(struct seq_file *seq)
{
	return pde_data(file_inode(seq->file));
}

/* The iterator is the position + 1: never NULL. */
static void *ktcp_proc_at(struct ktcp_proc_file *file, loff_t position)
{
	return file->at(file, position) ? (void *)(unsigned long)(position + 1) : NULL;
}

/* Readers take turns: a file has one current item. */
static DEFINE_MUTEX(ktcp_proc_reading);

static void *ktcp_proc_start(struct seq_file *seq, loff_t *position)
{
	struct ktcp_proc_file *file = ktcp_proc_file_of(seq);

	mutex_lock(&ktcp_proc_reading);
	file->lock(file);
	return ktcp_proc_at(file, *position);
}

static void *ktcp_proc_next(struct seq_file *seq, void *item, loff_t *position)
{
	return ktcp_proc_at(ktcp_proc_file_of(seq), ++*position);
}

static void ktcp_proc_stop(struct seq_file *seq, void *item)
{
	struct ktcp_proc_file *file = ktcp_proc_file_of(seq);

	file->unlock(file);
	mutex_unlock(&ktcp_proc_reading);
}

static int ktcp_proc_show(struct seq_file *seq, void *item)
{
	struct ktcp_proc_file *file = ktcp_proc_file_of(seq);

	file->show(file, seq);
	return 0;
}

static const struct seq_operations ktcp_proc_operations = {
	.start = ktcp_proc_start,
	.next = ktcp_proc_next,
	.stop = ktcp_proc_stop,
	.show = ktcp_proc_show,
};

/* ---- a file that may be written as well --------------------------------------------------- */

/* An opening for writing; two threads may write through it at once. */
struct ktcp_proc_opening {
	struct mutex writing;
	void *opened;
};

static int ktcp_proc_open(struct inode *inode, struct file *opening)
{
	struct ktcp_proc_file *file = pde_data(inode);
	struct ktcp_proc_opening *made = NULL;
	int error;

	if (opening->f_mode & FMODE_WRITE) {
		made = kmalloc(sizeof(*made), GFP_KERNEL);
		if (!made)
			return -ENOMEM;
		mutex_init(&made->writing);
		made->opened = file->writer->open(file);
		if (!made->opened) {
			kfree(made);
			return -ENOMEM;
		}
	}
	error = seq_open(opening, &ktcp_proc_operations);
	if (!error) {
		((struct seq_file *)opening->private_data)->private = made;
	} else if (made) {
		file->writer->release(file, made->opened);
		kfree(made);
	}
	return error;
}

static int ktcp_proc_release(struct inode *inode, struct file *opening)
{
	struct ktcp_proc_file *file = pde_data(inode);
	struct ktcp_proc_opening *made = ((struct seq_file *)opening->private_data)->private;

	if (made) {
		file->writer->release(file, made->opened);
		kfree(made);
	}
	return seq_release(inode, opening);
}

static ssize_t ktcp_proc_write(struct file *opening, const char __user *from, size_t size,
			       loff_t *position)
{
	struct ktcp_proc_file *file = pde_data(file_inode(opening));
	struct ktcp_proc_opening *made = ((struct seq_file *)opening->private_data)->private;
	const struct ktcp_proc_input input = {
		.size = size,
		.from = (const void __force *)from,
		.opening = opening,
	};
	long taken;

	mutex_lock(&made->writing);
	taken = file->writer->write(file, made->opened, &input);
	mutex_unlock(&made->writing);
	if (taken > 0)
		*position += taken;
	return taken;
}

int ktcp_proc_copy(const struct ktcp_proc_input *input, size_t offset, void *to, size_t size)
{
	cond_resched();
	if (fatal_signal_pending(current))
		return -EINTR;
	return copy_from_user(to, (const char __user __force *)input->from + offset, size) ?
		       -EFAULT :
		       0;
}

bool ktcp_proc_may_administer(const struct ktcp_proc_input *input, struct net *net)
{
	return file_ns_capable(input->opening, (net ? net : &init_net)->user_ns, CAP_NET_ADMIN);
}

static const struct proc_ops ktcp_proc_ops = {
	.proc_open = ktcp_proc_open,
	.proc_read_iter = seq_read_iter,
	.proc_lseek = seq_lseek,
	.proc_write = ktcp_proc_write,
	.proc_release = ktcp_proc_release,
};

/* ---- where the files are -------------------------------------------------------------------- */

int ktcp_proc_mkdir(struct net *net, const char *name, struct proc_dir_entry **out)
{
	net = net ? net : &init_net;
	*out = proc_net_mkdir(net, name, net->proc_net);
	return *out ? 0 : -ENOMEM;
}

void ktcp_proc_rmdir(struct proc_dir_entry *folder)
{
	proc_remove(folder);
}

int ktcp_proc_create(struct proc_dir_entry *folder, const char *name, struct ktcp_proc_file *file)
{
	file->entry = file->writer ?
			      proc_create_data(name, 0666, folder, &ktcp_proc_ops, file) :
			      proc_create_seq_data(name, 0444, folder, &ktcp_proc_operations, file);
	return file->entry ? 0 : -ENOMEM;
}

int ktcp_proc_create_net(struct net *net, const char *name, struct ktcp_proc_file *file)
{
	return ktcp_proc_create((net ? net : &init_net)->proc_net, name, file);
}

void ktcp_proc_remove(struct ktcp_proc_file *file)
{
	proc_remove(file->entry);
	file->entry = NULL;
}

void ktcp_seq_printf(struct seq_file *to, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	seq_vprintf(to, format, args);
	va_end(args);
}
