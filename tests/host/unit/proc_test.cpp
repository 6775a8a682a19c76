// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* ktcp/kernel/proc.hpp: a folder under /proc/net, and files that take orders. */
#include <ktcp/kernel/proc.hpp>

#include <cerrno>
#include <string>
#include <type_traits>

#include "support.hpp"

using ktcp::errc;
using testing::_;
using testing::AnyNumber;
using testing::InSequence;
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
		EXPECT_CALL(port, proc_rmdir(_)).Times(AnyNumber());
	}
};

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

		ktcp::result<std::size_t> write(std::string_view text)
		{
			if (text.size() < 2)
				return errc::einval;
			owner.text += text.substr(text.size() / 2);
			return text.size() / 2;
		}

		board &owner;
	};
};

/* Does its work outside of its file. */
struct porch {
	unsigned int worked = 0;

	void show(struct seq_file *) const
	{
	}

	struct writer {
		writer(porch &owner, ktcp::proc_gate gate) : owner(owner), gate(gate)
		{
		}

		ktcp::result<std::size_t> write(std::string_view text)
		{
			if (!gate.outside([&worked = owner.worked] { worked++; }))
				return errc::eio;
			return text.size();
		}

		porch &owner;
		ktcp::proc_gate gate;
	};
};

/* Only shows. */
struct sign {
	void show(struct seq_file *to) const
	{
		ktcp_seq_printf(to, "no entry");
	}
};

/* Shows the numbers from its first to nine. */
struct numbers {
	struct reader {
		explicit reader(numbers &owner) : owner(owner)
		{
		}

		bool at(std::uint64_t position)
		{
			current = owner.first + position;
			return current < 10;
		}

		void show(struct seq_file *to)
		{
			ktcp_seq_printf(to, "%d", static_cast<int>(current));
		}

		numbers &owner;
		std::uint64_t current = 0;
	};

	std::uint64_t first;
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
	EXPECT_EQ(made->mode, 0666);

	void *const one = port.fake.open(*made);
	void *const two = port.fake.open(*made);

	EXPECT_EQ(owner.writers, 2);
	EXPECT_EQ(port.fake.write(*made, one, "abcd"), 2);
	EXPECT_EQ(port.fake.write(*made, two, "12345678"), 4);
	EXPECT_EQ(port.fake.write(*made, two, "1"), -EINVAL);
	EXPECT_EQ(port.fake.read(*made), "cd5678");
	port.fake.close(*made, one);
	EXPECT_EQ(owner.writers, 1);
	port.fake.close(*made, two);
	EXPECT_EQ(owner.writers, 0);
	entry.remove();
	EXPECT_EQ(port.fake.entry("board", &net), nullptr);
	entry.remove();
}

/* Takes more than there is. */
struct glutton {
	void show(struct seq_file *) const
	{
	}

	struct writer {
		explicit writer(glutton &)
		{
		}

		ktcp::result<std::size_t> write(std::string_view text)
		{
			return text.size() + 1;
		}
	};
};

TEST_F(proc_test, no_more_is_taken_than_was_written)
{
	glutton owner;
	ktcp::proc_file<glutton> file(owner);
	void *const one = port.fake.open(file);

	EXPECT_CALL(port, warn(testing::HasSubstr("4 of 3 bytes"))).Times(1);
	EXPECT_EQ(port.fake.write(file, one, "abc"), 3);
	EXPECT_EQ(port.fake.write(file, one, "abc"), 3);
	port.fake.close(file, one);
}

/* The kernel would say so by a WARN() with a stack. */
TEST_F(proc_test, a_folder_has_each_name_once)
{
	board owner;
	ktcp::proc_file<board> first(owner), second(owner);
	ktcp::proc_folder folder;

	ASSERT_TRUE(folder.make("twice"));
	EXPECT_TRUE(folder.add("one", first));
	EXPECT_EQ(folder.add("one", second).error(), errc::eexist);
}

TEST_F(proc_test, a_writer_works_outside_of_a_file_that_is_not_going)
{
	porch owner;
	ktcp::proc_entry<porch> entry(owner);

	EXPECT_TRUE(entry.publish("porch"));

	auto *const made = port.fake.entry("porch");
	void *const opened = port.fake.open(*made);

	{
		const InSequence in_order;

		EXPECT_CALL(port, proc_leave(opened)).WillOnce(Return(true));
		EXPECT_CALL(port, proc_enter(opened)).WillOnce(Return(true));
		EXPECT_CALL(port, proc_leave(opened)).WillOnce(Return(true));
		EXPECT_CALL(port, proc_enter(opened)).WillOnce(Return(false));
		EXPECT_CALL(port, proc_leave(opened)).WillOnce(Return(false));
	}
	EXPECT_EQ(port.fake.write(*made, opened, "abc"), 3);
	EXPECT_EQ(port.fake.write(*made, opened, "abc"), -EIO);
	EXPECT_EQ(owner.worked, 2u);
	EXPECT_EQ(port.fake.write(*made, opened, "abc"), -EIO);
	EXPECT_EQ(owner.worked, 2u) << "the file was going";
	port.fake.close(*made, opened);
}

TEST_F(proc_test, an_entry_without_a_writer)
{
	sign owner;
	ktcp::proc_entry<sign> entry(owner);

	EXPECT_TRUE(entry.publish("sign"));

	auto *const made = port.fake.entry("sign");

	ASSERT_NE(made, nullptr);
	EXPECT_EQ(made->write, nullptr);
	EXPECT_EQ(made->mode, 0444);
	EXPECT_EQ(port.fake.read(*made), "no entry");
}

TEST_F(proc_test, an_entry_that_cannot_be_made)
{
	board owner;
	ktcp::proc_entry<board> entry(owner), second(owner);

	EXPECT_TRUE(entry.publish("board"));
	EXPECT_EQ(second.publish("board").error(), errc::eexist);
	second.remove();
	EXPECT_NE(port.fake.entry("board"), nullptr) << "it is the other's";
}

TEST_F(proc_test, a_file_of_items_each_opening_at_its_own)
{
	numbers some{ 5 };
	ktcp::proc_file<numbers> shown(some, 0440, 42);
	ktcp_proc_file &file = shown;

	EXPECT_EQ(file.mode, 0440);
	EXPECT_EQ(file.group, 42u);
	EXPECT_EQ(file.write, nullptr);
	EXPECT_EQ(port.fake.read(file), "56789");

	void *const one = port.fake.open(file);
	void *const two = port.fake.open(file);
	seq_file to;

	EXPECT_TRUE(file.at(&file, one, 1));
	EXPECT_TRUE(file.at(&file, two, 3));
	EXPECT_FALSE(file.at(&file, two, 5));
	file.show(&file, one, &to);
	EXPECT_EQ(to.text, "6");
	port.fake.close(file, one);
	port.fake.close(file, two);
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
	EXPECT_CALL(port, warn(testing::HasSubstr("no folder"))).Times(1);
	EXPECT_EQ(folder.add("peers", file).error(), errc::ebadf);
	Mock::VerifyAndClearExpectations(&port);
	EXPECT_TRUE(folder.make("echo"));
	EXPECT_CALL(port, proc_create(_, _, _)).WillOnce(Return(-ENOMEM));
	EXPECT_EQ(folder.add("peers", file).error(), errc::enomem);
}
