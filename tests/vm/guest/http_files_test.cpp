// SPDX-License-Identifier: GPL-2.0-only OR MIT
//
// khttpd's files, on real file systems: every byte of them, nothing else, and nothing held longer
// than the module lives.
#include "http.hpp"

#include <atomic>
#include <fcntl.h>
#include <linux/fs.h>
#include <set>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <sys/un.h>

namespace vm
{
namespace
{

class http_files : public http_test {};
FOR_EVENT_MODELS(http_files);

TEST_P(http_files, of_every_size_come_whole)
{
	for (const char *type : { "tmpfs", "ramfs", "ext4" }) {
		allow_other("^EXT4-fs|^loop[0-9]|^ext4 filesystem being");
		web_root root(type);
		const std::vector<std::size_t> sizes = { 0,	 1,	  12,		4095,
							 4096,	 4097,	  8191,		8192,
							 8193,	 65535,	  65536,	65537,
							 200000, 1 << 20, (3 << 20) + 5 };
		for (const auto size : sizes)
			root.file(std::to_string(size), content(size, size));
		load_root();
		http_client client;
		for (const auto size : sizes) {
			const std::string all = content(size, size);
			const std::string target = "/" + std::to_string(size);
			const reply got = client.get(target);
			ASSERT_EQ(got.status, 200) << type << target << got.trouble;
			ASSERT_EQ(got.trouble, "") << type << target;
			ASSERT_TRUE(got.body == all) << type << target;
			if (size < 2)
				continue;
			// From odd places, over the borders of pages.
			const std::size_t from = size / 3, to = size - 1 - size / 7;
			const reply part = client.get(target,
						      "Range: bytes=" + std::to_string(from) + "-" +
							      std::to_string(to) + "\r\n");
			ASSERT_EQ(part.status, 206) << type << target << part.trouble;
			ASSERT_TRUE(part.body == all.substr(from, to - from + 1)) << type << target;
		}
		unload();
		root.unmount();
	}
}

// Pages come out of the page cache through a pipe, and pipes are charged to a user. Ours to nobody.
TEST_P(http_files, come_whole_where_root_may_have_no_more_pipes)
{
	const kept_setting soft("/proc/sys/fs/pipe-user-pages-soft"),
		hard("/proc/sys/fs/pipe-user-pages-hard");
	web_root root;
	const std::string all = content(1 << 20, 5);
	root.file("large", all);
	load_root();
	int held[2];
	ASSERT_EQ(::pipe(held), 0);
	soft.set("1");
	hard.set("1");
	for (int i = 0; i < 4; ++i) {
		const reply got = get("/large");
		EXPECT_EQ(got.status, 200) << got.trouble;
		EXPECT_EQ(got.trouble, "");
		EXPECT_TRUE(got.body == all);
	}
	soft.set_back();
	hard.set_back();
	::close(held[0]);
	::close(held[1]);
	unload();
	root.unmount();
}

TEST_P(http_files, with_holes_read_as_zeros)
{
	allow_other("^EXT4-fs|^loop[0-9]|^ext4 filesystem being");
	for (const char *type : { "tmpfs", "ext4" }) {
		web_root root(type);
		const std::string where = root.file("sparse", "begin");
		ASSERT_EQ(::truncate(where.c_str(), 3000000), 0);
		{
			std::ofstream more(where, std::ios::app);
			more << "end";
		}
		load_root();
		const reply got = get("/sparse");
		EXPECT_EQ(got.trouble, "") << type;
		EXPECT_TRUE(got.body == "begin" + std::string(3000000 - 5, '\0') + "end") << type;
		unload();
		root.unmount();
	}
}

TEST_P(http_files, that_are_not_what_they_say)
{
	// Files of proc have no size, those of sysfs one that is too large.
	web_root root;
	root.file("sub/index.html", "front");
	for (const char *type : { "proc", "sysfs" }) {
		const std::string where = std::string(root.path) + "/" + type;
		std::filesystem::create_directory(where);
		ASSERT_EQ(::mount(type, where.c_str(), type, 0, nullptr), 0);
	}
	load_root("symlinks=1");
	EXPECT_EQ(get("/proc/version").body, "");
	const reply attribute = get("/sysfs/kernel/mm/transparent_hugepage/enabled");
	EXPECT_TRUE(attribute.status == 500 || attribute.status == 404) << attribute.status;
	EXPECT_EQ(get("/proc/self/root/init").status, 404) << "a magic link";
	EXPECT_EQ(get("/proc/1/environ").status, 403);
	const bool kcore = std::filesystem::exists("/proc/kcore");
	EXPECT_EQ(get("/proc/kcore").status, kcore ? 403 : 404);
	EXPECT_EQ(get("/proc/").status, 200);
	EXPECT_EQ(get("/sysfs/").status, 200);
	EXPECT_EQ(get("/sub/").body, "front");
	unload();
	for (const char *type : { "proc", "sysfs" })
		EXPECT_EQ(::umount((std::string(root.path) + "/" + type).c_str()), 0);
}

class http_root : public http_test {
    protected:
	// Files in the root and one beside it, and every kind of link between them.
	void fill()
	{
		std::filesystem::create_directories("/tmp/outside");
		write_file("/tmp/outside/secret", "outside");
		root.file("file", "inside");
		root.file("sub/file", "in sub");
		root.file("sub/.hidden", "hidden");
		link("in", "sub/file");
		link("sub/up", "../file");
		link("folder", "sub");
		link("out", "../outside/secret");
		link("absolute", "/tmp/outside/secret");
		link("back", "/tmp/www/file"); // in the end inside, by way of /
		link("out_folder", "../outside");
		link("sub/far", "../../../../../../tmp/outside/secret");
		link("loop", "loop");
		link("dangling", "nothing");
		root.file("swapped/file", "behind an index");
		link("swapped/index.html", "nothing");
	}
	~http_root() override
	{
		std::filesystem::remove_all("/tmp/outside");
	}

