// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* ktcp/engine/server_files.hpp: a server's files under /proc/net. */
#include <ktcp/engine/server_files.hpp>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <string>
#include <vector>

#include <ktcp/engine/event_driven.hpp>

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
		files.emplace(*table, nullptr, 42u);
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
				      "exhausted 0\n"
				      "buffer_bytes 0\n"
				      "refused_buffers 0\n"
				      "draining 0\n"
				      "refused_denied 0\n"
				      "refused_rate 0\n"
				      "refused_proxy 0\n"
				      "timed_out_idle 0\n"
				      "timed_out_write 0\n"
				      "refused_share 0\n");
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

TEST_F(server_files_test, the_list_of_connections_is_for_root_and_a_group)
{
	const auto &all = port.fake.folder("unit")->files;

	EXPECT_EQ(all.at("connections")->mode, 0440);
	EXPECT_EQ(all.at("connections")->group, 42u);
	EXPECT_EQ(all.at("statistics")->mode, 0444);
}

TEST_F(server_files_test, a_server_that_ends_says_so)
{
	files->say_draining();
	EXPECT_THAT(read("statistics"), HasSubstr("draining 1\n"));
}

namespace
{

/* An opening of a list. */
class listing {
    public:
	explicit listing(ktcp_proc_file &file) : file_(file), opening_(mock::fake_port::open(file))
	{
	}

	~listing()
	{
		mock::fake_port::close(file_, opening_);
	}

	/* The line there; empty where there is none. */
	std::string at(unsigned long long position)
	{
		seq_file to;

		if (file_.at(&file_, opening_, position))
			file_.show(&file_, opening_, &to);
		return to.text;
	}

	/* All lines from there on. */
	std::string from(unsigned long long position)
	{
		std::string all, line;

		while (!(line = at(position++)).empty())
			all += line;
		return all;
	}

    private:
	ktcp_proc_file &file_;
	void *opening_;
};

} // namespace

class long_list : public server_files_test {
    protected:
	static constexpr int many = 50;
	std::vector<::socket *> sockets;

	/* Peers 192.0.2.1:1 to :50, the oldest first. */
	long_list()
	{
		EXPECT_CALL(port, sock_remote(_, _))
			.WillRepeatedly([this](auto *, ktcp_endpoint *out) {
				*out = endpoint::ipv4(192, 0, 2, 1, ++last_port_).raw();
				return 0;
			});
		for (int i = 0; i < many; i++)
			sockets.push_back(add());
		port.fake.run_all();
	}

	ktcp_proc_file &file()
	{
		return *port.fake.folder("unit")->files.at("connections");
	}

	std::uint16_t last_port_ = 0;

	static std::string peer(int number)
	{
		return "192.0.2.1:" + std::to_string(number) + " ";
	}

	void end(int number)
	{
		EXPECT_CALL(port, sock_recv(sockets[number - 1], _, _)).WillOnce(Return(0));
		port.fake.announce(sockets[number - 1], KTCP_SOCK_READABLE);
		port.fake.run_all();
	}
};

TEST_F(long_list, is_read_in_rounds_and_from_any_place)
{
	listing one(file());

	EXPECT_EQ(one.at(0), headings);
	for (int i = 1; i <= many; i++) {
		EXPECT_THAT(one.at(i), testing::StartsWith(peer(i))) << i;
		/* Another round begins with what the last one had no room for. */
		EXPECT_THAT(one.at(i), testing::StartsWith(peer(i))) << i;
	}
	EXPECT_EQ(one.at(many + 1), "");
	EXPECT_EQ(one.at(0), headings);
	EXPECT_THAT(one.at(30), testing::StartsWith(peer(30)));
	EXPECT_THAT(one.at(3), testing::StartsWith(peer(3)));
	EXPECT_EQ(one.at(1000), "");
}

TEST_F(long_list, goes_on_behind_the_last_line_when_older_ones_leave)
{
	listing one(file()), other(file());
	std::string all = one.at(0);

	for (int i = 1; i <= 20; i++)
		all += one.at(i);
	EXPECT_THAT(other.at(1), testing::StartsWith(peer(1)));
	for (int i = 1; i <= 10; i++)
		end(i);
	/* And where it stands: 32 were copied, the next one is 33. */
	end(33);
	all += one.from(21);
	for (int i = 1; i <= many; i++)
		EXPECT_EQ(all.find(peer(i)) != all.npos, i != 33) << i;
	EXPECT_EQ(std::count(all.begin(), all.end(), '\n'), many);
	/* A reader that is gone is not looked for. */
	{
		listing third(file());

		EXPECT_THAT(third.at(1), testing::StartsWith(peer(11)));
	}
	end(11);
	for (int i = 12; i <= many; i++)
		if (i != 33)
			end(i);
	EXPECT_EQ(one.at(0), headings);
	EXPECT_EQ(one.at(1), "");
}

TEST_F(long_list, no_lock_is_held_while_it_is_printed)
{
	int held = 0;
	listing one(file()); /* its end locks, too */

	EXPECT_CALL(port, mutex_lock(_)).WillRepeatedly([&](::mutex *lock) {
		held++;
		port.fake.mutex_lock(lock);
	});
	EXPECT_CALL(port, mutex_unlock(_)).WillRepeatedly([&](::mutex *lock) {
		held--;
		port.fake.mutex_unlock(lock);
	});
	for (int i = 0; i <= many; i++) {
		EXPECT_NE(one.at(i), "");
		EXPECT_EQ(held, 0);
	}
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

TEST_F(server_files_test, lists_every_listener_of_ktcp_s)
{
	struct ktcp_listener one = { "kecho", endpoint::any(12345).raw(), 4026531840, {} };
	struct ktcp_listener other = {
		"khttpd", endpoint::ipv4(192, 0, 2, 1, 80).raw(), 4026532001, {}
	};

	ktcp_listener_publish(&one);
	ktcp_listener_publish(&other);
	EXPECT_EQ(read("listeners"), "module address namespace\n"
				     "kecho [::]:12345 4026531840\n"
				     "khttpd 192.0.2.1:80 4026532001\n");
	ktcp_listener_withdraw(&one);
	EXPECT_EQ(read("listeners"), "module address namespace\n"
				     "khttpd 192.0.2.1:80 4026532001\n");
	ktcp_listener_withdraw(&other);
}

/* There may be one in each of many namespaces. */
TEST_F(server_files_test, lists_listeners_some_at_a_time)
{
	constexpr int many = 30;
	struct ktcp_listener all[many];

	for (int i = 0; i < many; i++) {
		all[i] = { "kecho",
			   endpoint::any(static_cast<std::uint16_t>(i + 1)).raw(),
			   4026531840,
			   {} };
		ktcp_listener_publish(&all[i]);
	}

	const auto line = [](int number) {
		return "kecho [::]:" + std::to_string(number) + " 4026531840\n";
	};
	listing one(*port.fake.folder("unit")->files.at("listeners"));

	EXPECT_EQ(one.at(0), "module address namespace\n");
	for (int i = 1; i <= many; i++) {
		EXPECT_EQ(one.at(i), line(i));
		EXPECT_EQ(one.at(i), line(i)) << "another round";
	}
	EXPECT_EQ(one.at(many + 1), "");
	EXPECT_EQ(one.at(3), line(3));
	ktcp_listener_withdraw(&all[2]);
	EXPECT_EQ(one.at(0), "module address namespace\n");
	EXPECT_EQ(one.at(3), line(4)) << "it looks anew";
	for (int i = 0; i < many; i++)
		if (i != 2)
			ktcp_listener_withdraw(&all[i]);
}
