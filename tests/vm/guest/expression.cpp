// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include "expression.hpp"

#include <gtest/gtest.h>

namespace vm
{

// \d is Perl's.
static std::string without_d(std::string text)
{
	for (std::size_t at = 0; (at = text.find('\\', at)) != std::string::npos; at += 2)
		if (text.compare(at, 2, "\\d") == 0)
			text.replace(at, 2, "[0-9]");
	return text;
}

expression::expression(const std::string &text)
{
	const auto made = new regex_t;
	const int error = ::regcomp(made, without_d(text).c_str(), REG_EXTENDED);

	EXPECT_EQ(error, 0) << "this is no regular expression: " << text;
	compiled_ = { made, [error](regex_t *old) {
			     if (!error)
				     ::regfree(old);
			     delete old;
		     } };
}

std::vector<regmatch_t> expression::first(const std::string &text) const
{
	std::vector<regmatch_t> found(compiled_->re_nsub + 1);

	if (::regexec(compiled_.get(), text.c_str(), found.size(), found.data(), 0))
		found.clear();
	return found;
}

bool expression::in(const std::string &text) const
{
	return ::regexec(compiled_.get(), text.c_str(), 0, nullptr, 0) == 0;
}

bool expression::is(const std::string &text) const
{
	const auto found = first(text);

	return !found.empty() && found[0].rm_so == 0 &&
	       found[0].rm_eo == static_cast<regoff_t>(text.size());
}

std::vector<std::string> expression::parts(const std::string &text) const
{
	std::vector<std::string> all;

	for (const regmatch_t &each : first(text))
		all.push_back(each.rm_so < 0 ? "" :
					       text.substr(each.rm_so, each.rm_eo - each.rm_so));
	return all;
}

} // namespace vm
