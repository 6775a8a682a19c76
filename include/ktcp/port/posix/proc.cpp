// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* port/proc.h where there is no /proc of ours: nothing is published, and nobody reads. */
#include <ktcp/port/proc.h>

int ktcp_proc_mkdir(struct net *, const char *, struct proc_dir_entry **out)
{
	*out = nullptr;
	return 0;
}

void ktcp_proc_rmdir(struct proc_dir_entry *)
{
}

int ktcp_proc_create(struct proc_dir_entry *, const char *, struct ktcp_proc_file *)
{
	return 0;
}

void ktcp_seq_printf(struct seq_file *, const char *, ...)
{
}