	static void link(const std::string &from, const std::string &to)
	{
		ASSERT_EQ(::symlink(to.c_str(), (std::string(web_root::path) + "/" + from).c_str()),
			  0);
	}

	web_root root;
};
FOR_EVENT_MODELS(http_root);

TEST_P(http_root, is_not_left)
{
	fill();
	for (const bool symlinks : { false, true }) {
		load_root(symlinks ? "symlinks=1" : "");
		const std::map<std::string, int> wanted = {
			{ "/file", 200 },
			{ "//file", 200 },
			{ "/sub//file", 200 },
			{ "/%66ile", 200 },
			{ "/..", 400 },
			{ "/../outside/secret", 400 },
			{ "/%2e%2e/outside/secret", 400 },
			{ "/.%2E/outside/secret", 400 },
			{ "/sub/../../outside/secret", 400 },
			{ "/sub/../file", 200 }, // resolved below the root
			{ "/sub/%2e%2E/./file", 200 },
			{ "/./file", 200 },
			{ "/./..", 400 },
			{ "/out_folder/../file", 200 },
			{ "/out_folder/../outside/secret", 404 },
			{ "/..%2foutside/secret", 400 },
			{ "/%2ftmp%2foutside%2fsecret", 400 },
			{ "//tmp/outside/secret", 404 },
			{ "/file%00.html", 400 },
			{ "/%", 400 },
			{ "/%4", 400 },
			{ "/%u0066ile", 400 },
			{ "/..\\outside\\secret", 404 },
			{ "/...", 404 },
			{ "/in", symlinks ? 200 : 404 },
			{ "/sub/up", symlinks ? 200 : 404 },
			{ "/folder/file", symlinks ? 200 : 404 },
			{ "/folder/", symlinks ? 200 : 404 },
			{ "/out", 404 },
			{ "/absolute", 404 },
			{ "/back", 404 },
			{ "/out_folder/secret", 404 },
			{ "/out_folder/", 404 },
			{ "/sub/far", 404 },
			{ "/loop", 404 },
			{ "/dangling", 404 },
			{ "/swapped/", 404 },
			{ "/" + std::string(300, 'n'), 404 },
		};
		for (const auto &[target, status] : wanted) {
			const reply got = get(target);
			// A target that the parser refuses may be refused sooner.
			if (target.find('\\') != std::string::npos)
				EXPECT_TRUE(got.status == 400 || got.status == 404) << target;
			else
				EXPECT_EQ(got.status, status)
					<< target << (symlinks ? " with links" : "") << got.trouble;
			EXPECT_EQ(got.body.find("outside"), std::string::npos) << target;
		}
		// An absolute target is the same resource.
		http_client client;
		client.send("GET http://guest/file HTTP/1.1\r\nHost: guest\r\n\r\n");
		EXPECT_EQ(client.read().body, "inside");
		// Files that cannot be had are not shown.
		const std::string list = get("/").body;
		for (const char *name : { "out", "absolute", "back", "loop", "dangling" })
			EXPECT_EQ(list.find("\"" + std::string(name) + "\""), std::string::npos)
				<< name;
		EXPECT_EQ(list.find("\"in\"") != std::string::npos, symlinks);
		EXPECT_EQ(get("/sub/").body.find("hidden"), std::string::npos);
		unload();
	}
}

TEST_P(http_root, includes_file_systems_mounted_below)
{
	root.file("mnt/covered", "covered");
	ASSERT_EQ(::mount("tmpfs", "/tmp/www/mnt", "tmpfs", 0, "mode=755"), 0);
	root.file("mnt/file", "mounted");
	load_root();
	EXPECT_EQ(get("/mnt/file").body, "mounted");
	EXPECT_EQ(get("/mnt/covered").status, 404);
	EXPECT_EQ(::umount("/tmp/www/mnt"), 0);
	EXPECT_EQ(get("/mnt/covered").body, "covered");
}

TEST_P(http_root, opens_nothing_but_files_and_folders)
{
	root.file("file", "a file");
	const std::string at = std::string(root.path) + "/";
	ASSERT_EQ(::mkfifo((at + "fifo").c_str(), 0666), 0);
	ASSERT_EQ(::mknod((at + "zero").c_str(), S_IFCHR | 0666, makedev(1, 5)), 0);
	ASSERT_EQ(::mknod((at + "disk").c_str(), S_IFBLK | 0666, makedev(7, 0)), 0);
	const int listening = ::socket(AF_UNIX, SOCK_STREAM, 0);
	sockaddr_un name{ AF_UNIX, "/tmp/www/socket" };
	ASSERT_EQ(::bind(listening, reinterpret_cast<sockaddr *>(&name), sizeof name), 0);
	::chmod(name.sun_path, 0666);
	load_root();
	for (const char *each : { "fifo", "zero", "disk", "socket" }) {
		EXPECT_EQ(get(std::string("/") + each).status, 403) << each;
		EXPECT_EQ(get("/").body.find(std::string("\"") + each), std::string::npos);
	}
	// No process has it open for reading.
	EXPECT_EQ(::open((at + "fifo").c_str(), O_WRONLY | O_NONBLOCK), -1);
	EXPECT_EQ(errno, ENXIO);
	::close(listening);
}

TEST_P(http_root, is_read_with_the_rights_of_a_user)
{
	root.file("theirs", "root's", 0600);
	root.file("mine", "of 1000", 0600);
	root.file("group", "of group 1000", 0640);
	root.file("anyone", "anyone's");
	root.file("closed/file", "behind a door");
	root.file("blind/index.html", "no listing");
	root.file("blind/file", "found by those who know");
	root.file("unread/file", "names only for those who may");
	const std::string at = std::string(root.path) + "/";
	ASSERT_EQ(::chown((at + "mine").c_str(), 1000, 0), 0);
	ASSERT_EQ(::chown((at + "group").c_str(), 0, 1000), 0);
	ASSERT_EQ(::chmod((at + "closed").c_str(), 0744), 0);
	ASSERT_EQ(::chmod((at + "unread").c_str(), 0711), 0);

	load_root();
	for (const char *each : { "/theirs", "/mine", "/group", "/closed/file", "/unread/" })
		EXPECT_EQ(get(each).status, 403) << each;
	EXPECT_EQ(get("/anyone").status, 200);
	EXPECT_EQ(get("/unread/file").status, 200);
	unload();

	load_root("uid=1000 gid=1000");
	EXPECT_EQ(get("/theirs").status, 403);
	EXPECT_EQ(get("/mine").body, "of 1000");
	EXPECT_EQ(get("/group").body, "of group 1000");
	EXPECT_EQ(get("/closed/file").status, 403);
	unload();

	// Without capabilities root is a user as well, who owns some files.
	load_root("uid=0 gid=0");
	EXPECT_EQ(get("/theirs").status, 200);
	EXPECT_EQ(get("/mine").status, 403);
	unload();

	// A file that was open to all when it was asked for is not read later with more rights.
	ASSERT_EQ(::chmod(root.path, 0700), 0);
	load_root();
	EXPECT_EQ(get("/anyone").status, 403);
}

TEST_P(http_root, holds_while_folders_are_moved_out_of_it)
{
	// The root is pub. pub/deep/folder/up leads to pub/deep/secret, but to private/secret
	// whenever the folder is there.
	root.file("pub/deep/secret", "deep inside");
	root.file("pub/deep/folder/file", "here");
	link("pub/deep/folder/up", "../secret");
	root.file("private/secret", "outside");
	load_model(std::string("root=") + root.path + "/pub symlinks=1");

	std::atomic<bool> stop = false;
	std::thread mover([&] {
		while (!stop) {
			EXPECT_EQ(::rename("/tmp/www/pub/deep/folder", "/tmp/www/private/folder"),
				  0);
			EXPECT_EQ(::rename("/tmp/www/private/folder", "/tmp/www/pub/deep/folder"),
				  0);
		}
	});
	int found = 0, missed = 0;
	const auto end = clock::now() + 1s;
	http_client client;
	while (clock::now() < end || !found) {
		for (const char *target : { "/deep/folder/up", "/deep/folder/file" }) {
			const reply got = client.get(target);
			if (got.status == 200 && (got.body == "deep inside" || got.body == "here"))
				++found;
			else if (got.status == 404 || got.status == 503)
				++missed;
			else
				ADD_FAILURE() << got.status << got.body << got.trouble;
		}
		if (clock::now() > end + 20s)
			break;
	}
	stop = true;
	mover.join();
	EXPECT_GT(found, 0) << "of " << missed;
	EXPECT_EQ(get("/deep/folder/up").body, "deep inside");
}

// A disk on which some blocks cannot be read: device mapper says EIO for them.
class bad_disk {
    public:
	struct file {
		std::string name, content;
		std::size_t bad_at; // somewhere in the block
	};

