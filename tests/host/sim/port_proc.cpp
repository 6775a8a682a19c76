/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* port/proc.h, simulated: a folder's files can be read as text, see proc.hpp. */
#include "proc.hpp"

#include <cerrno>
#include <cstdarg>
#include <cstddef>
#include <cstdio>
#include <new>
#include <vector>

#include <ktcp/port/memory.h>
#include <ktcp/port/proc.h>

#include "kernel.hpp"

using sim::kernel;

struct seq_file {
	std::string text;
};

struct ktcp_proc_folder {
	std::string name;
	std::map<std::string, ktcp_proc_file *> files;
	int readers = 0;
};

int ktcp_proc_mkdir(struct net *, const char *name, struct ktcp_proc_folder **out)
{
	kernel &k = kernel::enter_process("ktcp_proc_mkdir");

	if (k.folders.contains(name))
		return -EEXIST;
	if (k.fails("ktcp_proc_mkdir"))
		return -ENOMEM;

	void *memory = ktcp_kmalloc(sizeof(ktcp_proc_folder), KTCP_GFP_KERNEL);

	if (!memory)
		return -ENOMEM;
	*out = new (memory) ktcp_proc_folder{ .name = name, .files = {} };
	k.folders[name] = *out;
	return 0;
}

void ktcp_proc_rmdir(struct ktcp_proc_folder *folder)
{
	kernel &k = kernel::enter_process("ktcp_proc_rmdir");

	if (!folder)
		return;
	k.folders.erase(folder->name);
	while (folder->readers)
		k.block(folder, "proc_remove");
	folder->~ktcp_proc_folder();
	ktcp_kfree(folder);
}

int ktcp_proc_create(struct ktcp_proc_folder *folder, const char *name, struct ktcp_proc_file *file)
{
	kernel &k = kernel::enter_process("ktcp_proc_create");

	if (folder->files.contains(name))
		return -EEXIST;
	if (k.fails("ktcp_proc_create"))
		return -ENOMEM;
	folder->files[name] = file;
	return 0;
}

bool ktcp_proc_leave(void *)
{
	kernel::enter_process("ktcp_proc_leave");
	return true;
}

bool ktcp_proc_enter(void *)
{
	kernel::enter_process("ktcp_proc_enter");
	return true;
}

void ktcp_seq_printf(struct seq_file *to, const char *format, ...)
{
	char line[256];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	to->text += line;
}

namespace sim
{

std::string read_proc(const std::string &folder_name, const std::string &file_name)
{
	constexpr uint64_t items_a_round = 3; /* so that files are read in several */
	kernel &k = kernel::enter_process("read_proc");
	const auto found = k.folders.find(folder_name);

	if (found == k.folders.end())
		return "";

	ktcp_proc_folder *folder = found->second;
	ktcp_proc_file *file = folder->files.at(file_name);
	std::vector<std::max_align_t> opening(file->opening_size / sizeof(std::max_align_t) + 1);
	seq_file to;

	folder->readers++;
	file->open(file, opening.data());
	for (uint64_t position = 0, more = 1; more; position++) {
		/* Another round asks for the last item again. */
		if (position && position % items_a_round == 0)
			file->at(file, opening.data(), position - 1);
		k.point();
		more = file->at(file, opening.data(), position);
		if (more)
			file->show(file, opening.data(), &to);
	}
	file->release(file, opening.data());
	if (--folder->readers == 0)
		k.wake(folder);
	return to.text;
}

} // namespace sim
