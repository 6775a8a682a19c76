// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * port/listeners.h over net/netevent.h. A module asks by a call of the chain with KTCP_LISTENERS_ASKED.
 * No subscriber but ktcp's knows that event. Each module of ktcp's answers with its own. The chain is RCU's: while a
 * module answers it cannot go, and nor can the one that asks.
 */
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/notifier.h>
#include <linux/spinlock.h>
#include <net/netevent.h>

#include <ktcp/port/listeners.h>

/* Not one of enum netevent_notif_type. Another number where struct ktcp_listener changes its meaning. */
#define KTCP_LISTENERS_ASKED 0x6b746370ul

struct ktcp_listeners_question {
	void (*each)(void *context, const struct ktcp_listener *listener);
	void *context;
};

static LIST_HEAD(ktcp_listeners_here);
static DEFINE_SPINLOCK(ktcp_listeners_lock);
static DEFINE_MUTEX(ktcp_listeners_mutex); /* of those that publish and withdraw */

static struct list_head *ktcp_listener_node(struct ktcp_listener *listener)
{
	return (struct list_head *)&listener->list;
}

static int ktcp_listeners_answer(struct notifier_block *block, unsigned long event, void *data)
{
	struct ktcp_listeners_question *question = data;
	struct list_head *node;

	if (event != KTCP_LISTENERS_ASKED)
		return NOTIFY_DONE;
	spin_lock_bh(&ktcp_listeners_lock);
	list_for_each(node, &ktcp_listeners_here) question->each(
		question->context,
		(struct ktcp_listener *)((char *)node - offsetof(struct ktcp_listener, list)));
	spin_unlock_bh(&ktcp_listeners_lock);
	return NOTIFY_DONE;
}

static struct notifier_block ktcp_listeners_block = { .notifier_call = ktcp_listeners_answer };

void ktcp_listener_publish(struct ktcp_listener *listener)
{
	BUILD_BUG_ON(sizeof(listener->list) != sizeof(struct list_head));
	mutex_lock(&ktcp_listeners_mutex);
	if (list_empty(&ktcp_listeners_here))
		register_netevent_notifier(&ktcp_listeners_block);
	spin_lock_bh(&ktcp_listeners_lock);
	list_add_tail(ktcp_listener_node(listener), &ktcp_listeners_here);
	spin_unlock_bh(&ktcp_listeners_lock);
	mutex_unlock(&ktcp_listeners_mutex);
}

void ktcp_listener_withdraw(struct ktcp_listener *listener)
{
	mutex_lock(&ktcp_listeners_mutex);
	spin_lock_bh(&ktcp_listeners_lock);
	list_del(ktcp_listener_node(listener));
	spin_unlock_bh(&ktcp_listeners_lock);
	/* Waits until the last call of ktcp_listeners_answer() has returned. */
	if (list_empty(&ktcp_listeners_here))
		unregister_netevent_notifier(&ktcp_listeners_block);
	mutex_unlock(&ktcp_listeners_mutex);
}

void ktcp_listeners(void (*each)(void *context, const struct ktcp_listener *listener),
		    void *context)
{
	struct ktcp_listeners_question question = { each, context };

	call_netevent_notifiers(KTCP_LISTENERS_ASKED, &question);
}