	explicit bad_disk(const std::vector<file> &files)
	{
		std::ofstream(web_root::disk).close();
		std::filesystem::resize_file(web_root::disk, bytes);
		std::filesystem::create_directories(web_root::path);
		EXPECT_TRUE(shell("/sbin/mke2fs -q -F -t ext4 -b 4096 -O ^has_journal " + disk));
		EXPECT_TRUE(shell("mount -t ext4 -o loop " + disk + " " + path));
		std::set<int> bad;
		for (const file &each : files) {
			const int made = ::open(web_root::file(each.name, each.content).c_str(),
						O_RDONLY);
			int block = each.bad_at / block_bytes;
			EXPECT_EQ(::fsync(made), 0);
			EXPECT_EQ(::ioctl(made, FIBMAP, &block), 0) << std::strerror(errno);
			::close(made);
			bad.insert(block);
		}
		EXPECT_TRUE(shell("umount " + path));
		std::ostringstream table;
		int next = 0;
		const auto map = [&](int until, const std::string &to) {
			if (until > next)
				table << next * sectors << " " << (until - next) * sectors << " "
				      << to << "\n";
			next = until;
		};
		for (int block : bad) {
			map(block, "linear /dev/loop0 " + std::to_string(next * sectors));
			map(block + 1, "error");
		}
		map(bytes / block_bytes, "linear /dev/loop0 " + std::to_string(next * sectors));
		EXPECT_TRUE(write_file("/tmp/table", table.str()));
		EXPECT_TRUE(shell(
			"losetup /dev/loop0 " + disk +
			" && DM_DISABLE_UDEV=1 /sbin/dmsetup create bad /tmp/table && mount -t ext4 -o ro "
			"/dev/mapper/bad " +
			path));
	}
	bad_disk(const bad_disk &) = delete;
	~bad_disk()
	{
		EXPECT_TRUE(shell("umount " + path +
				  " && DM_DISABLE_UDEV=1 /sbin/dmsetup remove bad && losetup -d "
				  "/dev/loop0"));
		std::filesystem::remove(web_root::disk);
	}

