// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * Listings of folders that are read once for all clients who ask at once.
 *
 * @code
 * ktcp::http::shared_listings listings({ .valid_ms = 1000 });
 * ktcp::http::file_service documents(root, { .listings = &listings });
 * @endcode
 *
 * No client gets a listing from before its request. So a reading is for those who asked before it began. Those who
 * ask while it goes on share the next one, which begins at its end.
 */
#ifndef KTCP_HTTP_SHARED_LISTINGS_HPP
#define KTCP_HTTP_SHARED_LISTINGS_HPP

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <new>
#include <optional>
#include <string_view>
#include <utility>

#include <ktcp/base/list.hpp>
#include <ktcp/event.hpp>
#include <ktcp/http/listing.hpp>
#include <ktcp/kernel/memory.hpp>
#include <ktcp/kernel/sync.hpp>
#include <ktcp/port/time.h>
#include <ktcp/task.hpp>

namespace ktcp::http
{

/** Readings of folders, by path. Shared by all connections of a server, which it outlives. */
class shared_listings {
    public:
	/** How long a reading is good for. */
	struct options {
		unsigned int valid_ms =
			0; /**< from its begin; 0: for those alone who asked before that */
	};

	/** So many readings are kept for valid_ms. */
	static constexpr unsigned int most_kept = 16;

	/** The state of a reading. */
	enum class state : std::uint8_t {
		open, /**< it has not begun: others join it */
		begun, /**< it goes on */
		whole, /**< all of the folder is there */
		failed, /**< the folder cannot be read */
		given_up, /**< its client has left: join another one */
		too_large, /**< there is too much of it: each client reads for itself */
	};

	class ticket;

	/** Neither allocates nor sleeps. */
	explicit shared_listings(const options &how) noexcept : how_(how)
	{
	}

	shared_listings(const shared_listings &) = delete;
	shared_listings &operator=(const shared_listings &) = delete;

	/** Every ticket must be gone. */
	~shared_listings()
	{
		const auto open = table_.lock();

		while (reading *const one = open->kept.pop_front())
			destroy(*one);
	}

	/**
	 * Take part in a reading that has not begun, or that is still valid; else the ticket leads a new one.
	 * @param path  of the folder, in its simplest form.
	 * Errors: ENOMEM. Process context, may sleep.
	 */
	result<ticket> join(std::string_view path) noexcept;

    private:
	/* One that waits until a reading is over. */
	struct listener {
		list_node node;
		event::setter told;
	};

	using listeners = list<listener, &listener::node>;

	/* Its path lies behind it. All but the entries is under the table's lock. */
	struct reading {
		list_node node;
		listeners waiting; /* to be told of its next state */
		std::string_view path;
		std::uint64_t since_ms = 0; /* by ktcp_boottime_ms(), as an answer_cache has it */
		unsigned int users = 1; /* tickets; and the list of the kept ones, where it is */
		enum state state = state::open;
		error_code why = errc::eio;
		std::optional<listing> entries; /* once they are whole nobody changes them */
	};

	using readings = list<reading, &reading::node>;

	struct table {
		readings active; /* open, and begun */
		readings kept; /* whole; the oldest first */
		unsigned int kept_count = 0;
	};

	static reading *find(readings &in, std::string_view path, enum state state) noexcept
	{
		for (reading &each : in)
			if (each.state == state && each.path == path)
				return &each;
		return nullptr;
	}

	bool is_valid(const reading &one) const noexcept
	{
		return ktcp_boottime_ms() - one.since_ms < how_.valid_ms;
	}

	/* One that may be joined. */
	reading *find_for(table &in, std::string_view path, readings &gone) noexcept
	{
		while (in.kept_count && !is_valid(*in.kept.first()))
			forget_oldest(in, gone);
		/* Those behind one that took long may be over sooner. */
		for (reading &each : in.kept)
			if (each.path == path && is_valid(each))
				return &each;
		return find(in.active, path, state::open);
	}

	static void forget_oldest(table &in, readings &gone) noexcept
	{
		reading &oldest = *in.kept.pop_front();

		in.kept_count--;
		if (!--oldest.users)
			gone.push_back(oldest);
	}

	static void destroy(reading &one) noexcept
	{
		one.~reading();
		ktcp_kfree(&one);
	}

	static void destroy(readings &gone) noexcept
	{
		while (reading *const one = gone.pop_front())
			destroy(*one);
	}

	/* With the table's lock held. @told: those that waited for its next state, for tell(). */
	static void change(reading &one, enum state to, listeners &told) noexcept
	{
		one.state = to;
		told.splice_back(one.waiting);
	}

	/*
	 * They hear of it. Waking one takes other locks, and the table is all clients' of the server. So its lock is
	 * held for one listener at a time, which may leave meanwhile.
	 */
	void tell(listeners &told) noexcept
	{
		for (;;) {
			event::setter next;

			{
				const auto open = table_.lock();
				listener *const one = told.pop_front();

				if (!one)
					return;
				next = std::move(one->told);
			}
			next.set();
		}
	}

