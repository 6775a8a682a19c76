// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * A reader of a table: it lists the sessions with their state, some at a time.
 */
#ifndef KTCP_ENGINE_SESSION_READER_HPP
#define KTCP_ENGINE_SESSION_READER_HPP

#include <cstddef>
#include <cstdint>
#include <span>

#include <ktcp/engine/session.hpp>
#include <ktcp/engine/session_list.hpp>
#include <ktcp/engine/session_table.hpp>
#include <ktcp/engine/statistics.hpp>
#include <ktcp/net/endpoint.hpp>
#include <ktcp/port/time.h>

namespace ktcp
{

/** A session as a listing shows it: its state at one moment. */
struct session_view {
	endpoint remote; /**< its peer's address, as far as it is known */
	std::uint64_t age_ms; /**< since it was accepted */
	std::uint64_t idle_ms; /**< since its peer sent a byte, or acknowledged one */
	bool writing; /**< it waits until its peer takes bytes, not for bytes of its peer */
	traffic moved; /**< bytes and turns so far */
};

/**
 * A place among the sessions of a table, for listing them some at a time. It holds no lock between
 * two calls of next(). Sessions come and go meanwhile; one that stays is listed exactly once.
 * Process context.
 */
class session_reader {
    public:
	/** Before the first session. @param table  must outlive this. */
	explicit session_reader(session_table &table) noexcept : table_(table)
	{
		enter(0);
	}

	session_reader(const session_reader &) = delete;
	session_reader &operator=(const session_reader &) = delete;

	~session_reader()
	{
		leave();
	}

	/** Back to before the first one. */
	void rewind() noexcept
	{
		leave();
		enter(0);
	}

	/** Views of the next ones, as many as there is room for; none at the end. */
	std::span<session_view> next(std::span<session_view> room) noexcept
	{
		const std::uint64_t now = ktcp_now_ms();
		std::size_t count = 0;

		/* It holds one lock at a time, for as many sessions as there is room for. */
		for (;;) {
			{
				auto live = table_.shard_at(shard_).live.lock();

				while (count < room.size()) {
					const session *const one = live->sessions.pass(place_);

					if (!one)
						break;
					room[count++] = { one->remote(), one->age_ms(now),
							  one->idle_ms(), one->writing(),
							  one->moved() };
				}
			}
			if (count == room.size() || shard_ + 1 == table_.shards())
				return room.first(count);
			leave();
			enter(shard_ + 1);
		}
	}

    private:
	void enter(unsigned int shard) noexcept
	{
		shard_ = shard;
		table_.shard_at(shard).live.lock()->sessions.enter(place_);
	}

	void leave() noexcept
	{
		table_.shard_at(shard_).live.lock()->sessions.leave(place_);
	}

	session_table &table_;
	unsigned int shard_ = 0; /* in this shard's list it stands here, under that shard's lock: */
	detail::session_list::place place_;
};

} // namespace ktcp

#endif
