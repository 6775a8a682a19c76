// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * A list without a lock: any context adds to it, and one at a time takes all.
 *
 * @code
 * ktcp::atomic<item *> ready = nullptr;
 *
 * ktcp::llist_add(ready, one, &item::next);
 * for (item *each = ktcp::llist_del_all(ready); each; each = each->next)
 *	each->run();
 * @endcode
 *
 * Context: any, also a hard interrupt. An item belongs to the list from llist_add() on: the context that
 * takes it may free it before the call returns.
 *
 * Kernel: include/linux/llist.h.
 */
#ifndef KTCP_BASE_LLIST_HPP
#define KTCP_BASE_LLIST_HPP

#include <utility>

#include <ktcp/base/atomic.hpp>

namespace ktcp
{

/** Add @p one in front. Returns the one behind it, which may be gone: nullptr if the list was empty. */
template <class T>
const T *llist_add(atomic<T *> &list, T &one, T *T::*next) noexcept
{
	T *before = list.load(memory_order_relaxed);

	/* Release: the context that takes it sees the work before, and owns it then. */
	do
		one.*next = before;
	while (!list.compare_exchange(before, &one, memory_order_release));
	return before;
}

/** Take all: the last one that was added comes first. */
template <class T>
T *llist_del_all(atomic<T *> &list) noexcept
{
	/* Relaxed, as a hint: code that sends the taker here does so behind llist_add(). */
	return list.load(memory_order_relaxed) ? list.exchange(nullptr, memory_order_acquire) :
						 nullptr;
}

/** Those that were taken, in the order in which they were added. */
template <class T>
T *llist_reverse_order(T *last, T *T::*next) noexcept
{
	T *first = nullptr;

	while (last)
		first = std::exchange(last, std::exchange(last->*next, first));
	return first;
}

} // namespace ktcp

#endif
