// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * An intrusive, doubly linked list: objects that carry their own links.
 *
 * @code
 * struct session { ktcp::list_node node; };
 * ktcp::list<session, &session::node> sessions;
 * sessions.push_back(one);
 * for (session &each : sessions) ...
 * @endcode
 *
 * No allocation, no failure, no locking: whoever owns the list locks it.
 * Kernel: include/linux/list.h.
 */
#ifndef KTCP_LIST_HPP
#define KTCP_LIST_HPP

#include <cstddef>
#include <cstdint>

namespace ktcp
{

/** The links of one object in one list. Not copied or moved with the object. */
class list_node {
    public:
	constexpr list_node() noexcept = default;
	list_node(const list_node &) = delete;
	list_node &operator=(const list_node &) = delete;

	/** Is the object in a list? */
	bool linked() const noexcept
	{
		return next_ != nullptr;
	}

    private:
	template <class T, list_node T::*Node>
	friend class list;

	list_node *next_ = nullptr;
	list_node *previous_ = nullptr;
};

/** A list of T, linked through the member @p Node. Owns nothing. Any context. */
template <class T, list_node T::*Node>
class list {
    public:
	constexpr list() noexcept
	{
		head_.next_ = head_.previous_ = &head_;
	}

	list(const list &) = delete;
	list &operator=(const list &) = delete;

	/** Is there no object in it? */
	bool empty() const noexcept
	{
		return head_.next_ == &head_;
	}

	/** Add an object that is in no list. */
	void push_back(T &object) noexcept
	{
		list_node &node = object.*Node;

		node.next_ = &head_;
		node.previous_ = head_.previous_;
		head_.previous_->next_ = &node;
		head_.previous_ = &node;
	}

	/** Take an object out of this list, in which it must be. */
	void erase(T &object) noexcept
	{
		list_node &node = object.*Node;

		node.previous_->next_ = node.next_;
		node.next_->previous_ = node.previous_;
		node.next_ = node.previous_ = nullptr;
	}

	/** Take the first object out; nullptr if there is none. */
	T *pop_front() noexcept
	{
		if (empty())
			return nullptr;
		T &first = owner(*head_.next_);

		erase(first);
		return &first;
	}

	/** A place in a list. Erasing the object that it stands on ends it. */
	class iterator {
	    public:
		explicit iterator(list_node *node) noexcept : node_(node)
		{
		}

		T &operator*() const noexcept
		{
			return owner(*node_);
		}

		iterator &operator++() noexcept
		{
			node_ = node_->next_;
			return *this;
		}

		bool operator==(const iterator &) const noexcept = default;

	    private:
		list_node *node_;
	};

	/* Erasing the object an iterator stands on ends that iterator. */
	iterator begin() noexcept
	{
		return iterator(head_.next_);
	}

	iterator end() noexcept
	{
		return iterator(&head_);
	}

    private:
	static T &owner(list_node &node) noexcept
	{
		/* container_of(); offsetof() does not take a pointer to a member. */
		auto *somewhere = reinterpret_cast<T *>(std::uintptr_t{ 1 } << 16);
		const auto offset = reinterpret_cast<std::byte *>(&(somewhere->*Node)) -
				    reinterpret_cast<std::byte *>(somewhere);

		return *reinterpret_cast<T *>(reinterpret_cast<std::byte *>(&node) - offset);
	}

	list_node head_;
};

} // namespace ktcp

#endif
