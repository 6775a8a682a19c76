// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * The places that the clients of a module's listings share. Each may need memory while it reads its listing.
 *
 * @code
 * ktcp::http::listing_place place;
 *
 * KTCP_TRY(place.take(asked.remote()));	// or EDQUOT, EAGAIN
 * @endcode
 */
#ifndef KTCP_HTTP_LISTING_PLACE_HPP
#define KTCP_HTTP_LISTING_PLACE_HPP

#include <cstdint>
#include <utility>

#include <ktcp/base/atomic.hpp>
#include <ktcp/base/result.hpp>
#include <ktcp/net/endpoint.hpp>
#include <ktcp/net/source_key.hpp>

namespace ktcp::http
{

namespace detail
{

/* Whose place it is; 0: it is free. */
struct listing_mark {
	atomic<std::uint64_t> source = 0;
};

} // namespace detail

/**
 * One of them, or none. A source (net/source_key.hpp) has at most one more than are free: half of them while
 * no other has any. So a source that takes all it can leaves some for the next. Any context.
 */
class listing_place {
    public:
	/** There are so many. */
	static constexpr unsigned int most = 512;
	/** So many has a source that is alone. */
	static constexpr unsigned int most_per_source = most / 2;

	listing_place() noexcept = default;

	listing_place(listing_place &&other) noexcept : taken_(std::exchange(other.taken_, nullptr))
	{
	}

	listing_place &operator=(listing_place &&other) noexcept
	{
		std::swap(taken_, other.taken_);
		return *this;
	}

	~listing_place()
	{
		/* Relaxed: a place guards no memory. */
		if (taken_)
			taken_->source.store(0, memory_order_relaxed);
	}

	/**
	 * Take one; this must be none. At the bound, of two that ask at once both may be refused.
	 * Errors: EAGAIN (all are in use), EDQUOT (the source has its share).
	 */
	result<void> take(const endpoint &client) noexcept
	{
		const std::uint64_t mine = mark_of(client);

		for (auto &each : places_) {
			std::uint64_t nobody = 0;

			if (each.source.load(memory_order_relaxed) == 0 &&
			    each.source.compare_exchange(nobody, mine, memory_order_seq_cst)) {
				taken_ = &each;
				break;
			}
		}
		if (!taken_)
			return errc::eagain;

		/* Its own is among them. Of two that come at once, the later one sees both (seq_cst). */
		unsigned int own = 0, free = 0;

		for (const auto &each : places_) {
			const std::uint64_t mark = each.source.load(memory_order_seq_cst);

			own += mark == mine;
			free += mark == 0;
		}
		if (own <= free + 1)
			return {};
		std::exchange(taken_, nullptr)->source.store(0, memory_order_relaxed);
		return errc::edquot;
	}

    private:
	using place = detail::listing_mark;

	/* Never 0, for no peer has the network of ones alone. */
	static std::uint64_t mark_of(const endpoint &client) noexcept
	{
		const auto [first, second, third] = source_key::of(client).words;
		const bool v4 = client.is_ipv4();

		return ~(std::uint64_t{ v4 ? second : first } << 32 | (v4 ? third : second));
	}

	static constinit inline place places_[most] = {};

	place *taken_ = nullptr;
};

} // namespace ktcp::http

#endif
