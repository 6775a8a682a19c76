/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Reading the simulated /proc/net. */
#ifndef KTCP_SIM_PROC_HPP
#define KTCP_SIM_PROC_HPP

#include <map>
#include <string>

namespace sim
{

/* The whole of /proc/net/@folder/@file; empty if there is no such folder. */
std::string read_proc(const std::string &folder, const std::string &file);

} // namespace sim

#endif
