// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * The common tools and settings of a table's sessions: their model and their CPUs, the handler, memory and
 * workqueues.
 */
#ifndef KTCP_ENGINE_SESSION_RESOURCES_HPP
#define KTCP_ENGINE_SESSION_RESOURCES_HPP

#include <ktcp/engine/cpu_list.hpp>
#include <ktcp/engine/engine.hpp>
#include <ktcp/engine/model.hpp>
#include <ktcp/engine/session.hpp>
#include <ktcp/engine/sleeper_queues.hpp>
#include <ktcp/kernel/buffer.hpp>
#include <ktcp/kernel/memory.hpp>
#include <ktcp/kernel/workqueue.hpp>

namespace ktcp
{

/** On which CPU a session runs, if the workqueue is not unbound. */
enum class placement {
	incoming, /**< where its packets arrive (sk_incoming_cpu): warm caches */
	spread, /**< one CPU after the other, wherever the packets arrive */
	anywhere, /**< where the scheduler likes (WQ_UNBOUND) */
};

/** A table's tools and settings; fixed while sessions live, but for the timeouts. */
struct session_resources {
	const struct model *model = nullptr; /**< how they wait */
	session::handler_function handle = nullptr; /**< makes a handler's coroutine … */
	const void *handler = nullptr; /**< … of this */
	const char *name = "ktcp"; /**< threads are named after it */
	enum placement placement = placement::incoming; /**< on which CPU they run */
	cpu_list cpus; /**< those of placement::spread; empty: all */
	bool behind_proxies = false; /**< a peer is a proxy until it names a client */
	session_timeouts timeouts; /**< when quiet ones are ended */
	kmem_cache sessions; /**< objects of model->session_size */
	page_pool buffers; /**< read() borrows from it */
	engine turns; /**< begins the event model's turns; none: work items alone do */
	softirq_pages pages; /**< memory of bytes that are sent in softirq */
	detail::outgoing_room outgoing; /**< handlers' own connections share it */
	workqueue queue; /**< sessions run on it */
	detail::sleeper_queues sleepers; /**< sessions that asked to sleep run on them; unbound */
	workqueue control; /**< accepts, looks at times, reaps: no handler blocks on it */
};

} // namespace ktcp

#endif
