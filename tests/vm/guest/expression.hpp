// SPDX-License-Identifier: GPL-2.0-only OR MIT
//
// Regular expressions, by the C library. It compiles them in a moment and looks at each character once.
// std::regex takes seconds in each file that includes it, and long in a guest without KVM.
#pragma once

#include <memory>
#include <regex.h>
#include <string>
#include <vector>

namespace vm
{

// POSIX's extended ones, with \w and \b as GNU has them, and \d for a digit outside of brackets.
class expression {
    public:
	explicit expression(const std::string &text);

	// Does a part of the text match?
	bool in(const std::string &text) const;
	// Does the whole text match?
	bool is(const std::string &text) const;
	// The first part that matches, and its groups behind it; nothing without one.
	std::vector<std::string> parts(const std::string &text) const;

    private:
	std::vector<regmatch_t> first(const std::string &text) const;

	std::shared_ptr<const regex_t> compiled_;
};

} // namespace vm
