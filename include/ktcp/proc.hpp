// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * A folder under /proc/net, and files in it; a file that shows an object and takes its orders.
 *
 * @code
 * ktcp::proc_folder folder;
 * KTCP_TRY(folder.make("echo"));
 * KTCP_TRY(folder.add("peers", peers_file));		// a ktcp_proc_file, see port/proc.h
 *
 * struct greeter {
 *	void show(struct seq_file *to) const;	// by ktcp_seq_printf(): all of it
 *	struct writer {				// if it may be written: one for each opening
 *		explicit writer(greeter &owner);
 *		ktcp::result<std::size_t> write(const ktcp::proc_input &input);
 *	};
 * };
 * ktcp::proc_entry<greeter> entry{ the_greeter };
 * KTCP_TRY(entry.publish("greeter"));		// /proc/net/greeter
 * @endcode
 *
 * Kernel: proc_create_data(), proc_create_seq_data(), proc_remove().
 */
#ifndef KTCP_PROC_HPP
#define KTCP_PROC_HPP

#include <cstddef>
#include <cstdint>
#include <new>
#include <span>
#include <utility>

#include <ktcp/log.hpp>
#include <ktcp/port/memory.h>
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

/** What one write(2) to a file brings. Inside the writer's write(). */
class proc_input {
    public:
	explicit proc_input(const struct ktcp_proc_input &raw) noexcept : raw_(raw)
	{
	}

	/** Bytes; any number. */
	std::size_t size() const noexcept
	{
		return raw_.size;
	}

	/**
	 * Copy the bytes from @p offset on, as many as @p to holds; so many there must be.
	 * Errors: EFAULT, EINTR (the writer is being killed), EINVAL and a warning (there are not so
	 * many). May sleep.
	 */
	result<void> copy(std::size_t offset, std::span<char> to) const noexcept
	{
		if (offset > raw_.size || to.size() > raw_.size - offset) {
			KTCP_WARN_ONCE("proc_input::copy(): %zu bytes at %zu of %zu", to.size(),
				       offset, raw_.size);
			return errc::einval;
		}
		return result<void>::from(ktcp_proc_copy(&raw_, offset, to.data(), to.size()));
	}

	/** Has whoever opened the file CAP_NET_ADMIN over the namespace? See port/proc.h. */
	bool may_administer(struct net *net) const noexcept
	{
		return ktcp_proc_may_administer(&raw_, net);
	}

    private:
	const struct ktcp_proc_input &raw_;
};

/**
 * A file /proc/net/NAME that shows an @p Owner, and that everybody may open for writing if there
 * is an Owner::writer; who may write is for that to say, by proc_input::may_administer(). A
 * writer is made at open(2), gets one write(2) at a time, and is destroyed at the last close(2)
 * or by remove(). Reads and writes come at the same time. Process context.
 */
template <class Owner>
class proc_entry : private ktcp_proc_file {
    public:
	/** @param owner  must outlive this. */
	explicit proc_entry(Owner &owner) noexcept
		: ktcp_proc_file{ [](struct ktcp_proc_file *) {},
				  [](struct ktcp_proc_file *, unsigned long long at) {
					  return at == 0;
				  },
				  show_all,
				  [](struct ktcp_proc_file *) {},
				  writer_of(),
				  nullptr },
		  owner_(owner)
	{
	}

	proc_entry(const proc_entry &) = delete;
	proc_entry &operator=(const proc_entry &) = delete;

	~proc_entry()
	{
		remove();
	}

	/** @param net  the namespace, nullptr for the initial one. Errors: ENOMEM, also if taken. */
	result<void> publish(const char *name, struct net *net = nullptr) noexcept
	{
		remove();

		const auto status = result<void>::from(ktcp_proc_create_net(net, name, this));

		published_ = status.has_value();
		return status;
	}

	/** No reader, writer or Owner::writer is left when this returns. */
	void remove() noexcept
	{
		if (std::exchange(published_, false))
			ktcp_proc_remove(this);
	}

    private:
	static Owner &owner_of(struct ktcp_proc_file *file) noexcept
	{
		return static_cast<proc_entry *>(file)->owner_;
	}

	static void show_all(struct ktcp_proc_file *file, struct seq_file *to)
	{
		owner_of(file).show(to);
	}

	template <class Writer>
	struct calls {
		static void *open(struct ktcp_proc_file *file)
		{
			void *memory = ktcp_kmalloc(sizeof(Writer), KTCP_GFP_KERNEL);

			return memory ? new (memory) Writer(owner_of(file)) : nullptr;
		}

		static long write(struct ktcp_proc_file *, void *opened,
				  const struct ktcp_proc_input *input)
		{
			const result<std::size_t> taken =
				static_cast<Writer *>(opened)->write(proc_input(*input));

			return taken ? static_cast<long>(*taken) : taken.error().code();
		}

		static void release(struct ktcp_proc_file *, void *opened)
		{
			static_cast<Writer *>(opened)->~Writer();
			ktcp_kfree(opened);
		}

		static constexpr struct ktcp_proc_writer table = { open, write, release };
	};

	static constexpr const struct ktcp_proc_writer *writer_of() noexcept
	{
		if constexpr (requires { typename Owner::writer; })
			return &calls<typename Owner::writer>::table;
		else
			return nullptr;
	}

	Owner &owner_;
	bool published_ = false;
};

} // namespace ktcp

#endif
