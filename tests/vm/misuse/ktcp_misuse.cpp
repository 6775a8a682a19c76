// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * ktcp_misuse: a module with the mistakes that ktcp must keep from doing harm. A client's first
 * word names the mistake that its handler makes; see tests/vm/guest/misuse_test.cpp.
 */
#include <ktcp/base/text.hpp>
#include <ktcp/connect.hpp>
#include <ktcp/event.hpp>
#include <ktcp/kernel/file.hpp>
#include <ktcp/kernel/proc.hpp>
#include <ktcp/server_module.hpp>

namespace
{

using ktcp::connection;
using ktcp::error_code;
using ktcp::result;
using ktcp::task_of;

/* Says what became of it. */
task_of<void> say(connection &peer, std::string_view what, const result<void> &outcome)
{
	const ktcp::number_text number(static_cast<std::uint64_t>(-outcome.code()));

	if (const auto sent = co_await peer.write(what, true); !sent)
		co_return sent;
	co_return co_await peer.write(number.text());
}

/* More than was read is done with. */
task_of<void> remove_too_much(connection &peer, ktcp::received &held)
{
	held.remove_prefix((*held).size() + 16);
	co_return co_await peer.write(*held);
}

/* On behind bytes that were never read. */
task_of<void> read_on_behind_nothing(connection &peer)
{
	ktcp::received none;
	const auto more = co_await peer.read_more(none);

	co_return co_await say(peer, "read_more ",
			       more ? result<void>() : result<void>(more.error()));
}

task_of<void> remove_too_many_pages(connection &peer, const ktcp::file_root &root)
{
	KTCP_CO_TRY(const ktcp::process_context here, co_await peer.may_sleep());

	ktcp::file_pages pages;

	{
		const auto file = root.open_below("pages", here);

		if (!file)
			co_return file.error();
		/* Once more into the same. */
		for (const std::uint64_t at : { 0, 4096 })
			if (const auto got = file->read_pages(pages, at, 4096, here); !got)
				co_return got.error();
	}
	pages.remove_prefix(pages.size() + 5000);
	if (const auto sent = co_await peer.write(pages); !sent)
		co_return sent;
	co_return co_await say(peer, "pages ", {});
}

task_of<void> read_no_file(connection &peer)
{
	KTCP_CO_TRY(const ktcp::process_context here, co_await peer.may_sleep());

	std::byte into[16];
	const auto got = ktcp::file().read(into, 0, here);

	co_return co_await say(peer, "file ", got ? result<void>() : result<void>(got.error()));
}

/* Waits for an event that was moved from. */
task_of<void> wait_for_nothing(connection &peer)
{
	KTCP_CO_TRY(ktcp::event first, ktcp::event::create(peer));
	const ktcp::event second = std::move(first);

	co_return co_await say(peer, "event ", co_await first.wait());
}

/* Asks a target, and not whether it is there. */
task_of<void> ask_nobody(connection &peer)
{
	const auto nobody = co_await ktcp::connect(peer, ktcp::endpoint::ipv4(127, 0, 0, 1, 1));

	co_return co_await nobody->write("hello");
}

class careless {
    public:
	explicit careless(const ktcp::file_root &root) noexcept : root_(root)
	{
	}

	ktcp::task operator()(connection &peer) const
	{
		auto held = co_await peer.read();

		if (!held)
			co_return;
		switch (static_cast<char>((*held).front())) {
		case 'p':
			static_cast<void>(co_await remove_too_much(peer, held));
			break;
		case 'm':
			static_cast<void>(co_await read_on_behind_nothing(peer));
			break;
		case 'f':
			static_cast<void>(co_await remove_too_many_pages(peer, root_));
			break;
		case 'e':
			static_cast<void>(co_await wait_for_nothing(peer));
			break;
		case 'o':
			static_cast<void>(co_await ask_nobody(peer));
			break;
		case 'n':
			static_cast<void>(co_await read_no_file(peer));
			break;
		}
	}

    private:
	const ktcp::file_root &root_;
};

class module {
    public:
	result<void> start() noexcept
	{
		if (const long code = ktcp::params::start_error())
			return error_code::from(-code);
		if (const long port = ktcp::params::asks())
			KTCP_TRY(ask(static_cast<std::uint16_t>(port)));
		if (!ktcp::params::folder().empty())
			KTCP_TRY(folder_.make(ktcp::params::folder().data()));
		root_ = KTCP_TRY(ktcp::file_root::open(ktcp::params::root().data(), {}));
		return server_.start();
	}

    private:
	/* As a module may that has to know something before it starts. */
	static result<void> ask(std::uint16_t port) noexcept
	{
		auto asked = KTCP_TRY(ktcp::socket::create(ktcp::family::inet));
		std::byte answer[1];

		KTCP_TRY(asked.connect(ktcp::endpoint::ipv4(127, 0, 0, 1, port)));
		KTCP_TRY(asked.recv(answer));
		return {};
	}

	ktcp::proc_folder folder_;
	ktcp::file_root root_; /* before the server, whose handlers use it */
	ktcp::server_module<careless> server_{ careless(root_) };
};

} // namespace

KTCP_MODULE_OBJECT(module)
