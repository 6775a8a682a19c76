// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* ktcp/proc.hpp: a folder under /proc/net, and files that take orders. */
#include <ktcp/proc.hpp>

#include <cerrno>
#include <string>
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

namespace
{

/* Shows what was written to it. */
struct board {
	std::string text;
	int writers = 0;

	void show(struct seq_file *to) const
	{
		ktcp_seq_printf(to, "%s", text.c_str());
	}

	struct writer {
		explicit writer(board &owner) : owner(owner)
		{
			owner.writers++;
		}

		~writer()
		{
			owner.writers--;
		}

		ktcp::result<std::size_t> write(const ktcp::proc_input &input)
		{
			if (!input.may_administer(nullptr))
				return errc::eperm;

			std::string piece(input.size() / 2, ' ');

			KTCP_TRY(input.copy(input.size() - piece.size(), piece));
			owner.text += piece;
			return piece.size();
		}

		board &owner;
	};
};

/* Only shows. */
struct sign {
	void show(struct seq_file *to) const
	{
		ktcp_seq_printf(to, "no entry");
	}
};

} // namespace

TEST_F(proc_test, an_entry_shows_its_owner_and_takes_orders)
{
	::net net;
	board owner;
	ktcp::proc_entry<board> entry(owner);

	EXPECT_TRUE(entry.publish("board", &net));
	EXPECT_EQ(port.fake.entry("board"), nullptr);

	auto *const made = port.fake.entry("board", &net);

	ASSERT_NE(made, nullptr);

	void *const one = port.fake.open(*made);
	void *const two = port.fake.open(*made);

	EXPECT_EQ(owner.writers, 2);
	EXPECT_EQ(port.fake.write(*made, one, "abcd"), 2);
	EXPECT_EQ(port.fake.write(*made, two, "12345678"), 4);
	EXPECT_EQ(port.fake.read(*made), "cd5678");
	port.fake.may_administer = false;
	EXPECT_EQ(port.fake.write(*made, one, "abcd"), -EPERM);
	port.fake.may_administer = true;
	EXPECT_CALL(port, proc_copy(_, _, _, _)).WillOnce(Return(-EFAULT));
	EXPECT_EQ(port.fake.write(*made, one, "abcd"), -EFAULT);
	EXPECT_EQ(port.fake.read(*made), "cd5678");
	port.fake.close(*made, one);
	EXPECT_EQ(owner.writers, 1);
	port.fake.close(*made, two);
	EXPECT_EQ(owner.writers, 0);
	entry.remove();
	EXPECT_EQ(port.fake.entry("board", &net), nullptr);
	entry.remove();
}

TEST_F(proc_test, an_entry_without_a_writer)
{
	sign owner;
	ktcp::proc_entry<sign> entry(owner);

	EXPECT_TRUE(entry.publish("sign"));
	ASSERT_NE(port.fake.entry("sign"), nullptr);
	EXPECT_EQ(port.fake.entry("sign")->writer, nullptr);
	EXPECT_EQ(port.fake.read(*port.fake.entry("sign")), "no entry");
}

TEST_F(proc_test, an_entry_that_cannot_be_made_or_opened)
{
	board owner;
	ktcp::proc_entry<board> entry(owner), second(owner);

	EXPECT_TRUE(entry.publish("board"));
	EXPECT_EQ(second.publish("board").error(), errc::enomem);
	second.remove();
	EXPECT_NE(port.fake.entry("board"), nullptr) << "it is the other's";
	EXPECT_CALL(port, kmalloc(_, _)).WillOnce(Return(nullptr));
	EXPECT_EQ(port.fake.open(*port.fake.entry("board")), nullptr);
	EXPECT_EQ(owner.writers, 0);
}

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

TEST_F(proc_test, no_more_is_copied_than_was_written)
{
	const std::string memory = "abcdef";
	const struct ktcp_proc_input raw = { 3, memory.data(), nullptr };
	const ktcp::proc_input input(raw);
	char piece[3];

	EXPECT_CALL(port, warn(_)).Times(1);
	EXPECT_CALL(port, proc_copy(_, _, _, _)).Times(0);
	EXPECT_EQ(input.copy(1, piece).error(), errc::einval);
	EXPECT_EQ(input.copy(4, { piece, 0 }).error(), errc::einval);
	EXPECT_EQ(input.copy(SIZE_MAX, { piece, 1 }).error(), errc::einval);
	EXPECT_CALL(port, proc_copy(_, 1, _, 2)).WillOnce(Return(0));
	EXPECT_TRUE(input.copy(1, { piece, 2 }));
}
