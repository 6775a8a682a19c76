/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The simulated file system: the same files below any root. */
#ifndef KTCP_SIM_FILES_HPP
#define KTCP_SIM_FILES_HPP

#include <map>
#include <string>

namespace sim
{

/* Regular files by their paths; "folder" is a directory, as is the root. */
const std::map<std::string, std::string> &files();

} // namespace sim

#endif
