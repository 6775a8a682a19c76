// SPDX-License-Identifier: GPL-2.0-only OR MIT
#include "kernel.hpp"

#include <sys/socket.h>
#include <sys/syscall.h>

#include <algorithm>
#include <arpa/inet.h>
#include <cstring>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>

namespace vm
{

int load_module(const std::string &parameters, const char *path)
{
	const int file = ::open(path, O_RDONLY | O_CLOEXEC);
	if (file < 0)
		return errno;
	const int error = ::syscall(SYS_finit_module, file, parameters.c_str(), 0) ? errno : 0;
	::close(file);
	return error;
}

int unload_module(const char *name)
{
	return ::syscall(SYS_delete_module, name, O_NONBLOCK) ? errno : 0;
}

bool module_loaded(const char *name)
{
	return std::filesystem::exists(std::string("/sys/module/") + name);
}

std::string read_file(const std::string &path)
{
	std::ifstream file(path);
	std::ostringstream text;
	text << file.rdbuf();
	return text.str();
}

long number_of(const std::string &path, const std::string &name)
{
	std::istringstream text(read_file(path));
	std::string each;
	for (long value; text >> each >> value;)
		if (each == name)
			return value;
	return -1;
}

long statistic(const std::string &name, const char *server)
{
	return number_of(std::string("/proc/thread-self/net/") + server + "/statistics", name);
}

bool write_file(const std::string &path, const std::string &text)
{
	std::ofstream file(path);
	file << text << std::flush;
	return file.good();
}

int write_once(const std::string &path, const std::string &text)
{
	const int file = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
	if (file < 0)
		return errno;
	const int error = ::write(file, text.data(), text.size()) < 0 ? errno : 0;
	::close(file);
	return error;
}

kept_setting::kept_setting(std::string file) : file_(std::move(file)), was_(read_file(file_))
{
}

kept_setting::~kept_setting()
{
	set_back();
}

void kept_setting::set(const std::string &value) const
{
	EXPECT_TRUE(write_file(file_, value)) << file_ << " takes no " << value;
}

void kept_setting::set_back() const
{
	set(was_);
}

bool clock_counts_instructions()
{
	return read_file("/proc/cmdline").find("ktcp_clock=instructions") != std::string::npos;
}

bool sleeps_in(pid_t process, const std::string &function)
{
	const std::string stack = read_file("/proc/" + std::to_string(process) + "/stack");
	return stack.find(" " + function + "+") != std::string::npos;
}

bool debug_kernel()
{
	return std::filesystem::exists("/proc/lockdep");
}

bool shell(const std::string &command)
{
	return std::system(command.c_str()) == 0;
}

bool eventually(clock::duration limit, const std::function<bool()> &holds)
{
	const auto end = clock::now() + limit;
	while (!holds()) {
		if (clock::now() > end)
			return false;
		std::this_thread::sleep_for(10ms);
	}
	return true;
}

kernel_log::kernel_log() : file_(::open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC))
{
	::lseek(file_, 0, SEEK_END);
}

kernel_log::~kernel_log()
{
	::close(file_);
}

const std::vector<kernel_log::line> &kernel_log::lines()
{
	char record[8192];
	for (;;) {
		const ssize_t size = ::read(file_, record, sizeof record);
		if (size < 0 && errno == EPIPE) { // the kernel wrote faster than we read
			lines_.push_back({ 0, "(log lines were lost)" });
			continue;
		}
		if (size <= 0)
			break;
		// "priority,sequence,time,flags;text\n key=value\n..."
		const std::string whole(record, size);
		const auto text = whole.find(';') + 1;
		lines_.push_back({ std::atoi(whole.c_str()) & 7,
				   whole.substr(text, whole.find('\n', text) - text) });
	}
	return lines_;
}

static tcp_line line_of(const inet_diag_msg &one)
{
	char state[3];
	std::snprintf(state, sizeof state, "%02X", one.idiag_state);
	tcp_line made{ ntohs(one.id.idiag_sport), state, one.idiag_timer, one.idiag_inode == 0,
		       one.idiag_wqueue,	  "" };
	std::ostringstream whole;
	whole << "port " << made.local_port << " peer's port " << ntohs(one.id.idiag_dport)
	      << " state " << state << " timer " << made.timer << " for " << one.idiag_expires
	      << " ms, inode " << one.idiag_inode << ", " << one.idiag_rqueue << " bytes to read, "
	      << one.idiag_wqueue << " unacknowledged";
	made.whole = whole.str();
	return made;
}

