// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* port/proc.h where there is no /proc of ours: nothing is published, and nobody reads. */
#include <errno.h>

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

int ktcp_proc_create_net(struct net *, const char *, struct ktcp_proc_file *)
{
	return 0;
}

void ktcp_proc_remove(struct ktcp_proc_file *)
{
}

int ktcp_proc_copy(const struct ktcp_proc_input *, size_t, void *, size_t)
{
	return -EFAULT;
}

bool ktcp_proc_may_administer(const struct ktcp_proc_input *, struct net *)
{
	return false;
}

void ktcp_seq_printf(struct seq_file *, const char *, ...)
{
}
