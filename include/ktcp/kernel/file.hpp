// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * Files below a root, to be read on behalf of strangers: nothing outside of it, with nobody's
 * rights, and never what would block for ever.
 *
 * @code
 * auto root = KTCP_TRY(ktcp::file_root::open("/srv/www", { .uid = 65534, .gid = 65534 }));
 * auto page = KTCP_TRY(root.open_below("index.html", here));	// a ktcp::process_context
 * @endcode
 *
 * Sleeps: with what `co_await peer.may_sleep()` gives. A module that uses it has `ktcp-with := file`
 * in its Kbuild. Kernel: vfs_path_lookup(), override_creds(), dentry_open(), kernel_read(),
 * splice_direct_to_actor(), __fput_sync().
 */
#ifndef KTCP_KERNEL_FILE_HPP
#define KTCP_KERNEL_FILE_HPP

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>

#include <ktcp/base/result.hpp>
#include <ktcp/kernel/context.hpp>
#include <ktcp/kernel/log.hpp>
#include <ktcp/port/file.h>
#include <ktcp/port/pages.h>

namespace ktcp
{

/** A file's properties, when it was looked at. */
using file_status = ktcp_file_status;

/** Pages of a file, on their way into a socket. Any context. */
class file_pages {
    public:
	/** So many at once. */
	static constexpr unsigned int most = KTCP_FILE_PAGES_MOST;

	file_pages() noexcept = default;
	file_pages(const file_pages &) = delete;
	file_pages &operator=(const file_pages &) = delete;

	~file_pages()
	{
		clear();
	}

	/** Are there none left? */
	bool empty() const noexcept
	{
		return first_ == count_;
	}

	/** Those that are left. */
	std::span<const ktcp_file_page> rest() const noexcept
	{
		return { pages_ + first_, count_ - first_ };
	}

	/** Bytes in all. */
	std::size_t size() const noexcept
	{
		std::size_t all = 0;

		for (const ktcp_file_page &each : rest())
			all += each.size;
		return all;
	}

	/** The first @p bytes are done with; more than size(): all, and a warning. */
	void remove_prefix(std::size_t bytes) noexcept
	{
		while (bytes && !empty() && bytes >= pages_[first_].size) {
			bytes -= pages_[first_].size;
			drop_first();
		}
		if (bytes && empty()) {
			KTCP_WARN_ONCE("file_pages::remove_prefix(): %zu bytes too many", bytes);
		} else if (bytes) {
			pages_[first_].offset += static_cast<std::uint32_t>(bytes);
			pages_[first_].size -= static_cast<std::uint32_t>(bytes);
		}
	}

	/** All of them are done with. */
	void clear() noexcept
	{
		while (!empty())
			drop_first();
		first_ = count_ = 0;
	}

    private:
	friend class file;

	void drop_first() noexcept
	{
		ktcp_put_page(pages_[first_++].page);
	}

	ktcp_file_page pages_[most];
	unsigned int first_ = 0;
	unsigned int count_ = 0;
};

/** An open file or directory. Process context, may sleep, throughout. */
class file {
    public:
	/** None. */
	file() noexcept = default;

	file(file &&other) noexcept
		: file_(std::exchange(other.file_, nullptr)), status_(other.status_)
	{
	}

	file &operator=(file &&other) noexcept
	{
		std::swap(file_, other.file_);
		std::swap(status_, other.status_);
		return *this;
	}

	~file()
	{
		if (file_)
			ktcp_file_close(file_);
	}

	/** As it was when it was opened. */
	const file_status &status() const noexcept
	{
		return status_;
	}

	/** Is it a folder? */
	bool is_directory() const noexcept
	{
		return status_.kind == KTCP_FILE_DIRECTORY;
	}

	/**
	 * Has it the content that it had when it was opened, as far as size and modification time
	 * tell? Bytes that were added at its end do not count: it may be a log.
	 */
	bool unchanged(process_context) const noexcept
	{
		file_status now = {};

		if (!require() || ktcp_file_restat(file_, &now))
			return false;
		return now.size > status_.size ||
		       (now.size == status_.size && now.mtime == status_.mtime &&
			now.mtime_ns == status_.mtime_ns);
	}

