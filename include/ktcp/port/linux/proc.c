// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* port/proc.h over proc_fs and seq_file. */
#include <linux/mutex.h>
#include <linux/proc_fs.h>
#include <linux/seq_file.h>
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
	file->entry = proc_create_seq_data(name, 0444, folder, &ktcp_proc_operations, file);
	return file->entry ? 0 : -ENOMEM;
}

void ktcp_seq_printf(struct seq_file *to, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	seq_vprintf(to, format, args);
	va_end(args);
}
