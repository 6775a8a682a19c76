/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Network namespaces: an object in each of them, and the sockets that they hold
 * (net/net_namespace.h).
 */
#ifndef KTCP_PORT_NET_H
#define KTCP_PORT_NET_H

#include <ktcp/port/types.h>

KTCP_PORT_BEGIN

struct net;

/*
 * The work for each network namespace, embedded in its owner. Context of all three: process; no
 * namespace is made or ends meanwhile, so they take no lock under which one may.
 */
struct ktcp_pernet {
	/* Bytes that each namespace gets: zeroed, aligned as a pointer is; they are the @object. */
	size_t size;
	/* A namespace begins, or is there at ktcp_register_pernet(). A negative errno refuses it. */
	int (*init)(struct ktcp_pernet *pernet, struct net *net, void *object);
	/*
	 * The namespace ends, or ktcp_unregister_pernet() was called: let nothing new find @object.
	 * Called for all that end together; then an RCU grace period passes, and then
	 * @exit is called for each of them.
	 */
	void (*pre_exit)(struct ktcp_pernet *pernet, struct net *net, void *object);
	/* Leave nothing; @object's bytes are freed. */
	void (*exit)(struct ktcp_pernet *pernet, struct net *net, void *object);
};

/**
 * ktcp_register_pernet() - an object in every network namespace, present and future, as
 * register_pernet_device(). Its exit comes before the namespace loses its devices, so that sockets
 * go first.
 * @pernet: must stay until ktcp_unregister_pernet().
 * Return: 0; -EBUSY if the module has registered one already; -ENOMEM; what @pernet->init
 *         returned.
 * Context: process.
 */
int ktcp_register_pernet(struct ktcp_pernet *pernet);

/**
 * ktcp_unregister_pernet() - pre_exit() and exit() for every namespace. Waits for
 * namespaces that are just ending.
 * Context: process.
 */
void ktcp_unregister_pernet(struct ktcp_pernet *pernet);

/** ktcp_is_init_net() - is @net the initial network namespace? NULL is. Context: any. */
bool ktcp_is_init_net(const struct net *net);

/** ktcp_is_in_init_net() - is the calling task in the initial network namespace? Context: process. */
bool ktcp_is_in_init_net(void);

/**
 * ktcp_net_number() - the namespace's inode number, by which ls -l /proc/self/ns/net knows it.
 * Context: any.
 */
uint32_t ktcp_net_number(const struct net *net);

/**
 * ktcp_net_ifindex() - the index of a device of the namespace's, by its name or an alternative one.
 * Return: 0 if there is none.
 * Context: process.
 */
uint32_t ktcp_net_ifindex(struct net *net, const char *name);

/* Hears of the devices of a network namespace, embedded in its owner. */
struct ktcp_device_watch {
	/*
	 * A name may mean another device now, or none. Context: process, with the lock of network devices (RTNL):
	 * do no more than to queue work.
	 */
	void (*changed)(struct ktcp_device_watch *watch);
	void *saved; /* the port's */
};

/**
 * ktcp_watch_devices() - call @watch->changed when a device comes into the namespace or leaves it, has another name,
 * or is set up (register_netdevice_notifier_net()). It may be called at once, and in vain. An alternative name of a
 * device that is down counts once it is up.
 * @net: outlives the watch; NULL: the initial one.
 * Return: 0; -ENOMEM; -EMFILE …
 * Context: process; takes RTNL.
 */
int ktcp_watch_devices(struct net *net, struct ktcp_device_watch *watch);

/**
 * ktcp_unwatch_devices() - on return @watch->changed is not running, and will not be called any more. It may be called
 * meanwhile.
 * Context: process; takes RTNL.
 */
void ktcp_unwatch_devices(struct net *net, struct ktcp_device_watch *watch);

KTCP_PORT_END

#endif