	void end(reading &one, enum state with) noexcept
	{
		readings gone;
		listeners told;

		{
			const auto open = table_.lock();

			readings::erase(one);
			change(one, with, told);
			if (how_.valid_ms && with == state::whole && !one.entries->is_large()) {
				one.users++;
				open->kept.push_back(one);
				if (open->kept_count++ == most_kept)
					forget_oldest(*open, gone);
			}
		}
		tell(told);
		destroy(gone);
	}

	void leave(reading &one) noexcept
	{
		{
			const auto open = table_.lock();

			if (--one.users)
				return;
		}
		destroy(one);
	}

	const options how_;
	spin_guarded<table> table_;
};

/** A client's part in a reading. It may go in any context; if it leads, the others are told to join another one. */
class shared_listings::ticket {
    public:
	/** In none. */
	ticket() noexcept = default;

	ticket(ticket &&other) noexcept
		: of_(other.of_), one_(std::exchange(other.one_, nullptr)), leads_(other.leads_)
	{
	}

	ticket &operator=(ticket &&other) noexcept
	{
		std::swap(of_, other.of_);
		std::swap(one_, other.one_);
		std::swap(leads_, other.leads_);
		return *this;
	}

	~ticket()
	{
		if (!one_)
			return;
		if (leads_)
			of_->end(*one_, state::given_up);
		of_->leave(*one_);
	}

	/** Is it in one? */
	explicit operator bool() const noexcept
	{
		return one_;
	}

	/** Has its client to read the folder, for all? It calls begin() then, and one of the ends. */
	bool leads() const noexcept
	{
		return leads_;
	}

	/** A reading of the same folder that goes on; none: in none. */
	ticket before() const noexcept
	{
		const auto open = of_->table_.lock();
		reading *const other = find(open->active, one_->path, state::begun);

		if (!other)
			return {};
		other->users++;
		return ticket(*of_, *other, false);
	}

	/** From here on no other joins it. */
	void begin() noexcept
	{
		listeners told;

		{
			const auto open = of_->table_.lock();

			change(*one_, state::begun, told);
			one_->since_ms = ktcp_boottime_ms();
		}
		of_->tell(told);
	}

	/** It is whole, and all may have it. */
	void succeed(listing &&all) noexcept
	{
		one_->entries.emplace(std::move(all));
		end(state::whole);
	}

	/** The folder cannot be read, for this reason. */
	void fail(error_code why) noexcept
	{
		one_->why = why;
		end(state::failed);
	}

	/** The others have to read it themselves: state::given_up or state::too_large. */
	void end(enum state with) noexcept
	{
		leads_ = false;
		of_->end(*one_, with);
	}

	/**
	 * `co_await here.after(peer, known)`: a result<enum state>, the one that the reading has when it is another.
	 * Errors: ENOMEM, and the connection's.
	 */
	task_of<enum state> after(connection &peer, enum state known) const
	{
		KTCP_CO_TRY(event told, event::create(peer));
		const listening here(*this, told.get_setter());

		/* It is told once, of a later state than this. */
		if (const auto now = state_now(); now != known)
			co_return now;
		KTCP_CO_CHECK(co_await told.wait());
		co_return state_now();
	}

	/** Of a reading that failed. */
	error_code why() const noexcept
	{
		return one_->why;
	}

	/** Of one that is whole. Others look at them, too. */
	listing &entries() const noexcept
	{
		return *one_->entries;
	}

    private:
	friend class shared_listings;

	/* Listens until it is told, or goes. */
	class listening : listener {
	    public:
		listening(const ticket &on, event::setter &&told) noexcept
			: listener{ {}, std::move(told) }, on_(on)
		{
			const auto open = on_.of_->table_.lock();

			on_.one_->waiting.push_back(*this);
		}

		listening(const listening &) = delete;
		listening &operator=(const listening &) = delete;

		~listening()
		{
			const auto open = on_.of_->table_.lock();

			if (node.linked())
				listeners::erase(*this);
		}

	    private:
		const ticket &on_;
	};

	enum state state_now() const noexcept
	{
		const auto open = of_->table_.lock();

		return one_->state;
	}

	ticket(shared_listings &of, reading &one, bool leads) noexcept
		: of_(&of), one_(&one), leads_(leads)
	{
	}

	shared_listings *of_ = nullptr;
	reading *one_ = nullptr;
	bool leads_ = false;
};

inline result<shared_listings::ticket> shared_listings::join(std::string_view path) noexcept
{
	void *const memory = ktcp_kmalloc(sizeof(reading) + path.size(), KTCP_GFP_KERNEL);

	if (!memory)
		return errc::enomem;

	reading *const made = new (memory) reading, *there;
	char *const text = static_cast<char *>(memory) + sizeof(reading);
	readings gone;

	std::copy_n(path.data(), path.size(), text);
	made->path = { text, path.size() };
	{
		const auto open = table_.lock();

		there = find_for(*open, path, gone);
		if (there)
			there->users++;
		else
			open->active.push_back(*made);
	}
	destroy(gone);
	if (!there)
		return ticket(*this, *made, true);
	destroy(*made);
	return ticket(*this, *there, false);
}

} // namespace ktcp::http

#endif
