// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * An execution model: the functions by which a server's sessions wait, and go on.
 *
 * A model is a table of functions, so that a server can choose one when the module is loaded. The
 * handler's code is the same in all.
 */
#ifndef KTCP_ENGINE_MODEL_HPP
#define KTCP_ENGINE_MODEL_HPP

#include <cstddef>
#include <cstdint>

#include <ktcp/base/result.hpp>

namespace ktcp
{

class session;
class session_table;
class socket;

/** The functions and properties of an execution model, which a server uses: a constant table. */
struct model {
	const char *name; /**< as a module parameter spells it */
	std::size_t session_size; /**< bytes of this model's session, event state and all */
	bool blocks; /**< a waiting session holds a workqueue's worker */
	unsigned int (*most)(); /**< sessions that there can be at once; nullptr: any number */
	bool in_softirq; /**< it resumes handlers that never sleep in softirq */

	/** Make a session in @p memory, not started. */
	session &(*construct)(void *memory, session_table &table, ktcp::socket &&socket);

	/** Begin to advance it. On failure it was not started, and never will be. */
	result<void> (*start)(session &self);

	/** Have a waiting session advance, since it was ended. With the list's lock. */
	void (*wake)(session &self);

	/**
	 * A time of the session may be over: end the session, or tell its handler. With the wheel's
	 * lock. Return: when to look again, or timer_wheel::never.
	 * nullptr: sessions look at their times themselves.
	 */
	std::uint64_t (*look)(session &self, std::uint64_t now_ms);

	/** The destructor. */
	void (*destroy)(session &self);
};

} // namespace ktcp

#endif