    private:
	static constexpr int bytes = 64 << 20, block_bytes = 4096, sectors = block_bytes / 512;
	const std::string disk = web_root::disk, path = web_root::path;
};

TEST_P(http_files, that_cannot_be_read_are_a_500_or_a_reset)
{
	allow_other("[Ll]oop0|dm-0|device-mapper|EXT4-fs");
	const std::string data = content(12 << 20, 5);
	bad_disk disk({ { "first", data, 0 },
			{ "small", data.substr(0, 3000), 0 },
			{ "middle", data, 7 << 20 },
			{ "last", data.substr(0, 100'000), 99'999 } });
	load_root();
	// Nothing of the answer has left.
	for (const char *name : { "/first", "/small" }) {
		const reply got = get(name);
		EXPECT_EQ(got.status, 500) << name << ": " << got.trouble;
		EXPECT_NE(got.body, "") << name;
	}
	// Some of it has.
	for (const std::string name : { "/middle", "/last" }) {
		http_client client({ .receive_buffer = 16384 });
		client.send(http_client::request(name));
		const bytes all = client.peer().receive_to_end();
		EXPECT_EQ(client.peer().error(), ECONNRESET) << name << ": after " << all.size();
		const std::string text(all.begin(), all.end());
		const auto head = text.find("\r\n\r\n");
		EXPECT_TRUE(text.starts_with("HTTP/1.1 200 ")) << name;
		ASSERT_NE(head, text.npos) << name;
		EXPECT_EQ(text.substr(head + 4), data.substr(0, text.size() - head - 4)) << name;
		EXPECT_LE(text.size() - head - 4, name == "/last" ? 98'304u : 7u << 20) << name;
	}
	const reply part = get("/middle", "Range: bytes=1000-1999\r\n");
	EXPECT_TRUE(part.status == 206 && part.body == data.substr(1000, 1000)) << part.trouble;
	unload();
}

class http_changes : public http_test {
    protected:
	// A client that is in the midst of a large file learns that this is not all of it.
	template <class Change>
	void resets_when(const Change &change)
	{
		const std::string data = content(24 << 20, 6);
		const std::string where = root.file("log", data);
		load_root();
		http_client client({ .receive_buffer = 16384 });
		client.send(http_client::request("/log"));
		// Some of it has been sent; all of it does not fit into the buffers.
		const bytes first = client.peer().receive(100000);
		ASSERT_EQ(first.size(), 100000u);
		ASSERT_TRUE(change(where)) << std::strerror(errno);
		const bytes rest = client.peer().receive_to_end();
		EXPECT_EQ(client.peer().error(), ECONNRESET) << "after " << rest.size() << " more";
		EXPECT_LT(first.size() + rest.size(), data.size());
	}

	web_root root;
};
FOR_EVENT_MODELS(http_changes);

TEST_P(http_changes, a_file_that_grows_is_cut_where_it_was_promised)
{
	const std::string data = content(12 << 20, 5);
	const std::string where = root.file("log", data);
	load_root();
	http_client client({ .receive_buffer = 65536 });
	client.send(http_client::request("/log"));
	ASSERT_TRUE(client.answered()); // it is open, and its length promised
	std::atomic<bool> stop = false;
	std::thread writer([&] {
		std::ofstream more(where, std::ios::app);
		while (!stop) {
			more << std::string(1000, 'x') << std::flush;
			std::this_thread::sleep_for(1ms);
		}
	});
	const reply got = client.read();
	EXPECT_EQ(got.trouble, "");
	EXPECT_TRUE(got.body == data);
	// The next response begins right behind it.
	EXPECT_EQ(client.get("/nothing").status, 404);
	stop = true;
	writer.join();
	EXPECT_GT(std::filesystem::file_size(where), data.size());
}

TEST_P(http_changes, a_file_that_shrinks_resets_the_connection)
{
	resets_when([](const std::string &where) { return ::truncate(where.c_str(), 50000) == 0; });
	EXPECT_EQ(get("/log").body.size(), 50000u);
}

TEST_P(http_changes, a_file_that_is_overwritten_in_place_resets_the_connection)
{
	resets_when([](const std::string &where) {
		const int file = ::open(where.c_str(), O_WRONLY);
		const bool written = ::pwrite(file, "another", 7, 20 << 20) == 7;
		::close(file);
		return written;
	});
}

TEST_P(http_changes, a_file_that_is_replaced_or_removed_is_sent_as_it_was_opened)
{
	const std::string was = content(20 << 20, 7);
	const std::string where = root.file("page", was);
	load_root();
	http_client client({ .receive_buffer = 65536 });
	client.send(http_client::request("/page"));
	ASSERT_TRUE(client.answered()); // it is open
	root.file("new", "new");
	ASSERT_EQ(::rename("/tmp/www/new", where.c_str()), 0);
	EXPECT_EQ(get("/page").body, "new");
	const reply got = client.read();
	EXPECT_EQ(got.trouble, "");
	EXPECT_TRUE(got.body == was);
	// Removed, it is sent all the same.
	root.file("page", was);
	client.send(http_client::request("/page"));
	ASSERT_TRUE(client.answered());
	std::filesystem::remove(where);
	EXPECT_TRUE(client.read().body == was);
	EXPECT_EQ(get("/page").status, 404);
}

TEST_P(http_changes, the_file_system_can_be_unmounted_right_after_unloading)
{
	root.unmount();
	allow_other("^EXT4-fs|^loop[0-9]|^ext4 filesystem being");
	for (const char *type : { "tmpfs", "ext4" }) {
		for (const bool busy : { false, true }) {
			web_root here(type);
			here.file("large", content(30 << 20, 8));
			here.file("small", "small");
			load_root();
			std::vector<http_client> deaf, kept(5);
			for (auto &each : kept)
				EXPECT_EQ(each.get("/small").status, 200);
			// In the midst of it, and the client does not read.
			for (int i = 0; busy && i < 5; ++i) {
				deaf.emplace_back(options{ .receive_buffer = 16384 });
				deaf.back().send(http_client::request("/large"));
				EXPECT_TRUE(deaf.back().answered());
			}
			unload();
			here.unmount();
			for (auto &each : kept)
				EXPECT_TRUE(each.ended());
		}
	}
}

// A release is a folder, and a link that is swapped says which.
TEST_P(http_changes, the_root_is_looked_up_again)
{
	root.file("old/page", "old");
	root.file("new/page", "new");
	const auto point_to = [&](const char *release) {
		const std::string link = std::string(root.path) + "/current";
		std::filesystem::create_symlink(release, link + ".new");
		ASSERT_EQ(::rename((link + ".new").c_str(), link.c_str()), 0);
	};
	const auto becomes = [&](int status, const std::string &body) {
		const auto end = clock::now() + 10s;
		reply got = get("/page");
		for (; (got.status != status || (status == 200 && got.body != body)) &&
		       clock::now() < end;
		     got = get("/page"))
			std::this_thread::sleep_for(20ms);
		EXPECT_EQ(got.status, status);
		EXPECT_EQ(status == 200 ? got.body : body, body);
	};
	point_to("old");
	load_model(std::string("root=") + root.path + "/current");
	EXPECT_EQ(get("/page").body, "old");
	point_to("new");
	becomes(200, "new");
	// A file system that is mounted on it is seen, and can be let go while the server runs.
	const std::string there = std::string(root.path) + "/new";
	ASSERT_EQ(::mount("tmpfs", there.c_str(), "tmpfs", 0, "mode=755"), 0);
	root.file("new/page", "mounted");
	becomes(200, "mounted");
	const auto end = clock::now() + 10s;
	while (::umount(there.c_str()) && clock::now() < end)
		std::this_thread::sleep_for(20ms);
	becomes(200, "new");
	std::filesystem::remove(std::string(root.path) + "/current");
	becomes(503, "");
	point_to("old");
	becomes(200, "old");
}

// Nothing is held by an answer that is kept: neither the file nor what it is on.
TEST_P(http_changes, answers_are_kept_as_long_as_told)
{
	root.file("page", "before");
	root.file("large", content(9000, 1));
	load_root("cache_ms=86400000");
	for (int i = 0; i < 3; ++i) {
		const reply got = get("/page");
		EXPECT_EQ(got.status, 200);
		EXPECT_EQ(got.body, "before");
		root.file("page", "after");
	}
	EXPECT_EQ(get("/large").body.size(), 9000u);
	std::filesystem::remove(std::string(root.path) + "/large");
	EXPECT_EQ(get("/large").status, 404) << "too large to be kept";
	std::filesystem::remove(std::string(root.path) + "/page");
	const auto end = clock::now() + 10s;
	while (::umount(root.path) && clock::now() < end)
		std::this_thread::sleep_for(20ms);
	EXPECT_EQ(get("/page").body, "before");
	unload();
	ASSERT_EQ(::mount("tmpfs", root.path, "tmpfs", 0, "mode=755"), 0);
	root.file("page", "first");
	load_root("cache_ms=50");
	EXPECT_EQ(get("/page").body, "first");
	root.file("page", "second");
	const auto later = clock::now() + 10s;
	while (get("/page").body != "second" && clock::now() < later)
		std::this_thread::sleep_for(10ms);
	EXPECT_EQ(get("/page").body, "second");
}

// Clients share the readings of a folder, but none sees one from before its request.
TEST_P(http_changes, many_who_list_a_folder_see_their_own_files)
{
	constexpr int clients = 12, rounds = 4;
	std::atomic<int> whole = 0;

	for (int i = 0; i < 400; ++i)
		root.file("many/" + std::string(40, 'n') + std::to_string(i), "");
	load_root();
	{
		std::vector<std::jthread> all;

		for (int i = 0; i < clients; ++i)
			all.emplace_back([&, i] {
				for (int round = 0; round < rounds; ++round) {
					const std::string own = "own-" + std::to_string(i) + "-" +
								std::to_string(round);

					root.file("many/" + own, "");
					const reply got = get("/many/");
					whole += got.status == 200 && got.trouble.empty() &&
						 got.body.find('"' + own + '"') != got.body.npos &&
						 got.body.ends_with("</html>\n");
				}
			});
	}
	EXPECT_EQ(whole, clients * rounds);
}

TEST_P(http_changes, lists_the_files_of_a_folder)
{
	for (const char *name : { "b.txt", "a.txt", "<i>&\"'.html", "100%.txt", "a b", "ü", "-" })
		root.file(name, std::string(2000, 'x'));
	root.file("z/inner", "");
	root.file("y/inner", "");
	load_root();
	const reply list = get("/");
	EXPECT_EQ(list.status, 200);
	EXPECT_EQ(list.field("content-type"), "text/html; charset=utf-8");
	// Folders first, each by name; addresses encoded, texts escaped.
	std::size_t at = 0;
	for (const char *each :
	     { "\"y/\">y/<", "\"z/\">z/<", "\"-\">-<", "\"100%25.txt\">100%.txt<",
	       "\"%3ci%3e%26%22%27.html\">&lt;i&gt;&amp;&quot;&#39;.html<", "\"a%20b\">a b<",
	       "\"a.txt\">a.txt<", "\"b.txt\">b.txt<", "\"%c3%bc\">ü<" }) {
		const std::size_t next = list.body.find(each, at);
		EXPECT_NE(next, std::string::npos) << each << " in\n" << list.body;
		at = std::min(next, list.body.size());
	}
	EXPECT_EQ(list.body.find("<i>"), std::string::npos);
	// The targets of its links are there.
	const std::string link = "href=\"";
	int links = 0;
	for (at = 0; (at = list.body.find(link, at)) != std::string::npos;) {
		at += link.size();
		const std::string target = list.body.substr(at, list.body.find('"', at) - at);
		if (target.starts_with('.'))
			continue;
		EXPECT_EQ(get("/" + target).status, 200) << target;
		++links;
	}
	EXPECT_EQ(links, 9);
	EXPECT_EQ(get("/y").field("location"), "/y/");
	EXPECT_EQ(get("/y?a=b").field("location"), "/y/?a=b");
	unload();

	load_root("listing=0");
	EXPECT_EQ(get("/").status, 403);
	root.file("index.html", "front");
	EXPECT_EQ(get("/").body, "front");
	unload();

	// More than a page holds.
	for (int i = 0; i < 3000; ++i)
		root.file("many/" + std::string(40, 'n') + std::to_string(i), "");
	load_root();
	const reply many = get("/many/");
	EXPECT_EQ(many.trouble, "");
	std::size_t shown = 0;
	for (std::size_t row = 0; (row = many.body.find("<tr>", row)) != std::string::npos; ++row)
		++shown;
	EXPECT_EQ(shown, 1 + 3000u) << "all, and the way up";
}

} // namespace
} // namespace vm
