// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* ktcp/kernel/log.hpp: each macro has its level. */
#include <ktcp/kernel/log.hpp>

#include "support.hpp"

using testing::StrictMock;

TEST(log, a_place_warns_once)
{
	StrictMock<mock::mock_port> port;
	testing::InSequence order;

	EXPECT_CALL(port, warn("3 of 2"));
	EXPECT_CALL(port, warn("elsewhere"));

	for (int i = 3; i < 6; i++)
		KTCP_WARN_ONCE("%d of %d", i, 2);
	KTCP_WARN_ONCE("elsewhere");
}

TEST(log, each_macro_has_its_level_and_formats)
{
	StrictMock<mock::mock_port> port;
	testing::InSequence order;

	EXPECT_CALL(port, printk(KTCP_LOG_ERROR, "port 80 is in use"));
	EXPECT_CALL(port, printk(KTCP_LOG_WARNING, "low on memory"));
	EXPECT_CALL(port, printk(KTCP_LOG_INFO, "model=work serves -1"));
	EXPECT_CALL(port, printk_ratelimited(KTCP_LOG_WARNING, "peer 3 of 4"));
	EXPECT_CALL(port, printk_ratelimited(KTCP_LOG_ERROR, "device=v0"));

	KTCP_LOG_ERR("port %u is in use", 80u);
	KTCP_LOG_WARN("low on memory");
	KTCP_LOG_NOTE("model=%.*s serves %d", 4, "worker", -1);
	KTCP_LOG_WARN_RATELIMITED("peer %d of %zu", 3, std::size_t{ 4 });
	KTCP_LOG_ERR_RATELIMITED("device=%s", "v0");
}
