// SPDX-License-Identifier: GPL-2.0-only OR MIT
//
// Each part that can fail fails: calls of the boundary by fail_function, allocations by failslab
// and fail_page_alloc (Documentation/fault-injection). They fail while loading, accepting,
// receiving, sending, serving files and unloading. Only debug kernels can do that: tests/vm/run
// leaves these out elsewhere.
#include "fixture.hpp"
#include "namespaces.hpp"

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <set>

namespace vm
{
namespace
{

const std::string debug = "/sys/kernel/debug/";

void set(const std::string &file, const std::string &value)
{
	const int to = ::open((debug + file).c_str(), O_WRONLY | O_CLOEXEC);
	ASSERT_GE(to, 0) << file << ": " << std::strerror(errno);
	EXPECT_EQ(::write(to, value.data(), value.size()), static_cast<ssize_t>(value.size()))
		<< file << ": " << std::strerror(errno);
	::close(to);
}

// Of so many calls in a hundred, or each so-and-so-many-th.
void set_chance(const std::string &kind, int percent, int interval = 1)
{
	set(kind + "/probability", std::to_string(percent));
	set(kind + "/interval", std::to_string(interval));
	set(kind + "/times", "-1");
	set(kind + "/verbose", "0");
}

// A call of the boundary, and how it fails.
struct call {
	const char *name;
	int error; // 0: by NULL
};

// Functions of the loaded module fail as long as this lives.
class failing {
    public:
	// Not by chance: see tools/harness/kernel.py.
	failing(std::initializer_list<call> calls, int interval)
	{
		for (const call &each : calls) {
			set("fail_function/inject", each.name);
			char value[32];
			std::snprintf(value, sizeof value, "%#llx",
				      static_cast<unsigned long long>(-each.error));
			set(std::string("fail_function/") + each.name + "/retval", value);
		}
		set_chance("fail_function", 100, interval);
	}
	~failing()
	{
		set("fail_function/probability", "0");
		set("fail_function/interval", "1");
		set("fail_function/inject", "\n"); // none any more
	}
	failing(const failing &) = delete;
	failing &operator=(const failing &) = delete;
};

class faults : public every_model {
    protected:
	void SetUp() override
	{
		// The module's lines about its failures, and the kernel's about its own, with their
		// place; never one about a mistake.
		allow_log("");
		allow_other("");
	}

	// Clients that do what clients do. Each answer is right as far as it goes.
	void traffic(unsigned seed)
	{
		std::vector<std::thread> clients;
		for (unsigned i = 0; i < 4; ++i)
			clients.emplace_back([this, seed, i] {
				std::mt19937 random(seed * 4 + i);
				for (int round = 0; round < 6; ++round)
					converse(random);
			});
		for (auto &each : clients)
			each.join();
	}

	void converse(std::mt19937 &random)
	{
		client peer;
		if (!peer.connected())
			return;
		const bytes data = pattern(1 + random() % 20000, random());
		std::thread sender([&] {
			std::span<const unsigned char> rest(data);
			while (!rest.empty()) {
				const ssize_t sent = ::send(
					peer.descriptor(), rest.data(),
					std::min<std::size_t>(rest.size(), 3000), MSG_NOSIGNAL);
				if (sent <= 0)
					return;
				rest = rest.subspan(sent);
			}
			if (random() % 2)
				peer.half_close();
		});
		const bytes back = peer.receive(data.size());
		if (back.size() < data.size()) {
			EXPECT_NE(peer.error(), EAGAIN) << "the server neither goes on nor closes";
			::shutdown(peer.descriptor(), SHUT_RDWR);
		}
		sender.join();
		EXPECT_TRUE(std::equal(back.begin(), back.end(), data.begin()));
		++conversations_;
		if (back.size() < data.size())
			++cut_short_;
		if (random() % 4 == 0)
			peer.reset();
	}

	// Once nothing fails any more, everything works.
	void expect_recovered()
	{
		EXPECT_TRUE(eventually(30s, [] {
			client peer;
			return echo(peer, pattern(5000, 1)).empty();
		}));
	}

