// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * Conditional requests (RFC 9110, section 13).
 */
#ifndef KTCP_HTTP_PARSE_CONDITIONAL_HPP
#define KTCP_HTTP_PARSE_CONDITIONAL_HPP

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include <ktcp/http/parse/characters.hpp>
#include <ktcp/http/parse/date.hpp>
#include <ktcp/http/parse/field.hpp>

namespace ktcp::http
{

/** The known properties of a representation that exists. */
struct validators {
	std::string_view etag; /**< strong, with its quotes; empty: none */
	std::optional<std::int64_t> modified; /**< seconds since 1970 */
	std::uint64_t now; /**< for dates of two digits */
};

namespace detail
{

/* Section 8.8.3.2; @p weak: W/ makes no difference. */
constexpr bool lists_etag(std::string_view list, std::string_view etag, bool weak) noexcept
{
	if (list == "*")
		return true;
	for (std::string_view each; !(each = next_element(list)).empty();) {
		const bool is_weak = each.starts_with("W/");

		if (is_weak)
			each.remove_prefix(2);
		if (each.size() < 2 || each.front() != '"' || each.find('"', 1) != each.size() - 1)
			return false;
		if (each == etag && (weak || !is_weak))
			return true;
	}
	return false;
}

} // namespace detail

/** The result of a request's conditions. */
enum class condition {
	proceed,
	not_modified, /**< 304 */
	failed, /**< 412 */
};

/** The fields that make a GET or HEAD conditional, and Range, found in one pass. Any context. */
class conditions {
    public:
	/**
	 * @param head  has `field next_field(std::size_t &cursor)` and `bool may_have(const field_names &)`, as
	 *              head_parser; must outlive this, as must @p what.
	 */
	template <class Head>
	constexpr conditions(const Head &head, const validators &what) noexcept : what_(what)
	{
		constexpr field_names wanted = {
			"range",	 "if-match",	      "if-range",
			"if-none-match", "if-modified-since", "if-unmodified-since"
		};
		std::size_t cursor = 0;

		if (!head.may_have(wanted))
			return;
		for (field each = head.next_field(cursor); !each.name.empty();
		     each = head.next_field(cursor))
			take(each.name, each.value);
	}

	/** In the order of section 13.2.2. */
	constexpr condition outcome() const noexcept
	{
		if (match_.there ? !match_.listed : changed_since(unmodified_since_) == true)
			return condition::failed;
		if (none_match_.there ? none_match_.listed :
					changed_since(modified_since_) == false)
			return condition::not_modified;
		return condition::proceed;
	}

	/** Is there a field Range, of whatever kind? */
	constexpr bool has_range() const noexcept
	{
		return range_.times;
	}

	/** The field Range; empty if there is none, or If-Range has it ignored (section 13.1.5). */
	constexpr std::string_view range() const noexcept
	{
		return if_range_.times == 0 || still_the_same() ? range_.only() :
								  std::string_view();
	}

    private:
	/* One that lists entity tags, on any number of lines. */
	struct tags {
		bool there = false;
		bool listed = false; /* ours is among them */
	};

	/* One that has a single value: on two lines it has none that could be trusted. */
	struct single {
		std::string_view value;
		unsigned int times = 0;

		constexpr void take(std::string_view text) noexcept
		{
			value = text;
			times++;
		}

		constexpr std::string_view only() const noexcept
		{
			return times == 1 ? value : std::string_view();
		}
	};

	constexpr void take(std::string_view name, std::string_view value) noexcept
	{
		switch (name.size()) {
		case 5:
			if (detail::same_text(name, "range"))
				range_.take(value);
			break;
		case 8:
			if (detail::same_text(name, "if-match"))
				take(match_, value, false);
			else if (detail::same_text(name, "if-range"))
				if_range_.take(value);
			break;
		case 13:
			if (detail::same_text(name, "if-none-match"))
				take(none_match_, value, true);
			break;
		case 17:
			if (detail::same_text(name, "if-modified-since"))
				modified_since_.take(value);
			break;
		case 19:
			if (detail::same_text(name, "if-unmodified-since"))
				unmodified_since_.take(value);
			break;
		}
	}

	constexpr void take(tags &into, std::string_view list, bool weak) noexcept
	{
		into.there = true;
		into.listed |= detail::lists_etag(list, what_.etag, weak);
	}

	/* Nothing: there is no such date to compare. */
	constexpr std::optional<bool> changed_since(const single &since) const noexcept
	{
		if (!since.times || !what_.modified)
			return {};

		const auto date = parse_date(since.only(), what_.now);

		if (!date)
			return {};
		return *what_.modified > *date;
	}

	/* As If-Range has it. */
	constexpr bool still_the_same() const noexcept
	{
		const std::string_view condition = if_range_.only();

		if (condition.starts_with('"') || condition.starts_with("W/"))
			return condition == what_.etag;

		const auto date = parse_date(condition, what_.now);

		/* Exactly, and it must not be able to change again within the same second. */
		return date && what_.modified && *what_.modified == *date &&
		       *what_.modified + 1 < static_cast<std::int64_t>(what_.now);
	}

	const validators &what_;
	tags match_, none_match_;
	single modified_since_, unmodified_since_, if_range_, range_;
};

} // namespace ktcp::http

#endif
