// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* ktcp/proc.hpp: a folder under /proc/net. */
#include <ktcp/proc.hpp>

#include <cerrno>
#include <type_traits>

#include "support.hpp"

using ktcp::errc;
using testing::_;
using testing::AnyNumber;
using testing::InSequence;
using testing::IsNull;
using testing::Mock;
using testing::NiceMock;
using testing::NotNull;
using testing::Return;

static_assert(!std::is_copy_constructible_v<ktcp::proc_folder>);
static_assert(!std::is_move_constructible_v<ktcp::proc_folder>);

namespace
{

class proc_test : public testing::Test {
    protected:
	NiceMock<mock::mock_port> port;
	ktcp_proc_file file = {};

	proc_test()
	{
		EXPECT_CALL(port, proc_rmdir(IsNull())).Times(AnyNumber());
	}
};

} // namespace

TEST_F(proc_test, a_folder_is_made_and_removed_once)
{
	::net net;

	EXPECT_CALL(port, proc_mkdir(&net, "echo", _)).Times(1);
	EXPECT_CALL(port, proc_create(NotNull(), "peers", &file)).Times(1);
	EXPECT_CALL(port, proc_rmdir(NotNull())).Times(1);
	{
		ktcp::proc_folder folder;

		EXPECT_TRUE(folder.make("echo", &net));
		EXPECT_TRUE(folder.add("peers", file));
		folder.remove();
		folder.remove();
	}
}

TEST_F(proc_test, is_removed_by_the_destructor)
{
	EXPECT_CALL(port, proc_rmdir(NotNull())).Times(1);

	ktcp::proc_folder folder;

	EXPECT_TRUE(folder.make("echo"));
}

TEST_F(proc_test, another_takes_the_place_of_the_first)
{
	ktcp::proc_folder folder;

	EXPECT_TRUE(folder.make("one"));
	EXPECT_CALL(port, proc_rmdir(NotNull())).Times(2);
	EXPECT_TRUE(folder.make("two"));
	EXPECT_EQ(port.fake.folder("one"), nullptr);
	EXPECT_NE(port.fake.folder("two"), nullptr);
}

TEST_F(proc_test, fails)
{
	ktcp::proc_folder folder;

	EXPECT_CALL(port, proc_mkdir(_, _, _)).WillOnce(Return(-ENOMEM));
	EXPECT_EQ(folder.make("echo").error(), errc::enomem);
	Mock::VerifyAndClearExpectations(&port);
	EXPECT_TRUE(folder.make("echo"));
	EXPECT_CALL(port, proc_create(_, _, _)).WillOnce(Return(-ENOMEM));
	EXPECT_EQ(folder.add("peers", file).error(), errc::enomem);
}
