// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* port/net.h over net/core. */
#include <linux/kmod.h>
#include <linux/netdevice.h>
#include <linux/nsproxy.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <net/net_namespace.h>
#include <net/netns/generic.h>

#include <ktcp/port/net.h>

/*
 * The kernel tells its callbacks which namespace, not which operations: there is one set in a
 * module.
 */
static struct ktcp_pernet *ktcp_pernet;
static unsigned int ktcp_pernet_id;

/* The namespace's memory for us: its size is a constant since 6.12, the object's is not. */
struct ktcp_pernet_slot {
	void *object;
};

static int ktcp_pernet_init(struct net *net)
{
	struct ktcp_pernet_slot *slot = net_generic(net, ktcp_pernet_id);
	int error;

	slot->object = kzalloc(ktcp_pernet->size, GFP_KERNEL);
	if (!slot->object)
		return -ENOMEM;
	error = ktcp_pernet->init(ktcp_pernet, net, slot->object);
	if (error)
		kfree(slot->object);
	return error;
}

static void ktcp_pernet_pre_exit(struct net *net)
{
	struct ktcp_pernet_slot *slot = net_generic(net, ktcp_pernet_id);

	ktcp_pernet->pre_exit(ktcp_pernet, net, slot->object);
}

static void ktcp_pernet_exit(struct net *net)
{
	struct ktcp_pernet_slot *slot = net_generic(net, ktcp_pernet_id);

	ktcp_pernet->exit(ktcp_pernet, net, slot->object);
	kfree(slot->object);
}

static struct pernet_operations ktcp_pernet_operations = {
	.init = ktcp_pernet_init,
	.pre_exit = ktcp_pernet_pre_exit,
	.exit = ktcp_pernet_exit,
	.id = &ktcp_pernet_id,
	.size = sizeof(struct ktcp_pernet_slot),
};

int ktcp_register_pernet(struct ktcp_pernet *pernet)
{
	int error;

	if (cmpxchg(&ktcp_pernet, NULL, pernet))
		return -EBUSY;
	/*
	 * init() may make a socket of IPv6. sock_create() would then load IPv6, and wait for it under
	 * pernet_ops_rwsem, which inet6_init() takes as well. So it is loaded before. Without it there
	 * are sockets of IPv4.
	 */
	if (IS_MODULE(CONFIG_IPV6))
		request_module("net-pf-%d", PF_INET6);
	error = register_pernet_device(&ktcp_pernet_operations);
	if (error)
		ktcp_pernet = NULL;
	return error;
}

void ktcp_unregister_pernet(struct ktcp_pernet *pernet)
{
	unregister_pernet_device(&ktcp_pernet_operations);
	ktcp_pernet = NULL;
}

bool ktcp_is_init_net(const struct net *net)
{
	return !net || net_eq(net, &init_net);
}

bool ktcp_is_in_init_net(void)
{
	/* A task that ends has none any more. */
	return !current->nsproxy || net_eq(current->nsproxy->net_ns, &init_net);
}

uint32_t ktcp_net_number(const struct net *net)
{
	return (net ? net : &init_net)->ns.inum;
}

uint32_t ktcp_net_ifindex(struct net *net, const char *name)
{
	struct net_device *device;
	uint32_t index;

	rcu_read_lock();
	device = dev_get_by_name_rcu(net ? net : &init_net, name);
	index = device ? device->ifindex : 0;
	rcu_read_unlock();
	return index;
}

struct ktcp_device_notifier {
	struct notifier_block block;
	struct ktcp_device_watch *watch;
};

/*
 * A device has left the namespace's names when NETDEV_UNREGISTER says so. NETDEV_CHANGE tells of an alternative name,
 * where the device is up (netdev_state_change()); of others NETDEV_UP does.
 */
static int ktcp_device_changed(struct notifier_block *block, unsigned long event, void *data)
{
	struct ktcp_device_watch *watch =
		container_of(block, struct ktcp_device_notifier, block)->watch;

	switch (event) {
	case NETDEV_REGISTER:
	case NETDEV_UNREGISTER:
	case NETDEV_CHANGENAME:
	case NETDEV_CHANGE:
	case NETDEV_UP:
		watch->changed(watch);
	}
	return NOTIFY_DONE;
}

int ktcp_watch_devices(struct net *net, struct ktcp_device_watch *watch)
{
	struct ktcp_device_notifier *notifier = kzalloc(sizeof(*notifier), GFP_KERNEL);
	int error;

	if (!notifier)
		return -ENOMEM;
	notifier->block.notifier_call = ktcp_device_changed;
	notifier->watch = watch;
	error = register_netdevice_notifier_net(net ? net : &init_net, &notifier->block);
	if (error) {
		kfree(notifier);
		return error;
	}
	watch->saved = notifier;
	return 0;
}

void ktcp_unwatch_devices(struct net *net, struct ktcp_device_watch *watch)
{
	struct ktcp_device_notifier *notifier = watch->saved;

	unregister_netdevice_notifier_net(net ? net : &init_net, &notifier->block);
	kfree(notifier);
}
