// SPDX-License-Identifier: GPL-2.0-only OR MIT
/**
 * @file
 * A folder under /proc/net, and files in it; a file that shows an object and takes its orders.
 *
 * @code
 * struct greeter {
 *	void show(struct seq_file *to) const;	// by ktcp_seq_printf(): all of it
 *	struct writer {				// if it may be written: one for each opening
 *		explicit writer(greeter &owner);
 *		ktcp::result<std::size_t> write(std::string_view text);
 *	};
 * };
 * ktcp::proc_entry<greeter> entry{ the_greeter };
 * KTCP_TRY(entry.publish("greeter"));		// /proc/net/greeter
 *
 * ktcp::proc_file<greeter> file{ the_greeter };
 * ktcp::proc_folder folder;
 * KTCP_TRY(folder.make("echo"));
 * KTCP_TRY(folder.add("greeter", file));	// /proc/net/echo/greeter
 *
 * struct peers {				// a list that may be long
 *	struct reader {				// one for each opening
 *		explicit reader(peers &owner);
 *		bool at(std::uint64_t position);	// is there such an item? It is the current one
 *		void show(struct seq_file *to);
 *	};
 * };
 * @endcode
 *
 * A process that is stuck in a read or a write holds up no other: see proc_gate and port/proc.h.
 * Kernel: proc_create_data(), seq_open(), proc_remove().
 */
#ifndef KTCP_KERNEL_PROC_HPP
#define KTCP_KERNEL_PROC_HPP

#include <cstddef>
#include <cstdint>
#include <new>
#include <string_view>
#include <type_traits>
#include <utility>

#include <ktcp/base/result.hpp>
#include <ktcp/kernel/log.hpp>
#include <ktcp/port/proc.h>

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

	/**
	 * @param name  nullptr: no folder of its own, its files are in /proc/net itself.
	 * @param net  the namespace, nullptr for the initial one.
	 * Errors: EEXIST (the name is taken), ENOMEM.
	 */
	result<void> make(const char *name, struct net *net = nullptr) noexcept
	{
		remove();
		return result<void>::from(ktcp_proc_mkdir(net, name, &folder_));
	}

	/** @param file  must outlive the folder. Errors: as make(); EBADF and a warning (there is no folder). */
	result<void> add(const char *name, struct ktcp_proc_file &file) noexcept
	{
		if (!folder_) {
			KTCP_WARN_ONCE("ktcp::proc_folder: there is no folder to add a file to");
			return errc::ebadf;
		}
		return result<void>::from(ktcp_proc_create(folder_, name, &file));
	}

	/** With its files; no reader, and no writer, is inside one when this returns: see proc_gate. */
	void remove() noexcept
	{
		ktcp_proc_rmdir(std::exchange(folder_, nullptr));
	}

    private:
	struct ktcp_proc_folder *folder_ = nullptr;
};

/**
 * A way out of a file, and back, for what may wait for processes: they may let it wait for ever.
 * A writer that needs one takes it behind its owner, and keeps it:
 *
 * @code
 * writer(greeter &owner, ktcp::proc_gate gate);
 * ...
 * if (!gate_.outside([net = owner_.net()] { greet(net); }))
 *	return ktcp::errc::eio;			// this writer and its owner may have gone
 * @endcode
 *
 * Process context, within write() or the writer's destructor.
 */
class proc_gate {
    public:
	/** @param opening  as the port gives it. */
	explicit proc_gate(void *opening) noexcept : opening_(opening)
	{
	}

	/**
	 * Do @p work outside of the file, unless the file is going. The file may go meanwhile: the work
	 * touches neither the writer nor its owner. The namespace stays.
	 * @return whether the file is there. If not, nothing of the writer and its owner may be touched.
	 */
	template <class Work>
	bool outside(Work &&work) const noexcept
	{
		void *const opening = opening_;

		if (!ktcp_proc_leave(opening))
			return false;
		work();
		return ktcp_proc_enter(opening);
	}

    private:
	void *opening_;
};

namespace detail
{

template <class Owner>
concept has_proc_reader = requires
{
	typename Owner::reader;
};

template <class Owner>
concept has_proc_writer = requires
{
	typename Owner::writer;
};

/* Of an owner whose file is one item. */
template <class Owner>
class whole_reader {
    public:
	explicit whole_reader(Owner &owner) noexcept : owner_(owner)
	{
	}

	bool at(std::uint64_t position) const noexcept
	{
		return position == 0;
	}

	void show(struct seq_file *to) noexcept
	{
		owner_.show(to);
	}

