/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Files under /proc/net that list things, a line or a few for each (linux/seq_file.h), and that
 * may take orders.
 */
#ifndef KTCP_PORT_PROC_H
#define KTCP_PORT_PROC_H

#include <ktcp/port/types.h>

KTCP_PORT_BEGIN

struct file;
struct net;
struct proc_dir_entry;
struct seq_file;
struct ktcp_proc_file;

/* One write(2). */
struct ktcp_proc_input {
	size_t size; /* how many bytes */
	const void *from; /* the writer's memory: for ktcp_proc_copy() alone */
	struct file *opening; /* for ktcp_proc_may_administer() */
};

/* What a file that may be written consists of besides. Context of all three: process. */
struct ktcp_proc_writer {
	/* It was opened for writing; returns what the other two get, NULL if there is no memory. */
	void *(*open)(struct ktcp_proc_file *file);
	/* Returns how many bytes were taken, or a negative errno; one at a time for an opening. */
	long (*write)(struct ktcp_proc_file *file, void *opened,
		      const struct ktcp_proc_input *input);
	/* Called once for each open(), before ktcp_proc_remove() returns at the latest. */
	void (*release)(struct ktcp_proc_file *file, void *opened);
};

/*
 * What a file consists of, embedded in its owner. One reader at a time calls lock(), then
 * at() and show() for items of growing position, then unlock(); a long file is read in
 * several such rounds, between which items come and go. Context of all four: process.
 */
struct ktcp_proc_file {
	void (*lock)(struct ktcp_proc_file *file);
	/* Is there an item at @position (0 is the first)? It is then the current one. */
	bool (*at)(struct ktcp_proc_file *file, unsigned long long position);
	/* Print the current item, by ktcp_seq_printf(). */
	void (*show)(struct ktcp_proc_file *file, struct seq_file *to);
	void (*unlock)(struct ktcp_proc_file *file);
	const struct ktcp_proc_writer *writer; /* NULL: nobody may write */
	struct proc_dir_entry *entry; /* the port's */
};

/**
 * ktcp_proc_mkdir() - a folder /proc/net/@name of a network namespace's.
 * @net: NULL for the initial one.
 * @out: the folder, the caller's until ktcp_proc_rmdir(). In user space there is no /proc of
 *       ours: it succeeds with NULL, and so do files in it.
 * Return: 0; -ENOMEM, also when the name is taken.
 * Context: process.
 */
int ktcp_proc_mkdir(struct net *net, const char *name, struct proc_dir_entry **out);

/** ktcp_proc_rmdir() - and the files in it; NULL is ignored. Waits for readers. Context: process. */
void ktcp_proc_rmdir(struct proc_dir_entry *folder);

/**
 * ktcp_proc_create() - a file in @folder that everybody may read, until ktcp_proc_rmdir().
 * @file: must stay until then. If it has a writer, everybody may open it for writing, too, and
 *        the writer asks ktcp_proc_may_administer().
 * Return: 0, -ENOMEM.
 * Context: process.
 */
int ktcp_proc_create(struct proc_dir_entry *folder, const char *name, struct ktcp_proc_file *file);

/**
 * ktcp_proc_create_net() - the same for a file /proc/net/@name, until ktcp_proc_remove().
 * @net: NULL for the initial one.
 * Return: 0; -ENOMEM, also when the name is taken.
 * Context: process.
 */
int ktcp_proc_create_net(struct net *net, const char *name, struct ktcp_proc_file *file);

/**
 * ktcp_proc_remove() - what ktcp_proc_create_net() made. Waits for readers and writers that are
 * inside a call, and releases every opening; who has the file open finds nothing any more.
 * Context: process.
 */
void ktcp_proc_remove(struct ktcp_proc_file *file);

/**
 * ktcp_proc_copy() - copy what was written, as copy_from_user().
 * @offset, @size: which part; within @input->size.
 * Return: 0; -EFAULT where the writer's memory ends; -EINTR when the writer is being killed.
 * Context: inside ktcp_proc_writer::write.
 */
int ktcp_proc_copy(const struct ktcp_proc_input *input, size_t offset, void *to, size_t size);

/**
 * ktcp_proc_may_administer() - has whoever *opened* the file CAP_NET_ADMIN in the user
 * namespace that owns @net? As file_ns_capable(): who gets hold of the open file later, or is
 * tricked into writing to it, lends it no right.
 * Context: inside ktcp_proc_writer::write.
 */
bool ktcp_proc_may_administer(const struct ktcp_proc_input *input, struct net *net);

/** ktcp_seq_printf() - as seq_printf(). Context: inside ktcp_proc_file::show. */
__attribute__((format(printf, 2, 3))) void ktcp_seq_printf(struct seq_file *to, const char *format,
							   ...);

KTCP_PORT_END

#endif
