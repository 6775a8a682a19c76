// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* port/proc.h where there is no /proc of ours: it publishes nothing, so there is no reader. */
#include <ktcp/port/proc.h>

struct ktcp_proc_folder {};

int ktcp_proc_mkdir(struct net *, const char *, struct ktcp_proc_folder **out)
{
	static ktcp_proc_folder nowhere;

	*out = &nowhere;
	return 0;
}

void ktcp_proc_rmdir(struct ktcp_proc_folder *)
{
}

int ktcp_proc_create(struct ktcp_proc_folder *, const char *, struct ktcp_proc_file *)
{
	return 0;
}

bool ktcp_proc_leave(void *)
{
	return true;
}

bool ktcp_proc_enter(void *)
{
	return true;
}

void ktcp_seq_printf(struct seq_file *, const char *, ...)
{
}
