/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The simulated file system: the same files below any root. */
#ifndef KTCP_SIM_FILES_HPP
#define KTCP_SIM_FILES_HPP

#include <cstdint>
#include <map>
#include <string>

namespace sim
{

/* Regular files by their paths; "folder" is a directory, as is the root. */
const std::map<std::string, std::string> &files();

/* Make an empty file. It stays until forget_files(), which the test calls. */
void make_file(const std::string &path);
void forget_files();

/* How often a directory was listed from its beginning, in all runs. */
uint64_t listed();

} // namespace sim

#endif
