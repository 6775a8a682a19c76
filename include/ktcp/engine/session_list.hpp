// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * A list of sessions that others go through in pieces. A reader keeps its place between two pieces, and holds no
 * lock meanwhile. Sessions come and go. One that stays is passed exactly once.
 */
#ifndef KTCP_ENGINE_SESSION_LIST_HPP
#define KTCP_ENGINE_SESSION_LIST_HPP

#include <ktcp/base/list.hpp>
#include <ktcp/engine/session.hpp>

namespace ktcp::detail
{

/** The sessions of a shard. Each function wants the shard's lock. */
class session_list {
	using sessions = list<session, &session::node_>;

    public:
	/** Where a reader stands. It leaves the list before its end. */
	class place {
	    private:
		friend class session_list;

		list_node node_;
		session *next_ = nullptr; /* nullptr: at the list's end */
	};

	/** Behind all others. */
	void push_back(session &one) noexcept
	{
		sessions_.push_back(one);
	}

	/** Take it out. A reader that stands before it stands before the one behind it then. */
	void erase(session &one) noexcept
	{
		for (place &each : places_)
			if (each.next_ == &one)
				each.next_ = sessions_.next(one);
		sessions_.erase(one);
	}

	/** Stand before the first one. @param where  in no list. */
	void enter(place &where) noexcept
	{
		places_.push_back(where);
		where.next_ = sessions_.first();
	}

	/** Stand nowhere. */
	void leave(place &where) noexcept
	{
		places_.erase(where);
	}

	/** Pass the next one. Return: nullptr at the end. */
	session *pass(place &where) noexcept
	{
		session *const one = where.next_;

		if (one)
			where.next_ = sessions_.next(*one);
		return one;
	}

	auto begin() noexcept
	{
		return sessions_.begin();
	}

	auto end() noexcept
	{
		return sessions_.end();
	}

    private:
	sessions sessions_;
	list<place, &place::node_> places_;
};

} // namespace ktcp::detail

#endif
