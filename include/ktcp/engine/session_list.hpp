// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * A list of sessions that others go through in pieces. A reader keeps its place between two pieces, and holds no
 * lock meanwhile. Sessions come and go. One that stays is passed exactly once.
 */
#ifndef KTCP_ENGINE_SESSION_LIST_HPP
#define KTCP_ENGINE_SESSION_LIST_HPP

#include <cstddef>

#include <ktcp/base/list.hpp>
#include <ktcp/engine/session.hpp>
#include <ktcp/engine/statistics.hpp>

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

	/** The bytes and turns of all, added up in pieces. It stays until add_some() is done. */
	class sum {
	    public:
		/** Of those that were there, and of some that came meanwhile. */
		const traffic &moved() const noexcept
		{
			return moved_;
		}

	    private:
		friend class session_list;

		place at_;
		traffic moved_;
	};

	/** The number of sessions. */
	std::size_t size() const noexcept
	{
		return size_;
	}

	/** Behind all others. */
	void push_back(session &one) noexcept
	{
		one.mark(session::summed, sum_ ? !round_ : round_);
		sessions_.push_back(one);
		size_++;
	}

	/** Take it out. A reader that stands before it stands before the one behind it then. */
	void erase(session &one) noexcept
	{
		if (sum_ && one.has_mark(session::summed) != round_)
			sum_->moved_ += one.moved();
		for (place &each : places_)
			if (each.next_ == &one)
				each.next_ = sessions_.next(one);
		sessions_.erase(one);
		size_--;
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

	/** Begin to add up: one sum at a time. add_some() must follow until it is done. */
	void begin_sum(sum &to) noexcept
	{
		round_ = !round_;
		sum_ = &to;
		enter(to.at_);
	}

	/**
	 * Add @p most more of them. One that leaves before its turn is in the sum, too, and none is there twice.
	 * Return: false: it is done.
	 */
	bool add_some(unsigned int most) noexcept
	{
		while (most--) {
			session *const one = pass(sum_->at_);

			if (!one) {
				leave(sum_->at_);
				sum_ = nullptr;
				return false;
			}
			sum_->moved_ += one->moved();
			one->mark(session::summed, round_);
		}
		return true;
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
	std::size_t size_ = 0;
	list<place, &place::node_> places_;
	sum *sum_ = nullptr; /* under way */
	bool round_ = false; /* session::summed of those that this or the last sum has */
};

} // namespace ktcp::detail

#endif
