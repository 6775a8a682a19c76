// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * Conditional requests (RFC 9110, section 13).
 */
#ifndef KTCP_HTTP_CONDITIONAL_HPP
#define KTCP_HTTP_CONDITIONAL_HPP

#include <cstdint>
#include <string_view>

#include <ktcp/http/date.hpp>
#include <ktcp/http/head.hpp>

namespace ktcp::http
{

/** What is known of a representation that exists. */
struct validators {
	std::string_view etag; /**< strong, with its quotes */
	std::int64_t modified; /**< seconds since 1970 */
	std::uint64_t now; /**< for dates of two digits */
};

namespace detail
{

/* Section 8.8.3.2; @p weak: W/ makes no difference. */
constexpr bool lists_etag(std::string_view list, std::string_view etag, bool weak) noexcept
{
	if (list == "*")
		return true;
	while (!list.empty()) {
		list = trimmed(list);

		const bool is_weak = list.starts_with("W/");

		if (is_weak)
			list.remove_prefix(2);

		const std::size_t close = list.starts_with('"') ? list.find('"', 1) : list.npos;

		if (close == list.npos)
			return false;
		if (slice(list, 0, close + 1) == etag && (weak || !is_weak))
			return true;
		list = trimmed(slice(list, close + 1));
		if (list.empty() || list.front() != ',')
			return false;
		list.remove_prefix(1);
	}
	return false;
}

} // namespace detail

/** What the conditions of a request come to. */
enum class condition {
	proceed,
	not_modified, /**< 304 */
	failed, /**< 412 */
};

/**
 * In the order of section 13.2.2, for GET and HEAD. Any context.
 * @param head  has `std::string_view find(name in lower case)`; data() is nullptr for none.
 */
template <class Head>
constexpr condition evaluate(const Head &head, const validators &what) noexcept
{
	if (const std::string_view match = head.find("if-match"); match.data()) {
		if (!detail::lists_etag(match, what.etag, false))
			return condition::failed;
	} else if (const std::string_view since = head.find("if-unmodified-since"); since.data()) {
		const auto date = parse_date(since, what.now);

		if (date && what.modified > *date)
			return condition::failed;
	}
	if (const std::string_view none = head.find("if-none-match"); none.data()) {
		if (detail::lists_etag(none, what.etag, true))
			return condition::not_modified;
	} else if (const std::string_view since = head.find("if-modified-since"); since.data()) {
		const auto date = parse_date(since, what.now);

		if (date && what.modified <= *date)
			return condition::not_modified;
	}
	return condition::proceed;
}

/** Does If-Range let the field Range count (section 13.1.5)? */
template <class Head>
constexpr bool range_counts(const Head &head, const validators &what) noexcept
{
	const std::string_view condition = head.find("if-range");

	if (!condition.data())
		return true;
	if (condition.starts_with('"') || condition.starts_with("W/"))
		return condition == what.etag;

	const auto date = parse_date(condition, what.now);

	/* Exactly, and it must not be able to change again within the same second. */
	return date && what.modified == *date &&
	       what.modified + 1 < static_cast<std::int64_t>(what.now);
}

} // namespace ktcp::http

#endif
