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
 * No allocation, no failure, no locking: the list's owner locks it. Kernel: include/linux/list.h.
 */
#ifndef KTCP_BASE_LIST_HPP
#define KTCP_BASE_LIST_HPP

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

	/** The same, before all others. */
	void push_front(T &object) noexcept
	{
		list_node &node = object.*Node;

		node.previous_ = &head_;
		node.next_ = head_.next_;
		head_.next_->previous_ = &node;
		head_.next_ = &node;
	}

	/** Take an object out of the list that it is in; it must be in one. */
	static void erase(T &object) noexcept
	{
		list_node &node = object.*Node;

		node.previous_->next_ = node.next_;
		node.next_->previous_ = node.previous_;
		node.next_ = node.previous_ = nullptr;
	}

	/** Add all of another list, which is empty then. */
	void splice_back(list &other) noexcept
	{
		if (other.empty())
			return;

		list_node &first = *other.head_.next_;
		list_node &last = *other.head_.previous_;

		other.head_.next_ = other.head_.previous_ = &other.head_;
		first.previous_ = head_.previous_;
		head_.previous_->next_ = &first;
		last.next_ = &head_;
		head_.previous_ = &last;
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

	/** The first object; nullptr if there is none. */
	T *first() noexcept
	{
		return object_at(*head_.next_);
	}

	/** The last object; nullptr if there is none. */
	T *last() noexcept
	{
		return object_at(*head_.previous_);
	}

	/** The one before an object of this list's; nullptr if that is the first. */
	T *previous(T &object) noexcept
	{
		return object_at(*(object.*Node).previous_);
	}

	/** Add an object that is in no list behind one of this list's, or before all. */
	void insert_behind(T *before, T &object) noexcept
	{
		list_node &place = before ? before->*Node : head_;
		list_node &node = object.*Node;

		node.previous_ = &place;
		node.next_ = place.next_;
		place.next_->previous_ = &node;
		place.next_ = &node;
	}

	/** The one behind an object of this list's; nullptr if that is the last. */
	T *next(T &object) noexcept
	{
		return object_at(*(object.*Node).next_);
	}

    private:
	T *object_at(list_node &node) noexcept
	{
		return &node == &head_ ? nullptr : &owner(node);
	}

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
