// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* port/listeners.h of a process: its own. */
#include <list>
#include <mutex>

#include <ktcp/port/listeners.h>

namespace
{

std::mutex ktcp_listeners_lock;
std::list<ktcp_listener *> ktcp_listeners_here;

} // namespace

void ktcp_listener_publish(struct ktcp_listener *listener)
{
	const std::lock_guard hold(ktcp_listeners_lock);

	ktcp_listeners_here.push_back(listener);
}

void ktcp_listener_withdraw(struct ktcp_listener *listener)
{
	const std::lock_guard hold(ktcp_listeners_lock);

	ktcp_listeners_here.remove(listener);
}

void ktcp_listeners(void (*each)(void *context, const struct ktcp_listener *listener),
		    void *context)
{
	const std::lock_guard hold(ktcp_listeners_lock);

	for (const ktcp_listener *listener : ktcp_listeners_here)
		each(context, listener);
}
