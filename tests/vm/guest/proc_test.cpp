// SPDX-License-Identifier: GPL-2.0-only OR MIT
//
// The files under /proc/net, with readers and writers that want to do harm.
#include "fixture.hpp"
#include "namespaces.hpp"

#include <csignal>
#include <future>
#include <grp.h>
#include <linux/userfaultfd.h>
#include <optional>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

namespace vm
{
namespace
{

const options v4 = { .address = "127.0.0.1" };

// Memory whose first touch waits for an answer that never comes. A FUSE server that does not
// answer needs no right for that.
char *page_that_never_comes()
{
	const std::size_t size = 4096;
	const int faults = ::syscall(SYS_userfaultfd, O_CLOEXEC);
	uffdio_api api{};
	api.api = UFFD_API;
	void *const page = ::mmap(nullptr, size, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uffdio_register range{};
	range.range = { reinterpret_cast<std::uintptr_t>(page), size };
	range.mode = UFFDIO_REGISTER_MODE_MISSING;
	if (faults < 0 || ::ioctl(faults, UFFDIO_API, &api) || page == MAP_FAILED ||
	    ::ioctl(faults, UFFDIO_REGISTER, &range))
		return nullptr;
	return static_cast<char *>(page);
}

// A process that is stuck in a read or a write of a file, until this object goes.
class stuck {
    public:
	// Opened in the namespace of the caller's; the process is in none but the first.
	stuck(const std::string &file, int flags) : stuck(::open(file.c_str(), flags), flags)
	{
	}
	// A file or a socket, which is the process's alone from now on.
	stuck(int opened, int flags)
	{
		EXPECT_GE(opened, 0) << std::strerror(errno);
		process_ = ::fork();
		if (!process_) {
			// Nothing but the file may hold anything of the caller's.
			for (int other = 3; other < 1024; ++other)
				if (other != opened)
					::close(other);
			const int first = ::open("/proc/1/ns/net", O_RDONLY);
			char *const page = page_that_never_comes();
			if (!page || ::setns(first, CLONE_NEWNET))
				::_exit(1);
			if (flags == O_RDONLY)
				static_cast<void>(!::read(opened, page, 4096));
			else
				static_cast<void>(!::write(opened, page, 4096));
			::_exit(2);
		}
		::close(opened);
		EXPECT_TRUE(eventually(20s, [this] {
			return sleeps_in(process_, "handle_userfault");
		})) << read_file("/proc/" + std::to_string(process_) + "/stack");
	}
	stuck(const stuck &) = delete;
	~stuck()
	{
		end();
	}
	void end()
	{
		int status = 0;
		if (process_ <= 0)
			return;
		::kill(process_, SIGKILL);
		EXPECT_EQ(::waitpid(process_, &status, 0), process_);
		EXPECT_TRUE(WIFSIGNALED(status)) << "it was not stuck: " << WEXITSTATUS(status);
		process_ = -1;
	}

    private:
	pid_t process_ = -1;
};

// Do namespaces end? A veth pair goes with the one that has an end of it.
bool namespaces_begin_and_end()
{
	auto made = std::async(std::launch::async, [] {
		in_new_namespace([] {
			EXPECT_TRUE(shell("/sbin/ip link add ktcp0 type veth peer name ktcp1 && "
					  "/sbin/ip link set ktcp0 netns 1"));
		});
	});
	// Where none can be made, a thread is stuck for ever, so the test ends here.
	if (made.wait_for(60s) != std::future_status::ready) {
		ADD_FAILURE() << "no namespace can be made";
		std::quick_exit(1);
	}
	return eventually(20s, [] { return !std::filesystem::exists("/sys/class/net/ktcp0"); });
}

class proc_files : public server {
    protected:
	// Ends the module meanwhile, and then lets the reader go.
	void unload_beside(stuck &held, const std::function<void()> &meanwhile)
	{
		auto unloading = std::async(std::launch::async, [] { return unload_module(); });
		meanwhile();
		held.end();
		EXPECT_EQ(unloading.get(), 0);
		EXPECT_EQ(text(module_tasks()), "");
		EXPECT_EQ(text(module_leftovers()), "");
	}
};

TEST_F(proc_files, a_reader_that_is_stuck_keeps_no_server_from_stopping)
{
	for (const char *file : { "/proc/net/kecho/statistics", "/proc/net/kecho/connections" }) {
		load("");
		client peer;
		ASSERT_EQ(echo(peer, "hello"), "");
		stuck reader(file, O_RDONLY);
		unload_beside(reader, [&] {
			EXPECT_TRUE(peer.ended()) << std::strerror(peer.error());
			EXPECT_TRUE(eventually(10s, [] {
				return std::ranges::count(tcp_states(server_port), "0A") == 0;
			})) << "it listens while a reader is stuck";
			EXPECT_TRUE(eventually(10s, [] { return module_tasks().empty(); }))
				<< text(module_tasks());
		});
	}
}

TEST_F(proc_files, a_reader_that_is_stuck_keeps_no_other_namespace_from_ending)
{
	load("netns_all=1");
	std::optional<stuck> reader;
	in_new_namespace([&] {
		client peer(v4);
		EXPECT_EQ(echo(peer, "hello"), "");
		reader.emplace("/proc/thread-self/net/kecho/statistics", O_RDONLY);
	});
	// The reader's namespace has no process any more.
	EXPECT_TRUE(namespaces_begin_and_end());
	reader.reset();
	EXPECT_TRUE(namespaces_begin_and_end());
}

TEST_F(proc_files, unloading_beside_a_stuck_reader_lets_namespaces_begin_and_end)
{
	load("netns_all=1");
	std::optional<stuck> reader;
	in_new_namespace(
		[&] { reader.emplace("/proc/thread-self/net/kecho/statistics", O_RDONLY); });
	unload_beside(*reader, [&] {
		EXPECT_TRUE(eventually(10s, [] { return module_tasks().empty(); }))
			<< text(module_tasks());
		EXPECT_TRUE(namespaces_begin_and_end());
	});
}

// The socket's owner sleeps in a page of its own, with the socket's lock. A writer that drops the
// socket waits for it: in a write, and in the close behind a last line without an end.
TEST_F(proc_files, a_writer_that_waits_for_a_sockets_owner_lets_namespaces_begin_and_end)
{
	const auto address_of = [](int socket, int (*get)(int, sockaddr *, socklen_t *)) {
		sockaddr_in at{};
		socklen_t length = sizeof at;
		EXPECT_EQ(get(socket, reinterpret_cast<sockaddr *>(&at), &length), 0);
		return "127.0.0.1:" + std::to_string(ntohs(at.sin_port));
	};
	const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	sockaddr_in at{};
	socklen_t length = sizeof at;
	at.sin_family = AF_INET;
	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ASSERT_EQ(::bind(listener, reinterpret_cast<sockaddr *>(&at), sizeof at), 0);
	ASSERT_EQ(::listen(listener, 2), 0);
	ASSERT_EQ(::getsockname(listener, reinterpret_cast<sockaddr *>(&at), &length), 0);
	for (const std::string end : { "\n", "" }) {
		const int client = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		ASSERT_EQ(::connect(client, reinterpret_cast<sockaddr *>(&at), sizeof at), 0);
		const std::string line = address_of(client, ::getsockname) + " " +
					 address_of(client, ::getpeername) + end;
		ASSERT_EQ(load_module("", "/drop-tcp-socket.ko"), 0);
		stuck owner(client, O_WRONLY);
		const pid_t writer = ::fork();
		if (!writer) {
			const int file = ::open("/proc/net/drop_tcp_sock", O_WRONLY);
			const bool failed = ::write(file, line.data(), line.size()) < 0;
			::_exit(failed ? errno : ::close(file));
		}
		EXPECT_TRUE(eventually(20s, [&] { return sleeps_in(writer, "lock_sock_nested"); }))
			<< read_file("/proc/" + std::to_string(writer) + "/stack");
		auto unloading = std::async(std::launch::async,
					    [] { return unload_module("drop_tcp_socket"); });
		std::this_thread::sleep_for(500ms);
		EXPECT_TRUE(namespaces_begin_and_end());
		EXPECT_TRUE(sleeps_in(writer, "lock_sock_nested"));
		owner.end();
		EXPECT_EQ(unloading.get(), 0);
		int status = -1;
		EXPECT_EQ(::waitpid(writer, &status, 0), writer);
		EXPECT_TRUE(WIFEXITED(status));
		EXPECT_EQ(WEXITSTATUS(status), end.empty() ? 0 : EIO);
	}
	::close(listener);
}

// The exit code of a function that runs as a user in one group.
int exit_code_as(uid_t user, gid_t group, const std::function<int()> &act)
{
	const pid_t child = ::fork();
	if (!child) {
		if (::setgroups(0, nullptr) || ::setgid(group) || ::setuid(user))
			::_exit(100);
		::_exit(act());
	}
	int status = -1;
	::waitpid(child, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int errno_of_reading(const char *file)
{
	const int opened = ::open(file, O_RDONLY | O_CLOEXEC);
	return opened < 0 ? errno : 0;
}

TEST_F(proc_files, list_connections_to_root_and_one_group_alone)
{
	constexpr uid_t nobody = 65534;
	constexpr gid_t watchers = 4242;
	const auto list = [] { return errno_of_reading("/proc/net/kecho/connections"); };
	const auto numbers = [] { return errno_of_reading("/proc/net/kecho/statistics"); };
	load("");
	client peer;
	ASSERT_EQ(echo(peer, "hello"), "");
	EXPECT_EQ(list(), 0);
	EXPECT_EQ(exit_code_as(nobody, nobody, list), EACCES);
	EXPECT_EQ(exit_code_as(nobody, watchers, list), EACCES);
	EXPECT_EQ(exit_code_as(nobody, nobody, numbers), 0);
	unload();
	load("proc_group=4242");
	EXPECT_EQ(exit_code_as(nobody, nobody, list), EACCES);
	EXPECT_EQ(exit_code_as(nobody, watchers, list), 0);
	EXPECT_EQ(list(), 0);
}

TEST_F(proc_files, show_the_connections_that_a_drain_waits_for)
{
	load("drain_ms=60000");
	client peer;
	ASSERT_EQ(echo(peer, "hello"), "");
	EXPECT_NE(read_file("/proc/net/kecho/statistics").find("\ndraining 0\n"),
		  std::string::npos);
	auto unloading = std::async(std::launch::async, [] { return unload_module(); });
	EXPECT_TRUE(eventually(20s, [] {
		return read_file("/proc/net/kecho/statistics").find("\ndraining 1\n") !=
		       std::string::npos;
	})) << read_file("/proc/net/kecho/statistics");
	EXPECT_NE(read_file("/proc/net/kecho/connections").find("[::1]:"), std::string::npos)
		<< read_file("/proc/net/kecho/connections");
	EXPECT_EQ(echo(peer, "to the end"), "");
	{
		client last = std::move(peer);
	}
	EXPECT_EQ(unloading.get(), 0);
	EXPECT_FALSE(std::filesystem::exists("/proc/net/kecho"));
}

TEST_F(proc_files, of_a_name_that_is_taken_are_refused_without_a_stack_in_the_log)
{
	const auto folder = [](const std::string &name) {
		return load_module("folder=" + name, "/ktcp_misuse.ko");
	};
	allow_other("^ktcp_misuse: listening");
	load("");
	// The kernel's own, a file and a folder; and another server's. (EEXIST would be a module
	// that is loaded already.)
	for (const char *taken : { "tcp", "stat", "kecho" })
		EXPECT_EQ(folder(taken), EBUSY) << taken;
	// insmod sees another /proc/net there, and the folder is still the first namespace's.
	in_new_namespace([&] {
		for (const char *taken : { "tcp", "stat", "kecho" })
			EXPECT_EQ(folder(taken), EBUSY) << taken;
	});
	EXPECT_EQ(folder("ktcp_free"), 0);
	EXPECT_TRUE(std::filesystem::exists("/proc/net/ktcp_free"));
	EXPECT_EQ(unload_module("ktcp_misuse"), 0);
	EXPECT_FALSE(std::filesystem::exists("/proc/net/ktcp_free"));
}

} // namespace
} // namespace vm
