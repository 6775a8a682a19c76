// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * HTTP dates (RFC 9110, section 5.6.7).
 *
 * Formatting gives the one preferred form, "Sun, 06 Nov 1994 08:49:37 GMT"; parsing takes
 * the two obsolete forms as well.
 */
#ifndef KTCP_HTTP_PARSE_DATE_HPP
#define KTCP_HTTP_PARSE_DATE_HPP

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include <ktcp/base/result.hpp>
#include <ktcp/base/text.hpp>

namespace ktcp::http
{

/** Characters in an IMF-fixdate. */
constexpr std::size_t date_length = 29;

namespace detail
{

constexpr char day_names[] = "MonTueWedThuFriSatSun";
constexpr char month_names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

/* Days since 1970-01-01 of a date of the Gregorian calendar; years begin in March here, so
 * that the leap day is a year's last. */
constexpr std::int64_t days_of(int year, unsigned int month, unsigned int day) noexcept
{
	const int y = month <= 2 ? year - 1 : year;
	const unsigned int m = month <= 2 ? month + 9 : month - 3;
	const std::int64_t leaps = y / 4 - y / 100 + y / 400;

	return std::int64_t{ 365 } * y + leaps + (153 * m + 2) / 5 + day - 1 - 719468;
}

constexpr unsigned int days_in(int year, unsigned int month) noexcept
{
	if (month == 2)
		return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28;
	return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

/* Eats a date from the left; once something does not fit, nothing does. */
class date_reader {
    public:
	constexpr explicit date_reader(std::string_view text) noexcept : rest_(text)
	{
	}

	constexpr void literal(std::string_view what) noexcept
	{
		if (!rest_.starts_with(what))
			good_ = false;
		else
			rest_.remove_prefix(what.size());
	}

	constexpr unsigned int digits(unsigned int count) noexcept
	{
		unsigned int value = 0;

		if (rest_.size() < count)
			good_ = false;
		for (; good_ && count; count--) {
			const char c = rest_.front();

			if (c < '0' || c > '9')
				good_ = false;
			value = value * 10 + static_cast<unsigned int>(c - '0');
			rest_.remove_prefix(1);
		}
		return good_ ? value : 0;
	}

	/* Which of the three-letter @names comes next, from 1. */
	constexpr unsigned int name(std::string_view names) noexcept
	{
		for (unsigned int i = 0; good_ && i < names.size() / 3; i++)
			if (rest_.starts_with(slice(names, std::size_t{ 3 } * i, 3))) {
				rest_.remove_prefix(3);
				return i + 1;
			}
		good_ = false;
		return 0;
	}

	constexpr bool next_is(char c) const noexcept
	{
		return !rest_.empty() && rest_.front() == c;
	}

	constexpr void refuse() noexcept
	{
		good_ = false;
	}

	constexpr bool at_end() const noexcept
	{
		return good_ && rest_.empty();
	}

    private:
	std::string_view rest_;
	bool good_ = true;
};

} // namespace detail

/**
 * Write a time as an IMF-fixdate. Any context.
 * @param seconds  since 1970; a time beyond the year 9999 becomes its last second.
 */
constexpr void format_date(std::span<char, date_length> out, std::uint64_t seconds) noexcept
{
	constexpr std::uint64_t last = 253'402'300'799;

	seconds = seconds < last ? seconds : last;

	const std::uint64_t days = seconds / 86400;
	const auto of_day = static_cast<unsigned int>(seconds % 86400);
	/* Years that begin in March, the leap day last, in cycles of 400: from 1 March of year 0. */
	const std::uint64_t since = days + 719468;
	const auto of_cycle = static_cast<unsigned int>(since % 146097);
	const unsigned int of_400 =
		(of_cycle - of_cycle / 1460 + of_cycle / 36524 - of_cycle / 146096) / 365;
	const unsigned int of_year = of_cycle - (365 * of_400 + of_400 / 4 - of_400 / 100);
	/* Five months in a row have 153 days. */
	const unsigned int from_march = (5 * of_year + 2) / 153;
	const unsigned int day = of_year - (153 * from_march + 2) / 5;
	const unsigned int month = from_march < 10 ? from_march + 3 : from_march - 9;
	const auto year = static_cast<unsigned int>(since / 146097 * 400 + of_400 + (month < 3));

	const auto text = [&](std::size_t at, std::string_view what) {
		for (char c : what)
			out[at++] = c;
	};
	const auto two = [&](std::size_t at, unsigned int value) {
		out[at] = static_cast<char>('0' + value / 10);
		out[at + 1] = static_cast<char>('0' + value % 10);
	};
	/* 1970 began on a Thursday. */
	text(0, { detail::day_names + 3 * ((days + 3) % 7), 3 });
	text(3, ", ");
	two(5, day + 1);
	out[7] = ' ';
	text(8, { detail::month_names + 3 * (month - 1), 3 });
	out[11] = ' ';
	two(12, year / 100);
	two(14, year % 100);
	out[16] = ' ';
	two(17, of_day / 3600);
	out[19] = ':';
	two(20, of_day / 60 % 60);
	out[22] = ':';
	two(23, of_day % 60);
	text(25, " GMT");
}

/**
 * Read a date in any of the three forms. Any context.
 * @param now  seconds since 1970: a two-digit year is the latest that is no more than 50
 *             years ahead of it.
 * @return Seconds since 1970, negative before. EINVAL: not a date; such a header is ignored.
 */
constexpr result<std::int64_t> parse_date(std::string_view text, std::uint64_t now) noexcept
{
	detail::date_reader in(text);
	unsigned int day, month;
	int year;
	const std::size_t comma = text.find(',');
	unsigned int hour = 0, minute = 0, second = 0;
	const auto time = [&] {
		hour = in.digits(2);
		in.literal(":");
		minute = in.digits(2);
		in.literal(":");
		second = in.digits(2);
	};

	if (comma == 3) { /* Sun, 06 Nov 1994 08:49:37 GMT */
		in.name(detail::day_names);
		in.literal(", ");
		day = in.digits(2);
		in.literal(" ");
		month = in.name(detail::month_names);
		in.literal(" ");
		year = static_cast<int>(in.digits(4));
		in.literal(" ");
		time();
		in.literal(" GMT");
	} else if (comma != text.npos) { /* Sunday, 06-Nov-94 08:49:37 GMT */
		constexpr std::string_view ends[] = { "day", "sday",  "nesday", "rsday",
						      "day", "urday", "day" };
		const unsigned int weekday = in.name(detail::day_names);

		if (weekday)
			in.literal(ends[weekday - 1]);
		in.literal(", ");
		day = in.digits(2);
		in.literal("-");
		month = in.name(detail::month_names);
		in.literal("-");
		year = 1900 + static_cast<int>(in.digits(2));
		in.literal(" ");
		time();
		in.literal(" GMT");
		const auto latest = static_cast<int>(1970 + now / 31556952) + 50;

		while (year + 100 <= latest)
			year += 100;
	} else { /* Sun Nov  6 08:49:37 1994 */
		in.name(detail::day_names);
		in.literal(" ");
		month = in.name(detail::month_names);
		in.literal(" ");
		if (in.next_is(' ')) {
			in.literal(" ");
			day = in.digits(1);
		} else {
			day = in.digits(2);
		}
		in.literal(" ");
		time();
		in.literal(" ");
		year = static_cast<int>(in.digits(4));
	}
	/* 60: a leap second. */
	if (!in.at_end() || !day || day > detail::days_in(year, month) || hour > 23 ||
	    minute > 59 || second > 60)
		return errc::einval;
	return detail::days_of(year, month, day) * 86400 + hour * 3600 + minute * 60 + second;
}

} // namespace ktcp::http

#endif
