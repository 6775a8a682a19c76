// SPDX-License-Identifier: GPL-2.0-only OR MIT
//
// A program, and what it printed.
#pragma once

#include <gtest/gtest.h>

#include <cstdio>
#include <string>

namespace vm
{

// A command's output, on either stream; its exit code through status.
inline std::string output_of(const std::string &command, int *status = nullptr)
{
	std::string all;
	FILE *const from = ::popen((command + " 2>&1 </dev/null").c_str(), "r");
	char part[4096];
	for (std::size_t got; (got = std::fread(part, 1, sizeof part, from)) > 0;)
		all.append(part, got);
	const int ended = ::pclose(from);
	if (status)
		*status = ended;
	else
		EXPECT_EQ(ended, 0) << command << "\n" << all;
	return all;
}

} // namespace vm