    private:
	Owner &owner_;
};

template <class Owner>
struct proc_reader {
	using type = whole_reader<Owner>;
};

template <has_proc_reader Owner>
struct proc_reader<Owner> {
	using type = typename Owner::reader;
};

struct no_proc_writer {
	template <class Owner>
	explicit no_proc_writer(Owner &) noexcept
	{
	}
};

template <class Owner>
struct proc_writer {
	using type = no_proc_writer;
};

template <has_proc_writer Owner>
struct proc_writer<Owner> {
	using type = typename Owner::writer;
};

} // namespace detail

/**
 * A file that shows an @p Owner: by its show(), or an item after the other by an Owner::reader.
 * It may be written if there is an Owner::writer, by processes that opened it with CAP_NET_ADMIN
 * over its network namespace; all may open it. An opening has a reader and a writer of its own.
 * Each of them is called by one process at a time, and both at the same time. They end with the
 * last close(2), or with the folder. Process context, and they may sleep.
 */
template <class Owner>
class proc_file : public ktcp_proc_file {
    public:
	/** @param owner  must outlive this. @param mode  its access rights. @param group  its group. */
	explicit proc_file(Owner &owner, unsigned short mode = usual_mode,
			   std::uint32_t group = 0) noexcept
		: ktcp_proc_file{ mode, group, sizeof(opening), open, at, show_item, writes(), close },
		  owner_(owner)
	{
		static_assert(alignof(opening) <= alignof(void *), "the port aligns no better");
	}

	proc_file(const proc_file &) = delete;
	proc_file &operator=(const proc_file &) = delete;

    private:
	static constexpr unsigned short usual_mode = detail::has_proc_writer<Owner> ? 0666 : 0444;

	struct opening {
		using writer_type = typename detail::proc_writer<Owner>::type;

		explicit opening(Owner &owner) noexcept : reader(owner), writer(make(owner, this))
		{
		}

		static writer_type make(Owner &owner, void *memory) noexcept
		{
			if constexpr (std::is_constructible_v<writer_type, Owner &, proc_gate>)
				return writer_type(owner, proc_gate(memory));
			else
				return writer_type(owner);
		}

		typename detail::proc_reader<Owner>::type reader;
		writer_type writer;
	};

	static opening &of(void *memory) noexcept
	{
		return *std::launder(static_cast<opening *>(memory));
	}

	static void open(struct ktcp_proc_file *file, void *memory)
	{
		new (memory) opening(static_cast<proc_file *>(file)->owner_);
	}

	static bool at(struct ktcp_proc_file *, void *memory, unsigned long long position)
	{
		return of(memory).reader.at(position);
	}

	static void show_item(struct ktcp_proc_file *, void *memory, struct seq_file *to)
	{
		of(memory).reader.show(to);
	}

	static long write(struct ktcp_proc_file *, void *memory, const char *text,
			  std::size_t size) requires detail::has_proc_writer<Owner>
	{
		const result<std::size_t> taken = of(memory).writer.write({ text, size });

		if (!taken)
			return taken.error().code();
		if (*taken > size) {
			/* A program would go on behind its own text. */
			KTCP_WARN_ONCE("write() of a file in /proc took %zu of %zu bytes", *taken,
				       size);
			return static_cast<long>(size);
		}
		return static_cast<long>(*taken);
	}

	static void close(struct ktcp_proc_file *, void *memory)
	{
		of(memory).~opening();
	}

	static constexpr auto writes() noexcept -> decltype(std::declval<ktcp_proc_file &>().write)
	{
		if constexpr (detail::has_proc_writer<Owner>)
			return write;
		else
			return nullptr;
	}

	Owner &owner_;
};

/** A proc_file that is /proc/net/NAME. Process context. */
template <class Owner>
class proc_entry {
    public:
	/** @param owner  must outlive this. */
	explicit proc_entry(Owner &owner) noexcept : file_(owner)
	{
	}

	/**
	 * @param net  the namespace, nullptr for the initial one.
	 * Errors: EEXIST (the name is taken), ENOMEM.
	 */
	result<void> publish(const char *name, struct net *net = nullptr) noexcept
	{
		KTCP_TRY(folder_.make(nullptr, net));

		const auto status = folder_.add(name, file_);

		if (!status)
			remove();
		return status;
	}

	/** No reader or writer of the owner's is left when this returns: see proc_gate. */
	void remove() noexcept
	{
		folder_.remove();
	}

    private:
	proc_file<Owner> file_;
	proc_folder folder_; /* last: gone before the file */
};

} // namespace ktcp

#endif