	/**
	 * Read from @p offset on; fewer bytes than asked for at the end.
	 * Errors: EIO, EBADF and a warning (there is no file) …
	 */
	result<std::size_t> read(std::span<std::byte> into, std::uint64_t offset,
				 process_context) const noexcept
	{
		KTCP_TRY(require());
		return count(ktcp_file_read(file_, into.data(), into.size(), offset));
	}

	/**
	 * Have pages of it, @p size bytes at most, instead of those that @p into has; 0 at the end.
	 * Errors: EIO, EINVAL (this file system has none), EBADF and a warning (there is no file) …
	 */
	result<std::size_t> read_pages(file_pages &into, std::uint64_t offset, std::size_t size,
				       process_context) const noexcept
	{
		into.clear();
		KTCP_TRY(require());
		return count(ktcp_file_read_pages(file_, offset, size, into.pages_,
						  file_pages::most, &into.count_));
	}

	/**
	 * Call `bool each(std::string_view name, bool folder)` for the names in a directory, until it
	 * says no. It must not look anything up.
	 * @param first  from the first name on; else from that to which @p each said no before.
	 */
	template <class Each>
	result<void> list(Each &each, process_context, bool first = true) const noexcept
	{
		KTCP_TRY(require());
		return result<void>::from(ktcp_file_list(
			file_, first,
			[](void *context, const char *name, std::size_t length,
			   bool folder) -> bool {
				return (*static_cast<Each *>(context))(
					std::string_view(name, length), folder);
			},
			&each));
	}

    private:
	friend class file_root;

	/* Closed, moved from, or never opened? */
	result<void> require() const noexcept
	{
		if (file_)
			return {};
		KTCP_WARN_ONCE("ktcp::file: there is no file to read");
		return errc::ebadf;
	}

	static result<std::size_t> count(long status) noexcept
	{
		if (status < 0)
			return error_code::from(status);
		return static_cast<std::size_t>(status);
	}

	struct ::file *file_ = nullptr;
	file_status status_ = {};
};

/**
 * A directory by its name, and the rights with which files below it are read. Another directory may
 * take the name; its files are read within a second then.
 */
class file_root {
    public:
	/** The user and the group that files are read as, and which files are allowed. */
	struct options {
		std::uint32_t uid = 65534; /**< nobody */
		std::uint32_t gid = 65534; /**< and its group */
		bool symlinks = false; /**< follow those that stay below the root */
	};

	/** None. */
	file_root() noexcept = default;

	/**
	 * @param path  NUL-terminated; a relative one is looked up now, and never again.
	 * Errors: ENOENT, ENOTDIR, EINVAL (no such user) …
	 */
	static result<file_root> open(const char *path, const options &how) noexcept
	{
		file_root made;

		KTCP_TRY(result<void>::from(
			ktcp_file_root_open(path, how.uid, how.gid, how.symlinks, &made.root_)));
		return made;
	}

	file_root(file_root &&other) noexcept : root_(std::exchange(other.root_, nullptr))
	{
	}

	file_root &operator=(file_root &&other) noexcept
	{
		std::swap(root_, other.root_);
		return *this;
	}

	/** Every file must have been closed. */
	~file_root()
	{
		ktcp_file_root_close(root_);
	}

	/** Is there one? */
	explicit operator bool() const noexcept
	{
		return root_;
	}

	/**
	 * Open a regular file or a directory.
	 * @param path  relative, NUL-terminated.
	 * Errors: ENOENT, ENOTDIR, EXDEV and ELOOP (a link), EACCES, ENAMETOOLONG, ENOMEM, EBADF and
	 * a warning (there is no root) …
	 */
	result<file> open_below(const char *path, process_context) const noexcept
	{
		file made;

		KTCP_TRY(require());
		KTCP_TRY(result<void>::from(
			ktcp_file_open(root_, path, &made.file_, &made.status_)));
		return made;
	}

	/** The same without opening it. */
	result<file_status> status_of(const char *path, process_context) const noexcept
	{
		file_status status = {};

		KTCP_TRY(require());
		KTCP_TRY(result<void>::from(ktcp_file_stat(root_, path, &status)));
		return status;
	}

    private:
	result<void> require() const noexcept
	{
		if (root_)
			return {};
		KTCP_WARN_ONCE("ktcp::file_root: there is no root to look below");
		return errc::ebadf;
	}

	struct ktcp_file_root *root_ = nullptr;
};

} // namespace ktcp

#endif
