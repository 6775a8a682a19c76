/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Files under /proc/net that list things, a line or a few for each (linux/seq_file.h), and that
 * may take orders.
 *
 * No caller of these functions waits for a process that reads or writes a file. A copy from or to a
 * process's memory may block for as long as that process likes (FUSE, userfaultfd). So the port
 * copies outside of the calls below. An opening holds its network namespace, so that does not end
 * before the last opening is closed.
 */
#ifndef KTCP_PORT_PROC_H
#define KTCP_PORT_PROC_H

#include <ktcp/port/types.h>

KTCP_PORT_BEGIN

struct net;
struct seq_file;
struct ktcp_proc_file;
struct ktcp_proc_folder;

/*
 * The parts of a file, embedded in its owner. For one opening, one process at a time calls at() and
 * show(), and one calls write(). A reader, a writer and other openings may call at the same time.
 * Context of all five: process. They may sleep, but wait for no process's doing: ktcp_proc_rmdir() waits
 * for them. write() and release() do that between ktcp_proc_leave() and ktcp_proc_enter(). None is
 * called once ktcp_proc_rmdir() has returned.
 */
struct ktcp_proc_file {
	unsigned short mode; /* who may open it; writing takes CAP_NET_ADMIN besides */
	uint32_t group; /* its group, by the number in the namespace's users; 0: root's */
	size_t opening_size; /* bytes that each opening has for itself, aligned as a pointer */
	/* Prepare an opening's bytes, which are zeroed. NULL: nothing to do. */
	void (*open)(struct ktcp_proc_file *file, void *opening);
	/*
	 * Is there an item at @position (0 is the first)? It is then the current one. Positions
	 * grow by one; 0 begins again, and the same may be asked for twice. A long file is read in
	 * several rounds, between which items come and go.
	 */
	bool (*at)(struct ktcp_proc_file *file, void *opening, unsigned long long position);
	/* Print the current item, by ktcp_seq_printf(). */
	void (*show)(struct ktcp_proc_file *file, void *opening, struct seq_file *to);
	/*
	 * Take bytes that a process wrote; they are in kernel memory by now. The process opened the
	 * file with CAP_NET_ADMIN over its namespace. Return: the number of bytes taken, or a
	 * negative errno. NULL: the file is read-only.
	 */
	long (*write)(struct ktcp_proc_file *file, void *opening, const char *text, size_t size);
	/* Undo open(): once, before ktcp_proc_rmdir() returns at the latest. NULL: nothing. */
	void (*release)(struct ktcp_proc_file *file, void *opening);
};

/**
 * ktcp_proc_mkdir() - a folder /proc/net/@name of a network namespace's.
 * @net: NULL for the initial one.
 * @name: NULL: no folder of its own, its files are in /proc/net itself.
 * @out: the folder, the caller's until ktcp_proc_rmdir(). In user space there is no /proc of
 *       ours: it succeeds with NULL, and so do files in it.
 * Return: 0; -EEXIST when the name is taken, as far as the calling process can see it, or a worker if @net is the
 *         initial one; -ENOMEM.
 * Context: process.
 */
int ktcp_proc_mkdir(struct net *net, const char *name, struct ktcp_proc_folder **out);

/**
 * ktcp_proc_rmdir() - remove a folder and the files in it; NULL is ignored. On return no call of a
 * file's is under way but those that have left (ktcp_proc_leave()), and every opening has been
 * released. Then the names go, and that waits for
 * processes that are in a read or a write. The wait is within this call. Where ktcp_module_start() or
 * ktcp_module_stop() calls it, the wait comes after them.
 * Context: process.
 */
void ktcp_proc_rmdir(struct ktcp_proc_folder *folder);

/**
 * ktcp_proc_create() - a file in @folder, until ktcp_proc_rmdir().
 * @file: must stay until then.
 * Return: 0; -EEXIST as ktcp_proc_mkdir(), or if the folder has a file of that name; -ENOMEM.
 * Context: process.
 */
int ktcp_proc_create(struct ktcp_proc_folder *folder, const char *name,
		     struct ktcp_proc_file *file);

/**
 * ktcp_proc_leave() - inside write() or release(): from here to ktcp_proc_enter() the caller may wait
 * for what processes do, such as for a socket's lock. Its owner may sleep with that in memory of its
 * own. Meanwhile the file may go, with its owner and with what is in the opening's bytes. Only the
 * file's name waits for the caller, and so does the end of the module. The namespace stays, too.
 * @opening: as it was given.
 * Return: false: the file is going already. The caller leaves nothing, waits for nobody, and returns.
 * Context: process.
 */
bool ktcp_proc_leave(void *opening);

/**
 * ktcp_proc_enter() - the end of what ktcp_proc_leave() has begun.
 * Return: is the file there still? If not, the caller returns, and touches nothing that has gone.
 * Context: process.
 */
bool ktcp_proc_enter(void *opening);

/**
 * ktcp_seq_printf() - as seq_printf(). Context: inside ktcp_proc_file::show.
 */
__attribute__((format(printf, 2, 3))) void ktcp_seq_printf(struct seq_file *to, const char *format,
							   ...);

KTCP_PORT_END

#endif
