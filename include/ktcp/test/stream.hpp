// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * A connection without a socket, for the unit tests of handlers: a test plays the peer and looks
 * at what the handler wrote. No kernel, no thread, no waiting; time passes when the test says so.
 *
 * @code
 * #include <ktcp/test/port.cpp>		// in one file of the program
 * #include <ktcp/test/stream.hpp>
 *
 * ktcp::test::stream peer(handler{});
 * peer.send("pi");			// the handler runs until it waits for more
 * peer.send("ng\n");
 * assert(peer.received() == "pong\n");
 * peer.finish();
 * assert(peer.over());
 * @endcode
 *
 * Build it as any program, with -std=gnu++20 -pthread and two folders to include from: ktcp's
 * `include`, and `include/ktcp/port/posix/include` in it. A mistake that ktcp can see ends the
 * program with a line about it. That is a mistake that would WARN in the kernel, a buffer that was
 * kept, or a handler that never waits.
 *
 * As Boost.Beast's test::stream.
 */
#ifndef KTCP_TEST_STREAM_HPP
#define KTCP_TEST_STREAM_HPP

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <ktcp/connection.hpp>

/** @cond the kernel's end of the connection */
struct socket {
	std::deque<std::string> arriving; /* an empty one: the peer has finished sending */
	std::string sent;
	std::vector<std::size_t> sends; /* how much each call took */
	std::size_t room = SIZE_MAX; /* what the peer still reads */
	std::size_t most = SIZE_MAX; /* of it, what a call takes */
	int error = 0; /* what comes behind arriving: a negative errno */
	std::uint64_t heard_ms = 0; /* when the peer sent something; at first, when it connected */
	std::uint64_t taken_ms = 0; /* when it read something; 0: never */
	std::uint32_t unread = 0; /* bytes of ours that it has to read, as TCP knows */
	bool seems_readable = false; /* a receive is tried though nothing has come */
	bool shut = false; /* the handler has finished sending, and listens on */
	bool reset = false; /* by the handler */
	bool released = false;
	std::map<unsigned int, std::size_t> counted; /* of the handler's counters */
};
/** @endcond */

namespace ktcp::test
{

/** The machine but for its sockets; a test may change it. */
struct machine {
	std::uint64_t now_ms = 1000; /**< what the clock says */
	std::uint64_t suspended_ms = 0; /**< and so long the machine slept beside that */
	std::uint64_t real_seconds = 1'704'067'200; /**< Mon, 01 Jan 2024 00:00:00 GMT */
	std::size_t buffers = 0; /**< that connections have borrowed */
	std::size_t allocations = 0; /**< so far, of any kind */
	std::size_t kmalloc_bytes = 0; /**< of ktcp_kmalloc(), not freed: see kmalloc_size() */
	std::size_t failing = SIZE_MAX; /**< the number of the allocation that finds no memory */
	bool atomic_fails = false; /**< no memory is to be had without sleeping */
	std::function<void()> rescheduled; /**< called by long work between two parts */
	std::function<void()> taken; /**< called by a send, behind the bytes that it took */
};

/** The one that there is. */
extern struct machine machine;

/** Where a handler's turns are taken. */
enum class place {
	process, /**< where it may sleep */
	softirq, /**< where it must not, unless it needs to */
};

/** One peer of a handler. The names are the peer's view: it sends, it has received. */
class stream {
    public:
	/** @param handler  copied; its first turn is taken at once. */
	template <class Handler>
	explicit stream(const Handler &handler, enum place where = place::process)
		: place_(where), destroy_([](void *self) { delete static_cast<Handler *>(self); }),
		  handler_(new Handler(handler))
	{
		socket_.heard_ms = machine.now_ms;
		peer_.emplace(&socket_, pool_, call<Handler>, handler_);
		advance();
	}

	stream(const stream &) = delete;
	stream &operator=(const stream &) = delete;

	/** The peer reads all and leaves; a handler that then goes on ends the program. */
	~stream();

	/** @name What a peer does */
	/** @{ */

	/** More arrives, as one piece; then the handler goes on until it waits, or is done. */
	void send(std::string_view bytes);

