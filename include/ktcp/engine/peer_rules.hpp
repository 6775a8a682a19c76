// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * The networks whose peers may connect.
 *
 * @code
 * ktcp::peer_rules rules;
 * KTCP_TRY(rules.set("10.0.0.0/8", "10.6.6.0/24"));
 * if (rules.admit(peer))
 * @endcode
 */
#ifndef KTCP_ENGINE_PEER_RULES_HPP
#define KTCP_ENGINE_PEER_RULES_HPP

#include <string_view>

#include <ktcp/base/atomic.hpp>
#include <ktcp/base/result.hpp>
#include <ktcp/base/setting.hpp>
#include <ktcp/kernel/log.hpp>
#include <ktcp/kernel/sync.hpp>
#include <ktcp/net/endpoint.hpp>
#include <ktcp/net/prefix.hpp>

namespace ktcp
{

/**
 * Are the text of a parameter prefixes?
 * Errors: EINVAL, with a line in the log that names the parameter. Process context.
 */
inline result<void> check_prefixes(const char *parameter, std::string_view text) noexcept
{
	const auto read = prefix_list::check(text);

	if (read)
		return {};
	KTCP_LOG_ERR("%s=%.*s: character %zu: %s", parameter, static_cast<int>(text.size()),
		     text.data(), read.at + 1, read.error);
	return errc::einval;
}

/** Read them into @p to. Errors: as check_prefixes(), and @p to is as it was. Process context. */
inline result<void> read_prefixes(const char *parameter, std::string_view text,
				  prefix_list &to) noexcept
{
	KTCP_TRY(check_prefixes(parameter, text));
	static_cast<void>(to.assign(text));
	return {};
}

/** Networks whose peers are served, and others whose peers are not. Process context. */
class peer_rules {
    public:
	/**
	 * Other rules from now on.
	 * @param allow  prefixes, as prefix_list::assign(); empty: all peers.
	 * @param deny  the same; they are refused also if @p allow has them. Empty: none.
	 * Errors: EINVAL, with a line in the log; both lists are as they were.
	 */
	result<void> set(std::string_view allow, std::string_view deny) noexcept
	{
		KTCP_TRY(check_prefixes("allow", allow));
		KTCP_TRY(check_prefixes("deny", deny));

		auto held = lists_.lock();

		if (held->allow.has_just(allow) && held->deny.has_just(deny))
			return {};
		static_cast<void>(held->allow.assign(allow));
		static_cast<void>(held->deny.assign(deny));
		any_ = !held->allow.empty() || !held->deny.empty();
		/* Those that heed the change have any_ of it, too. */
		changes_.fetch_add(1, memory_order_release);
		return {};
	}

	/** How often they have become others. any() behind it is of those, or later. Any context. */
	unsigned int changes() const noexcept
	{
		return changes_.load(memory_order_acquire);
	}

	/** Is any peer refused? Any context. */
	bool any() const noexcept
	{
		return any_;
	}

	/** Is @p peer served? */
	bool admit(const endpoint &peer) const noexcept
	{
		/*
		 * Relaxed. A peer that an old value admits is found later. The accept work acquires the change
		 * with the new one, and ends those that are denied (admission::end_denied()).
		 */
		if (!any())
			return true;

		const auto held = lists_.lock();

		return !held->deny.contains(peer) &&
		       (held->allow.empty() || held->allow.contains(peer));
	}

    private:
	struct lists {
		prefix_list allow, deny;
	};

	guarded<lists, detail::process_mutex> lists_;
	setting<bool> any_ = false;
	atomic<unsigned int> changes_ = 0;
};

} // namespace ktcp

#endif
