// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* port/net.h where there is one namespace: the program's own. */
#include <errno.h>
#include <net/if.h>
#include <stdlib.h>

#include <ktcp/port/net.h>
#include <ktcp/port/sync.h>

static void *ktcp_pernet_object;

int ktcp_register_pernet(struct ktcp_pernet *pernet)
{
	int error;

	if (ktcp_pernet_object)
		return -EBUSY;
	ktcp_pernet_object = calloc(1, pernet->size);
	if (!ktcp_pernet_object)
		return -ENOMEM;
	error = pernet->init(pernet, nullptr, ktcp_pernet_object);
	if (error) {
		free(ktcp_pernet_object);
		ktcp_pernet_object = nullptr;
	}
	return error;
}

void ktcp_unregister_pernet(struct ktcp_pernet *pernet)
{
	pernet->pre_exit(pernet, nullptr, ktcp_pernet_object);
	ktcp_synchronize_rcu();
	pernet->exit(pernet, nullptr, ktcp_pernet_object);
	free(ktcp_pernet_object);
	ktcp_pernet_object = nullptr;
}

bool ktcp_is_init_net(const struct net *)
{
	return true;
}

bool ktcp_is_in_init_net(void)
{
	return true;
}

uint32_t ktcp_net_number(const struct net *)
{
	return 0;
}

uint32_t ktcp_net_ifindex(struct net *, const char *name)
{
	return if_nametoindex(name);
}
