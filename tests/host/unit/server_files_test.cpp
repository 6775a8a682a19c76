// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* ktcp/server_files.hpp: what a server shows of itself under /proc/net. */
#include <ktcp/server_files.hpp>

#include <cerrno>
#include <optional>
#include <string>

#include <ktcp/model/event_driven.hpp>

#include "support.hpp"

using ktcp::endpoint;
using testing::_;
using testing::HasSubstr;
using testing::Mock;
using testing::Return;

namespace
{

class server_files_test : public session_test {
    protected:
	std::optional<ktcp::server_files> files;

	server_files_test()
	{
		handle = [](ktcp::connection &peer) -> ktcp::task {
			while (auto received = co_await peer.read())
				static_cast<void>(co_await peer.write("four"));
		};
		use(ktcp::event_driven::table);
		files.emplace(*table);
		EXPECT_TRUE(files->publish("unit", nullptr));
	}

	std::string read(const char *name)
	{
		return port.fake.read(*port.fake.folder("unit")->files.at(name));
	}

	void TearDown() override
	{
		files.reset();
		session_test::TearDown();
	}
};

const std::string headings = "peer age_ms idle_ms waits_to bytes_in bytes_out\n";

} // namespace

TEST_F(server_files_test, numbers_one_a_line)
{
	::socket *const raw = add();

	EXPECT_CALL(port, sock_recv(_, _, _)).WillOnce(receive("abc")).WillOnce(Return(-EAGAIN));
	port.fake.run_all();
	table->refuse(ktcp::socket(port.fake.new_socket()), &ktcp::statistics::refused_full);
	table->refuse(ktcp::socket(port.fake.new_socket()), &ktcp::statistics::refused_source);
	EXPECT_EQ(read("statistics"), "accepted 1\n"
				      "active 1\n"
				      "refused_full 1\n"
				      "refused_source 1\n"
				      "refused_memory 0\n"
				      "refused_taken 0\n"
				      "closed 0\n"
				      "timed_out 0\n"
				      "stopped 0\n"
				      "relistened 0\n"
				      "bytes_in 3\n"
				      "bytes_out 4\n"
				      "turns 1\n"
				      "exhausted 0\n");
	Mock::VerifyAndClearExpectations(&port);
	EXPECT_CALL(port, sock_recv(_, _, _)).WillOnce(Return(0));
	port.fake.announce(raw, KTCP_SOCK_READABLE);
	port.fake.run_all();
	EXPECT_THAT(read("statistics"), HasSubstr("active 0\n"));
	EXPECT_THAT(read("statistics"), HasSubstr("closed 1\n"));
	EXPECT_THAT(read("statistics"), HasSubstr("bytes_in 3\n"));
}

TEST_F(server_files_test, connections_one_a_line)
{
	EXPECT_EQ(read("connections"), headings);
	port.fake.now = 1000;
	EXPECT_CALL(port, sock_remote(_, _)).WillRepeatedly([](auto *, ktcp_endpoint *out) {
		*out = endpoint::ipv4(192, 0, 2, 1, 5000).raw();
		return 0;
	});
	EXPECT_CALL(port, sock_recv(_, _, _))
		.WillOnce(receive("abc"))
		.WillRepeatedly(Return(-EAGAIN));
	EXPECT_CALL(port, sock_send(_, _, _, _)).WillOnce(Return(1)).WillRepeatedly(Return(-EAGAIN));
	add();
	port.fake.run_all();
	port.fake.now = 1200;
	add();
	port.fake.run_all();
	port.fake.now = 1500;
	EXPECT_EQ(read("connections"), headings + "192.0.2.1:5000 500 500 write 3 1\n"
						  "192.0.2.1:5000 300 300 read 0 0\n");
}

TEST_F(server_files_test, a_peer_that_is_gone_is_said_to_be)
{
	/* Where it was is asked for once, when it comes: a listing takes no lock of TCP's. */
	EXPECT_CALL(port, sock_remote(_, _)).WillOnce(Return(-ENOTCONN));
	add();
	EXPECT_THAT(read("connections"), HasSubstr("\ngone 0 0 read 0 0\n"));
}

/* A long list is read in several rounds, between which sessions come and go. */
TEST_F(server_files_test, a_list_is_read_in_rounds)
{
	auto &file = *port.fake.folder("unit")->files.at("connections");

	for (int i = 0; i < 5; i++)
		add();
	for (std::uint64_t position = 0; position < 8; position++) {
		seq_file to;

		file.lock(&file);

		const bool there = file.at(&file, position);

		EXPECT_EQ(there, position <= 5) << position;
		if (there) {
			file.show(&file, &to);
			EXPECT_EQ(to.text == headings, position == 0);
		}
		file.unlock(&file);
	}
}

TEST_F(server_files_test, the_list_stands_still_while_it_is_read)
{
	auto &file = *port.fake.folder("unit")->files.at("connections");

	EXPECT_CALL(port, mutex_lock(_)).Times(1);
	EXPECT_CALL(port, mutex_unlock(_)).Times(0);
	file.lock(&file);
	EXPECT_TRUE(file.at(&file, 0));
	EXPECT_FALSE(file.at(&file, 1));
	Mock::VerifyAndClearExpectations(&port);
	EXPECT_CALL(port, mutex_unlock(_)).Times(1);
	file.unlock(&file);
}

TEST_F(server_files_test, are_gone_once_unpublished)
{
	files->unpublish();
	EXPECT_EQ(port.fake.folder("unit"), nullptr);
	files->unpublish();
	EXPECT_TRUE(files->publish("unit", nullptr));
}

TEST_F(server_files_test, publishing_fails)
{
	files->unpublish();
	EXPECT_CALL(port, proc_mkdir(_, _, _)).WillOnce(Return(-ENOMEM));
	EXPECT_EQ(files->publish("unit", nullptr).error(), ktcp::errc::enomem);
	for (const char *name : { "statistics", "connections" }) {
		Mock::VerifyAndClearExpectations(&port);
		EXPECT_CALL(port, proc_create(_, _, _)).Times(testing::AnyNumber());
		EXPECT_CALL(port, proc_create(_, name, _)).WillOnce(Return(-ENOMEM));
		EXPECT_EQ(files->publish("unit", nullptr).error(), ktcp::errc::enomem);
		files->unpublish();
	}
}