// The kernel is asked by netlink. It has to format nothing, and leaves those in TIME-WAIT out itself.
std::vector<tcp_line> tcp_lines(bool time_wait_too)
{
	std::vector<tcp_line> found;
	const int diag = ::socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);

	for (const std::uint8_t family : { AF_INET, AF_INET6 }) {
		struct {
			nlmsghdr head{ sizeof(nlmsghdr) + sizeof(inet_diag_req_v2),
				       SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST | NLM_F_DUMP, 0, 0 };
			inet_diag_req_v2 what{};
		} ask;
		ask.what.sdiag_family = family;
		ask.what.sdiag_protocol = IPPROTO_TCP;
		ask.what.idiag_states = time_wait_too ? ~0u : ~(1u << TCP_TIME_WAIT);
		EXPECT_EQ(::send(diag, &ask, sizeof ask, 0), ssize_t{ sizeof ask })
			<< std::strerror(errno);
		for (bool done = false; !done;) {
			alignas(nlmsghdr) char answer[32768];
			const ssize_t got = ::recv(diag, answer, sizeof answer, 0);
			if (got < 0 && errno == EINTR)
				continue;
			EXPECT_GT(got, 0) << std::strerror(errno);
			if (got <= 0)
				break;
			auto left = static_cast<unsigned>(got);
			for (auto each = reinterpret_cast<const nlmsghdr *>(answer);
			     NLMSG_OK(each, left); each = NLMSG_NEXT(each, left)) {
				EXPECT_NE(each->nlmsg_type, NLMSG_ERROR)
					<< "the kernel lists no sockets";
				done = each->nlmsg_type != SOCK_DIAG_BY_FAMILY;
				if (done)
					break;
				found.push_back(line_of(
					*static_cast<const inet_diag_msg *>(NLMSG_DATA(each))));
			}
		}
	}
	::close(diag);
	return found;
}

std::vector<std::string> tcp_states(unsigned local_port)
{
	std::vector<std::string> states;
	for (const tcp_line &each : tcp_lines())
		if (each.local_port == local_port)
			states.push_back(each.state);
	return states;
}

long tcp_sockstat(const std::string &key)
{
	std::istringstream text(read_file("/proc/net/sockstat"));
	std::string line;
	while (std::getline(text, line)) {
		if (line.rfind("TCP:", 0) != 0)
			continue;
		std::istringstream words(line.substr(4));
		std::string name;
		long value;
		while (words >> name >> value)
			if (name == key)
				return value;
	}
	return -1;
}

long netstat(const std::string &name)
{
	std::istringstream text(read_file("/proc/net/netstat"));
	std::string names, values, word, value;
	std::getline(text, names);
	std::getline(text, values);
	std::istringstream left(names), right(values);
	while (left >> word && right >> value)
		if (word == name)
			return std::stol(value);
	return -1;
}

long orphans_in_fin_wait_2()
{
	return std::ranges::count_if(tcp_lines(), [](const tcp_line &each) {
		return each.state == "05" && each.closed && each.timer == 2;
	});
}

bool is_small(const tcp_line &one)
{
	return one.timer == 3;
}

std::vector<std::string> module_tasks(const std::string &module)
{
	std::vector<std::string> found;
	std::error_code ignored;
	for (const auto &entry : std::filesystem::directory_iterator("/proc", ignored)) {
		const std::string pid = entry.path().filename();
		if (pid.find_first_not_of("0123456789") != std::string::npos)
			continue;
		std::string name = read_file(entry.path() / "comm");
		if (!name.empty() && name.back() == '\n')
			name.pop_back();
		if (name.rfind(module, 0) == 0 || name.find("+" + module) != std::string::npos)
			found.push_back(name);
	}
	return found;
}

std::vector<std::string> module_leftovers(const std::string &module)
{
	std::vector<std::string> found;
	std::istringstream slabs(read_file("/proc/slabinfo"));
	std::string line;
	while (std::getline(slabs, line))
		if (line.rfind(module, 0) == 0)
			found.push_back("slab cache " + line.substr(0, line.find(' ')));
	for (const char *folder : { "/proc", "/proc/net", "/sys/kernel/slab", "/sys/module",
				    "/sys/devices/virtual/workqueue" }) {
		std::error_code ignored;
		for (const auto &entry : std::filesystem::directory_iterator(folder, ignored))
			if (entry.path().filename().string().rfind(module, 0) == 0)
				found.push_back(entry.path());
	}
	return found;
}

} // namespace vm
