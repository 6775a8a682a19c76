// SPDX-License-Identifier: GPL-2.0-only OR MIT
//
// The chat (tests/vm/chat): connections that wake each other, on a real kernel, in every model.
#include "fixture.hpp"

namespace vm
{
namespace
{

constexpr server_under_test chat = { "chat", 7001 };

class room : public every_model {
    protected:
	room() : every_model(chat)
	{
	}

	// One that is in the room: it has heard another.
	static client member(const options &with = { .port = chat.port })
	{
		return client(with);
	}

	static std::string heard(client &by, std::size_t size)
	{
		const bytes got = by.receive(size);
		return { got.begin(), got.end() };
	}

	// Each member hears a line of the first one's, so each is there. It is said once, and again only
	// for a member that did not hear it: an inbox holds few lines.
	static void gather(std::vector<client> &members)
	{
		ASSERT_TRUE(members[0].send("hello\n"));
		for (auto &each : members) {
			pollfd there{ each.descriptor(), POLLIN, 0 };
			while (::poll(&there, 1, 1000) == 0)
				ASSERT_TRUE(members[0].send("hello\n"));
			ASSERT_EQ(there.revents, POLLIN);
		}
	}

	// Bytes that the server's sockets hold for their peers.
	static unsigned long waiting_to_be_sent()
	{
		unsigned long all = 0;
		for (const tcp_line &each : tcp_lines()) {
			if (each.local_port == chat.port && each.state == "01")
				all += each.unacknowledged;
		}
		return all;
	}

	// The next line that is no hello.
	static std::string next_line(client &by)
	{
		std::string line;
		do {
			line.clear();
			do
				line += heard(by, 1);
			while (!line.empty() && line.back() != '\n' && line.size() < 200);
		} while (line == "hello\n");
		return line;
	}
};
FOR_EVERY_MODEL(room);

TEST_P(room, each_hears_all)
{
	load_model();
	std::vector<client> members;
	for (int i = 0; i < 8; i++)
		members.push_back(member());
	gather(members);
	for (std::size_t i = 0; i < members.size(); i++) {
		const std::string line = "it is " + std::to_string(i) + "\n";
		ASSERT_TRUE(members[i].send(line));
		for (std::size_t j = 0; j < members.size(); j++)
			ASSERT_EQ(next_line(members[j]), line) << j;
	}
	// One leaves, and the others go on.
	members.erase(members.begin() + 3);
	ASSERT_TRUE(members[0].send("farewell\n"));
	for (std::size_t j = 0; j < members.size(); j++)
		ASSERT_EQ(next_line(members[j]), "farewell\n");
}

// Its buffers and its inbox are full soon. It holds up neither the others nor unloading.
TEST_P(room, one_that_never_reads_holds_nobody_up)
{
	load_model(" sndbuf=4608");
	std::vector<client> members;
	for (int i = 0; i < 4; i++)
		members.push_back(member());
	client deaf = member({ .receive_buffer = 2048, .port = chat.port });
	gather(members);
	for (int i = 0; i < 500; i++) {
		const std::string line = std::to_string(i) + std::string(100, 'x') + "\n";
		ASSERT_TRUE(members[0].send(line));
		for (std::size_t j = 0; j < members.size(); j++)
			ASSERT_EQ(next_line(members[j]), line);
	}
	unload();
}

// In the work model as many as it serves. One of them never reads, and its buffers are full before the
// most of them come.
TEST_P(room, a_thousand_members)
{
	load_model(" sndbuf=4608 max_per_source=0");
	const bool few = std::string(GetParam()) == "work" || debug_kernel();
	std::vector<client> members;
	client deaf = member({ .receive_buffer = 2048, .port = chat.port });
	members.push_back(member());
	gather(members);
	for (int i = 0; i < 200; i++) {
		const std::string line = std::to_string(i) + std::string(100, 'x') + "\n";
		ASSERT_TRUE(members[0].send(line));
		ASSERT_EQ(next_line(members[0]), line);
	}
	ASSERT_TRUE(eventually(30s, [] { return waiting_to_be_sent() > 0; }))
		<< "the server waits for nobody";
	while (members.size() < (few ? 300 : 1000))
		members.push_back(member());
	gather(members);
	for (int i = 0; i < 3; i++) {
		const std::string line = "line " + std::to_string(i) + "\n";
		ASSERT_TRUE(members[0].send(line));
		for (std::size_t j = 0; j < members.size(); j++)
			ASSERT_EQ(next_line(members[j]), line);
	}
	EXPECT_GT(waiting_to_be_sent(), 0u) << "it has read";
	unload();
}

TEST_P(room, unloads_while_all_talk)
{
	load_model();
	std::vector<client> members;
	for (int i = 0; i < 16; i++)
		members.push_back(member());
	gather(members);
	for (auto &each : members)
		for (int i = 0; i < 20; i++)
			ASSERT_TRUE(each.send("all at once\n"));
	unload();
}

} // namespace
} // namespace vm
