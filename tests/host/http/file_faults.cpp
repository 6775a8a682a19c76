// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* The functions behind file_faults.hpp, each before the port's own. */
#include "file_faults.hpp"

#include <cstddef>
#include <string_view>

#include <ktcp/port/file.h>

struct file_faults file_faults;

extern "C" {

int __real_ktcp_file_open(struct ktcp_file_root *root, const char *path, struct file **out,
			  struct ktcp_file_status *status);
int __real_ktcp_file_stat(struct ktcp_file_root *root, const char *path,
			  struct ktcp_file_status *status);
int __real_ktcp_file_list(struct file *directory, bool first,
			  bool (*each)(void *context, const char *name, size_t length, bool folder),
			  void *context);

int __wrap_ktcp_file_open(struct ktcp_file_root *root, const char *path, struct file **out,
			  struct ktcp_file_status *status)
{
	if (file_faults.open && std::string_view(path).ends_with(file_faults.of))
		return file_faults.open;
	return __real_ktcp_file_open(root, path, out, status);
}

int __wrap_ktcp_file_stat(struct ktcp_file_root *root, const char *path,
			  struct ktcp_file_status *status)
{
	if (file_faults.stat && std::string_view(path).ends_with(file_faults.of))
		return file_faults.stat;
	if (!file_faults.beside.empty() && std::string_view(path).ends_with(file_faults.beside)) {
		*status = {};
		status->kind = KTCP_FILE_REGULAR;
		return 0;
	}
	return __real_ktcp_file_stat(root, path, status);
}

int __wrap_ktcp_file_list(struct file *directory, bool first,
			  bool (*each)(void *context, const char *name, size_t length, bool folder),
			  void *context)
{
	file_faults.listed += first;
	if (file_faults.list)
		return file_faults.list;
	if (first && !file_faults.beside.empty() &&
	    !each(context, file_faults.beside.data(), file_faults.beside.size(), false))
		return 0;
	return __real_ktcp_file_list(directory, first, each, context);
}
}
