// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* A file is opened where nothing may sleep. */
#include <ktcp/connection.hpp>
#include <ktcp/kernel/file.hpp>

ktcp::task_of<ktcp::file> find(ktcp::connection &peer, const ktcp::file_root &root)
{
	KTCP_CO_TRY(const ktcp::process_context here, co_await peer.may_sleep());
#ifdef GOOD
	co_return root.open_below("motd", here);
#else
	static_cast<void>(here);
	co_return root.open_below("motd");
#endif
}