	std::atomic<int> conversations_{ 0 }, cut_short_{ 0 };
};
FOR_EVERY_MODEL(faults);

// While accepting, receiving and sending.
constexpr call serving[] = {
	{ "ktcp_kmalloc", 0 },
	{ "ktcp_kmem_cache_alloc", 0 },
	{ "ktcp_frame_alloc", 0 },
	{ "ktcp_page_pool_get", 0 },
	{ "ktcp_kthread_run", ENOMEM },
	{ "ktcp_sock_accept", ENOMEM },
	{ "ktcp_sock_accept", ENFILE },
	{ "ktcp_sock_remote", ENOTCONN },
	{ "ktcp_sock_recv", ETIMEDOUT },
	{ "ktcp_sock_send", EPIPE },
	{ "ktcp_sock_send", ENOBUFS },
	{ "ktcp_sock_softirq_recv", EINPROGRESS },
	{ "ktcp_sock_softirq_send", EINPROGRESS },
	{ "ktcp_sock_hold_net", ENONET },
};

// While a namespace begins, and a server in it.
constexpr call beginning[] = {
	{ "ktcp_kmalloc", 0 },		{ "ktcp_kmem_cache_create", 0 },
	{ "ktcp_page_pool_create", 0 }, { "ktcp_softirq_pages_create", 0 },
	{ "ktcp_turns_get", ENOMEM },	{ "ktcp_alloc_workqueue", 0 },
	{ "ktcp_kthread_run", EINTR },	{ "ktcp_sock_create", ENOMEM },
	{ "ktcp_sock_bind", ENOMEM },	{ "ktcp_sock_listen", EADDRINUSE },
	{ "ktcp_sock_local", ENOBUFS }, { "ktcp_proc_mkdir", ENOMEM },
	{ "ktcp_proc_create", ENOMEM },
};

// While khttpd answers with files.
constexpr call serving_files[] = {
	{ "ktcp_file_open", ENFILE },	 { "ktcp_file_stat", EACCES },
	{ "ktcp_file_restat", EIO },	 { "ktcp_file_read", EIO },
	{ "ktcp_file_read_pages", EIO }, { "ktcp_file_list", EIO },
	{ "ktcp_alloc_pages", 0 },	 { "ktcp_sock_send_pages", EPIPE },
	{ "ktcp_sock_send", EPIPE },	 { "ktcp_frame_alloc", 0 },
	{ "ktcp_kmalloc", 0 },		 { "ktcp_page_pool_get", 0 },
};

// While drop-tcp-socket is written to.
constexpr call dropping[] = {
	{ "ktcp_tcp_abort", ENOENT },
};

// While a namespace begins, and drop-tcp-socket's file in it.
constexpr call beginning_to_drop[] = { { "ktcp_proc_create", ENOMEM } };

// The functions of the loaded module that may be made to fail.
std::set<std::string> injectable()
{
	std::set<std::string> names;
	std::istringstream text(read_file(debug + "error_injection/list"));
	for (std::string line; std::getline(text, line);)
		if (line.rfind("ktcp_", 0) == 0)
			names.insert(line.substr(0, line.find_first_of(" \t")));
	return names;
}

class faults_any : public server {};

// None is left out: some test here makes each call fail that may fail by the boundary's words.
TEST_F(faults_any, of_the_boundary_is_in_a_test)
{
	std::set<std::string> made_to_fail;
	for (const std::span<const call> each :
	     { std::span<const call>(serving), std::span<const call>(beginning),
	       std::span<const call>(serving_files), std::span<const call>(dropping),
	       std::span<const call>(beginning_to_drop) })
		for (const call &call : each)
			made_to_fail.insert(call.name);
	// Of the three, khttpd has all that there is.
	allow_other("^khttpd: ");
	ASSERT_EQ(load_module("", "/khttpd.ko"), 0);
	const std::set<std::string> all = injectable();
	EXPECT_EQ(unload_module("khttpd"), 0);
	EXPECT_GT(all.size(), 20u);
	for (const auto &name : all)
		EXPECT_TRUE(made_to_fail.contains(name)) << name << " fails in no test";
	for (const auto &name : made_to_fail)
		EXPECT_TRUE(all.contains(name)) << name << " is none that can be made to fail";
}

TEST_P(faults, each_call_while_serving)
{
	load_model("max_per_source=100");
	unsigned seed = 0;
	for (const call &each : serving) {
		SCOPED_TRACE(std::string(each.name) + " fails with " + std::to_string(each.error));
		{
			failing now({ each }, 5);
			traffic(++seed);
		}
		expect_recovered();
	}
	std::printf("%d conversations, %d of them cut short\n", conversations_.load(),
		    cut_short_.load());
	EXPECT_GT(cut_short_, 0) << "nothing failed";
	EXPECT_LT(cut_short_, conversations_);
}

TEST_P(faults, all_calls_at_once_and_while_unloading)
{
	for (unsigned round = 0; round < 5 && !HasFailure(); ++round) {
		load_model("drain_ms=100");
		failing now({ { "ktcp_kmem_cache_alloc", 0 },
			      { "ktcp_frame_alloc", 0 },
			      { "ktcp_page_pool_get", 0 },
			      { "ktcp_sock_accept", ENOMEM },
			      { "ktcp_sock_recv", ETIMEDOUT },
			      { "ktcp_sock_send", EPIPE },
			      { "ktcp_sock_softirq_send", EINPROGRESS },
			      { "ktcp_sock_hold_net", ENONET } },
			    20);
		std::thread clients([&] { traffic(100 + round); });
		std::this_thread::sleep_for(std::chrono::milliseconds(200 * round));
		unload();
		clients.join();
	}
}

// The server's caches, and those of sockets and packets, as tests/vm/run says to the kernel.
TEST_P(faults, allocations_by_chance)
{
	// A client whose reset could not be allocated leaves the server's end waiting so long.
	const kept_setting patience("/proc/sys/net/ipv4/tcp_fin_timeout");
	patience.set("5");
	load_model();
	for (const char *cache : { "TCP", "skbuff_head_cache", "kecho_session" })
		EXPECT_EQ(read_file(std::string("/sys/kernel/slab/") + cache + "/failslab"), "1\n")
			<< cache;
	set("failslab/cache-filter", "Y");
	set("failslab/ignore-gfp-wait", "N");
	// Of pages, only those that may not wait: the others are user space's as well.
	set("fail_page_alloc/ignore-gfp-wait", "Y");
	set("fail_page_alloc/min-order", "0");
	set_chance("fail_page_alloc", 10);
	set_chance("failslab", 3);
	traffic(7);
	std::thread clients([&] { traffic(8); });
	std::this_thread::sleep_for(500ms);
	unload();
	set("failslab/probability", "0");
	set("fail_page_alloc/probability", "0");
	clients.join();
	set("failslab/cache-filter", "N");
	load_model();
	expect_recovered();
}

// A namespace begins in spite of any failure; where no server does in it, a line says so.
TEST_P(faults, beginning_in_a_namespace)
{
	load_model("netns_all=1");
	int began = 0, refused = 0;
	for (const call &each : beginning) {
		failing now({ each }, 3);
		for (int i = 0; i < 4; ++i)
			std::thread([&] { ::unshare(CLONE_NEWNET) ? ++refused : ++began; }).join();
	}
	std::printf("%d namespaces began\n", began);
	EXPECT_EQ(refused, 0);
	EXPECT_FALSE(logged("no server in network namespace").empty()) << "nothing failed";
	expect_recovered();
}

constexpr unsigned http_port = 8081;

// khttpd's answer; the end of the connection ends it.
std::string get(const std::string &path)
{
	client peer({ .address = "127.0.0.1", .port = http_port });
	peer.send("GET " + path + " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
	const bytes all = peer.receive_to_end();
	EXPECT_NE(peer.error(), EAGAIN) << "the server neither goes on nor closes";
	return { all.begin(), all.end() };
}

// A module, a wrong parameter of it if it has any, and whether it does what it is for.
struct loading {
	const char *name, *file, *parameters, *wrong;
	bool (*works)();
};

void PrintTo(const loading &which, std::ostream *to)
{
	*to << which.name;
}

bool echoes()
{
	client peer({ .address = "127.0.0.1" });
	return echo(peer, "hello").empty();
}

const loading modules[] = {
	{ "kecho", "/kecho.ko", "", "model=none", echoes },
	{ "khttpd", "/khttpd.ko", "port=8081 root=/tmp", "model=none",
	  [] { return get("/").rfind("HTTP/1.1 200", 0) == 0; } },
	{ "drop_tcp_socket", "/drop-tcp-socket.ko", "", "",
	  [] { return read_file("/proc/net/drop_tcp_sock").rfind("dropped ", 0) == 0; } },
};

class faults_loading : public server, public testing::WithParamInterface<loading> {
    protected:
	faults_loading() : server({ GetParam().name, 1 })
	{
	}
};
INSTANTIATE_TEST_SUITE_P(modules, faults_loading, testing::ValuesIn(modules),
			 [](const auto &info) { return std::string(info.param.name); });

// Each single allocation of loading and of unloading fails, one a time: fail-nth counts those of
// the thread that loads.
TEST_P(faults_loading, each_allocation)
{
	const loading &which = GetParam();
	allow_log("");
	allow_other("");
	set("failslab/ignore-gfp-wait", "N");
	set("failslab/verbose", "0");
	int loaded = 0, refused = 0;
	// Open beforehand: opening it would fail as well.
	const int counter = ::open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	ASSERT_GE(counter, 0) << std::strerror(errno);
	const auto nth = [counter](unsigned n) {
		const std::string text = std::to_string(n);
		EXPECT_EQ(::pwrite(counter, text.data(), text.size(), 0),
			  static_cast<ssize_t>(text.size()))
			<< std::strerror(errno);
	};
	const auto left = [counter] {
		char text[16] = {};
		EXPECT_GT(::pread(counter, text, sizeof text - 1, 0), 0) << std::strerror(errno);
		return std::atoi(text);
	};
	// The loader's own come first, several hundred. They end where the module is refused for a
	// fault seen before it allocates: a parameter, or that it is there already.
	constexpr int far_away = 1000000;
	const bool twice = !*which.wrong;
	if (twice) {
		ASSERT_EQ(load_module("", which.file), 0);
	}
	nth(far_away);
	EXPECT_EQ(load_module(which.wrong, which.file), twice ? EEXIST : EINVAL);
	const int before = far_away - left();
	nth(0);
	if (twice) {
		ASSERT_EQ(unload_module(which.name), 0);
	}
	ASSERT_GT(before, 0);
	const unsigned first = std::max(before - 50, 1);
	for (unsigned n = first; n < first + 5000; ++n) {
		log.lines(); // before the kernel overwrites them
		nth(n);
		const int error = load_module(which.parameters, which.file);
		const bool injected = left() == 0;
		nth(0);
		error ? ++refused : ++loaded;
		if (error) {
			ASSERT_TRUE(injected) << std::strerror(error);
			ASSERT_FALSE(module_loaded(which.name));
			continue;
		}
		// As far as it loaded, it works.
		EXPECT_TRUE(which.works()) << n;
		nth(1 + n % 20);
		const int error_again = unload_module(which.name);
		nth(0);
		EXPECT_EQ(error_again, 0) << std::strerror(error_again);
		if (!injected)
			break;
	}
	::close(counter);
	std::printf("%s: %d times refused, %d times loaded, from the %uth allocation on\n",
		    which.name, refused, loaded, first);
	EXPECT_GT(refused, 20);
	EXPECT_FALSE(module_loaded(which.name));
}

// khttpd with a root: the file system's calls fail as well.
class faults_files : public server {
    protected:
	// The body of a whole response of 200; else nothing.
	static std::string body(const std::string &answer)
	{
		const auto head = answer.find("\r\n\r\n");
		const auto at = answer.find("\r\nContent-Length: ");
		if (answer.rfind("HTTP/1.1 200", 0) || at > head || head == std::string::npos ||
		    answer.size() - head - 4 != std::stoul(answer.substr(at + 18)))
			return {};
		return answer.substr(head + 4);
	}
};

TEST_F(faults_files, each_call_while_serving)
{
	allow_log("");
	allow_other("");
	std::filesystem::create_directories("/tmp/site");
	const bytes large = pattern(300000, 5);
	const std::string text(large.begin(), large.end());
	ASSERT_TRUE(write_file("/tmp/site/large", text) && write_file("/tmp/site/small", "small\n"));
	for (const char *model : { "event", "softirq", "work", "thread" }) {
		const std::string with = "port=" + std::to_string(http_port) +
					 " root=/tmp/site model=" + model;
		ASSERT_EQ(load_module(with, "/khttpd.ko"), 0) << model;
		int whole = 0, asked = 0;
		const auto ask = [&] {
			for (const char *path : { "/large", "/small", "/", "/large" }) {
				const std::string got = body(get(path));
				++asked;
				whole += !got.empty();
				if (path[1] == 'l' && !got.empty()) {
					EXPECT_TRUE(got == text) << "of another content";
				}
			}
		};
		for (const call &each : serving_files) {
			SCOPED_TRACE(std::string(model) + ": " + each.name);
			{
				failing now({ each }, 3);
				for (int i = 0; i < 4; ++i)
					ask();
			}
			EXPECT_TRUE(body(get("/large")) == text) << "not recovered";
		}
		std::printf("%s: %d of %d responses were whole\n", model, whole, asked);
		EXPECT_LT(whole, asked);
		EXPECT_GT(whole, 0);
		ASSERT_EQ(unload_module("khttpd"), 0);
	}
	std::filesystem::remove_all("/tmp/site");
}

// drop-tcp-socket: the written connections are dropped, or not, and a namespace has its file, or is
// not made.
TEST_F(faults_any, of_drop_tcp_socket)
{
	allow_log("");
	allow_other("");
	const char *const file = "/proc/thread-self/net/drop_tcp_sock";
	// The errno of a write, or 0.
	const auto drop = [file](const std::string &text) {
		const int to = ::open(file, O_WRONLY | O_CLOEXEC);
		if (to < 0)
			return errno;
		const int error = ::write(to, text.data(), text.size()) < 0 ? errno : 0;
		::close(to);
		return error;
	};
	// Connections to drop: no server needs to accept them.
	const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	sockaddr_in at{};
	at.sin_family = AF_INET;
	at.sin_port = htons(server_port);
	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ASSERT_EQ(::bind(listener, reinterpret_cast<sockaddr *>(&at), sizeof at), 0);
	ASSERT_EQ(::listen(listener, 100), 0);
	const auto connect_and_drop = [&] {
		client peer({ .address = "127.0.0.1" });
		EXPECT_TRUE(peer.connected()) << std::strerror(peer.error());
		return drop("* 127.0.0.1:" + std::to_string(server_port) + "\n");
	};
	// No other of ktcp's modules beside it: their functions have the same names.
	ASSERT_EQ(load_module("", "/drop-tcp-socket.ko"), 0);
	for (const call &each : dropping) {
		SCOPED_TRACE(each.name);
		{
			failing now({ each }, 1);
			for (int i = 0; i < 3; ++i)
				EXPECT_NE(connect_and_drop(), 0) << "nothing failed";
		}
		EXPECT_EQ(connect_and_drop(), 0) << "not recovered";
	}
	int began = 0, not_begun = 0;
	{
		failing now({ beginning_to_drop[0] }, 2);
		for (int i = 0; i < 8; ++i)
			std::thread([&] { ::unshare(CLONE_NEWNET) ? ++not_begun : ++began; }).join();
	}
	EXPECT_EQ(began, 4);
	EXPECT_EQ(not_begun, 4);
	EXPECT_EQ(unload_module("drop_tcp_socket"), 0);
	::close(listener);
}

} // namespace
} // namespace vm
