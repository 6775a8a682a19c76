/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * port/file.h, simulated. Pages are memory of the module's until ktcp_put_page(), so that one
 * that is kept, or given back twice, is noticed.
 */
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>
#include <set>

#include <ktcp/port/file.h>
#include <ktcp/port/memory.h>
#include <ktcp/port/pages.h>

#include "files.hpp"
#include "kernel.hpp"

using sim::kernel;

struct ktcp_file_root {
	int open = 0;
};

struct file {
	ktcp_file_root *root;
	const std::string *text; /* of a regular file */
	std::string path;
	std::string next; /* of a directory: the name that was refused, from which a listing goes on */
};

namespace
{

constexpr size_t page_size = 4096;

int look_up(kernel &k, const std::string &path, ktcp_file_status *status, const std::string **text)
{
	const auto found = sim::files().find(path);

	*status = {};
	*text = nullptr;
	status->mtime = 1704067200;
	if (found != sim::files().end()) {
		*text = &found->second;
		status->kind = KTCP_FILE_REGULAR;
		status->size = found->second.size();
	} else if (path.empty() || path == "folder") {
		status->kind = KTCP_FILE_DIRECTORY;
	} else {
		return -ENOENT;
	}
	return k.chance.below(64) || !k.how.scarce_memory ? 0 : -ENOMEM;
}

} // namespace

namespace sim
{

static std::set<std::string> made;
static uint64_t lists;

static std::map<std::string, std::string> &all_files()
{
	static std::map<std::string, std::string> all = [] {
		std::string large;

		for (unsigned i = 0; large.size() < 9000; i++)
			large += std::to_string(i * 2654435761u) + '\n';
		return std::map<std::string, std::string>{ { "small.txt", "a small file\n" },
							   { "large.txt", large },
							   { "folder/one", "1" },
							   { "folder/two", "22" } };
	}();

	return all;
}

const std::map<std::string, std::string> &files()
{
	return all_files();
}

void make_file(const std::string &path)
{
	made.insert(path);
	all_files()[path];
}

void forget_files()
{
	for (const std::string &each : made)
		all_files().erase(each);
	made.clear();
}

uint64_t listed()
{
	return lists;
}

} // namespace sim

int ktcp_file_root_open(const char *, uint32_t, uint32_t, bool, struct ktcp_file_root **out)
{
	kernel &k = kernel::enter_process("ktcp_file_root_open");

	if (k.fails("ktcp_file_root_open"))
		return -ENOENT;

	void *memory = ktcp_kmalloc(sizeof(ktcp_file_root), KTCP_GFP_KERNEL);

	if (!memory)
		return -ENOMEM;
	*out = new (memory) ktcp_file_root;
	return 0;
}

void ktcp_file_root_close(struct ktcp_file_root *root)
{
	kernel &k = kernel::enter_process("ktcp_file_root_close");

	if (root && root->open)
		k.fail("ktcp_file_root_close: %d files are open", root->open);
	ktcp_kfree(root);
}

int ktcp_file_open(struct ktcp_file_root *root, const char *path, struct file **out,
		   struct ktcp_file_status *status)
{
	kernel &k = kernel::enter_process("ktcp_file_open");
	const std::string *text;
	const int error = k.fails("ktcp_file_open") ? -ENFILE : look_up(k, path, status, &text);

	if (error)
		return error;

	void *memory = ktcp_kmalloc(sizeof(struct file), KTCP_GFP_KERNEL);

	if (!memory)
		return -ENOMEM;
	root->open++;
	*out = new (memory)::file{ root, text, path, {} };
	return 0;
}

int ktcp_file_stat(struct ktcp_file_root *, const char *path, struct ktcp_file_status *status)
{
	kernel &k = kernel::enter_process("ktcp_file_stat");
	const std::string *text;

	return k.fails("ktcp_file_stat") ? -EACCES : look_up(k, path, status, &text);
}

int ktcp_file_restat(struct file *file, struct ktcp_file_status *status)
{
	kernel &k = kernel::enter_process("ktcp_file_restat");
	const std::string *text;

	return k.fails("ktcp_file_restat") ? -EIO : look_up(k, file->path, status, &text);
}

void ktcp_file_close(struct file *file)
{
	kernel::enter_any("ktcp_file_close");
	file->root->open--;
	file->~file();
	ktcp_kfree(file);
}

long ktcp_file_read(struct file *file, void *buffer, size_t size, uint64_t offset)
{
	kernel &k = kernel::enter_process("ktcp_file_read");

	if (k.fails("ktcp_file_read"))
		return -EIO;
	if (!file->text)
		return -EISDIR;
	if (offset >= file->text->size())
		return 0;

	const size_t most = std::min<size_t>(size, file->text->size() - offset);

	memcpy(buffer, file->text->data() + offset, most);
	return long(most);
}

long ktcp_file_read_pages(struct file *file, uint64_t offset, size_t size,
			  struct ktcp_file_page *pages, unsigned int most, unsigned int *count)
{
	kernel &k = kernel::enter_process("ktcp_file_read_pages");
	long total = 0;

	*count = 0;
	if (k.fails("ktcp_file_read_pages"))
		return -EIO;
	if (!file->text)
		return -EINVAL;
	while (size && *count < most && offset < file->text->size()) {
		/* A page of the cache's is where it is in the file. */
		const size_t within = offset % page_size;
		const size_t bytes =
			std::min({ size, page_size - within, size_t(file->text->size() - offset) });
		auto *page = static_cast<char *>(ktcp_alloc_pages(page_size, KTCP_GFP_KERNEL));

		if (!page)
			return total ? total : -ENOMEM;
		memcpy(page + within, file->text->data() + offset, bytes);
		pages[(*count)++] = { reinterpret_cast<struct page *>(page), uint32_t(within),
				      uint32_t(bytes) };
		offset += bytes;
		size -= bytes;
		total += long(bytes);
	}
	return total;
}

void ktcp_put_page(struct page *page)
{
	ktcp_free_pages(page, page_size);
}

int ktcp_file_list(struct file *directory, bool first,
		   bool (*each)(void *context, const char *name, size_t length, bool folder),
		   void *context)
{
	kernel &k = kernel::enter_process("ktcp_file_list");
	const std::string below = directory->path.empty() ? "" : directory->path + "/";
	std::set<std::string> names;

	if (directory->text)
		return -ENOTDIR;
	if (k.fails("ktcp_file_list"))
		return -EIO;
	sim::lists += first;
	for (const auto &[path, text] : sim::files())
		if (path.starts_with(below))
			names.insert(path.substr(below.size(),
						 path.find('/', below.size()) - below.size()));
	for (const std::string &name : names) {
		if (!first && name < directory->next)
			continue;
		k.point();
		if (!each(context, name.data(), name.size(), !sim::files().contains(below + name))) {
			directory->next = name;
			return 0;
		}
	}
	directory->next.assign(1, char(0xff)); /* g++ 12 sees an overlap in assigning a text */
	return 0;
}
