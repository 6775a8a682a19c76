// SPDX-License-Identifier: GPL-2.0-only OR MIT
//
// khttpd's files on a file system whose server is elsewhere, where others change them: NFS, say. Here the server is a
// thread, over FUSE.
#include "http.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <fcntl.h>
#include <linux/fuse.h>
#include <sys/uio.h>

namespace vm
{
namespace
{

// A file system with one file, /page. The kernel may keep its name for an hour. When another file takes the name, the
// old one is stale.
class remote_files {
    public:
	// @param attributes_s  so many seconds it may keep attributes.
	explicit remote_files(unsigned attributes_s)
		: device_(::open("/dev/fuse", O_RDWR | O_CLOEXEC)), attributes_s_(attributes_s)
	{
		EXPECT_GE(device_, 0) << std::strerror(errno);
		std::filesystem::create_directories(web_root::path);
		const std::string how = "fd=" + std::to_string(device_) +
					",rootmode=40755,user_id=0,group_id=0,allow_other";
		EXPECT_EQ(::mount("remote", web_root::path, "fuse", MS_RDONLY, how.c_str()), 0)
			<< std::strerror(errno);
		// It could read no request before the mount.
		server_ = std::thread([this] { serve(); });
	}
	~remote_files()
	{
		EXPECT_EQ(::umount(web_root::path), 0) << std::strerror(errno);
		server_.join(); // it reads that nothing is mounted any more
		::close(device_);
	}
	remote_files(const remote_files &) = delete;
	remote_files &operator=(const remote_files &) = delete;

	// Of the file that has the name.
	std::string content() const
	{
		return "version " + std::to_string(file_);
	}

	// Another file takes the name; the kernel is not told.
	void replace()
	{
		++file_;
	}

    private:
	static constexpr std::uint64_t hour_s = 3600;

	void serve()
	{
		alignas(fuse_in_header) char asked[65536];
		for (;;) {
			const ssize_t size = ::read(device_, asked, sizeof asked);
			if (size < 0 && (errno == EINTR || errno == ENOENT || errno == EAGAIN))
				continue;
			if (size < 0)
				return;
			answer(*reinterpret_cast<fuse_in_header *>(asked),
			       asked + sizeof(fuse_in_header));
		}
	}

	void answer(const fuse_in_header &asked, const char *of)
	{
		fuse_init_out init{};
		fuse_entry_out entry{};
		fuse_attr_out attributes{};
		const fuse_open_out opened{};
		const std::uint64_t file = file_;
		const bool stale = asked.nodeid != FUSE_ROOT_ID && asked.nodeid != file;
		switch (asked.opcode) {
		case FUSE_INIT:
			init.major = FUSE_KERNEL_VERSION;
			init.minor = 31;
			init.max_write = 4096;
			init.time_gran = 1;
			return reply(asked, 0, &init, sizeof init);
		case FUSE_LOOKUP:
			if (std::string(of) != "page")
				return reply(asked, ENOENT);
			entry.nodeid = file;
			entry.entry_valid = hour_s;
			entry.attr_valid = attributes_s_;
			entry.attr = attributes_of(file);
			return reply(asked, 0, &entry, sizeof entry);
		case FUSE_GETATTR:
			attributes.attr_valid = attributes_s_;
			attributes.attr = attributes_of(asked.nodeid);
			return reply(asked, stale ? ESTALE : 0, &attributes, sizeof attributes);
		case FUSE_OPEN:
			return reply(asked, stale ? ESTALE : 0, &opened, sizeof opened);
		case FUSE_READ:
			return reply(asked, stale ? ESTALE : 0, content().data(), content().size());
		case FUSE_RELEASE:
			return reply(asked, 0);
		case FUSE_FORGET:
		case FUSE_BATCH_FORGET:
		case FUSE_INTERRUPT:
			return;
		default:
			return reply(asked, ENOSYS);
		}
	}

	fuse_attr attributes_of(std::uint64_t node) const
	{
		fuse_attr made{};
		made.ino = node;
		made.nlink = 1;
		made.mode = node == FUSE_ROOT_ID ? S_IFDIR | 0755 : S_IFREG | 0644;
		made.size = node == FUSE_ROOT_ID ? 0 : content().size();
		made.mtime = made.ctime = made.atime = 1'700'000'000;
		return made;
	}

	void reply(const fuse_in_header &asked, int error, const void *data = nullptr,
		   std::size_t size = 0) const
	{
		if (error)
			size = 0;
		fuse_out_header head{};
		head.len = static_cast<std::uint32_t>(sizeof head + size);
		head.error = -error;
		head.unique = asked.unique;
		const iovec parts[] = { { &head, sizeof head },
					{ const_cast<void *>(data), size } };
		// One that was given up has no reader any more.
		EXPECT_TRUE(::writev(device_, parts, size ? 2 : 1) >= 0 || errno == ENOENT)
			<< asked.opcode << ": " << std::strerror(errno);
	}

	const int device_;
	const unsigned attributes_s_;
	std::atomic<std::uint64_t> file_ = FUSE_ROOT_ID + 1; // its node
	std::thread server_;
};

class http_remote : public http_test {};
FOR_EVENT_MODELS(http_remote);

// As open() and stat() have it. The kernel finds the old file by the name that it keeps. It hears that this is stale
// when it looks at the attributes, or only when it opens the file.
TEST_P(http_remote, a_file_that_was_replaced_on_its_server)
{
	for (const unsigned attributes_s : { 0, 3600 }) {
		remote_files remote(attributes_s);
		load_root();
		for (int i = 0; i < 3; ++i) {
			const reply got = get("/page");
			EXPECT_EQ(got.status, 200) << attributes_s << got.trouble;
			EXPECT_EQ(got.body, remote.content());
			remote.replace();
		}
		EXPECT_EQ(get("/none").status, 404);
		unload();
	}
}

} // namespace
} // namespace vm
