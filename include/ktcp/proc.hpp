// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * A folder under /proc/net, and files in it.
 *
 * @code
 * ktcp::proc_folder folder;
 * KTCP_TRY(folder.make("echo"));
 * KTCP_TRY(folder.add("peers", peers_file));		// a ktcp_proc_file, see port/proc.h
 * @endcode
 *
 * Kernel: proc_create_seq_data(), proc_remove().
 */
#ifndef KTCP_PROC_HPP
#define KTCP_PROC_HPP

#include <utility>

#include <ktcp/port/proc.h>
#include <ktcp/result.hpp>

namespace ktcp
{

/** /proc/net/NAME, or nothing. Process context. */
class proc_folder {
    public:
	proc_folder() noexcept = default;
	proc_folder(const proc_folder &) = delete;
	proc_folder &operator=(const proc_folder &) = delete;

	~proc_folder()
	{
		remove();
	}

	/** @param net  the namespace, nullptr for the initial one. Errors: ENOMEM, also if taken. */
	result<void> make(const char *name, struct net *net = nullptr) noexcept
	{
		remove();
		return result<void>::from(ktcp_proc_mkdir(net, name, &folder_));
	}

	/** @param file  must outlive the folder. Errors: ENOMEM. */
	result<void> add(const char *name, struct ktcp_proc_file &file) noexcept
	{
		return result<void>::from(ktcp_proc_create(folder_, name, &file));
	}

	/** With its files; no reader is inside one when this returns. */
	void remove() noexcept
	{
		ktcp_proc_rmdir(std::exchange(folder_, nullptr));
	}

    private:
	struct proc_dir_entry *folder_ = nullptr;
};

} // namespace ktcp

#endif