	/** Send no more. */
	void finish()
	{
		send({});
	}

	/** Reset the connection: arrived bytes can still be read, and none be sent. */
	void reset();

	/** Read only so much from here on. */
	void read_only(std::size_t bytes) noexcept
	{
		socket_.room = bytes;
	}

	/** Read all. */
	void read_on();

	/**
	 * Be behind: TCP holds so many bytes for the peer. Each call is progress: the peer reads some
	 * of those, while none of the handler's new ones are taken.
	 */
	void be_behind(std::uint32_t bytes) noexcept
	{
		socket_.unread = bytes;
		socket_.taken_ms = machine.now_ms;
	}

	/** Have a call take only so much. */
	void take_at_most(std::size_t bytes) noexcept
	{
		socket_.most = bytes;
	}

	/** Have the handler try to receive where nothing has come, as after a bare acknowledgement. */
	void seem_readable();

	/** Time passes. */
	void wait_ms(std::uint64_t ms);

	/** The same amid a turn, as another CPU's look at the times sees it: none follows. */
	void pass_ms(std::uint64_t ms) noexcept;

	/** Something else than the peer has come: an event was set, a channel was sent to. */
	void go_on();

	/**
	 * The server ends the connection: every operation fails from the next turn on.
	 * @param why  ESHUTDOWN: it is stopped; ETIMEDOUT: the peer was quiet for idle_timeout_ms.
	 */
	void end(errc why = errc::eshutdown)
	{
		if (peer_)
			peer_->end(why);
	}

	/** @} */
	/** @name What became of it */
	/** @{ */

	/** All that the handler wrote; a test may clear it. */
	std::string &received() noexcept
	{
		return socket_.sent;
	}

	/** The same as it was sent: bytes of each call. */
	const std::vector<std::size_t> &sends() const noexcept
	{
		return socket_.sends;
	}

	/** Has the handler returned? */
	bool over() const noexcept
	{
		return !peer_;
	}

	/** Did that reset the connection? */
	bool was_reset() const noexcept
	{
		return socket_.reset;
	}

	/** Did the handler finish_sending()? */
	bool was_shut() const noexcept
	{
		return socket_.shut;
	}

	/** Does the handler wait for this peer to read? */
	bool is_waited_for() const noexcept
	{
		return peer_ && peer_->writing();
	}

	/** A counter of the handler's: how often connection::count() was called for it. */
	template <class Counter>
	std::size_t counted(Counter which) noexcept
	{
		return socket_.counted[static_cast<unsigned int>(which)];
	}

	/** Milliseconds until the handler's deadline; -1: it has none. */
	int until_deadline_ms() const noexcept
	{
		return peer_ ? peer_->until_deadline_ms(machine.now_ms) : -1;
	}

	/** @} */

    private:
	/* The engine's side, open to us. */
	class engine : public connection {
	    public:
		using connection::advance;
		using connection::advance_in_softirq;
		using connection::close;
		using connection::end;
		using connection::expire;
		using connection::next_timer_ms;
		using connection::progress;
		using connection::until_deadline_ms;
		using connection::writing;

		engine(struct ::socket *raw, page_pool &buffers, handler_function handle,
		       const void *handler)
			: connection(ktcp::socket(raw), buffers, handle, handler, how), raw_(raw)
		{
		}

	    private:
		static void add(strand &self, unsigned int which)
		{
			static_cast<engine &>(self).raw_->counted[which]++;
		}

		static constexpr strand::operations how = {
			.take_turn = nullptr,
			.to_process = nullptr,
			.let_go = nullptr,
			.count = add,
		};

		struct ::socket *const raw_;
	};

	template <class Handler>
	static task call(const void *handler, connection &peer)
	{
		return (*static_cast<const Handler *>(handler))(peer);
	}

	void advance();

	struct ::socket socket_;
	softirq_pages pages_;
	page_pool pool_ = std::move(*page_pool::create(16384));
	const enum place place_;
	void (*const destroy_)(void *handler);
	void *const handler_;
	std::optional<engine> peer_;
};

} // namespace ktcp::test

#endif
