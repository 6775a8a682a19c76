// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* port/file.h over openat2(), with a process's own credentials and pages of its own. */
#include <atomic>
#include <cerrno>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/openat2.h>
#include <memory>
#include <mutex>
#include <new>
#include <string>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <ktcp/port/file.h>
#include <ktcp/port/pages.h>
#include <ktcp/port/time.h>

struct page {
	std::atomic<int> references = 1;
	char bytes[4096];
};

static const char *ktcp_posix_page_bytes(const struct page *page)
{
	return page->bytes;
}

struct file {
	int fd;
};

/* A folder that is open for as long as somebody looks below it. */
struct ktcp_posix_folder {
	explicit ktcp_posix_folder(const char *path)
		: fd(open(path, O_PATH | O_DIRECTORY | O_CLOEXEC)), error(fd < 0 ? -errno : 0)
	{
	}

	ktcp_posix_folder(const ktcp_posix_folder &) = delete;

	~ktcp_posix_folder()
	{
		if (fd >= 0)
			close(fd);
	}

	const int fd;
	const int error;
};

struct ktcp_file_root {
	ktcp_file_root(const char *path, uint32_t of_user, uint32_t of_group, bool follow)
		: name(path), uid(of_user), gid(of_group), symlinks(follow),
		  as_others(geteuid() == 0)
	{
	}

	/* The folder that has the name; for a second after it was looked up. */
	std::shared_ptr<const ktcp_posix_folder> get()
	{
		const std::lock_guard<std::mutex> held(lock);
		const uint64_t now = ktcp_now_ms();

		if (!folder || (name.starts_with('/') && now - since_ms >= 1000)) {
			folder = std::make_shared<const ktcp_posix_folder>(name.c_str());
			since_ms = now;
		}
		return folder;
	}

	const std::string name;
	const uint32_t uid, gid;
	const bool symlinks;
	const bool as_others; /* files are read with those rights, which takes privilege */
	std::mutex lock; /* of the rest */
	std::shared_ptr<const ktcp_posix_folder> folder;
	uint64_t since_ms = 0;
};

/* This thread's rights at files are another user's for as long as this lives, and no capability adds to them. */
class ktcp_posix_rights {
    public:
	explicit ktcp_posix_rights(const ktcp_file_root *root) : changed_(root->as_others)
	{
		if (changed_) {
			/* Groups are each thread's own; none of them is the other user's. */
			static thread_local const long dropped = syscall(SYS_setgroups, 0, nullptr);

			static_cast<void>(dropped);
			gid_ = setfsgid(root->gid);
			uid_ = setfsuid(root->uid);
		}
		/* setfsuid() leaves root its own, and an ordinary user those that the program was given. */
		syscall(SYS_capget, &version, own_);
		if (own_[0].effective || own_[1].effective) {
			const __user_cap_data_struct none[2] = {
				{ 0, own_[0].permitted, own_[0].inheritable },
				{ 0, own_[1].permitted, own_[1].inheritable },
			};

			syscall(SYS_capset, &version, none);
		}
	}

	ktcp_posix_rights(const ktcp_posix_rights &) = delete;

	~ktcp_posix_rights()
	{
		const int why = errno;

		if (own_[0].effective || own_[1].effective)
			syscall(SYS_capset, &version, own_);
		if (changed_) {
			setfsuid(uid_);
			setfsgid(gid_);
		}
		errno = why;
	}

    private:
	static constexpr __user_cap_header_struct version = { _LINUX_CAPABILITY_VERSION_3, 0 };

	bool changed_;
	uid_t uid_ = 0;
	gid_t gid_ = 0;
	__user_cap_data_struct own_[2] = {};
};

/* Another user was chosen, whose rights only root can take. Nobody's are what is asked for if nothing is. */
static bool ktcp_posix_lacks_rights(const ktcp_file_root *root)
{
	constexpr uint32_t nobody = 65534, none = UINT32_MAX;

	if (!root->as_others)
		return (root->uid != nobody && root->uid != geteuid()) ||
		       (root->gid != nobody && root->gid != getegid());

	const ktcp_posix_rights rights(root);

	/* They do not fail, but say what it was; nothing has the number of none. */
	return static_cast<uint32_t>(setfsuid(none)) != root->uid ||
	       static_cast<uint32_t>(setfsgid(none)) != root->gid;
}

int ktcp_file_root_open(const char *path, uint32_t uid, uint32_t gid, bool symlinks,
			struct ktcp_file_root **out)
{
	try {
		auto made = std::make_unique<ktcp_file_root>(path, uid, gid, symlinks);

		if (ktcp_posix_lacks_rights(made.get()))
			return -EPERM;
		if (const int error = made->get()->error)
			return error;
		*out = made.release();
		return 0;
	} catch (const std::bad_alloc &) {
		return -ENOMEM;
	}
}

void ktcp_file_root_close(struct ktcp_file_root *root)
{
	delete root;
}

static void ktcp_posix_describe(const struct stat &stat, ktcp_file_status *status)
{
	status->size = static_cast<uint64_t>(stat.st_size);
	status->mtime = stat.st_mtim.tv_sec;
	status->mtime_ns = static_cast<uint32_t>(stat.st_mtim.tv_nsec);
	status->ctime = stat.st_ctim.tv_sec;
	status->ctime_ns = static_cast<uint32_t>(stat.st_ctim.tv_nsec);
	status->inode = stat.st_ino;
	status->kind = S_ISREG(stat.st_mode) ? KTCP_FILE_REGULAR :
		       S_ISDIR(stat.st_mode) ? KTCP_FILE_DIRECTORY :
					       KTCP_FILE_OTHER;
}

