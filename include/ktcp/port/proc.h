/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Files under /proc/net that list things, a line or a few for each (linux/seq_file.h). */
#ifndef KTCP_PORT_PROC_H
#define KTCP_PORT_PROC_H

#include <ktcp/port/types.h>

KTCP_PORT_BEGIN

struct net;
struct proc_dir_entry;
struct seq_file;

/*
 * What a file consists of, embedded in its owner. One reader at a time calls lock(), then
 * at() and show() for items of growing position, then unlock(); a long file is read in
 * several such rounds, between which items come and go. Context of all four: process.
 */
struct ktcp_proc_file {
	void (*lock)(struct ktcp_proc_file *file);
	/* Is there an item at @position (0 is the first)? It is then the current one. */
	bool (*at)(struct ktcp_proc_file *file, uint64_t position);
	/* Print the current item, by ktcp_seq_printf(). */
	void (*show)(struct ktcp_proc_file *file, struct seq_file *to);
	void (*unlock)(struct ktcp_proc_file *file);
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
 * @file: must stay until then.
 * Return: 0, -ENOMEM.
 * Context: process.
 */
int ktcp_proc_create(struct proc_dir_entry *folder, const char *name, struct ktcp_proc_file *file);

/** ktcp_seq_printf() - as seq_printf(). Context: inside ktcp_proc_file::show. */
__attribute__((format(printf, 2, 3))) void ktcp_seq_printf(struct seq_file *to, const char *format,
							   ...);

KTCP_PORT_END

#endif