/* Is it a link itself? */
static bool ktcp_posix_is_link(int folder, const char *path, open_how how)
{
	struct stat stat;

	how.flags |= O_NOFOLLOW;

	const long fd = syscall(SYS_openat2, folder, path, &how, sizeof(how));
	const bool link = fd >= 0 && !fstat(static_cast<int>(fd), &stat) && S_ISLNK(stat.st_mode);

	if (fd >= 0)
		close(static_cast<int>(fd));
	return link;
}

/*
 * Without opening it: its kind must be known first. After ESTALE the kernel looks again by itself, as port/file.h
 * wants it (do_filp_open()). A root that was replaced on its server is found again by its name, in a second at most.
 */
static int ktcp_posix_find(ktcp_file_root *root, const char *path, ktcp_file_status *status)
{
	std::shared_ptr<const ktcp_posix_folder> folder;

	try {
		folder = root->get();
	} catch (const std::bad_alloc &) {
		return -ENOMEM;
	}
	/* A name that nothing has just now is no answer about a file. */
	if (folder->error)
		return -EAGAIN;

	const ktcp_posix_rights rights(root);
	open_how how = {};
	struct stat stat;

	how.flags = O_PATH | O_CLOEXEC;
	how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS |
		      (root->symlinks ? 0 : RESOLVE_NO_SYMLINKS);

	/* EAGAIN: something was renamed meanwhile, anywhere in the system. */
	long fd = -1;

	for (int i = 0; i < 8; i++) {
		fd = syscall(SYS_openat2, folder->fd, *path ? path : ".", &how, sizeof(how));
		if (fd >= 0 || errno != EAGAIN)
			break;
	}
	if (fd < 0) {
		const int why = errno;

		/* Nothing is behind it, but the name is there. */
		return why == ENOENT && root->symlinks &&
				       ktcp_posix_is_link(folder->fd, path, how) ?
			       -ELOOP :
			       -why;
	}
	if (fstat(static_cast<int>(fd), &stat) < 0) {
		close(static_cast<int>(fd));
		return -errno;
	}
	ktcp_posix_describe(stat, status);
	return static_cast<int>(fd);
}

int ktcp_file_stat(struct ktcp_file_root *root, const char *path, struct ktcp_file_status *status)
{
	const int found = ktcp_posix_find(root, path, status);

	if (found < 0)
		return found;
	close(found);
	return 0;
}

int ktcp_file_restat(struct file *file, struct ktcp_file_status *status)
{
	struct stat stat;

	if (fstat(file->fd, &stat) < 0)
		return -errno;
	ktcp_posix_describe(stat, status);
	return 0;
}

int ktcp_file_open(struct ktcp_file_root *root, const char *path, struct file **out,
		   struct ktcp_file_status *status)
{
	const int found = ktcp_posix_find(root, path, status);

	if (found < 0)
		return found;

	const ktcp_posix_rights rights(root);
	/* The very file that was looked at, even if the path has changed. */
	const std::string self = "/proc/self/fd/" + std::to_string(found);
	const int fd = status->kind == KTCP_FILE_OTHER ?
			       (errno = EACCES, -1) :
			       open(self.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	const int why = errno;

	close(found);
	if (fd < 0)
		return -why;
	*out = new (std::nothrow) file{ fd };
	if (!*out) {
		close(fd);
		return -ENOMEM;
	}
	return 0;
}

void ktcp_file_close(struct file *file)
{
	close(file->fd);
	delete file;
}

long ktcp_file_read(struct file *file, void *buffer, size_t size, uint64_t offset)
{
	const ssize_t got = pread(file->fd, buffer, size, static_cast<off_t>(offset));

	return got < 0 ? -errno : got;
}

long ktcp_file_read_pages(struct file *file, uint64_t offset, size_t size,
			  struct ktcp_file_page *pages, unsigned int most, unsigned int *count)
{
	long all = 0;

	for (*count = 0; *count < most && size; ++*count) {
		page *const made = new (std::nothrow) page;

		if (!made)
			return all ? all : -ENOMEM;

		const size_t part = size < sizeof(made->bytes) ? size : sizeof(made->bytes);
		const long got = ktcp_file_read(file, made->bytes, part, offset);

		if (got <= 0) {
			delete made;
			return all ? all : got;
		}
		pages[*count] = { made, 0, static_cast<uint32_t>(got) };
		all += got;
		offset += static_cast<uint64_t>(got);
		size -= static_cast<size_t>(got);
	}
	return all;
}

void ktcp_put_page(struct page *page)
{
	if (page->references.fetch_sub(1) == 1)
		delete page;
}

int ktcp_file_list(struct file *directory, bool first,
		   bool (*each)(void *context, const char *name, size_t length, bool folder),
		   void *context)
{
	const int fd = dup(directory->fd);
	DIR *const open = fd < 0 ? nullptr : fdopendir(fd);

	if (!open) {
		const int why = errno;

		if (fd >= 0)
			close(fd);
		return -why;
	}
	/* The copy shares its position, which readdir() takes further than what it has returned. */
	off_t at = lseek(fd, 0, first ? SEEK_SET : SEEK_CUR);

	while (const dirent *entry = readdir(open)) {
		if (std::strcmp(entry->d_name, ".") && std::strcmp(entry->d_name, "..") &&
		    !each(context, entry->d_name, std::strlen(entry->d_name),
			  entry->d_type == DT_DIR)) {
			lseek(fd, at, SEEK_SET);
			break;
		}
		at = entry->d_off;
	}
	closedir(open);
	return 0;
}
